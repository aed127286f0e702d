"""The channels of ZigBee's pages below 1 GHz, and the 32 bits that name some of one page (05-3474-22 annex D; SE 1.4 annex D.13).

A mask has the page in its five upper bits and a bit for each channel in order. Channels keep the numbers that they have in their
band: page 29 has 27 to 34 and 62 of the 863 MHz band in bits 0 to 8.
"""

from __future__ import annotations

from types import MappingProxyType

from protocols.core.errors import RemoteProtocolError

CHANNELS = MappingProxyType({
    28: tuple(range(27)),
    29: (*range(27, 35), 62),
    30: tuple(range(35, 62)),
    31: tuple(range(27)),
})  # fmt: skip
"""By page: 28 to 30 share out the 63 channels of 863 to 876 MHz, 31 has those of 915 to 921 MHz."""

_PAGE = 27


def mask(page: int, *channels: int) -> int:
    """These channels of a page; with none, all of it."""
    order = CHANNELS[page]
    return page << _PAGE | sum(1 << order.index(channel) for channel in channels or order)


def channels(mask: int) -> list[tuple[int, int]]:
    """(page, channel) of a mask. Raises RemoteProtocolError for a page that there is not, or a bit behind its channels."""
    page, bits = mask >> _PAGE, mask & (1 << _PAGE) - 1
    order = CHANNELS.get(page, ())
    if not order or bits >> len(order):
        raise RemoteProtocolError(f"no channels below 1 GHz: {mask:#010x}")
    return [(page, channel) for number, channel in enumerate(order) if bits >> number & 1]
