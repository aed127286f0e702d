"""Outage supervisor: decides from the meters' reports whether a loss of supply is an outage, and says so twice at most.

A loss strictly longer than the threshold (180 s) is an outage. It is counted from the arrival of the first meter's report and
decided half a second after the threshold, so that the delay of a report over the HAN never decides a case; a supply that is
back within that half second was not lost for longer than the threshold. One outage gives one last gasp, and one first breath
when every meter that reported the loss has its voltage inside limits again, which the meters judge, not the hub.

An outage whose last gasp was never sent (the reserve was too small for the threshold) is recorded as missed and ends without a
first breath: notices come in pairs. Only `LAST_GASP` and `FIRST_BREATH` leave the premises; the rest is the hub's own record.

Sans-I/O: monotonic `now` in ns for the deadline, `utc` in ns for what is recorded, effects out. Sending is `wan.notifier`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError

MS = 1_000_000
S = 1_000 * MS

THRESHOLD = 180 * S
GRACE = 500 * MS


class State(Enum):
    """What the hub holds of the premises' supply."""

    ON = "on"
    DIP = "dip"
    """Lost, not yet for longer than the threshold."""
    OUT = "out"
    """An outage; the last gasp is sent."""
    DARK = "dark"
    """The reserve ended before the decision."""


class Event(Enum):
    """What can happen to it."""

    LOST = "a meter reports the loss"
    RETURNED = "the hub's own supply is back"
    VOLTAGE_IN_LIMITS = "every meter that reported the loss reports voltage inside limits"
    HELD = "the threshold and the grace have passed"
    RESERVE_EMPTY = "the hub's reserve ends"


class LastGasp(Effect, frozen=True):
    """Tell the head end: supply lost at `lost` (UTC ns)."""

    lost: int


class FirstBreath(Effect, frozen=True):
    """Tell the head end: supply lost at `lost` is back, inside limits, at `restored` (UTC ns)."""

    lost: int
    restored: int


class Interruption(Effect, frozen=True):
    """For the hub's own record: a loss that gave no notice, and why ("dip" or "missed")."""

    kind: str
    lost: int
    ended: int


class Persist(Effect, frozen=True):
    """Keep `state` in non-volatile memory; give it to the next `Supervisor`."""

    state: dict[str, object]


