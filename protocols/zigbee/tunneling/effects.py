"""What the ends of a tunnel want done, and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.zcl.status import Status


class Peer(NamedTuple):
    """The other end: short address and endpoint."""

    address: int
    endpoint: int


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer the command just received with this one."""

    command: Frame


@dataclass(frozen=True, slots=True)
class Refuse(Effect):
    """Answer the command just received with this status."""

    status: Status


@dataclass(frozen=True, slots=True)
class Command(Effect):
    """Send a command of our own to the peer."""

    peer: Peer
    command: Frame


@dataclass(frozen=True, slots=True)
class Opened(Effect):
    """The tunnel carries data: up to `limit` octets towards the peer."""

    peer: Peer
    tunnel: int
    protocol: int
    limit: int


@dataclass(frozen=True, slots=True)
class Received(Effect):
    """A message from the peer."""

    peer: Peer
    tunnel: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Closed(Effect):
    """The tunnel is gone, or could not be had; a client may be trying again by itself (`Client.state`)."""

    peer: Peer
    tunnel: int
    reason: str
