"""Which UTRNs a meter has credited, and how often somebody guessed: each counts once, whatever its way and order (GB).

Of the last 512 numbers it is known which were used, and older ones are refused; five wrong codes in a row suspend top-ups for a
quarter of an hour, right ones among them. A code that is refused for its amount, or because nobody prepays, is not used up.
Not here: the meter's own share in agreeing on the secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.prepaid import PENCE, Prepaid
from devices.runtime.kernel import MIN
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.gbcs import utrn
from protocols.zigbee.clusters.prepayment import TopUpResult

if TYPE_CHECKING:
    from devices.runtime.board import Board

WRONG_MOST: Final = 5
SUSPENDED: Final = 15 * MIN
WINDOW: Final = 512
"""Numbers that are told apart behind the newest."""


class Utrns:
    """A meter's. `key`: of its record in flash, which `kept` is; `pay(code, thousandths of a penny)` credits, or says why not."""

    def __init__(self, board: Board, key: str, secret: bytes, originator: int, account: Prepaid) -> None:
        self._board = board
        self._key = key
        self._secret = secret
        self._originator = originator
        self._account = account
        self.newest: int
        self.newest, mask, self._wrong, self._until = board.nvm.get(key, [0, b"", 0, 0])
        self._mask = int.from_bytes(mask, "big")

    def kept(self) -> dict[str, object]:
        """For flash, in one transaction with the credit."""
        if not (self.newest or self._mask or self._wrong or self._until):
            return {}
        return {self._key: [self.newest, self._mask.to_bytes(WINDOW // 8, "big"), self._wrong, self._until]}

    def judge(self, token: bytes, pay: Callable[[bytes, int], TokenStatus]) -> Judgement:
        """What becomes of a code."""
        account, now = self._account, self._board.rtc.read()
        account.why = None
        try:
            told = utrn.parse(token.decode("ascii", "replace"))
            amount = told.pence * PENCE
        except RemoteProtocolError:
            return Judgement(TokenStatus.FORMAT_FAILURE)
        if now < self._until <= now + SUSPENDED:
            account.why = TopUpResult.KEYPAD_LOCKED
            return Judgement(TokenStatus.EXECUTION_FAILURE, (b"suspended",))
        back = (self.newest - told.number + WINDOW - 1) % utrn.NUMBERS - (WINDOW - 1)
        number = max(self.newest - back, 0)
        if not utrn.authentic(told, self._secret, self._originator, self._board.eui64, number):
            return self._guessed(now)
        if back >= WINDOW or (back >= 0 and self._mask >> back & 1):
            return Judgement(TokenStatus.VALIDATION_FAILURE)
        if not account.prepaid:
            account.why = TopUpResult.ERROR
            return Judgement(TokenStatus.EXECUTION_FAILURE, (b"credit mode",))
        before = self.newest, self._mask, self._wrong, self._until
        if back < 0:
            self.newest, self._mask = number, (self._mask << -back | 1) & (1 << WINDOW) - 1
        else:
            self._mask |= 1 << back
        self._wrong = self._until = 0
        status = pay(token, amount)
        if status is not TokenStatus.EXECUTION_OK:
            self.newest, self._mask, self._wrong, self._until = before
        return Judgement(status)

    def _guessed(self, now: int) -> Judgement:
        self._wrong += 1
        if self._wrong >= WRONG_MOST:
            self._wrong, self._until = 0, now + SUSPENDED
        self._board.nvm.put(self.kept())
        return Judgement(TokenStatus.AUTHENTICATION_FAILURE)