class Supervisor:
    """The state machine of one premises. `stored` is what `Persist` gave before a restart."""

    def __init__(
        self, now: int, utc: int, stored: Mapping[str, object] | None = None, *, threshold: int = THRESHOLD, grace: int = GRACE
    ) -> None:
        self.state = State.ON
        self.deadline: int | None = None
        self.threshold = threshold
        """ns; a new value counts from the next loss on."""
        self._grace = grace
        self._lost_at = 0
        self._waiting: list[str] = []
        if stored:
            self.state = State(stored["state"])
            lost, waiting = stored["lost"], stored["waiting"]
            if not isinstance(lost, int) or not isinstance(waiting, list):
                raise LocalProtocolError(f"stored outage state: {stored!r}")
            self._lost_at, self._waiting = lost, waiting
            if self.state is State.DIP:
                self.deadline = now + max(self._lost_at + self._hold - utc, 0)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Who reported the loss and not yet the return."""
        return tuple(self._waiting)

    @property
    def _hold(self) -> int:
        return self.threshold + self._grace

    def lost(self, source: str, now: int, utc: int) -> list[Effect]:
        """The meter `source` reports that its supply is gone."""
        if source not in self._waiting:
            self._waiting.append(source)
        return self._handle(Event.LOST, now, utc)

    def restored(self, source: str, now: int, utc: int) -> list[Effect]:
        """The meter `source` reports voltage inside its limits. The last one of those that lost it ends the interruption."""
        if source in self._waiting:
            self._waiting.remove(source)
        return self._handle(Event.VOLTAGE_IN_LIMITS, now, utc) if not self._waiting else self._persist()

    def returned(self, now: int, utc: int) -> list[Effect]:
        """The hub's own supply is back."""
        return self._handle(Event.RETURNED, now, utc)

    def reserve_empty(self, now: int, utc: int) -> list[Effect]:
        """The hub goes dark now: the last moment to write something down."""
        return self._handle(Event.RESERVE_EMPTY, now, utc)

    def expire(self, now: int, utc: int) -> list[Effect]:
        """Decide, when the deadline has passed."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._handle(Event.HELD, now, utc)

    def _handle(self, event: Event, now: int, utc: int) -> list[Effect]:
        row = RULES.get((self.state, event))
        if row is None:
            raise LocalProtocolError(f"outage supervisor: {event.value} while {self.state.value}")
        self.state, action = row
        effects = action(self, now, utc)
        return effects + self._persist() if action is not _ignore else effects

    def _persist(self) -> list[Effect]:
        return [Persist({"state": self.state.value, "lost": self._lost_at, "waiting": list(self._waiting)})]

    def _start(self, now: int, utc: int) -> list[Effect]:
        self._lost_at = utc
        self.deadline = now + self._hold
        return []

    def _last_gasp(self, now: int, utc: int) -> list[Effect]:
        self.deadline = None
        return [LastGasp(self._lost_at)]

    def _first_breath(self, now: int, utc: int) -> list[Effect]:
        return [FirstBreath(self._lost_at, utc)]

    def _count_dip(self, now: int, utc: int) -> list[Effect]:
        self.deadline = None
        self._waiting.clear()
        return [Interruption("dip", self._lost_at, utc)]

    def _count_dark(self, now: int, utc: int) -> list[Effect]:
        """The decision was never made. Judged now, it was a dip or an outage whose notice is missing."""
        self._waiting.clear()
        return [Interruption("missed" if utc - self._lost_at > self._hold else "dip", self._lost_at, utc)]

    def _go_dark(self, now: int, utc: int) -> list[Effect]:
        self.deadline = None
        return []


def _ignore(supervisor: Supervisor, now: int, utc: int) -> list[Effect]:
    return []


Action = Callable[[Supervisor, int, int], list[Effect]]

# What the world does always has a row; HELD comes from our own deadline, which only DIP sets.
RULES: dict[tuple[State, Event], tuple[State, Action]] = {
    (State.ON, Event.LOST): (State.DIP, Supervisor._start),
    (State.ON, Event.RETURNED): (State.ON, _ignore),
    (State.ON, Event.VOLTAGE_IN_LIMITS): (State.ON, _ignore),
    (State.ON, Event.RESERVE_EMPTY): (State.ON, _ignore),
    (State.DIP, Event.LOST): (State.DIP, _ignore),
    (State.DIP, Event.RETURNED): (State.ON, Supervisor._count_dip),
    (State.DIP, Event.VOLTAGE_IN_LIMITS): (State.ON, Supervisor._count_dip),
    (State.DIP, Event.HELD): (State.OUT, Supervisor._last_gasp),
    (State.DIP, Event.RESERVE_EMPTY): (State.DARK, Supervisor._go_dark),
    (State.OUT, Event.LOST): (State.OUT, _ignore),
    (State.OUT, Event.RETURNED): (State.OUT, _ignore),  # only the meters say that the voltage is right
    (State.OUT, Event.VOLTAGE_IN_LIMITS): (State.ON, Supervisor._first_breath),
    (State.OUT, Event.RESERVE_EMPTY): (State.OUT, _ignore),
    (State.DARK, Event.LOST): (State.DARK, _ignore),
    (State.DARK, Event.RETURNED): (State.ON, Supervisor._count_dark),
    (State.DARK, Event.VOLTAGE_IN_LIMITS): (State.ON, Supervisor._count_dark),
    (State.DARK, Event.RESERVE_EMPTY): (State.DARK, _ignore),
}
