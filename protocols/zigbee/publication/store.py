"""What is published and holds or will hold, sans-I/O: one set of rules for every row of a table (SE 1.4 clause D.4.2.4 and kin).

A publication is known by its issuer event identifier. One that was issued earlier than what holds at its start is ignored; one
that was issued later takes the place of those that begin while it lasts. Start time 0 is now; 0xFFFFFFFF withdraws the
publication of the same identifier. One in several commands holds when the last of them is here, and the one before it until
then. A publication that is refused changes nothing.

Publisher and reader keep the same store. Times are seconds since 2000-01-01 UTC and always given. Not here: what the values
mean, who sends them to whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

from protocols.core.codec import Frame
from protocols.zigbee.publication.table import NEVER, NOW, Row, number
from protocols.zigbee.zcl.cluster import command_of
from protocols.zigbee.zcl.status import Status

F = TypeVar("F", bound=Frame)
T = TypeVar("T")

ANY_EVENT = 0xFFFFFFFF
ANY_PROVIDER = 0xFFFFFFFF
ANY_OCTET = 0xFF
Plain = list[list[Any]]


class Result(NamedTuple):
    """What became of a publication. SUCCESS without a change: it was here already, or is out of date."""

    status: Status
    changed: bool = False
    frame: Frame | None = None
    """As it was taken: with the time of a start that was to be at once."""


@dataclass(slots=True)
class Entry:
    """One publication. `start`: when it begins to hold."""

    row: Row
    thing: tuple[int, ...]
    event: int
    start: int
    frames: dict[int, Frame] = field(default_factory=dict)
    """Its commands by number."""

    @property
    def whole(self) -> bool:
        """All its commands are here."""
        if self.row.pieces is None:
            return True
        _, count = self.row.pieces
        return len(self.frames) >= number(next(iter(self.frames.values())), count)

    @property
    def first(self) -> Frame:
        """Its first command."""
        return self.frames[min(self.frames)]

    @property
    def end(self) -> int | None:
        """When it is over; None: when the next begins."""
        length = self.row.length(self.first)
        return None if length is None else self.start + length

    def covers(self, time: int) -> bool:
        """Whether it holds then, for all it says itself."""
        return self.start <= time and ((end := self.end) is None or time < end)

    def commands(self) -> list[Frame]:
        """Its commands in order."""
        return [self.frames[index] for index in sorted(self.frames)]


def _starting(frame: F, name: str, start: int) -> F:
    values = {each: getattr(frame, each) for each in frame.__struct_fields__}
    return type(frame)(**{**values, name: start})


class Store:
    """Publications of some tables. `stored` is what `plain` gave before a restart."""

    def __init__(self, rows: Iterable[Row], stored: Plain | None = None) -> None:
        self.rows: dict[type[Frame], Row] = {row.command: row for row in rows}
        self.questions = {row.question: row for row in self.rows.values() if row.question is not None}
        self._entries: dict[type[Frame], list[Entry]] = {command: [] for command in self.rows}
        self._made: dict[tuple[object, int], tuple[int, int | None, object]] = {}
        named = {(declared.cluster.id, declared.id): row for row in self.rows.values() for declared in [command_of(row.command)]}
        for cluster, command, start, octets in stored or []:
            self._restore(named[cluster, command], start, [bytes(each) for each in octets])

    def _restore(self, row: Row, start: int, octets: Sequence[bytes]) -> None:
        frames = [row.command.parse(each) for each in octets]
        entry = Entry(row, row.thing(frames[0]), number(frames[0], "issuer_event_id") if _issued(row) else 0, start)
        entry.frames = {_index(row, frame): frame for frame in frames}
        self._entries[row.command].append(entry)

    def __bool__(self) -> bool:
        return any(self._entries.values())

    # --- taking ---

    def publish(self, frame: Frame, now: int) -> Result:
        """Take a publication, a part of one, or a withdrawal."""
        result = self._publish(frame, now)
        if result.changed:
            self._made.clear()
        return result

    def _publish(self, frame: Frame, now: int) -> Result:
        row = self.rows[type(frame)]
        refusal = row.check(frame)
        if refusal:
            return Result(refusal)
        if row.cancels is not None:
            return self._cancel(row, frame, now)
        event = number(frame, "issuer_event_id") if _issued(row) else 0
        if row.start and number(frame, row.start) == NOW:
            frame = _starting(frame, row.start, now)
        begins = number(frame, row.start) if row.start else NOW
        thing = row.thing(frame)
        entries = self._entries[row.command]
        same = [entry for entry in entries if entry.thing == thing]
        known = next((entry for entry in same if entry.event == event), None)
        if begins == NEVER:
            if known is None:
                return Result(Status.NOT_FOUND)
            entries.remove(known)
            return Result(Status.SUCCESS, True, frame)
        refusal = self._fits(row, frame)
        if refusal:
            return Result(refusal)
        if known is not None:
            return self._another(known, frame)
        if any(other.event > event and other.whole and other.covers(begins) for other in same):
            return Result(Status.SUCCESS)
        fresh = Entry(row, thing, event, begins, {_index(row, frame): frame})
        if row.pieces is not None and not 0 <= _index(row, frame) < max(1, number(frame, row.pieces[1])):
            return Result(Status.INVALID_FIELD)
        if fresh.end is not None and fresh.end <= now and not (row.past or row.newest_first):
            return Result(Status.SUCCESS)  # it is over
        lost = [other for other in same if not other.whole and not fresh.whole] + (self._superseded(fresh) if fresh.whole else [])
        stays = [other for other in same if other not in lost and (other.end is None or other.end > now)]
        upcoming = [other for other in stays if other.start > now]
        if not (row.past or row.newest_first) and begins > now and len(upcoming) + 2 > row.kept:
            return Result(Status.INSUFFICIENT_SPACE)
        if len(entries) - len(lost) >= row.most and not self._make_room(row, now, lost):
            return Result(Status.INSUFFICIENT_SPACE)
        for other in lost:
            entries.remove(other)
        entries.append(fresh)
        entries.sort(key=lambda entry: entry.start)
        self.expire(now)
        return Result(Status.SUCCESS, True, frame)

    def _another(self, entry: Entry, frame: Frame) -> Result:
        """A command of a publication that is known: another part, or the same again."""
        row = entry.row
        if row.revised and number(frame, row.revised) != number(entry.first, row.revised):
            entry.frames = {0: frame}
            return Result(Status.SUCCESS, True, frame)
        if row.pieces is None or _index(row, frame) in entry.frames:
            return Result(Status.SUCCESS)
        index, (_, count) = _index(row, frame), row.pieces
        if number(frame, count) != number(entry.first, count) or index >= number(frame, count):
            return Result(Status.INVALID_FIELD)
        entry.frames[index] = frame
        if entry.whole:
            self._entries[row.command] = [
                other for other in self._entries[row.command] if other is entry or other not in self._superseded(entry)
            ]
        return Result(Status.SUCCESS, True, frame)

    def _superseded(self, fresh: Entry) -> list[Entry]:
        end = fresh.end
        return [
            other
            for other in self._entries[fresh.row.command]
            if other.thing == fresh.thing
            and other.event < fresh.event
            and other.start >= fresh.start
            and (end is None or other.start < end)
            and not fresh.row.newest_first
        ]

    def _make_room(self, row: Row, now: int, lost: list[Entry]) -> bool:
        """History gives way to what is new; so do parts of what nobody heads."""
        entries = [entry for entry in self._entries[row.command] if entry not in lost]
        if row.past or row.newest_first:
            over = [entry for entry in entries if entry.start <= now]
        else:
            over = [entry for entry in entries if row.of is not None and not self._headed(entry)]
        if not over:
            return False
        lost.append(over[0])
        return True

    def _headed(self, entry: Entry) -> bool:
        of = entry.row.of
        name = number(entry.first, entry.row.by)
        return of is None or any(number(head.first, entry.row.by) == name for head in self._entries[of])

    def _fits(self, row: Row, part: Frame) -> Status:
        """Whether a part fits the head that it names, where that is known."""
        if row.of is None:
            return Status.SUCCESS
        name = number(part, row.by)
        heads = [entry.first for entry in self._entries[row.of] if number(entry.first, row.by) == name]
        return row.fits(heads[-1], part) if heads else Status.SUCCESS

    def _cancel(self, row: Row, frame: Frame, now: int) -> Result:
        assert row.cancels is not None
        name = number(frame, row.by)
        found = [entry for entry in self._entries[row.cancels] if number(entry.first, row.by) == name]
        if not found:
            return Result(Status.NOT_FOUND)
        for entry in found:
            self._entries[row.cancels].remove(entry)
        self._drop_parts(row.cancels)
        self._entries[row.command] = [Entry(row, (), 0, now, {0: frame})]
        return Result(Status.SUCCESS, True, frame)

    def _drop_parts(self, head: type[Frame]) -> None:
        for row in self.rows.values():
            if row.of is head:
                self._entries[row.command] = [entry for entry in self._entries[row.command] if self._headed(entry)]

    # --- time ---

    def expire(self, now: int) -> bool:
        """Forget what no longer holds. True when that was something."""
        changed = False
        for command, entries in self._entries.items():
            row = self.rows[command]
            if row.newest_first or not row.start or len(entries) == 0:
                continue
            gone = [entry for thing in {entry.thing: None for entry in entries} for entry in self._over(row, thing, now)]
            if gone:
                self._entries[command] = [entry for entry in entries if entry not in gone]
                self._drop_parts(command)
                changed = True
        if changed:
            self._made.clear()
        return changed

    def _over(self, row: Row, thing: tuple[int, ...], now: int) -> list[Entry]:
        """Those that are over and not history, oldest first."""
        begun = [entry for entry in self._entries[row.command] if entry.thing == thing and entry.whole and entry.start <= now]
        over = [
            entry
            for place, entry in enumerate(begun)
            if not entry.covers(now) or any(later.covers(now) for later in begun[place + 1 :])
        ]
        return over[: len(over) - row.past] if row.past else over

    def deadline(self, now: int) -> int | None:
        """When something begins or ends next."""
        times = [
            time
            for entries in self._entries.values()
            for entry in entries
            for time in (entry.start, entry.end)
            if time is not None and time > now
        ]
        return min(times, default=None)

    # --- asking ---

    def entries(self, command: type[Frame]) -> Iterator[Entry]:
        """All whole publications of a command, by start."""
        return (entry for entry in self._entries[command] if entry.whole)

    def in_force(self, command: type[F], now: int, **wanted: int) -> list[F]:
        """The commands of what holds now, with these field values; none: nothing does."""
        row = self.rows[command]
        found: list[Frame] = []
        for entry in self._entries[command]:
            if entry.whole and entry.covers(now) and all(row.masked(entry.first, name) == value for name, value in wanted.items()):
                found = entry.commands()
        return [frame for frame in found if isinstance(frame, command)]

    def one(self, command: type[F], now: int, **wanted: int) -> F | None:
        """As `in_force`, for what is one command."""
        return next(iter(self.in_force(command, now, **wanted)), None)

    def made(self, make: Callable[[Store, int, int], T], now: int, argument: int) -> T:
        """What `make(store, now, argument)` makes of what is in force: made anew when that changes."""
        known = self._made.get((make, argument))
        if known is None or not (known[0] <= now and (known[1] is None or now < known[1])):
            known = self._made[make, argument] = now, self.deadline(now), make(self, now, argument)
        return cast(T, known[2])

    def answer(self, question: Frame, now: int) -> Sequence[Frame] | Status:
        """The commands that answer a Get command, or NOT_FOUND."""
        row = self.questions[type(question)]
        found = [entry for entry in self.entries(row.command) if _matches(row, question, entry.first)]
        fields = question.__struct_fields__
        if row.newest_first:
            latest = number(question, fields[0]) or now
            found = sorted((entry for entry in found if entry.start <= latest), key=lambda entry: -entry.start)
        elif row.start and (earliest := _earliest(question)) is not None:
            earliest = earliest or now
            found = [entry for entry in found if entry.start >= earliest or self._holds(entry, earliest)]
        if row.first:
            found.sort(key=lambda entry: number(entry.first, row.first))
        if "min_issuer_event_id" in fields and (least := number(question, "min_issuer_event_id")) != ANY_EVENT:
            found = [entry for entry in found if entry.event >= least]
        most = next((number(question, name) for name in fields if name.startswith("number_of_")), 0)
        frames = [frame for entry in (found[:most] if most else found) for frame in entry.commands()]
        return frames or Status.NOT_FOUND

    def _holds(self, entry: Entry, time: int) -> bool:
        """Whether it is the one that holds then, or history about what ends later."""
        if entry.row.past:
            return entry.end is None or entry.end > time
        later = [
            other
            for other in self.entries(entry.row.command)
            if other.thing == entry.thing and entry.start < other.start and other.covers(time)
        ]
        return entry.covers(time) and not later

    # --- memory ---

    def plain(self) -> Plain:
        """For non-volatile memory: cluster, command, start, the commands' octets."""
        rows = []
        for command, entries in self._entries.items():
            declared = command_of(command)
            for entry in entries:
                rows.append([declared.cluster.id, declared.id, entry.start, [each.build() for each in entry.frames.values()]])
        return rows


