"""Smart Energy payloads sealed from the head end to a device: whoever passes them on can neither read, alter nor repeat them.

    counter (4, high octet first) | AES-GCM of the ZCL frame under the key of both ends | tag (12)

The initialisation vector is who sends (EUI-64, or `HEAD_END`) and the counter; profile, cluster, both endpoints and who it is for
are authenticated with it, so nobody sends it elsewhere. The format is ours: paper B asks for the protection only.
Not here: where counters and keys are kept, how keys get to a device.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from protocols.core import aes
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

ENDPOINT: Final = 0xC9
"""A device's endpoint that takes sealed payloads, and nothing else."""
HEAD_END: Final = 0
"""Stands for the head end's EUI-64."""
KEY: Final = 16
OVERHEAD: Final = 4 + aes.TAG
_COUNTER: Final = 4
_LAST: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Way:
    """From whom to whom a payload goes (EUI-64s), and in what; `near`: the endpoint of the head end, `far`: the device's."""

    sender: int
    receiver: int
    profile: int
    cluster: int
    near: int
    far: int

    def build(self) -> bytes:
        """What is authenticated with the payload."""
        widths = ((self.receiver, 8), (self.profile, 2), (self.cluster, 2), (self.near, 1), (self.far, 1))
        return b"".join(value.to_bytes(width, "big") for value, width in widths)


@dataclass(frozen=True, slots=True)
class Seal:
    """What both ends share. Raises LocalProtocolError for a key of another length."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY:
            raise LocalProtocolError(f"a key has {KEY} octets, not {len(self.key)}")

    def close(self, way: Way, counter: int, payload: bytes) -> bytes:
        """Seal a payload. A sender never uses a counter twice; LocalProtocolError once there is none left."""
        if not 0 < counter <= _LAST:
            raise LocalProtocolError(f"counter {counter}: 1 to {_LAST}")
        number = counter.to_bytes(_COUNTER, "big")
        return number + aes.gcm_seal(self.key, way.sender.to_bytes(8, "big") + number, way.build(), payload)

    def open(self, way: Way, last: int, sealed: bytes) -> tuple[int, bytes]:
        """Counter and payload. Raises RemoteProtocolError: altered, another key or way, or a counter that is not above `last`."""
        if len(sealed) < OVERHEAD:
            raise RemoteProtocolError(f"sealed: {len(sealed)} octets")
        number = sealed[:_COUNTER]
        payload = aes.gcm_open(self.key, way.sender.to_bytes(8, "big") + number, way.build(), sealed[_COUNTER:])
        counter = int.from_bytes(number, "big")
        if counter <= last:
            raise RemoteProtocolError(f"sealed: counter {counter} was there already")
        return counter, payload


@dataclass(slots=True)
class Sender:
    """The head end's use of one key: its counters. Whoever seals under it shares this object, so that no number comes twice."""

    seal: Seal
    sent: int = 0
    heard: int = 0

    def close(self, way: Way, payload: bytes) -> bytes:
        """Seal a payload under the next number."""
        self.sent += 1
        return self.seal.close(way, self.sent, payload)

    def open(self, way: Way, sealed: bytes) -> bytes:
        """The payload of an answer. Raises RemoteProtocolError, as `Seal.open` does."""
        self.heard, payload = self.seal.open(way, self.heard, sealed)
        return payload
