"""The flash's layout: old images become present ones, whole or not at all; newer ones are left alone."""

from __future__ import annotations

import pytest

from devices.runtime.flash import KIB, Flash, PowerCut
from devices.runtime.nvm import Nvm
from hubfw import store
from hubfw.gas_mirror import GasMirror
from hubfw.image_flash import ImageFlash
from protocols.zigbee.ota.image import File

OLD = {
    "mirror/00DB000000000002": {"endpoint": 16, "scheme": 2, "meter": 0x00DB_0000_0000_0002, "at": 5, "values": [[0x0702, 0, 17]]},
    "mirror/00DB000000000003": {"endpoint": 17, "scheme": None, "meter": 0x00DB_0000_0000_0003, "at": 0, "values": []},
    "sap/00DB000000000001": 3,
    "ota/FFF10502/file": [0xFFF1, 0x0502, 0x02000000, 700],
    "ota/FFF10502/at/0": b"a" * 512,
    "ota/FFF10502/at/512": b"b" * 188,
    "ota/FFF10502/upgrade-time": 0,
    "ota/FFF10501/file": [0xFFF1, 0x0501, 0x02000000, 9000],
    "ota/FFF10501/at/0": b"half" * 128,
}
"""As the first firmware wrote it."""


def written(values: dict[str, object]) -> Flash:
    flash = Flash()
    Nvm(flash).put(values)
    return flash


def plain(flash: Flash) -> dict[str, object]:
    nvm = Nvm(flash)
    return {key: nvm.get(key) for key in nvm.keys("")}


def test_a_new_flash_has_the_present_layout() -> None:
    nvm = Nvm(Flash())
    assert store.prepare(nvm) == []
    assert nvm.get(store.LAYOUT) == store.PRESENT
    assert store.prepare(nvm) == []


def test_an_old_flash_is_brought_to_the_present_layout() -> None:
    flash = written(OLD)
    assert store.prepare(Nvm(flash)) == list(range(1, store.PRESENT))
    now = plain(flash)
    assert now[store.LAYOUT] == store.PRESENT
    assert now["sap/00DB000000000001"] == 3
    mirror = now["mirror/00DB000000000002"]
    assert isinstance(mirror, dict)
    assert mirror["event"] is None
    reading = GasMirror.from_plain(mirror).reading
    assert reading is not None
    assert reading.values == {(0x0702, 0): 17}
    images = ImageFlash(Nvm(flash), 128 * KIB)
    (offered,) = images.offered
    assert offered[1:] == (File(0xFFF1, 0x0502, 0x02000000), 700, 0)
    assert images.octets(offered.place, 700).read(500, 24) == b"a" * 12 + b"b" * 12
    assert [key for key in now if key.startswith("ota/") or b"half" in str(now[key]).encode()] == []
    assert store.prepare(Nvm(flash)) == []


@pytest.mark.parametrize("operations", range(0, 1300, 7))
def test_a_power_cut_at_any_flash_operation_leaves_one_layout_or_the_next(operations: int) -> None:
    flash = written(OLD)
    whole = written(OLD)
    layouts = [OLD]
    for layout, migrate in store.MIGRATIONS.items():
        nvm = Nvm(whole)
        put, delete = migrate(nvm)
        nvm.commit({**put, store.LAYOUT: layout + 1}, delete)
        layouts.append(plain(whole))
    flash.cut_after(operations)
    try:
        store.prepare(Nvm(flash))
    except PowerCut:
        flash.powered = True
    assert plain(flash) in layouts
    store.prepare(Nvm(flash))
    assert plain(flash) == plain(whole)


def test_what_a_newer_firmware_wrote_is_left_as_it_is() -> None:
    flash = written({store.LAYOUT: store.PRESENT + 1, "mirror/X": [1]})
    before = plain(flash)
    with pytest.raises(store.Newer, match=f"layout {store.PRESENT + 1}"):
        store.prepare(Nvm(flash))
    assert plain(flash) == before


def test_there_is_a_way_from_every_layout() -> None:
    assert list(store.MIGRATIONS) == list(range(1, store.PRESENT))
