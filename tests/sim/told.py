"""A run that remembers: what stories look back on."""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.kernel import MIN
from devices.runtime.log import Data
from tools.bench import config
from tools.bench.run import Run

NOISE = ("air.frame", "display")


class Told(Run):
    """A run that keeps its events, without frames and faces. `told` are (ns, who, kind, data)."""

    def __init__(self, declared: config.Bench, seed: int | str | None = None, start_ns: int | None = None) -> None:
        super().__init__(declared, seed, start_ns)
        self.told: list[tuple[int, str, str, Data]] = []
        self.log.subscribe(self._hear)

    def _hear(self, now: int, who: str, kind: str, data: Data) -> None:
        if kind not in NOISE:
            self.told.append((now, who, kind, data))

    def events(self, kind: str, who: str | None = None) -> list[Data]:
        """The data of the events of a kind (of one node), oldest first."""
        return [data for _, node, told, data in self.told if told == kind and who in (None, node)]

    def times(self, kind: str, who: str | None = None) -> list[int]:
        """When they were, ns of the run."""
        return [now for now, node, told, _ in self.told if told == kind and who in (None, node)]

    def notices(self) -> list[str]:
        """What the head end has heard, in its order."""
        return [type(notice).__name__ for notice in self.head_end.received]

    def until(self, happened: Callable[[], bool], within: int = 10 * MIN) -> None:
        """Let time pass until `happened()`; fails when it does not within a time."""
        end = self.now + within
        while not happened():
            due = self.kernel.next_due()
            assert due is not None, "nothing more will happen"
            assert due <= end, f"not within {within} ns"
            self.run_until(due)

    def shield(self, name: str, *others: str, loss: float = 1.0) -> None:
        """Let nothing pass on the air between a device of the only home and others (none named: all), or so much of it."""
        air, radio = self.only.air, self.board(name).name
        for other in [self.board(each).name for each in others] or list(air.radios):
            if other != radio:
                air.set_loss(radio, other, loss)
                air.set_loss(other, radio, loss)
