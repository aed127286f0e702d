"""The random offset by which a meter's switching times are spread: for its tariff registers and its auxiliary load switches.

As GB has it: a number drawn once for the meter's life, times a limit of 0 to 1799 s that the supplier may set, later than the
calendar says. As the radio teleswitches had it: some minutes either side. An offset that takes a switching over a boundary of half
hours, at which prices change, is reported each time. The objects are GB's (`0-0:94.44.0.0` to `.2`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from devices.parts.profile_log import HALF_HOUR
from devices.runtime.kernel import S
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, SpecialDaysTable
from protocols.dlms.cosem.interface import Hook
from protocols.dlms.cosem.timed import EXECUTE, Call
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from protocols.dlms.axdr import Data

MOST: Final = 1_799
"""Seconds."""
_WHOLE: Final = 0xFFFF
_NUMBER, _LIMIT = "offset/number", "offset/limit"


class Offset:
    """One meter's. `limit`: of a new one, in seconds; `either_side`: not only later, but as much earlier."""

    def __init__(self, board: Board, limit: int, *, either_side: bool) -> None:
        self._board = board
        self._either_side = either_side
        if _NUMBER not in board.nvm:
            board.nvm.put({_NUMBER: board.rng("offset").getrandbits(16)})
        self._number: int = board.nvm.get(_NUMBER)
        self._limit: int = board.nvm.get(_LIMIT, limit)

    @property
    def seconds(self) -> int:
        """By how much everything is switched later; below zero: earlier."""
        share = 2 * self._number - _WHOLE if self._either_side else self._number
        return self._limit * share // _WHOLE

    @property
    def ns(self) -> int:
        """Likewise."""
        return self.seconds * S

    def moved(self, what: str, at: int) -> None:
        """Something is switched that the calendar has at a time (UTC in ns)."""
        crosses = at // HALF_HOUR != (at + self.ns) // HALF_HOUR
        self._board.log("offset", {"switches": what, "offset": self.seconds, "crosses_price": crosses})

    def objects(self) -> Iterator[InterfaceClass]:
        """Value, limit and number."""

        def set_limit(value: Data) -> None:
            if not 0 <= value.value <= MOST:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"an offset of up to {value.value} s")
            self._board.nvm.put({_LIMIT: value.value})
            self._limit = value.value

        yield cosem.Data("0-0:94.44.0.0", value=lambda: axdr.i16(self.seconds) if self._either_side else axdr.u16(self.seconds))
        yield cosem.Data(
            "0-0:94.44.0.1", value=lambda: axdr.u16(self._limit), on={"value": set_limit}, access={"value": Access.READ_WRITE}
        )
        yield cosem.Data("0-0:94.44.0.2", value=axdr.u16(self._number))


class OffsetCalendar(cosem.ActivityCalendar, id=20, version=0):
    """A calendar that acts by an offset."""

    def __init__(self, name: Obis, offset: Offset, special_days: SpecialDaysTable, on: Mapping[str, Hook]) -> None:
        super().__init__(name, special_days=special_days, on=on)
        self.offset = offset

    def due(self, after: int, zone: Zone) -> int | None:
        due = super().due(after - self.offset.ns, zone)
        return None if due is None else due + self.offset.ns

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        shift = self.offset.ns
        return _moved(self, self.offset, since, super().calls(since - shift, now - shift, zone))


class OffsetSchedule(cosem.Schedule, id=10, version=0):
    """A schedule that acts by an offset."""

    def __init__(self, name: Obis, offset: Offset, special_days: SpecialDaysTable, on: Mapping[str, Hook]) -> None:
        super().__init__(name, special_days=special_days, on=on)
        self.offset = offset

    def due(self, after: int, zone: Zone) -> int | None:
        due = super().due(after - self.offset.ns, zone)
        return None if due is None else due + self.offset.ns

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        shift = self.offset.ns
        return _moved(self, self.offset, since, super().calls(since - shift, now - shift, zone))


def _moved(thing: InterfaceClass, offset: Offset, since: int, calls: Iterable[Call]) -> list[Call]:
    made = []
    for call in calls:
        if call.method == EXECUTE and call.name != thing.name and call.at + offset.ns > since:
            offset.moved(str(thing.name), call.at)
        made.append(replace(call, at=call.at + offset.ns))
    return made
