"""A logical device's push: data notifications made and sent when its push setup says so, until one has gone.

Whoever wants a push calls the setup's method: a client, or a script. When it is sent and sent again, `push_delivery`
says; the way to the destination is the device's. The long invoke-ids never repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import Timer
from protocols.core.errors import LocalProtocolError
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import PushSetup, date_time
from protocols.dlms.cosem.push_delivery import PushDelivery
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

_COUNTER: Final = "push"


class CosemPush:
    """The push of the setup `name`. `send(destination, APDU)`: whether it has gone."""

    def __init__(self, firmware: Firmware, device: LogicalDevice, name: Obis, send: Callable[[bytes, bytes], bool]) -> None:
        setup = device.find(name)
        if not isinstance(setup, PushSetup):
            raise LocalProtocolError(f"{device!r} has no push setup {name}")
        self._firmware = firmware
        self._board = board = firmware.board
        self._device = device
        self._setup = setup
        self._send = send
        self._timer: Timer | None = None
        self._delivery = PushDelivery(setup, board.rng("push"))
        setup.on = {**setup.on, "push": self._begin}
        board.rtc.on_set.append(self._arm)

    def _begin(self, argument: Data) -> None:
        self._delivery.begin(self._board.rtc.read())
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._delivery.deadline
        self._timer = None if deadline is None else self._firmware.at(self._board.rtc.when(deadline), self._run)

    def _run(self) -> None:
        now = self._board.rtc.read()
        if self._delivery.expire(now):
            number = self._board.nvm.counter(_COUNTER, step=16).next() & 0xFFFFFF
            apdu = self._device.notification(self._setup, number, date_time.encode(now) if self._board.rtc.valid else b"")
            destination: bytes = self._setup.send_destination_and_method.value[1].value
            gone = self._send(destination, apdu)
            self._board.log("push", {"object": str(self._setup.name), "gone": gone})
            if gone:
                self._delivery.sent()
            else:
                self._delivery.failed(now)
        self._arm()
