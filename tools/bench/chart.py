"""A chart of hub prepayment: balance, volume against cut-off, half hours left, and the valve, over the time of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from devices.runtime.kernel import HOUR, Kernel
from devices.runtime.log import Data
from protocols.zigbee.hub_prepayment.cluster import NEVER

BARS: Final = " ▁▂▃▄▅▆▇█"
WIDTH, PANEL, MARGIN = 900, 110, 130
"""Of a drawing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stand from `at` (ns) on. `cut_off` None: none."""

    at: int
    balance: float
    """Pounds, at the hub."""
    volume: float
    """Cubic metres, at the meter."""
    cut_off: float | None
    left: float
    """Hours, at the meter."""
    open: bool
    what: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One line of the chart."""

    name: str
    value: Callable[[Sample], float | None]


PANELS: Final = (
    Panel("balance, £", lambda sample: sample.balance),
    Panel("volume, m3", lambda sample: sample.volume),
    Panel("to cut-off, m3", lambda sample: None if sample.cut_off is None else max(sample.cut_off - sample.volume, 0.0)),
    Panel("time-out left, h", lambda sample: sample.left),
    Panel("valve open", lambda sample: float(sample.open)),
)


class Chart:
    """An observer of a run: a sample each time that hub or meter says how things stand."""

    def __init__(self, kernel: Kernel) -> None:
        self.samples: list[Sample] = []
        self._balance = 0.0
        self._meter: Mapping[str, object] = {}
        kernel.log.subscribe(self._hub, ["prepay.gas"])
        kernel.log.subscribe(self._at_meter, ["prepay.meter"])

    def _hub(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        self._balance = _number(data["balance"]) / 100_000_000
        self._take(now, str(data["what"]))

    def _at_meter(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        self._meter = data
        self._take(now, str(data["what"]))

    def _take(self, now: int, what: str) -> None:
        meter = self._meter
        if meter:
            cut_off = _number(meter["cut_off"])
            self.samples.append(Sample(
                now, self._balance, _number(meter["volume"]) / 1000, None if cut_off == NEVER else cut_off / 1000,
                _number(meter["left"]) / 2, meter["valve"] == "OPEN", what,
            ))  # fmt: skip

    def at(self, now: int) -> Sample | None:
        """How things stood at a time."""
        found = None
        for sample in self.samples:
            if sample.at > now:
                break
            found = sample
        return found

    def text(self, until: int, columns: int = 72) -> Iterator[str]:
        """As bars, a line each."""
        times = [until * (column + 1) // columns for column in range(columns)]
        at = [self.at(time) for time in times]
        for panel in PANELS:
            values = [None if sample is None else panel.value(sample) for sample in at]
            known = [value for value in values if value is not None]
            low, high = min([0.0, *known]), max([0.0, *known])
            bars = "".join(" " if value is None else BARS[round((value - low) / ((high - low) or 1) * 8)] for value in values)
            yield f"{panel.name:<18}|{bars}| {low:g} to {high:.3g}"
        yield f"{'':<18} 0 h{f'{until / HOUR:g} h':>{columns - 3}}"

    def svg(self, until: int) -> str:
        """As a drawing of one panel below the other."""
        height = PANEL * len(PANELS) + 40
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + MARGIN + 20} {height}" font-family="sans-serif"'
            ' font-size="12">'
        ]
        for number, panel in enumerate(PANELS):
            top = 15 + number * PANEL
            points = [(sample.at, value) for sample in self.samples if (value := panel.value(sample)) is not None]
            values = [value for _, value in points]
            low, high = min([0.0, *values]), max([0.0, *values])
            scale = (PANEL - 30) / ((high - low) or 1)
            parts.append(f'<text x="5" y="{top + 15}">{panel.name}</text>')
            parts.append(f'<text x="{MARGIN - 8}" y="{top + 8}" text-anchor="end">{high:.3g}</text>')
            parts.append(f'<text x="{MARGIN - 8}" y="{top + PANEL - 28}" text-anchor="end">{low:.3g}</text>')
            parts.append(
                f'<line x1="{MARGIN}" x2="{MARGIN + WIDTH}" y1="{top + PANEL - 30}" y2="{top + PANEL - 30}" stroke="#ccc"/>'
            )
            path, last = [], None
            for at, value in points:
                x, y = MARGIN + WIDTH * at / until, top + (high - value) * scale
                if last is not None:
                    path.append(f"{x:.1f},{last:.1f}")  # as it stood until now
                path.append(f"{x:.1f},{y:.1f}")
                last = y
            if last is not None:
                path.append(f"{MARGIN + WIDTH},{last:.1f}")
            parts.append(f'<polyline fill="none" stroke="#06c" stroke-width="1.5" points="{" ".join(path)}"/>')
        for hours in range(0, until // HOUR + 1, max(until // HOUR // 12, 1)):
            parts.append(f'<text x="{MARGIN + WIDTH * hours * HOUR / until:.1f}" y="{height - 10}">{hours} h</text>')
        return "\n".join([*parts, "</svg>\n"])


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
