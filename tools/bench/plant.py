"""A home's plant: photovoltaic panels on its roof, behind its meters. `[home.generation]` of a bench file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypedDict

from msgspec import Meta

from tools.bench.declared import Declared
from tools.bench.device_config import Device, Esme

if TYPE_CHECKING:
    from tools.bench.home import Home

DELIVERED_WH: Final = 2_468_000
"""What a meter of generation has counted before it comes into a bench."""


class Generation(Declared, frozen=True, kw_only=True):
    """What the roof delivers follows the sun of the month, and clouds drawn from the bench's seed."""

    peak_w: Annotated[int, Meta(ge=1, le=50_000)]
    """At best."""


class Registers(TypedDict, total=False):
    """What a meter is made with."""

    measures: Literal["home", "generation"]
    start_wh: int
    start_export_wh: int


def metered(declared: Generation | None, devices: Sequence[Device]) -> None:
    """Raises ValueError for a meter of a plant that is not there."""
    meters = [device for device in devices if isinstance(device, Esme)]
    measuring = [meter.label for meter in meters if meter.measures == "generation"]
    if measuring and declared is None:
        raise ValueError(f'"{measuring[0]}" measures generation, and there is none: say `peak_w` in [home.generation]')
    if declared is not None and len(measuring) == len(meters):
        raise ValueError("[home.generation] is behind an electricity meter that measures the home, and there is none")


def registers(device: Esme) -> Registers:
    """A meter of generation has been delivered to, and has drawn next to nothing."""
    if device.measures == "home":
        return {}
    return {"measures": "generation", "start_wh": 0, "start_export_wh": DELIVERED_WH}


def shine(home: Home, declared: Generation) -> None:
    """Have the sun rise over a home that was just built."""
    from devices.parts.sun import Sun  # few homes have a plant

    kernel, name = home.kernel, f"{home.name}/plant"
    sun = Sun(declared.peak_w, kernel.rng(name))

    def follow() -> None:
        level = sun.next(kernel.utc)
        home.mains.generate(name, level.value)
        kernel.after(level.duration, follow, who=name)

    kernel.at(kernel.now, follow, who=name)
