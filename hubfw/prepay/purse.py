"""What people bring: tokens, each credited once, by whatever way it comes (S-156, S-157).

The head end writes a token, a keypad types it, a card terminal or a display passes it on: all of them end here, and no meter needs
to know of it. Which numbers were used is in flash together with the credit, so a token counts once over any power cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from hubfw.prepay.account import PENNY, Account
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.hub_prepayment.codes import COUNTERS, open_token

if TYPE_CHECKING:
    from devices.runtime.board import Board

_USED: Final = "prepay/used/"


class Outcome(Enum):
    """What became of a token."""

    CREDITED = "credited"
    USED = "used already"
    WRONG = "not valid"
    NO_ACCOUNT = "no account for this fuel"


class Purse:
    """`keep(fuel)`: what else is to be stored with a credit; `credited(fuel)`: called after it is."""

    def __init__(
        self,
        board: Board,
        key: bytes,
        accounts: Mapping[str, Account],
        keep: Callable[[str], dict[str, object]],
        credited: Callable[[str], object],
    ) -> None:
        self._board = board
        self._key = key
        self._accounts = accounts
        self._keep = keep
        self._credited = credited

    def enter(self, digits: str) -> Outcome:
        """A token, from wherever."""
        try:
            top_up = open_token(self._key, self._board.eui64, digits)
        except RemoteProtocolError as error:
            return self._told(Outcome.WRONG, str(error))
        fuel = "electricity" if top_up.electricity else "gas"
        account = self._accounts.get(fuel)
        if account is None:
            return self._told(Outcome.NO_ACCOUNT, fuel)
        used = bytearray(self._board.nvm.get(_USED + fuel, bytes(COUNTERS // 8)))
        place, bit = top_up.counter // 8, 1 << top_up.counter % 8
        if used[place] & bit:
            return self._told(Outcome.USED, f"{fuel} {top_up.counter}")
        used[place] |= bit
        account.top_up(top_up.pence * PENNY)
        self._board.nvm.put({_USED + fuel: bytes(used), **self._keep(fuel)})
        self._credited(fuel)
        return self._told(Outcome.CREDITED, f"{fuel} {top_up.pence}")

    def _told(self, outcome: Outcome, what: str) -> Outcome:
        self._board.log("prepay.token", {"outcome": outcome.value, "what": what})
        return outcome
