"""What a remote radio and the medium say to each other: requests, confirms and receive indications, format 1.

Big endian. Each message begins with the format, its kind, the life of the radio that it belongs to and the sender's virtual
time in ns; frames travel as 802.15.4-TAP packets (pcap link type 283), FCS included. MQTT carries one message in a
message; on a byte stream each stands behind its length in two octets (`Splitter`).

The life is chosen by the radio and raised each time its power goes or it attaches anew: whatever belongs to another life is
void. There is no encryption and no credential here: the carrier has them, or stays on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from protocols.core.codec import Frame, be, choice, const, octets, rest
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.node import TxStatus

FORMAT: Final = 1
LARGEST: Final = 512
"""Octets of one message; the longest, a frame of 127 octets in its packet, has some 190."""

STATUSES: Final = (
    TxStatus.ACKED, TxStatus.NO_ACK, TxStatus.EXPIRED, TxStatus.OVERFLOW, TxStatus.BUSY, TxStatus.SUSPENDED
)  # fmt: skip
"""The status of a confirm is a place in this list."""


class Refusal(Enum):
    """Why a radio is not attached."""

    NOT_ATTACHED = "it has not attached in this life"
    """So it may attach now: the medium has lost it, and it does not know."""
    OTHER_BENCH = "the bench file or the seed is another one"
    """Or the bench has no such device: identities come from the seed."""


REFUSALS: Final = (Refusal.NOT_ATTACHED, Refusal.OTHER_BENCH)


class Attach(Frame):
    """Device to medium: here is a radio, without configuration and with nothing to send; what an earlier life left is void."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x01, be.u8)
    life: be.u32
    time: be.u64
    eui64: be.u64
    """The device of the bench file whose radio it is."""
    bench: bytes = octets(16)
    """Digest of bench file and seed: both processes must have the same."""


class Configure(Frame):
    """Device to medium: tune in and set the address filter."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x02, be.u8)
    life: be.u32
    time: be.u64
    page: be.u8
    channel: be.u8
    pan_id: be.u16
    short: be.u16
    eui64: be.u64
    rx_on_when_idle: be.boolean


class Transmit(Frame):
    """Device to medium: send a frame, or hold it for a sleeper that will ask for it. A `Confirm` answers it."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x03, be.u8)
    life: be.u32
    time: be.u64
    handle: be.u32
    indirect: be.boolean
    packet: bytes = rest()


class Measure(Frame):
    """Device to medium: listen to a channel for its energy, in turn with what is sent. A `Measured` answers it."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x04, be.u8)
    life: be.u32
    time: be.u64
    handle: be.u32
    page: be.u8
    channel: be.u8
    duration: be.u32
    """Microseconds."""


class Welcome(Frame):
    """Medium to device: attached. `run` names the medium's run, `start` is the UTC of its time zero in ns since 1970."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x81, be.u8)
    life: be.u32
    time: be.u64
    run: be.u32
    start: be.u64


class Refuse(Frame):
    """Medium to device: not attached."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x82, be.u8)
    life: be.u32
    time: be.u64
    reason: be.u8
    """A place in `REFUSALS`."""


class Confirm(Frame):
    """Medium to device: how a transmission ended; `pending` is the frame pending bit of the acknowledgement."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x83, be.u8)
    life: be.u32
    time: be.u64
    handle: be.u32
    status: be.u8
    pending: be.boolean


class Receive(Frame):
    """Medium to device: a frame for this radio; its packet says how well it was heard."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x84, be.u8)
    life: be.u32
    time: be.u64
    packet: bytes = rest()


class Now(Frame):
    """Medium to device, about once a second: what time it is."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x85, be.u8)
    life: be.u32
    time: be.u64


class Measured(Frame):
    """Medium to device: the loudest of a channel, 0 (nothing) to 255. A radio that cannot tell says so: `known`."""

    format: int = const(FORMAT, be.u8)
    kind: int = const(0x86, be.u8)
    life: be.u32
    time: be.u64
    handle: be.u32
    known: be.boolean
    level: be.u8


Request = Attach | Configure | Transmit | Measure
Indication = Welcome | Refuse | Confirm | Receive | Now | Measured

_REQUESTS: Final = choice("radio request", (Attach, Configure, Transmit, Measure))
_INDICATIONS: Final = choice("radio indication", (Welcome, Refuse, Confirm, Receive, Now, Measured))


class BadMessage(RemoteProtocolError):
    """Octets that are no message of this format."""


def request(data: bytes) -> Request:
    """What a device says. Raises RemoteProtocolError."""
    found = _REQUESTS.parse(_checked(data))
    assert isinstance(found, Request)
    return found


def indication(data: bytes) -> Indication:
    """What the medium says. Raises RemoteProtocolError."""
    found = _INDICATIONS.parse(_checked(data))
    assert isinstance(found, Indication)
    return found


def delimited(message: bytes) -> bytes:
    """A message as it stands in a byte stream."""
    return len(message).to_bytes(2, "big") + message


class Splitter:
    """A byte stream in, messages out. After an error the stream is of no use: there is nothing to find the next message by."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete now; then raises BadMessage on a length that no message has. Exhaust it."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 2:
            length = int.from_bytes(buffer[:2], "big")
            if not 2 <= length <= LARGEST:
                raise BadMessage(f"a radio message of {length} octets")
            if 2 + length > len(buffer):
                return
            message = bytes(buffer[2 : 2 + length])
            del buffer[: 2 + length]
            yield message


def _checked(data: bytes) -> bytes:
    if len(data) > LARGEST:
        raise BadMessage(f"a radio message of {len(data)} octets")
    if data[:1] and data[0] != FORMAT:
        raise BadMessage(f"radio messages of format {data[0]}, and this is format {FORMAT}")
    return data
