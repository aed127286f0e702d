"""What the ends of a tunnel want done, and told."""

from __future__ import annotations

from typing import NamedTuple

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.zcl.status import Status


class Peer(NamedTuple):
    """The other end: short address and endpoint."""

    address: int
    endpoint: int


class Answer(Effect, frozen=True):
    """Answer the command just received with this one."""

    command: Frame


class Refuse(Effect, frozen=True):
    """Answer the command just received with this status."""

    status: Status


class Command(Effect, frozen=True):
    """Send a command of our own to the peer."""

    peer: Peer
    command: Frame


class Opened(Effect, frozen=True):
    """The tunnel carries data: up to `limit` octets towards the peer."""

    peer: Peer
    tunnel: int
    protocol: int
    limit: int


class Received(Effect, frozen=True):
    """A message from the peer."""

    peer: Peer
    tunnel: int
    data: bytes


class Closed(Effect, frozen=True):
    """The tunnel is gone, or could not be had; a client may be trying again by itself (`Client.state`)."""

    peer: Peer
    tunnel: int
    reason: str
