"""Prepayment at the gas meter: the account is there from the first order on that anybody gives it (`account`).

Until then the meter reports what a customer on credit has: nothing kept, owed or recovered. Only the hub's orders begin an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.gsme.zcl import MILLIPENCE, POUND_STERLING
from devices.parts.han import HUB
from devices.parts.screen import line, money
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.zcl.endpoint import Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.gsme.account import Account
    from devices.gsme.firmware import Firmware
    from protocols.core.codec import Frame
    from protocols.zigbee.zcl.endpoint import Endpoint

KEY: Final = "gas/account"
_ORDERS: Final[tuple[type[Frame], ...]] = (
    Prepayment.ChangeDebt, Prepayment.EmergencyCreditSetup, Prepayment.ConsumerTopUp, Prepayment.CreditAdjustment,
    Prepayment.ChangePaymentMode, Prepayment.SetLowCreditWarningLevel, Prepayment.SetMaximumCreditLimit,
    Prepayment.SetOverallDebtCap,
)  # fmt: skip


class Payments:
    """On the meter's endpoint."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint) -> None:
        self._firmware = firmware
        self._server = endpoint.server(Prepayment)
        self.account: Account | None = None
        for command in _ORDERS:
            self._server.on(command, self._first)
        if KEY in firmware.board.nvm:
            self.open()

    def open(self) -> Account:
        """The account; where there was none, from now on."""
        from devices.gsme.account import Account  # most meters never have one

        self.account = Account(self._firmware, self._server)
        return self.account

    def taken(self, litres: int) -> None:
        """A reading was taken, and is in flash."""
        if self.account is not None:
            self.account.advance(litres)

    @property
    def lines(self) -> list[str]:
        """For the display: what is left, where it is prepaid."""
        account = self.account
        if account is None or not account.prepaid:
            return []
        from devices.parts.prepaid import BALANCE

        return [line("CREDIT", money(account.credit(BALANCE).amount, MILLIPENCE, POUND_STERLING))]

    def _first(self, command: Frame, request: Request) -> Outcome:
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        self.open()
        outcome: Outcome = self._server.handlers[type(command)](command, request)
        return outcome
