"""How a hand-held terminal asks a hub to let it join: two inter-PAN messages under the key of inter-PAN key establishment.

GBCS says that the terminal sends its entity identifier and install code in a command so secured; which command is in no public
source that we know, so this one is the bench's own, on a cluster of the manufacturers' range.
"""

from __future__ import annotations

from protocols.core.codec import Choice, Frame, choice, const, le, prefixed

CLUSTER = 0xFC0D
ADMITTED, NOT_YOURS, BAD_CODE, FULL = range(4)
"""Statuses of an answer: welcome; not the sender's own EUI-64; an install code that is none; no room in the device log."""


class Admit(Frame):
    """Enter this device into the device log. The install code is with its CRC."""

    command: int = const(0x00, le.u8)
    eui64: le.u64
    install_code: bytes = prefixed(le.u8)


class Answer(Frame):
    """What came of it."""

    command: int = const(0x01, le.u8)
    status: le.u8


messages: Choice[Frame] = choice("admission message", [Admit, Answer])
