"""A file kept in flash by pieces: full, read anywhere, and after a power cut at every operation of the flash (bad input G20)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.parts.kept_file import KeptFile
from devices.runtime.flash import KIB, Flash, PowerCut
from devices.runtime.nvm import Nvm
from protocols.zigbee.ota.image import File

FILE, NEXT = File(0xFFF1, 0x0502, 2), File(0xFFF1, 0x0502, 3)
DATA = bytes(n * 7 & 0xFF for n in range(32 * KIB))


def kept(flash: Flash, capacity: int = 32 * KIB) -> KeptFile:
    """As it is after a power-on."""
    flash.powered = True
    return KeptFile(Nvm(flash), "ota", capacity)


@pytest.fixture(scope="module")
def full() -> Flash:
    flash = Flash(128 * KIB)
    store = kept(flash)
    store.begin(FILE, len(DATA))
    for at in range(0, len(DATA), 48):
        store.append(DATA[at : at + 48])
    return flash


def test_a_store_takes_all_that_it_says_and_another_after_it(full: Flash) -> None:
    flash = Flash(128 * KIB, (full.image(0), full.image(1)))
    store = kept(flash)
    assert (store.file, store.size, store.held) == (FILE, len(DATA), store.capacity)
    assert store.read(0, len(DATA)) == DATA
    store.begin(NEXT, 100)
    store.append(DATA[:60])
    again = kept(flash)
    assert (again.file, again.size, again.held, again.read(0, 100)) == (NEXT, 100, 60, DATA[:60])
    again.clear()
    assert (kept(flash).file, kept(flash).held, kept(flash).read(0, 9)) == (None, 0, b"")


@given(st.integers(0, len(DATA) + 10), st.integers(0, 300))
def test_it_is_read_anywhere(full: Flash, offset: int, length: int) -> None:
    assert kept(full).read(offset, length) == DATA[offset : offset + length]


def test_power_cut_at_every_operation_of_the_flash() -> None:
    """Begin, three pieces, and their end together with a value: each is done, or was never made."""

    def work(flash: Flash) -> None:
        store = kept(flash)
        store.begin(FILE, 100)
        for at in range(0, 100, 48):
            store.append(DATA[at : at + 48][: 100 - at])
        store.spend({"version": 2})

    whole = Flash(4 * KIB)
    kept(whole)
    formatted = whole.operations
    work(whole)
    states = set()
    for operation in range(whole.operations - formatted):
        flash = Flash(4 * KIB)
        kept(flash)
        flash.cut_after(operation)
        with pytest.raises(PowerCut):
            work(flash)
        store = kept(flash)
        version = Nvm(flash).get("version")
        assert store.read(0, 100) == DATA[: store.held]
        assert (store.file is None) == (store.held == 0 and store.size == 0)
        states.add((store.file is not None, store.held, version))
    assert states == {(False, 0, None), (True, 0, None), (True, 48, None), (True, 96, None), (True, 100, None)}
    assert (kept(whole).file, Nvm(whole).get("version")) == (None, 2)
