"""The radio medium in a bench file: channel, range, walls, noise, contention, and a street whose homes share one medium.

What they mean is devices.runtime: `propagation` (dB, walls), `contention` (CSMA-CA, collisions, noise).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from devices.runtime import contention, propagation
from devices.runtime.air import Air as Medium
from devices.runtime.band import BANDS, exists
from devices.runtime.contention import ContendedAir, Contender, Service
from devices.runtime.kernel import MS, Kernel
from devices.runtime.propagation import Place, Propagation
from protocols.zigbee.sub_ghz.channels import CHANNELS

REGULATED = 0.025
"""Share of an hour for which a device may send at 863 to 876 MHz (ETSI EN 303 204)."""

Metres = Annotated[float, Meta(ge=-1000, le=1000)]
Channel = Annotated[int, Meta(ge=11, le=26)]
Chance = Annotated[float, Meta(ge=0, le=1)]
Range = Annotated[float, Meta(gt=0, le=1000)]
Percent = Annotated[float, Meta(gt=0, le=100)]
Decibels = Annotated[float, Meta(ge=0, le=100)]


class Wall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """A straight wall. What goes through it is `db` weaker: plaster about 3, brick 6 to 10, concrete 15."""

    start: tuple[Metres, Metres]
    end: tuple[Metres, Metres]
    db: Decibels = 6


class SubGhz(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hub's second radio: a channel page of 863 to 876 MHz, and a channel by its number there."""

    page: Literal[28, 29, 30] = 28
    channel: Annotated[int, Meta(ge=0, le=62)] = 0
    limited_percent: Percent = 1.5
    """Of an hour spent sending, from which on the hub asks the device that costs most to be silent."""
    critical_percent: Percent = 2.0
    """And from which on all of them."""

    def __post_init__(self) -> None:
        if not exists(self.page, self.channel):
            channels = sorted(BANDS[self.page].channels)
            raise ValueError(f"there is no channel {self.channel} on page {self.page}, but {channels[0]} to {channels[-1]}")
        if self.limited_percent > self.critical_percent:
            raise ValueError("`limited_percent` is at most `critical_percent`")


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source of noise: on for the `duty` share of each period. As it stands, a microwave oven in the mains' rhythm."""

    at: tuple[Metres, Metres] = (0.0, 0.0)
    channels: Annotated[list[Channel], Meta(min_length=1, max_length=16)] = msgspec.field(default_factory=lambda: [*range(20, 26)])
    period_ms: Annotated[float, Meta(ge=0.1, le=60_000)] = 20
    duty: Chance = 0.5
    db: Annotated[float, Meta(ge=-100, le=100)] = 20
    """How much stronger it is than a radio of ours."""


class Shield(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing passes on the air between a device and all others for a while."""

    device: str
    from_hours: Annotated[float, Meta(ge=0, le=8_760)]
    to_hours: Annotated[float, Meta(ge=0, le=8_760)] | None = None
    """None: for good."""

    def __post_init__(self) -> None:
        if self.to_hours is not None and self.to_hours <= self.from_hours:
            raise ValueError("`to_hours` is after `from_hours`")


Walls = Annotated[list[Wall], Meta(max_length=64)]
Noises = Annotated[list[Noise], Meta(max_length=16)]


class Air(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The medium of one home's network."""

    carrier: Literal["radio", "power-line"] = "radio"
    """What its frames go over: the air, or the mains wiring; there only `loss` and `channel` count, and nothing has a distance."""
    channel: Channel | Literal["auto"] = 15
    """Of the hub's network; "auto": the hub looks around, and takes the one that the fewest networks are on."""
    sub_ghz: SubGhz | None = None
    """With it the hub has two radios, and devices with `band = "sub-ghz"` join on the second."""
    range_m: Range = 30
    loss: Chance = 0
    walls: Walls = []
    contention: bool = False
    """Radios listen before they send, and frames may collide. Without it they take turns."""
    noise: Noises = []
    shielded: Annotated[list[Shield], Meta(max_length=16)] = []
    """Devices that nobody hears for a while, nor they anybody."""
    key_establishment: Literal[0, 1, 2] = 2
    """Suite of the devices' test certificates; 0: none, and the link keys of the install codes will do."""
    default_link_key: bool = False
    """Where there is no hub: the meters join a stranger's network under the well-known default link key, too."""

    def __post_init__(self) -> None:
        if self.carrier == "power-line" and (self.sub_ghz is not None or self.walls or self.contention or self.noise):
            raise ValueError('`sub_ghz`, `walls`, `contention` and `noise` are of radio, and `carrier` is "power-line"')


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The homes of a bench share one medium with contention. Each home's `at` is its place; places here are the street's."""

    range_m: Range = 30
    loss: Chance = 0
    walls: Walls = []
    noise: Noises = []


def medium(kernel: Kernel, name: str, air: Air) -> Medium:
    """The medium of a home by itself."""
    if air.carrier == "power-line":
        from devices.runtime.power_line import PowerLine  # few homes have it

        return PowerLine(kernel, name, loss=air.loss)
    if air.contention:
        return _contended(kernel, name, air, air.walls, air.noise)
    if not air.walls:
        return Medium(kernel, name, range_m=air.range_m, loss=air.loss)
    return Medium(kernel, name, loss=air.loss, range_m=air.range_m, propagation=Propagation(air.range_m, _walls(air.walls)))


def street(kernel: Kernel, declared: Neighbourhood, homes: Iterable[tuple[Place, Air]]) -> ContendedAir:
    """The medium of all homes, each with where it stands: their walls and noise move there."""
    walls, noise = [*declared.walls], [*declared.noise]
    for place, air in homes:
        walls += [msgspec.structs.replace(wall, start=_moved(wall.start, place), end=_moved(wall.end, place)) for wall in air.walls]
        noise += [msgspec.structs.replace(each, at=_moved(each.at, place)) for each in air.noise]
    return _contended(kernel, "street", declared, walls, noise)


def service(air: Medium, home: str) -> Service | None:
    """What the radios of a home got from a medium with contention, together; None for one without."""
    radios = [radio for who, radio in air.radios.items() if who.startswith(f"{home}/") and isinstance(radio, Contender)]
    return sum((radio.service for radio in radios), Service()) if radios else None


def _contended(kernel: Kernel, name: str, of: Air | Neighbourhood, walls: list[Wall], noise: list[Noise]) -> ContendedAir:
    sources = [
        contention.Noise(
            place=each.at,
            channels=frozenset(each.channels),
            period=int(each.period_ms * MS),
            duty=each.duty,
            db=each.db,
            offset=int(kernel.rng(f"{name}/noise{number}").random() * each.period_ms * MS),
        )
        for number, each in enumerate(noise)
    ]
    path = Propagation(of.range_m, _walls(walls))
    return ContendedAir(kernel, name, propagation=path, loss=of.loss, noise=sources, duty=dict.fromkeys(CHANNELS, REGULATED))


def _walls(walls: list[Wall]) -> list[propagation.Wall]:
    return [propagation.Wall(wall.start, wall.end, wall.db) for wall in walls]


def _moved(place: Place, by: Place) -> Place:
    return place[0] + by[0], place[1] + by[1]