def _issued(row: Row) -> bool:
    return "issuer_event_id" in row.command.__struct_fields__


def _index(row: Row, frame: Frame) -> int:
    return 0 if row.pieces is None else number(frame, row.pieces[0])


def _earliest(question: Frame) -> int | None:
    name = next((name for name in ("earliest_start_time", "start_time") if name in question.__struct_fields__), None)
    return None if name is None else number(question, name)


_ANY = {"provider_id": ANY_PROVIDER, "calendar_type": ANY_OCTET, "issuer_calendar_id": 0, "issuer_tariff_id": 0}
"""Values in a question that any publication matches."""


def _matches(row: Row, question: Frame, frame: Frame) -> bool:
    """Whether fields that both have agree, and a range in the question holds the frame."""
    theirs = frame.__struct_fields__
    for name in question.__struct_fields__:
        wanted = number(question, name)
        if name == f"start_{row.first}":
            if number(frame, row.first) < wanted:
                return False
        elif name in _KEYS:
            source = next((each for each in row.masks if each.startswith(name)), name)
            any_ = wanted == _ANY.get(name) or source not in theirs
            if not any_ and row.masked(frame, source) != wanted & row.masks.get(source, -1):
                return False
    return True


_KEYS = ("provider_id", "issuer_tariff_id", "issuer_calendar_id", "calendar_type", "tariff_type", "password_type")
"""Fields of questions that name what is wanted."""
