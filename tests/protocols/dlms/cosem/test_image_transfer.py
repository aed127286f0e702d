"""Image transfer (class 18, Blue Book 4.4.6): blocks in any order, resumed, verified, activated; and nothing out of turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Image, ImageStatus, ImageTransfer
from protocols.dlms.xdlms import DataAccessResult


class Flash:
    """A store whose good images begin with `MB`."""

    def __init__(self, capacity: int = 1_000) -> None:
        self.capacity = capacity
        self.size = 0
        self.status = ImageStatus.NOT_INITIATED
        self.images: Sequence[Image] = ()
        self.blocks: dict[int, bytes] = {}
        self.at_once = True
        self.running = b""

    @property
    def octets(self) -> bytes:
        return b"".join(self.blocks[number] for number in sorted(self.blocks))

    def begin(self, identifier: bytes, size: int) -> None:
        self.size, self.blocks, self.images, self.identifier = size, {}, (), identifier
        self.status = ImageStatus.INITIATED

    def has(self, block: int) -> bool:
        return block in self.blocks

    def put(self, block: int, octets: bytes) -> None:
        self.blocks[block] = octets

    def verify(self) -> None:
        self.status = ImageStatus.VERIFICATION_INITIATED
        if self.at_once:
            self.verified()

    def verified(self) -> None:
        good = self.octets.startswith(b"MB")
        self.status = ImageStatus.VERIFICATION_SUCCESSFUL if good else ImageStatus.VERIFICATION_FAILED
        self.images = [Image(self.size, self.identifier, b"signed")] if good else []

    def activate(self) -> None:
        self.status, self.running = ImageStatus.ACTIVATION_SUCCESSFUL, self.octets


def image(flash: Flash) -> ImageTransfer:
    return ImageTransfer("0-0:44.0.0", store=flash, image_block_size=4)


def initiate(size: int, identifier: bytes = b"v2") -> Data:
    return axdr.structure(axdr.octets(identifier), axdr.u32(size))


def block(number: int, octets: bytes) -> Data:
    return axdr.structure(axdr.u32(number), axdr.octets(octets))


def refusal(act: Any, *arguments: Any) -> int:
    with pytest.raises(AccessError) as caught:
        act(*arguments)
    return caught.value.result


def progress(transfer: ImageTransfer) -> tuple[str, int, int]:
    return (
        transfer.image_transferred_blocks_status.value,
        transfer.image_first_not_transferred_block_number.value,
        transfer.image_transfer_status.value,
    )


@pytest.mark.dlms("class 18 method 1", "class 18 method 2", "class 18 method 3", "class 18 method 4")
def test_blocks_come_in_any_order_and_a_power_failure_loses_none() -> None:
    flash = Flash()
    assert progress(image(flash)) == ("", 0, ImageStatus.NOT_INITIATED)
    image(flash).image_transfer_initiate(initiate(10))
    assert progress(image(flash)) == ("000", 0, ImageStatus.INITIATED)
    image(flash).image_block_transfer(block(2, b"89"))
    image(flash).image_block_transfer(block(0, b"MB23"))
    image(flash).image_block_transfer(block(0, b"MB23"))
    restarted = image(flash)
    assert progress(restarted) == ("101", 1, ImageStatus.INITIATED)
    assert refusal(restarted.image_verify) == DataAccessResult.OTHER_REASON
    assert flash.status == ImageStatus.INITIATED
    restarted.image_block_transfer(block(1, b"4567"))
    assert progress(restarted) == ("111", 3, ImageStatus.INITIATED)
    restarted.image_verify()
    assert progress(restarted)[2] == ImageStatus.VERIFICATION_SUCCESSFUL
    assert restarted.image_to_activate_info == axdr.array([
        axdr.structure(axdr.u32(10), axdr.octets(b"v2"), axdr.octets(b"signed")),
    ])  # fmt: skip
    restarted.image_activate()
    assert (progress(restarted)[2], flash.running) == (ImageStatus.ACTIVATION_SUCCESSFUL, b"MB23456789")


@pytest.mark.parametrize("argument, result", [
    (block(3, b"0123"), 13), (block(2, b"0123"), 13), (block(2, b"0"), 13), (block(0, b"012"), 13), (block(0, b""), 13),
    (block(0xFFFFFFFF, b"0123"), 13), (axdr.structure(axdr.u16(0), axdr.octets(b"0123")), 12), (axdr.u8(0), 12),
])  # fmt: skip
def test_blocks_that_do_not_fit_change_nothing(argument: Data, result: int) -> None:
    flash = Flash()
    transfer = image(flash)
    transfer.image_transfer_initiate(initiate(10))
    assert refusal(transfer.image_block_transfer, argument) == result
    assert progress(transfer) == ("000", 0, ImageStatus.INITIATED)


def test_a_bad_image_is_not_activated_and_another_may_follow() -> None:
    flash = Flash()
    transfer = image(flash)
    transfer.image_transfer_initiate(initiate(4))
    transfer.image_block_transfer(block(0, b"XX23"))
    assert refusal(transfer.image_activate) == DataAccessResult.OTHER_REASON
    assert refusal(transfer.image_verify) == DataAccessResult.OTHER_REASON
    assert transfer.image_transfer_status.value == ImageStatus.VERIFICATION_FAILED
    assert transfer.image_to_activate_info == axdr.array([])
    assert refusal(transfer.image_activate) == DataAccessResult.OTHER_REASON
    assert refusal(transfer.image_block_transfer, block(0, b"MB23")) == DataAccessResult.OTHER_REASON
    transfer.image_transfer_initiate(initiate(8))
    assert progress(transfer) == ("00", 0, ImageStatus.INITIATED)


def test_a_verdict_that_takes_its_time_is_a_temporary_failure_until_then() -> None:
    flash = Flash()
    flash.at_once = False
    transfer = image(flash)
    transfer.image_transfer_initiate(initiate(4))
    transfer.image_block_transfer(block(0, b"MB23"))
    for _ in range(2):
        assert refusal(transfer.image_verify) == DataAccessResult.TEMPORARY_FAILURE
    assert refusal(transfer.image_transfer_initiate, initiate(4)) == DataAccessResult.TEMPORARY_FAILURE
    flash.verified()
    transfer.image_verify()
    transfer.image_activate()


@pytest.mark.parametrize("size", [0, 1_001, 0xFFFFFFFF])
def test_an_image_that_has_no_room_leaves_the_one_that_is_there(size: int) -> None:
    flash = Flash()
    transfer = image(flash)
    transfer.image_transfer_initiate(initiate(4))
    transfer.image_block_transfer(block(0, b"MB23"))
    assert refusal(transfer.image_transfer_initiate, initiate(size)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert progress(transfer) == ("1", 1, ImageStatus.INITIATED)


def test_nothing_happens_while_the_transfer_is_not_enabled() -> None:
    flash = Flash()
    transfer = image(flash)
    transfer.write(5, axdr.boolean(False))
    assert refusal(transfer.image_transfer_initiate, initiate(4)) == DataAccessResult.READ_WRITE_DENIED
    assert flash.status == ImageStatus.NOT_INITIATED
    transfer.write(5, axdr.boolean(True))
    transfer.image_transfer_initiate(initiate(4))
