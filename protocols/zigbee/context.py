"""What the layers of one node share while a call runs: time, effects, timers, randomness, counts of refused frames.

Not a layer: it knows no frame. It exists so that a call into the stack carries `now` once and collects its effects in
one list, in order, whichever layer they come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from random import Random

from protocols.core.effects import Effect
from protocols.zigbee.node import Counters, Dropped, NodeConfig, Transmit, TxStatus

Confirm = Callable[[TxStatus, bool], None]

_OUTSTANDING = 256
"""Transmissions whose end is awaited; a radio that confirms nothing must not make us grow."""


class Timers:
    """Named timers of one node; setting a name again moves it."""

    __slots__ = ("_timers", "deadline")

    def __init__(self) -> None:
        self._timers: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self.deadline: int | None = None

    def set(self, name: Hashable, when: int, action: Callable[[], None]) -> None:
        """Run `action` at `when`."""
        previous = self._timers.get(name)
        self._timers[name] = (when, action)
        if self.deadline is None or when < self.deadline:
            self.deadline = when
        elif previous is not None and previous[0] == self.deadline:
            self._recompute()

    def cancel(self, name: Hashable) -> None:
        """Forget a timer, if it is there."""
        gone = self._timers.pop(name, None)
        if gone is not None and gone[0] == self.deadline:
            self._recompute()

    def running(self, name: Hashable) -> bool:
        """Whether a timer is there."""
        return name in self._timers

    def clear(self) -> None:
        """Forget all timers."""
        self._timers.clear()
        self.deadline = None

    def expire(self, now: int) -> None:
        """Run what is due, earliest first; equal times in order of setting."""
        while self.deadline is not None and self.deadline <= now:
            name = next(name for name, (when, _) in self._timers.items() if when == self.deadline)
            action = self._timers.pop(name)[1]
            self._recompute()
            action()

    def _recompute(self) -> None:
        self.deadline = min([when for when, _ in self._timers.values()], default=None)


class Context:
    """Shared by the layers of one node. `now` is the time of the call being served, `interface` the radio of the last frame."""

    __slots__ = (
        "_confirms",
        "_handle",
        "config",
        "counters",
        "drops",
        "effects",
        "eui64_octets",
        "failures",
        "interface",
        "layer",
        "now",
        "psdu",
        "rng",
        "timers",
        "transmissions",
    )

    def __init__(self, config: NodeConfig, rng: Random, counters: Counters) -> None:
        self.config = config
        self.rng = rng
        self.counters = counters
        self.eui64_octets = config.eui64.to_bytes(8, "little")
        self.now = 0
        self.effects: list[Effect] = []
        self.timers = Timers()
        self.drops: Counter[tuple[str, str]] = Counter()
        self.transmissions = 0
        self.failures = 0
        self.interface = 0
        self.layer = ""
        self.psdu = b""
        self._handle = 0
        self._confirms: dict[int, Confirm] = {}

    def handle(self) -> int:
        """A number not used before."""
        self._handle += 1
        return self._handle

    def transmit(self, psdu: bytes, indirect: bool = False, confirm: Confirm | None = None, interface: int = 0) -> None:
        """Hand a PSDU to a radio; `confirm` is called when it ends."""
        self._handle = handle = self._handle + 1
        self.transmissions += 1
        if confirm is not None:
            if len(self._confirms) >= _OUTSTANDING:
                del self._confirms[next(iter(self._confirms))]
            self._confirms[handle] = confirm
        self.effects.append(Transmit(handle, psdu, indirect, interface))

    def confirmed(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        """The radio's report on a transmission."""
        if status is not TxStatus.ACKED:
            self.failures += 1
        confirm = self._confirms.pop(handle, None)
        if confirm is not None:
            confirm(status, frame_pending)

    def after(self, name: Hashable, delay: int, action: Callable[[], None]) -> None:
        """Set a timer `delay` ns from now."""
        self.timers.set(name, self.now + delay, action)

    def ignore(self, reason: str) -> None:
        """Count a frame that is well formed and none of our business."""
        self.drops[self.layer, reason] += 1

    def drop(self, reason: str, detail: str = "") -> None:
        """Count a refused frame and report it with its octets."""
        self.drops[self.layer, reason] += 1
        self.effects.append(Dropped(self.layer, detail or reason, self.psdu))
