"""Prepayment in the hub, put together: accounts, meters, purse, face and objects. A hub without it never loads this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from hubfw.config import PREPAY_GAS
from hubfw.device_log import DeviceLog
from hubfw.meter import Meter
from hubfw.prepay import objects
from hubfw.prepay.account import PENNY, Account
from hubfw.prepay.config import Prepay
from hubfw.prepay.electricity import ElectricityPrepay
from hubfw.prepay.face import Face
from hubfw.prepay.gas import GasPrepay
from hubfw.prepay.purse import Outcome as Became
from hubfw.prepay.purse import Purse
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.cosem.zone import Zone
from protocols.zigbee.clusters.prepayment import Prepayment as Window
from protocols.zigbee.clusters.prepayment import TopUpResult
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

MILLIPENNY: Final = PENNY // 1000
"""What the home network counts in."""
_RESULTS: Final[Mapping[Became, TopUpResult]] = {
    Became.CREDITED: TopUpResult.ACCEPTED,
    Became.USED: TopUpResult.DUPLICATE,
    Became.WRONG: TopUpResult.INVALID,
    Became.NO_ACCOUNT: TopUpResult.ERROR,
}


class Prepayment:
    """`show`, `warn`, `notice`: as of GasPrepay. `wired()`: the electricity meter on the wire. `time()`: a COSEM date-time.
    `zone()`: what local time is."""

    def __init__(
        self,
        firmware: Firmware,
        config: Prepay,
        han: Han,
        endpoint: Endpoint,
        log: DeviceLog,
        *,
        show: Callable[[int, dict[tuple[int, int], object]], object],
        warn: Callable[[str], object],
        notice: Callable[[int], object],
        wired: Callable[[], Meter | None],
        password: bytes,
        time: Callable[[], bytes],
        zone: Callable[[], Zone],
    ) -> None:
        self._firmware = firmware
        self._time = time
        self.accounts: dict[str, Account] = {}
        self.gas: GasPrepay | None = None
        self.electricity: ElectricityPrepay | None = None
        if log.of(PREPAY_GAS):
            self.gas = GasPrepay(firmware, han, endpoint, config, log, show=show, warn=warn, notice=notice, zone=zone)
            self.accounts["gas"] = self.gas.account
        if config.electricity is not None:
            self.electricity = ElectricityPrepay(firmware, config, wired, password, zone)
            self.accounts["electricity"] = self.electricity.account
        self.purse = Purse(firmware.board, config.code_key, self.accounts, self._plain, self._credited)
        endpoint.serve(Window).on(Window.ConsumerTopUp, self._passed_on)
        self.face = Face(
            firmware.board, self.accounts, self.gas, self.electricity, lambda digits: self.purse.enter(digits).value, self.lend
        )
        if self.electricity is not None:
            self.electricity.on_change = self.face.show

    def start(self) -> None:
        """The hub has booted."""
        for part in (self.gas, self.electricity):
            if part is not None:
                part.start()
        self._firmware.every(60_000_000_000, self.face.show)
        self.face.show()

    def lend(self) -> bool:
        """Emergency credit for whichever account wants some and has some; whether one did."""
        lent = [part.lend() for part in (self.gas, self.electricity) if part is not None]
        return any(lent)

    def gas_objects(self) -> list[InterfaceClass]:
        """For the gas proxy's logical device."""
        if self.gas is None:
            return []
        return [*objects.account_objects(self.gas.account, self.purse.enter, self._time), *objects.gas_objects(self.gas)]

    def hub_objects(self) -> list[InterfaceClass]:
        """For the hub's own logical device: the account of the meter on the wire."""
        if self.electricity is None:
            return []
        return objects.account_objects(self.electricity.account, self.purse.enter, self._time)

    def _passed_on(self, command: Window.ConsumerTopUp, request: Request) -> Outcome:
        """A token that somebody gave a display of the home, by whatever it has for that: keys, a card."""
        before = self._credit
        result = _RESULTS[self.purse.enter((command.top_up_code or b"").decode("ascii", "replace"))]
        worth = (self._credit - before) // MILLIPENNY
        credit = self._credit // MILLIPENNY & 0xFFFFFFFF
        return Window.ConsumerTopUpResponse(result, worth, command.originating_device, credit)

    @property
    def _credit(self) -> int:
        return sum(account.balance for account in self.accounts.values())

    def _plain(self, fuel: str) -> dict[str, object]:
        part = self.gas if fuel == "gas" else self.electricity
        return {} if part is None else part.plain()

    def _credited(self, fuel: str) -> None:
        if fuel == "gas" and self.gas is not None:
            self.gas.changed("top-up")
        elif self.electricity is not None:
            self.electricity.settle()
        self.face.show()
