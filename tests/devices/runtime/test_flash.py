"""The flash model: bits only go from one to zero, banks are erased whole, and the power goes in the middle."""

from __future__ import annotations

import pytest

from devices.runtime.flash import Flash, PowerCut
from protocols.core.errors import LocalProtocolError


def test_programming_clears_bits_and_never_sets_one() -> None:
    flash = Flash(64)
    flash.program(0, 10, b"\xf0\x0f")
    flash.program(0, 9, b"\xaa\x3c\xff\x00")
    assert flash.read(0, 8, 6) == b"\xff\xaa\x30\x0f\x00\xff"
    assert flash.read(1, 0, 64) == b"\xff" * 64
    assert flash.used(0) == 13


def test_erasing_sets_a_bank_and_leaves_the_other() -> None:
    flash = Flash(64)
    flash.program(0, 0, b"one")
    flash.program(1, 0, b"two")
    flash.erase(0)
    assert (flash.used(0), flash.read(1, 0, 3)) == (0, b"two")


def test_a_read_ends_with_the_bank_and_a_program_outside_is_our_bug() -> None:
    flash = Flash(64)
    assert flash.read(0, 60, 100) == b"\xff" * 4
    with pytest.raises(LocalProtocolError):
        flash.program(0, 62, b"abc")
    with pytest.raises(LocalProtocolError):
        flash.program(0, -1, b"a")


def test_a_cut_tears_the_octet_it_falls_into() -> None:
    flash = Flash(64)
    flash.cut_after(2)
    with pytest.raises(PowerCut):
        flash.program(0, 0, b"\x11\x22\x33\x44")
    assert flash.read(0, 0, 4) == b"\x11\x22\x3f\xff"
    with pytest.raises(PowerCut):  # nothing goes without power
        flash.program(0, 10, b"\x00")
    flash.powered = True
    flash.program(0, 10, b"\x00")  # and the fault struck once
    assert flash.operations == 3


def test_a_cut_leaves_half_a_bank_erased() -> None:
    flash = Flash(8)
    flash.program(0, 0, bytes(8))
    flash.cut_after(0)
    with pytest.raises(PowerCut):
        flash.erase(0)
    assert flash.read(0, 0, 8) == b"\xff" * 4 + bytes(4)


def test_an_image_is_the_same_flash_again() -> None:
    flash = Flash(64)
    flash.program(0, 3, b"abc\xff\xff")
    flash.program(1, 60, b"end!")
    again = Flash(64, (flash.image(0), flash.image(1)))
    assert [again.read(bank, 0, 64) for bank in (0, 1)] == [flash.read(bank, 0, 64) for bank in (0, 1)]
