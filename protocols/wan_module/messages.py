"""What a hub and its WAN module say to each other: registration, streams and datagrams. Big endian; a tag octet, then the fields.

The module holds the sockets, as cellular modules do, and knows nothing of what passes through them. The hub gives even numbers to
the streams that it opens, and to its ports for datagrams; streams that come from outside have odd ones. The network address is the
hub's: each module is told it and registers it, so it does not change with the module.

Not here: how messages get across the line (`line`).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.core.codec import Choice, Frame, be, choice, const, prefixed, rest

LARGEST_DATA: Final = 1024
"""Octets in one message of a stream; a datagram is never cut, and may have as many."""
LONGEST_NAME: Final = 64
"""Octets of an address, of a module's type, serial number or version."""


class Absence(IntEnum):
    """Why there is no registration."""

    NO_COVERAGE = 0
    ADDRESS_IN_USE = 1
    """Another module is registered under it."""


class Ending(IntEnum):
    """Why a stream has ended."""

    CLOSED = 0
    REFUSED = 1
    RESET = 2
    TIMED_OUT = 3
    OVERFLOW = 4


class Register(Frame):
    """Hub: be on the network under this address. `Registered` or `Unregistered` answers."""

    tag: int = const(0x01, be.u8)
    address: bytes = prefixed(be.u8)


class Listen(Frame):
    """Hub: take connections to a port."""

    tag: int = const(0x02, be.u8)
    port: be.u16


class Unlisten(Frame):
    """Hub: take no more."""

    tag: int = const(0x03, be.u8)
    port: be.u16


class Bind(Frame):
    """Hub: have a port for datagrams; 0 is any free one."""

    tag: int = const(0x04, be.u8)
    socket: be.u16
    port: be.u16


class Unbind(Frame):
    """Hub: give it back."""

    tag: int = const(0x05, be.u8)
    socket: be.u16


class Open(Frame):
    """Hub: connect. `Opened` or `Ended` answers; data may follow at once."""

    tag: int = const(0x06, be.u8)
    stream: be.u16
    port: be.u16
    host: bytes = prefixed(be.u8)


class Data(Frame):
    """Either: octets of a stream, at most `LARGEST_DATA`."""

    tag: int = const(0x07, be.u8)
    stream: be.u16
    octets: bytes = rest()


class Finish(Frame):
    """Either: no more octets from this side of the stream."""

    tag: int = const(0x08, be.u8)
    stream: be.u16


class Close(Frame):
    """Hub: close the stream once what was sent has gone. Its number is free."""

    tag: int = const(0x09, be.u8)
    stream: be.u16


class Abort(Frame):
    """Hub: reset the stream."""

    tag: int = const(0x0A, be.u8)
    stream: be.u16


class Probe(Frame):
    """Hub: ask whether the peer is still there."""

    tag: int = const(0x0B, be.u8)
    stream: be.u16


class Datagram(Frame):
    """Either: one datagram to or from a host and port."""

    tag: int = const(0x0C, be.u8)
    socket: be.u16
    port: be.u16
    host: bytes = prefixed(be.u8)
    octets: bytes = rest()


class Hello(Frame):
    """Module: what it is; its first word on a line that has begun."""

    tag: int = const(0x41, be.u8)
    type: bytes = prefixed(be.u8)
    serial: bytes = prefixed(be.u8)
    version: bytes = prefixed(be.u8)


class Registered(Frame):
    """Module: on the network. `utc`: its time, ns since 1970."""

    tag: int = const(0x42, be.u8)
    utc: be.u64


class Unregistered(Frame):
    """Module: not, or no longer, on the network. `reason`: an `Absence`."""

    tag: int = const(0x43, be.u8)
    reason: be.u8


class Opened(Frame):
    """Module: the peer has accepted."""

    tag: int = const(0x44, be.u8)
    stream: be.u16


class Accepted(Frame):
    """Module: a connection to a port that is listened to."""

    tag: int = const(0x45, be.u8)
    stream: be.u16
    own_port: be.u16
    port: be.u16
    host: bytes = prefixed(be.u8)


class Ended(Frame):
    """Module: the stream is over. `reason`: an `Ending`. Its number is free."""

    tag: int = const(0x46, be.u8)
    stream: be.u16
    reason: be.u8


class Progress(Frame):
    """Module: `taken` octets of the hub's have passed so far (modulo 2^32); `stuck`: nothing passes now."""

    tag: int = const(0x47, be.u8)
    stream: be.u16
    taken: be.u32
    stuck: be.boolean


class Time(Frame):
    """Module, now and then: the network's time, ns since 1970."""

    tag: int = const(0x48, be.u8)
    utc: be.u64


FromHub = Register | Listen | Unlisten | Bind | Unbind | Open | Data | Finish | Close | Abort | Probe | Datagram
FromModule = Hello | Registered | Unregistered | Opened | Accepted | Data | Finish | Ended | Progress | Datagram | Time

from_hub: Choice[Frame] = choice(
    "message to a WAN module", [Register, Listen, Unlisten, Bind, Unbind, Open, Data, Finish, Close, Abort, Probe, Datagram]
)
from_module: Choice[Frame] = choice(
    "message of a WAN module", [Hello, Registered, Unregistered, Opened, Accepted, Data, Finish, Ended, Progress, Datagram, Time]
)
