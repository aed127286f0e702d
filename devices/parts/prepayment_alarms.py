"""What the Prepayment cluster says of credit and of friendly credit: status, alarms, times, and the events as they come and go.

Friendly credit is GB's non-disablement: periods in which a supply stays that has no credit. Only an account in prepayment mode has
alarms and events. What was told last is in flash, so that a power cut tells nothing twice.
Not here: alarm masks, tamper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from devices.parts.prepaid import BALANCE, EMERGENCY, Prepaid
from devices.runtime.kernel import DAY, MIN
from protocols.dlms.cosem.credit import CreditStatus as State
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.prepayment import AlarmStatus, CreditStatus, Prepayment
from protocols.zigbee.clusters.time import seconds

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from protocols.zigbee.zcl.endpoint import Instance

WARNING: Final = 10
"""Minutes before the end of a friendly period."""
NO_TIME: Final = 0xFFFFFFFF
_AHEAD: Final = 8 * DAY
"""As far as a programme of weekdays reaches."""
_U16: Final = 0xFFFF
_TOLD: Final = "prepayment/alarms"
_EMERGENCY: Mapping[State, int] = MappingProxyType({
    State.SELECTABLE: int(CreditStatus.EMERGENCY_AVAILABLE),
    State.SELECTED: int(CreditStatus.EMERGENCY_SELECTED),
    State.IN_USE: int(CreditStatus.EMERGENCY_SELECTED | CreditStatus.EMERGENCY_IN_USE),
})  # fmt: skip
"""What the credit status says of emergency credit."""


class Condition(IntFlag):
    """What holds of an account."""

    LOW = 0x01
    EXHAUSTED = 0x02
    EMERGENCY_ENABLED = 0x04
    EMERGENCY_EXHAUSTED = 0x08
    FRIENDLY_IN_USE = 0x10
    FRIENDLY_PERIOD = 0x20


COMES: Final = {
    Condition.LOW: EventId.LOW_CREDIT,
    Condition.EXHAUSTED: EventId.CREDIT_EXHAUSTED,
    Condition.EMERGENCY_ENABLED: EventId.EMERGENCY_CREDIT_ENABLED,
    Condition.EMERGENCY_EXHAUSTED: EventId.EMERGENCY_CREDIT_EXHAUSTED,
    Condition.FRIENDLY_IN_USE: EventId.FRIENDLY_CREDIT_IN_USE,
}
"""Events of what has come to hold."""
GOES: Final = {Condition.FRIENDLY_PERIOD: EventId.FRIENDLY_CREDIT_PERIOD_END}
"""Events of what holds no more."""


class PrepaymentAlarms:
    """Its attributes on a server. `refused`: the alarm of the last top-up. `happened(event, log)`: told of each event."""

    def __init__(self, board: Board, server: Instance, account: Prepaid) -> None:
        self._board = board
        self._account = account
        self.refused = AlarmStatus(0)
        self.happened: Callable[[int, LogId], object] = lambda event, log: None
        account.on_change = self.look
        server[Prepayment.credit_status] = self.status
        server[Prepayment.prepayment_alarm_status] = self.alarms
        server[Prepayment.friendly_credit_warning] = WARNING
        server[Prepayment.remaining_friendly_credit_time] = self.remaining
        server[Prepayment.next_friendly_credit_period] = self._next_period

    def status(self) -> int:
        """The credit status."""
        balance, emergency = self._account.credit(BALANCE), self._account.credit(EMERGENCY)
        low = balance.amount <= balance.warning_threshold.value
        status = int(CreditStatus.LOW if low else CreditStatus.OK)
        if emergency.preset_credit_amount.value:
            status |= CreditStatus.EMERGENCY_ENABLED
        status |= _EMERGENCY.get(emergency.status, 0)
        if self._account.payment.in_use is None:
            status |= CreditStatus.EXHAUSTED
        return int(status)

    def alarms(self) -> int:
        """The prepayment alarm status."""
        account, status, alarms = self._account, self.status(), self.refused
        if account.prepaid and status & CreditStatus.LOW:
            alarms |= AlarmStatus.LOW_CREDIT
        if account.prepaid and status & CreditStatus.EMERGENCY_AVAILABLE:
            alarms |= AlarmStatus.EMERGENCY_AVAILABLE
        if account.on_friendly_credit:
            alarms |= AlarmStatus.FRIENDLY_CREDIT_IN_USE
        if account.prepaid and account.friendly and account.coming(begins=False, ahead=WARNING * MIN) is not None:
            alarms |= AlarmStatus.FRIENDLY_CREDIT_END_WARNING
        return alarms | (AlarmStatus.DISCONNECTED_BY_CREDIT if account.disabled else 0)

    def remaining(self) -> int:
        """Minutes of this friendly period that are left; 0 outside of one."""
        end = self._account.coming(begins=False, ahead=_AHEAD) if self._account.friendly else None
        return 0 if end is None else min(-(-(end - self._board.rtc.read()) // MIN), _U16)

    def _next_period(self) -> int:
        begin = self._account.coming(begins=True, ahead=_AHEAD)
        return NO_TIME if begin is None else seconds(begin)

    def look(self) -> None:
        """The account has changed: tell what came and went since the last time."""
        before, now = Condition(self._board.nvm.get(_TOLD, 0)), self._holds()
        if now == before:
            return
        self._board.nvm.put({_TOLD: int(now)})
        for condition, event in COMES.items():
            if condition & now & ~before:
                self.happened(event, LogId.GENERAL)
        for condition, event in GOES.items():
            if condition & before & ~now:
                self.happened(event, LogId.GENERAL)

    def _holds(self) -> Condition:
        if not self._account.prepaid:
            return Condition(0)
        account, status = self._account, self.status()
        state = account.credit(EMERGENCY).status
        holds = {
            Condition.LOW: status & CreditStatus.LOW,
            Condition.EXHAUSTED: status & CreditStatus.EXHAUSTED,
            Condition.EMERGENCY_ENABLED: status & CreditStatus.EMERGENCY_SELECTED,
            Condition.EMERGENCY_EXHAUSTED: state is State.EXHAUSTED,
            Condition.FRIENDLY_IN_USE: account.on_friendly_credit,
            Condition.FRIENDLY_PERIOD: account.friendly,
        }
        return Condition(sum(condition for condition, held in holds.items() if held))
