"""Single action schedule (class 22): one script, at one or more times. Blue Book 4.5.7.

The type says how the times may look: all the same or not, with open fields in the dates or without. Both that and the
number of times are checked against the type that stands, so a client that changes kind writes the type first. A time
that passed unseen is made up for once, however often it passed: a billing period that ended during a power failure ends
when the power is back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute
from protocols.dlms.cosem.recurrence import DATE, TIME, Date, Recurrence, Time
from protocols.dlms.cosem.timed import NO_SCRIPT, SCRIPT, Call
from protocols.dlms.cosem.types import Array, Enumerated, Structure
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

EXECUTION_TIME: Final = Structure(time=TIME, date=DATE)
"""execution_time_date: first the time, then the date."""


class ScheduleType(IntEnum):
    """type."""

    ONE_TIME_OPEN_DATE = 1
    SAME_TIMES_WHOLE_DATES = 2
    SAME_TIMES_OPEN_DATES = 3
    OWN_TIMES_WHOLE_DATES = 4
    OWN_TIMES_OPEN_DATES = 5


_SAME_TIMES: Final = frozenset({ScheduleType.SAME_TIMES_WHOLE_DATES, ScheduleType.SAME_TIMES_OPEN_DATES})
_WHOLE_DATES: Final = frozenset({ScheduleType.SAME_TIMES_WHOLE_DATES, ScheduleType.OWN_TIMES_WHOLE_DATES})


class SingleActionSchedule(InterfaceClass, id=22, version=0):
    """Runs `executed_script` at each `execution_time`.

    `SingleActionSchedule("0-0:15.0.0", executed_script=(Obis("0-0:10.0.1"), 1), execution_time=[(time, date)])`
    """

    executed_script: Attribute = attribute(2, SCRIPT, default=NO_SCRIPT)
    type: Attribute = attribute(3, Enumerated(ScheduleType), default=ScheduleType.ONE_TIME_OPEN_DATE)
    execution_time: Attribute = attribute(4, Array(EXECUTION_TIME, most=64), default=(), access=Access.READ_WRITE)

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As every attribute; execution times that the type does not allow are refused."""
        if number == 4:
            self.attributes[4].type.admit(value)
            _check(self.type.value, [(item.value[0].value, item.value[1].value) for item in value.value])
        super().write(number, value, selection)

    def due(self, after: int, zone: Zone) -> int | None:
        """The next execution time."""
        times = (zone.upcoming(rule, after) for rule in self._rules())
        return min((at for at in times if at is not None), default=None)

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """The script, if a time has come."""
        times = (zone.latest(rule, now) for rule in self._rules())
        latest = max((at for at in times if at is not None), default=None)
        name, selector = (item.value for item in self.executed_script.value)
        if latest is None or latest <= since or not selector:
            return ()
        return (Call.script(latest, name, selector),)

    def _rules(self) -> list[Recurrence]:
        return [
            Recurrence(Date.parse(date.value), Time.parse(time.value))
            for time, date in (item.value for item in self.execution_time.value)
        ]


def _check(type: int, times: list[tuple[bytes, bytes]]) -> None:
    if type == ScheduleType.ONE_TIME_OPEN_DATE and len(times) > 1:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "this type has one execution time")
    if type in _SAME_TIMES and len({time for time, _ in times}) > 1:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "this type has one time of day")
    if type in _WHOLE_DATES and not all(Date.parse(date).is_complete for _, date in times):
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "this type has whole dates only")
