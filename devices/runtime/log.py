"""The event log: everything observable, as a stream with observers and a rolling digest.

No list is kept (a home day has 300,000 frames): who wants events subscribes. The digest (BLAKE2b-256) covers time, node, kind
and octets of every event in order; two runs are equal when their digests are. Observers look on, they change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from hashlib import blake2b
from typing import Protocol

import msgspec

Data = bytes | Mapping[str, object]
Observer = Callable[[int, str, str, Data], object]

_encode = msgspec.json.Encoder(order="deterministic").encode


class Clock(Protocol):
    """Whatever knows virtual time."""

    now: int


class EventLog:
    """Events of one kernel. `count` is how many have been emitted."""

    def __init__(self, clock: Clock) -> None:
        self.count = 0
        self._clock = clock
        self._hash = blake2b(digest_size=32)
        self._pending = bytearray()
        self._subscriptions: list[tuple[Observer, tuple[str, ...] | None]] = []
        self._everything: tuple[Observer, ...] = ()
        self._by_kind: dict[str, tuple[Observer, ...]] = {}

    def emit(self, who: str, kind: str, data: Data) -> None:
        """Something happened at node `who`. Octets are hashed as they are, a mapping of plain values as JSON with sorted keys."""
        now = self._clock.now
        octets = data if isinstance(data, bytes) else _encode(data)
        self.count += 1
        pending = self._pending
        pending += f"{now}\n{who}\n{kind}\n{len(octets)}\n".encode()
        pending += octets
        if len(pending) > 32_768:  # one update for some hundred events: an update costs as much as an event
            self._hash.update(pending)
            pending.clear()
        for observer in self._by_kind.get(kind, self._everything):
            observer(now, who, kind, data)

    def note(self, who: str, kind: str, data: Data) -> None:
        """Tell observers something that is no part of the run (how late a driver was): it stays out of digest and count."""
        for observer in self._by_kind.get(kind, self._everything):
            observer(self._clock.now, who, kind, data)

    def subscribe(self, observer: Observer, kinds: Collection[str] | None = None) -> Callable[[], None]:
        """Call `observer(now, who, kind, data)` for each event, or each of some kinds. Returns what ends it."""
        wanted = None if kinds is None else tuple(kinds)

        def unsubscribe() -> None:
            self._subscriptions.remove(entry)
            self._dispatch()

        entry = (observer, wanted)
        self._subscriptions.append(entry)
        self._dispatch()
        return unsubscribe

    def digest(self) -> str:
        """Hexadecimal digest of all events so far."""
        self._hash.update(self._pending)
        self._pending.clear()
        return self._hash.hexdigest()

    def _dispatch(self) -> None:
        named = {kind: None for _, kinds in self._subscriptions for kind in kinds or ()}
        self._everything = tuple(observer for observer, kinds in self._subscriptions if kinds is None)
        self._by_kind = {
            kind: tuple(observer for observer, kinds in self._subscriptions if kinds is None or kind in kinds) for kind in named
        }
