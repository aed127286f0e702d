"""Display and keypad of a hub with accounts: all that prepayment knows, on pages, and one keypad for both fuels (S-146).

Digits and `ok`: 20 of them are a token, 12 a reading carried from the gas meter, which gives the code to type in there. `ok` alone
turns the page, and has the wired electricity meter read at once, whose display this is (S-158). `clear` forgets what is typed and
goes back to the first page; `emergency` takes emergency credit for whichever account is out of credit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.screen import STALE, line
from hubfw.prepay.account import PENNY, Account
from hubfw.prepay.electricity import ElectricityPrepay
from hubfw.prepay.gas import GasPrepay
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.hub_prepayment.cluster import NEVER
from protocols.zigbee.hub_prepayment.codes import READING_DIGITS, TOKEN_DIGITS

if TYPE_CHECKING:
    from devices.runtime.board import Board

PAGE: Final = 6
"""Lines of a page: below it is what is typed, and what came of it."""


class Face:
    """`enter(token)`: what became of it; `lend()`: whether there was emergency credit."""

    def __init__(
        self,
        board: Board,
        accounts: Mapping[str, Account],
        gas: GasPrepay | None,
        electricity: ElectricityPrepay | None,
        enter: Callable[[str], str],
        lend: Callable[[], bool],
    ) -> None:
        self._board = board
        self._accounts = accounts
        self._gas, self._electricity = gas, electricity
        self._enter, self._lend = enter, lend
        self._typed = self._told = ""
        self._page = 0
        board.buttons.on_press = self._pressed

    def show(self) -> None:
        """Draw it."""
        page = list(self._glance())[:PAGE]
        if self._page:
            lines = [*page, *[""] * (PAGE - len(page)), *self._details()]
            first = self._page * PAGE % (-(-len(lines) // PAGE) * PAGE)
            page = lines[first : first + PAGE]
        self._board.display.show([*page, *[""] * (PAGE - len(page)), line("", self._typed), self._told])

    def _glance(self) -> Iterator[str]:
        """The first page."""
        for fuel, account in self._accounts.items():
            yield line(fuel, pounds(account.balance))
        gas = self._gas
        if gas is not None:
            cut_off = gas.cut_off
            yield line("gas used", f"{gas.volume / 1000:.3f} m3")
            yield line("cut-off at", "none now" if cut_off == NEVER else f"{cut_off / 1000:.3f} m3")
            yield line("valve", gas.valve.name.lower())
            yield line("time-out", f"{gas.contact.left / 2:g} h left")

    def _details(self) -> Iterator[str]:
        """Those after it."""
        electricity = self._electricity
        if electricity is not None:
            register = electricity.account.register
            yield line("el. used", STALE if register is None else f"{register / 1000:.3f} kWh")
            yield line("el. today", f"{electricity.account.today / 1000:.3f} kWh")
            yield line("el. supply", "on" if electricity.supplied else "off")
        if self._gas is not None:
            yield line("gas silent for", f"{self._gas.contact.failed / 2:g} h")
        for fuel, account in self._accounts.items():
            short = fuel if fuel == "gas" else "el."
            price, block = account.present
            yield line(f"{short} emergency", pounds(account.lent))
            yield line(f"{short} block {block}" if account.tariff.blocks else f"{short} kWh", f"{price / PENNY:.2f} p")
            yield line(f"{short} a day", f"{account.tariff.standing / PENNY:.2f} p")

    def _pressed(self, button: str) -> None:
        if button == "ok" and not self._typed:
            self._page, self._told = self._page + 1, ""
            if self._electricity is not None:
                self._electricity.settle()
        elif button == "ok":
            self._told = self._done(self._typed)
            self._typed, self._page = "", 0
        elif button == "clear":
            self._typed, self._told, self._page = "", "", 0
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
