"""How a sleeping gas meter fetches and gives messages through its tunnel of protocol 6 (GB): the first octet of a transfer.

Between the hub and devices that are awake the bare message travels, without any of this.
"""

from __future__ import annotations

from protocols.core.codec import Choice, Frame, be, choice, const, rest
from protocols.zigbee.clusters.tunneling import TRANSFER_LIMIT


class Get(Frame):
    """Meter to hub: the next message, please."""

    header: int = const(0x01, be.u8)


class GetResponse(Frame):
    """Hub to meter: the oldest message, and how many wait behind it; `02 00` with no message: none waits."""

    header: int = const(0x02, be.u8)
    remaining: be.u8
    message: bytes = rest()


class Put(Frame):
    """Meter to hub: a message of the meter's."""

    header: int = const(0x03, be.u8)
    message: bytes = rest()


TRANSFERS: Choice[Frame] = choice("gas meter's transfer", [Get, GetResponse, Put])
LONGEST_MESSAGE = TRANSFER_LIMIT - 2
"""Octets of a message that fits one transfer."""
EMPTY = GetResponse(0, b"")
