"""When a push is sent: its windows, its random delay, its repetitions. Blue Book 4.4.8.

One machine for one push setup. It keeps no message: what is pushed are the values of the moment of sending. A push that
is asked for while one is under way is the same push. Times are UTC in ns; whoever sends tells how it went.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from protocols.dlms.axdr import Data
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.cosem.recurrence import Recurrence
from protocols.dlms.cosem.zone import UTC, Zone


class PushDelivery:
    """The sendings of one push. `rng` draws the delay."""

    def __init__(self, setup: PushSetup, rng: Random, zone: Callable[[], Zone] = lambda: UTC) -> None:
        self._setup = setup
        self._rng = rng
        self._zone = zone
        self._left = 0
        self._sending = False
        self.deadline: int | None = None
        """When `expire` is wanted; None: nothing is under way, or it is with the sender."""

    def begin(self, now: int) -> None:
        """A push is wanted: by the method, by a script, by an alarm."""
        if self.deadline is None and not self._sending:
            self._left = 1 + self._setup.number_of_retries.value
            self._wait(now, self._delay())

    def expire(self, now: int) -> bool:
        """Whether to send now. Then say `sent` or `failed`."""
        if self.deadline is None or now < self.deadline:
            return False
        if self._opens(now) != now:  # the window has closed meanwhile
            self._wait(now, self._delay())
            return False
        self.deadline = None
        self._left -= 1
        self._sending = True
        return True

    def sent(self) -> None:
        """It has gone."""
        self._sending = False

    def failed(self, now: int) -> bool:
        """It has not. False: that was the last repetition."""
        self._sending = False
        if not self._left:
            return False
        self._wait(now, self._setup.repetition_delay.value * SECOND)
        return True

    def _delay(self) -> int:
        spread: int = self._setup.randomisation_start_interval.value * SECOND
        return int(self._rng.random() * spread) if spread else 0

    def _wait(self, now: int, delay: int) -> None:
        opens = self._opens(now)
        self.deadline = None if opens is None else opens + delay

    def _opens(self, now: int) -> int | None:
        """The next instant, from `now` on, inside a window; None: no window opens again."""
        windows = self._setup.communication_window.value
        openings = [self._opening(window, now) for window in windows]
        return min((at for at in openings if at is not None), default=None if windows else now)

    def _opening(self, window: Data, now: int) -> int | None:
        starts, ends = (Recurrence.parse(bound.value) for bound in window.value)
        zone = self._zone()
        began = zone.latest(starts, now)
        if began is not None:
            closes = zone.upcoming(ends, began)
            if closes is None or closes > now:
                return now
        return zone.upcoming(starts, now)
