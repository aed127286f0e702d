"""Messages that wait in the hub for one sleeping device: in order, each until it has arrived, none longer than a day (GB).

The head stays until its arrival is known, so that a lost one goes again; who receives tells a repetition by its octets. Times
are UTC in ns, because they outlive a restart; a message that came while the time was not known counts from when it is.

Not here: where they are kept. `Waiting.number` is never given twice while anything waits, and tells the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.mirror.transfer import LONGEST_MESSAGE
from protocols.zigbee.node import MINUTE

DAY = 24 * 60 * MINUTE
CAPACITY = 16
"""Messages for one device."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message. `since`: when it came, UTC in ns; None: when the time was not known."""

    number: int
    message: bytes
    since: int | None


class Queue:
    """`stored`: what waited before a restart, in any order."""

    def __init__(self, stored: Iterable[Waiting] = (), patience: int = DAY) -> None:
        self._waiting = {each.number: each for each in sorted(stored, key=lambda each: each.number)}
        self._patience = patience

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def head(self) -> Waiting | None:
        """The oldest message."""
        return next(iter(self._waiting.values()), None)

    @property
    def deadline(self) -> int | None:
        """When (UTC) the first message will have waited too long; None: no message, or none whose time is known."""
        known = [each.since for each in self._waiting.values() if each.since is not None]
        return min(known) + self._patience if known else None

    def put(self, message: bytes, utc: int | None) -> Waiting:
        """A message at the end. Raises LocalProtocolError when too many wait, for none at all, or for one that is too long."""
        if not 0 < len(message) <= LONGEST_MESSAGE:
            raise LocalProtocolError(f"a message of {len(message)} octets, and 1 to {LONGEST_MESSAGE} go through a tunnel")
        if len(self._waiting) >= CAPACITY:
            raise LocalProtocolError(f"{CAPACITY} messages wait already")
        waiting = Waiting(max(self._waiting, default=0) + 1, message, utc)
        self._waiting[waiting.number] = waiting
        return waiting

    def done(self, number: int) -> bool:
        """A message has arrived. False when it does not wait: it was too old meanwhile."""
        return self._waiting.pop(number, None) is not None

    def date(self, utc: int) -> list[Waiting]:
        """The time is known now: messages that count from now on."""
        dated = [replace(each, since=utc) for each in self._waiting.values() if each.since is None]
        self._waiting.update((each.number, each) for each in dated)
        return dated

    def expire(self, utc: int) -> list[Waiting]:
        """Drop, and tell, what has waited too long."""
        old = [each for each in self._waiting.values() if each.since is not None and each.since + self._patience <= utc]
        for each in old:
            del self._waiting[each.number]
        return old
