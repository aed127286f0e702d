"""ZigBee APS frames: data, acknowledgement and command headers, the extended header of fragments, the key commands.

05-3474 clauses 2.2.5 (frames) and 4.4.9 (commands). Frames only: acknowledging, repeating, putting together and securing are in
`protocols.zigbee.delivery`. Not here: authentication by entity, inter-PAN.
"""

from __future__ import annotations

from protocols.core.codec import Choice, Frame, choice, const, le, octets, rest, this, when

TYPE = 0x03
DATA, COMMAND, ACK = range(3)

DELIVERY = 0x0C
UNICAST, BROADCAST, GROUP = 0x00, 0x08, 0x0C
ACK_FORMAT = 0x10
"""In an acknowledgement: it answers a command and names no endpoints."""
SECURITY = 0x20
ACK_REQUEST = 0x40
EXTENDED = 0x80

FIRST_FRAGMENT, LATER_FRAGMENT = 0x01, 0x02

HEADER = 8
"""Octets of a unicast data header without extension."""


class Extension(Frame):
    """Extended header of a data frame. Clause 2.2.5.1.8. `block` of the first fragment is how many there are."""

    control: le.u8
    block: int | None = when(this.control & 0x03, le.u8, default=None)


class AckExtension(Frame):
    """Extended header of an acknowledgement; bit n of `received` stands for block + n, unused bits are 1."""

    control: le.u8
    block: int | None = when(this.control & 0x03, le.u8, default=None)
    received: int | None = when(this.control & 0x03, le.u8, default=None)


class DataHeader(Frame):
    """Clause 2.2.5.2.1."""

    control: le.u8
    destination_endpoint: int | None = when((this.control & 0x0C) != 0x0C, le.u8)
    group: int | None = when((this.control & 0x0C) == 0x0C, le.u16)
    cluster: le.u16
    profile: le.u16
    source_endpoint: le.u8
    counter: le.u8
    extension: Extension | None = when(this.control & 0x80, Extension, default=None)


class CommandHeader(Frame):
    """Clause 2.2.5.2.2; the command identifier is the first octet of what follows (and is secured)."""

    control: le.u8
    counter: le.u8


class Addressing(Frame):
    """The endpoints an acknowledgement names: those of the data, swapped."""

    destination_endpoint: le.u8
    cluster: le.u16
    profile: le.u16
    source_endpoint: le.u8


class AckHeader(Frame):
    """Clause 2.2.5.2.3."""

    control: le.u8
    addressing: Addressing | None = when((this.control & 0x10) == 0, Addressing)
    counter: le.u8
    extension: AckExtension | None = when(this.control & 0x80, AckExtension, default=None)


# --- Commands: clause 4.4.9 --------------------------------------------------------------------------------------

NETWORK, APPLICATION_LINK, TRUST_CENTRE_LINK = 0x01, 0x03, 0x04
"""Key types of Transport-Key, Verify-Key and Confirm-Key (table 4-9)."""

REQUEST_APPLICATION, REQUEST_TRUST_CENTRE = 0x02, 0x04
"""Key types of Request-Key (table 4-18)."""

SECURED_REJOIN, UNSECURED_JOIN, DEVICE_LEFT, UNSECURED_REJOIN = range(4)
"""Status of Update-Device (table 4-15)."""


class NetworkKeyDescriptor(Frame):
    """Transport-Key, key type 1."""

    command: int = const(0x05, le.u8)
    type: int = const(0x01, le.u8)
    key: bytes = octets(16)
    sequence: le.u8
    destination: le.u64
    source: le.u64


class ApplicationKeyDescriptor(Frame):
    """Transport-Key, key type 3; `initiator` is 1 for the one who asked."""

    command: int = const(0x05, le.u8)
    type: int = const(0x03, le.u8)
    key: bytes = octets(16)
    partner: le.u64
    initiator: le.u8


class TrustCentreKeyDescriptor(Frame):
    """Transport-Key, key type 4."""

    command: int = const(0x05, le.u8)
    type: int = const(0x04, le.u8)
    key: bytes = octets(16)
    destination: le.u64
    source: le.u64


class UpdateDevice(Frame):
    """A router tells the trust centre what a device did."""

    command: int = const(0x06, le.u8)
    device: le.u64
    short: le.u16
    status: le.u8


class RemoveDevice(Frame):
    """The trust centre has a router send a child away."""

    command: int = const(0x07, le.u8)
    device: le.u64


class RequestKey(Frame):
    """`type` 2: an application link key with `partner`; 4: a trust centre link key."""

    command: int = const(0x08, le.u8)
    type: le.u8
    partner: int | None = when(this.type == 2, le.u64, default=None)


class SwitchKey(Frame):
    """Use the network key of this sequence number from now on."""

    command: int = const(0x09, le.u8)
    sequence: le.u8


class Tunnel(Frame):
    """The trust centre has a router hand an APS command, secured, to a child that has no network key yet."""

    command: int = const(0x0E, le.u8)
    destination: le.u64
    frame: bytes = rest()


class VerifyKey(Frame):
    """`verification` is the hash of the key, `source` who holds it."""

    command: int = const(0x0F, le.u8)
    type: le.u8
    source: le.u64
    verification: bytes = octets(16)


class ConfirmKey(Frame):
    """`status` 0: the key is verified."""

    command: int = const(0x10, le.u8)
    status: le.u8
    type: le.u8
    destination: le.u64


commands: Choice[Frame] = choice(
    "APS command",
    [
        NetworkKeyDescriptor,
        ApplicationKeyDescriptor,
        TrustCentreKeyDescriptor,
        UpdateDevice,
        RemoveDevice,
        RequestKey,
        SwitchKey,
        Tunnel,
        VerifyKey,
        ConfirmKey,
    ],
)
"""Any APS command."""
