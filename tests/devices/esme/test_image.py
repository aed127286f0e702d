"""A firmware image over DLMS (class 18): over power failures, judged, made the running version; old or new, never neither."""

from __future__ import annotations

import pytest

from devices.esme.cosem import FIRMWARE_VERSION
from devices.parts.image_store import RESTART_AFTER, image
from devices.runtime.kernel import MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ImageStatus

TRANSFER, VERSION = "0-0:44.0.0", "0-0:0.2.1"
NEW = bytes.fromhex("01000001")
GOOD = image(NEW, bytes(range(256)) * 4)


def initiate(manager, octets):
    manager.action(TRANSFER, 18, 1, axdr.structure(axdr.octets(b"new"), axdr.u32(len(octets))))


def transfer(manager, octets, blocks=None):
    size = manager.get(TRANSFER, 18, 2).value
    for number in range(-(-len(octets) // size)) if blocks is None else blocks:
        block = axdr.structure(axdr.u32(number), axdr.octets(octets[number * size : (number + 1) * size]))
        manager.action(TRANSFER, 18, 2, block)


def version(bench):
    return bench.direct().get(VERSION, 1, 2).value


@pytest.mark.dlms("class 18 method 1", "class 18 method 2", "class 18 method 3", "class 18 method 4")
def test_an_image_goes_on_after_a_power_failure_and_becomes_the_running_version(meter):
    manager = meter.manager()
    initiate(manager, GOOD)
    transfer(manager, GOOD, [4, 0, 1])
    meter.mains.off(MIN)
    meter.run(2 * MIN)
    manager = meter.manager()
    assert [manager.get(TRANSFER, 18, number).value for number in (3, 4)] == ["11001", 2]
    transfer(manager, GOOD, [2, 3])
    manager.action(TRANSFER, 18, 3, axdr.i8(0))
    assert version(meter) == FIRMWARE_VERSION
    manager.action(TRANSFER, 18, 4, axdr.i8(0))
    meter.run(RESTART_AFTER + S)
    assert version(meter) == NEW
    assert meter.direct().get(TRANSFER, 18, 6).value == ImageStatus.ACTIVATION_SUCCESSFUL


@pytest.mark.parametrize("octets", [
    GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), GOOD[:8] + b"\xff" + GOOD[9:], b"XXXX" + GOOD[4:], GOOD[:300], b"MBFW", b"x",
], ids=["digest", "contents", "magic", "cut", "only magic", "one octet"])  # fmt: skip
def test_an_image_that_is_none_is_not_activated(meter, octets):
    manager = meter.manager()
    initiate(manager, octets)
    transfer(manager, octets)
    for method in (3, 4):
        with pytest.raises(AccessError, match="other-reason"):
            manager.action(TRANSFER, 18, method, axdr.i8(0))
    assert manager.get(TRANSFER, 18, 6).value == ImageStatus.VERIFICATION_FAILED
    assert manager.get(TRANSFER, 18, 7) == axdr.array([])
    meter.run(MIN)
    assert version(meter) == FIRMWARE_VERSION


@pytest.mark.req("S-063", part=True)
def test_an_image_larger_than_its_room_is_refused(meter):
    manager = meter.manager()
    with pytest.raises(AccessError, match="scope-of-access-violated"):
        initiate(manager, bytes(meter.board.flash.bank_size // 8 + 1))
    assert manager.get(TRANSFER, 18, 6).value == ImageStatus.NOT_INITIATED


@pytest.mark.parametrize("operations", range(0, 1_200, 97))
def test_a_cut_at_any_time_leaves_the_old_version_or_the_new_one(meter, operations):
    manager = meter.manager()
    initiate(manager, GOOD)
    transfer(manager, GOOD, [0, 1, 2, 3])
    meter.board.cut_at_flash_operation(operations, off_for=MIN)

    def finish():
        manager = meter.manager()
        if manager.get(TRANSFER, 18, 6).value == ImageStatus.INITIATED:
            transfer(manager, GOOD, [4])
            manager.action(TRANSFER, 18, 3, axdr.i8(0))
        if manager.get(TRANSFER, 18, 6).value == ImageStatus.VERIFICATION_SUCCESSFUL:
            manager.action(TRANSFER, 18, 4, axdr.i8(0))

    meter.kernel.at(meter.kernel.now, finish, who="esme")
    meter.run(3 * MIN)
    assert version(meter) in (FIRMWARE_VERSION, NEW)
    meter.board.flash.cut_after(None)
    finish()
    meter.run(MIN)
    assert version(meter) == NEW
