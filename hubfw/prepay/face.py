"""Display and keypad of a hub with accounts: all that prepayment knows at a glance, and one keypad for both fuels (S-146).

Digits and `ok`: 20 of them are a token, 12 a reading carried from the gas meter, which gives the code to type in there. `clear`
forgets what is typed; `emergency` takes emergency credit for whichever account is out of credit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.screen import line
from hubfw.prepay.account import PENNY, Account
from hubfw.prepay.gas import GasPrepay
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.hub_prepayment.cluster import NEVER
from protocols.zigbee.hub_prepayment.codes import READING_DIGITS, TOKEN_DIGITS

if TYPE_CHECKING:
    from devices.runtime.board import Board

BUTTONS: Final = (*"0123456789", "ok", "clear", "emergency")


class Face:
    """`enter(token)`: what became of it; `lend()`: whether there was emergency credit."""

    def __init__(
        self,
        board: Board,
        accounts: Mapping[str, Account],
        gas: GasPrepay | None,
        enter: Callable[[str], str],
        lend: Callable[[], bool],
    ) -> None:
        self._board = board
        self._accounts = accounts
        self._gas = gas
        self._enter, self._lend = enter, lend
        self._typed = self._told = ""
        board.buttons.on_press = self._pressed

    def show(self) -> None:
        """Draw it."""
        lines = [line(fuel, pounds(account.balance)) for fuel, account in self._accounts.items()]
        lines += [line("  emergency lent", pounds(account.lent)) for account in self._accounts.values() if account.lent]
        gas = self._gas
        if gas is not None:
            cut_off = gas.cut_off
            lines += [
                line("gas used", f"{gas.volume / 1000:.3f} m3"),
                line("cut-off at", "none now" if cut_off == NEVER else f"{cut_off / 1000:.3f} m3"),
                line("valve", gas.valve.name.lower()),
                line("without contact", f"{gas.contact.left / 2:g} h left"),
            ]
        self._board.display.show([*lines[:6], line("", self._typed), self._told])

    def _pressed(self, button: str) -> None:
        if button == "ok":
            self._told = self._done(self._typed)
            self._typed = ""
        elif button == "clear":
            self._typed = self._told = ""
        elif button == "emergency":
            self._told = "emergency credit" if self._lend() else "none to be had"
        else:
            self._typed = (self._typed + button)[-TOKEN_DIGITS:]
        self.show()

    def _done(self, digits: str) -> str:
        if len(digits) == TOKEN_DIGITS:
            return self._enter(digits)
        if len(digits) == READING_DIGITS and self._gas is not None:
            try:
                code = self._gas.carried(digits)
            except RemoteProtocolError as error:
                return str(error)[:24]
            return f"code {code}"
        return f"{len(digits)} digits mean nothing"[:24]


def pounds(micropence: int) -> str:
    """An amount of money as people read it: to the penny, downwards."""
    pence = micropence // PENNY
    return f"{'-' * (pence < 0)}£{abs(pence) // 100}.{abs(pence) % 100:02d}"
