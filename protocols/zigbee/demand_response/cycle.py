"""How long a load is on and off in a duty cycle, never shorter than it may be (SE 1.4 annex D.12.2.2.5)."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.zigbee.clusters.demand_response import NOT_USED


@dataclass(frozen=True, slots=True)
class Cycle:
    """A load that is switched: seconds on, then seconds off, and again. `off` 0: it is not switched; `on` 0: it is off."""

    on: int
    off: int


def cycle(duty: int, period: int, minimum_on: int, minimum_off: int) -> Cycle:
    """The cycle of a duty of so many per cent; NOT_USED: off for the whole event. Times in seconds; period 0: no cycling."""
    if duty in (0, NOT_USED) or not period:
        return Cycle(0, 1)
    if duty >= 100:
        return Cycle(1, 0)
    on = period * duty // 100
    off = period - on
    if on < minimum_on:
        on, off = minimum_on, minimum_on * (100 - duty) // duty
    if off < minimum_off:
        on, off = minimum_off * duty // (100 - duty), minimum_off
    return Cycle(on, off)
