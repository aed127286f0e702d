"""Firmware files in the hub's flash: blocks in any order, one record a file, room that is bounded, and power cuts anywhere."""

from __future__ import annotations

import pytest

from devices.runtime.flash import KIB, Flash, PowerCut
from devices.runtime.nvm import Nvm
from hubfw.image_flash import BLOCK, INCOMING, ImageFlash, Offered
from protocols.zigbee.ota.image import File

BANK = 128 * KIB
DISPLAY, GAS = File(0xFFF1, 0x0502, 2), File(0xFFF1, 0x0501, 2)


def filled(images: ImageFlash, file: File, size: int) -> Offered:
    """A file that is offered, whose octets are all its type's last one."""
    place = images.new()
    for block in range(-(-size // BLOCK)):
        images.put(place, block, bytes([file.image_type & 0xFF]) * min(BLOCK, size - block * BLOCK))
    offered = Offered(place, file, size, 0)
    images.commit(ImageFlash.record(offered))
    return offered


def test_blocks_come_in_any_order_and_are_read_as_one() -> None:
    flash = Flash(BANK)
    images = ImageFlash(Nvm(flash), BANK)
    octets = bytes(n * 7 & 0xFF for n in range(3 * BLOCK + 100))
    place = images.new()
    for block in (3, 0, 2, 0, 1):
        images.put(place, block, octets[block * BLOCK : (block + 1) * BLOCK])
    images.commit(ImageFlash.record(Offered(place, DISPLAY, len(octets), 5)))
    again = ImageFlash(Nvm(flash), BANK)
    assert again.offered == [Offered(place, DISPLAY, len(octets), 5)]
    kept = again.octets(place, len(octets))
    assert kept.held == len(octets)
    for offset, length in ((0, 2000), (500, 24), (511, 2), (BLOCK, BLOCK), (1630, 48), (1700, 9), (0, 0)):
        assert kept.read(offset, length) == octets[offset : offset + length]


def test_what_nothing_says_is_a_file_is_cleared_and_what_comes_in_stays() -> None:
    flash = Flash(BANK)
    nvm = Nvm(flash)
    images = ImageFlash(nvm, BANK)
    coming = images.new()
    images.put(coming, 1, b"x" * BLOCK)
    images.commit({INCOMING: [coming, b"", 2000, 1, b"", b""]})
    remains = images.new()
    images.put(remains, 0, b"y" * BLOCK)
    again = ImageFlash(Nvm(flash), BANK)
    assert list(again.blocks(coming)) == [1]
    assert list(again.blocks(remains)) == []
    assert again.new() == remains


def test_the_oldest_give_way_and_the_last_never_does() -> None:
    images = ImageFlash(Nvm(Flash(BANK)), BANK)
    assert (images.room, images.capacity) == (64 * KIB, 32 * KIB)
    first, second, third = (filled(images, File(0xFFF1, type, 2), 20 * KIB) for type in (1, 2, 3))
    assert images.in_the_way(4 * KIB) == []
    assert images.in_the_way(5 * KIB) == [first.place]
    assert images.in_the_way(images.capacity) == [first.place, second.place]
    assert images.in_the_way(images.capacity, [third.place]) == [first.place]
    coming = images.new()
    for block in range(8):
        images.put(coming, block, bytes(BLOCK))
    assert images.in_the_way(4 * KIB) == [first.place]  # what is on its way counts
    assert images.in_the_way(4 * KIB, [coming]) == []


@pytest.mark.parametrize("operations", range(0, 120, 5))
def test_a_power_cut_leaves_the_one_file_or_the_other(operations: int) -> None:
    flash = Flash(BANK)
    images = ImageFlash(Nvm(flash), BANK)
    old = filled(images, GAS, 700)
    new = Offered(images.new(), DISPLAY, 600, 0)
    images.put(new.place, 0, bytes(BLOCK))
    images.put(new.place, 1, bytes(600 - BLOCK))
    flash.cut_after(operations)
    try:
        images.commit(ImageFlash.record(new), [old.place])
    except PowerCut:
        flash.powered = True
    flash.cut_after(None)
    found = ImageFlash(Nvm(flash), BANK)
    assert found.offered in ([old], [new])
    kept = found.offered[0]
    assert len(found.octets(kept.place, kept.size).read(0, 9999)) == kept.size
    assert not found.blocks(new.place if kept == old else old.place)
