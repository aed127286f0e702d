"""Everything of a logical device that acts by its clock, as one machine without a clock of its own. Blue Book 4.5.

Tell it the time (UTC in ns) when its `deadline` has come and whenever the clock was set; it makes the calls that are
due, in the order in which they fell due. Time that passed unseen (power failure, a clock set forward) is made up for as
each class has it. A clock set back by more than `SHIFT_LIMIT` does again what lies in the time repeated (4.5.3); by
less, it was only corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, Method
from protocols.dlms.cosem.recurrence import DAY, MINUTE
from protocols.dlms.cosem.special_days import SpecialDaysTable
from protocols.dlms.cosem.timed import Call, Timed
from protocols.dlms.cosem.zone import UTC, Zone
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

SHIFT_LIMIT: Final = 30 * SECOND
LONGEST_GAP: Final = 366 * DAY
"""Nobody asks what should have been done longer ago than this."""
_MOST_ROUNDS: Final = 16
"""Calls that change what is due are followed this often at one instant."""


@dataclass(frozen=True, slots=True)
class Done:
    """A call that was made, and what came of it: 0, or an action-result."""

    call: Call
    result: int


class Timetable:
    """The timed ones of these objects, which stay the same. `find`: any object of the device. `since`: until when everything
    was done before; None: it starts at the first time it is told. `changed()`: somebody wrote to one of the objects."""

    def __init__(
        self,
        objects: Sequence[InterfaceClass],
        find: Callable[[Obis], InterfaceClass | None],
        *,
        zone: Callable[[], Zone] = lambda: UTC,
        since: int | None = None,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._find = find
        self._zone = zone
        self._changed = changed
        self._since = since
        self._working = False
        self._due: dict[Timed, int | None] = {thing: None for thing in objects if isinstance(thing, Timed)}
        self._stale = dict.fromkeys(self._due)
        for thing in objects:
            if isinstance(thing, Timed | Clock | SpecialDaysTable):
                thing.watch(self._touched)

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted next; None before the time was told, and when nothing is to come."""
        if self._stale:
            return self._since
        return min((due for due in self._due.values() if due is not None), default=None)

    @property
    def since(self) -> int | None:
        """Until when everything is done: for a memory that outlives the power."""
        return self._since

    def expire(self, now: int) -> list[Done]:
        """Make the calls that are due. It is safe at any time, and wanted after the clock was set."""
        since = now if self._since is None else max(self._since, now - LONGEST_GAP)
        if now < since:
            self._stale = dict.fromkeys(self._due)
            since = now if since - now > SHIFT_LIMIT else since
        done: list[Done] = []
        self._working = True
        for _ in range(_MOST_ROUNDS):
            asked = [thing for thing, due in self._due.items() if thing in self._stale or (due is not None and due <= now)]
            if not asked:
                break
            self._stale.clear()
            zone = self._zone()
            calls = sorted((call for thing in asked for call in thing.calls(since, now, zone)), key=lambda call: call.at)
            since = max(since, now)
            self._due.update((thing, thing.due(since, zone)) for thing in asked)
            done += [self.make(call) for call in calls]
        self._working = False
        self._stale.clear()
        self._since = since
        return done

    def make(self, call: Call) -> Done:
        """Make one call. An object that refuses what it asked for itself is left alone for a minute."""
        thing = self._find(call.name)
        if thing is None:
            return Done(call, DataAccessResult.OBJECT_UNDEFINED)
        try:
            thing.invoke(call.method, call.argument)
        except AccessError as refusal:
            if isinstance(thing, Timed) and (due := self._due.get(thing)) is not None:
                self._due[thing] = max(due, call.at + MINUTE)
            return Done(call, refusal.result)
        return Done(call, DataAccessResult.SUCCESS)

    def _touched(self, thing: InterfaceClass, member: Attribute | Method) -> None:
        if isinstance(thing, Timed):
            self._stale[thing] = None
        else:
            self._stale = dict.fromkeys(self._due)  # special days and daylight saving are everybody's
        if not self._working:
            self._changed()
