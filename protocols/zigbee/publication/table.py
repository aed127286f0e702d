"""Rows of a table of published commands: what each is about, when it holds, which question gets it (SE 1.4 annexes D.4, D.9, D.10).

A row is data; what is done with rows is `store`. Times are seconds since 2000-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee.zcl.status import Status

NOW: Final = 0
"""Start time: at once."""
NEVER: Final = 0xFFFFFFFF
"""Start time: the publication with this issuer event identifier is withdrawn."""
UNTIL_CHANGED: Final = 0xFFFF
"""Duration in minutes: for as long as nothing else is published."""
LONGEST_PERIOD: Final = 0x3FFFFF

Check = Callable[[Frame], Status]
Fits = Callable[[Frame, Frame], Status]
Length = Callable[[Frame], int | None]


def fine(frame: Frame) -> Status:
    """No field of it can be wrong."""
    return Status.SUCCESS


def until_changed(frame: Frame) -> int | None:
    """It holds until the next one."""
    return None


def number(frame: Frame, name: str) -> int:
    """An integer field; 0 where there is none."""
    value = getattr(frame, name, 0)
    return value if isinstance(value, int) else 0


@dataclass(frozen=True, slots=True)
class Row:
    """One published command. Fields of commands go by name."""

    command: type[Frame]
    question: type[Frame] | None = None
    """The Get command that is answered with it."""
    about: tuple[str, ...] = ()
    """Fields that say what it is about: of two that are about the same, the later issued supersedes the earlier."""
    masks: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Bits that count of a field in `about` or in the question."""
    start: str = ""
    """Its start time; without one it holds for as long as what it is a part of."""
    length: Length = until_changed
    """Seconds that it lasts from its start, None until changed."""
    kept: int = 2
    """How many about the same thing are kept, in force and to come."""
    past: int = 0
    """How many that are over are kept besides: they are history that is asked for."""
    newest_first: bool = False
    """It is history, answered from the latest back."""
    most: int = 16
    """How many in all."""
    pieces: tuple[str, str] | None = None
    """Fields that number its commands from 0 on, and say how many there are."""
    of: type[Frame] | None = None
    """The command that heads what it is a part of: it goes with that."""
    by: str = ""
    """The field that names the head in both."""
    fits: Fits = lambda head, part: Status.SUCCESS
    """(head, part): whether a part's fields are within what the head says."""
    first: str = ""
    """The field that a range in the question counts: `start_<first>` and how many."""
    cancels: type[Frame] | None = None
    """It withdraws those of this command with the same `by`, and their parts."""
    revised: str = ""
    """A field that may change in a publication that is known: an answer of the other side."""
    check: Check = fine
    """Whether its fields are in range."""

    def masked(self, frame: Frame, name: str) -> int:
        """A field's value, or the bits that count."""
        return number(frame, name) & self.masks.get(name, -1)

    def thing(self, frame: Frame) -> tuple[int, ...]:
        """What a publication is about."""
        return tuple(self.masked(frame, name) for name in self.about)


def minutes(name: str) -> Length:
    """The length is a field in minutes; all ones: until changed."""

    def length(frame: Frame) -> int | None:
        value = number(frame, name)
        return None if value >= UNTIL_CHANGED else 60 * value

    return length


_UNITS = (60, 86_400, 7 * 86_400, 2_629_746)
"""Seconds of a minute, a day, a week and a mean month."""


def period(name: str, unit: str) -> Length:
    """The length is a field of 24 bits in minutes, days, weeks or months as another one says; all ones: until changed."""

    def length(frame: Frame) -> int | None:
        value = number(frame, name)
        timebase = number(frame, unit) & 0x0F
        return None if value >= LONGEST_PERIOD or timebase >= len(_UNITS) else value * _UNITS[timebase]

    return length


def limits(**ranges: tuple[int, int]) -> Check:
    """Fields that have a first and a last value; an optional one that is absent is fine."""

    def check(frame: Frame) -> Status:
        for name, (first, last) in ranges.items():
            value = getattr(frame, name)
            if isinstance(value, int) and not first <= value <= last:
                return Status.INVALID_FIELD
        return Status.SUCCESS

    return check


def both(*checks: Check) -> Check:
    """The first refusal of several checks."""

    def check(frame: Frame) -> Status:
        return next((status for each in checks if (status := each(frame))), Status.SUCCESS)

    return check
