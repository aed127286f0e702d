"""Losses of supply that several homes share: `[[outage]]` tables of a bench file, by the feeder that each home hangs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from devices.runtime.kernel import HOUR, S
from tools.bench.declared import Declared
from tools.bench.device_config import Name
from tools.errors import suggest

if TYPE_CHECKING:
    from tools.bench.config import Home as DeclaredHome
    from tools.bench.home import Home


class Outage(Declared, frozen=True, kw_only=True):
    """All homes of a feeder lose their supply at once. Those in `stay_dark` have a fault of their own, and don't get it back."""

    feeder: Name
    at_h: Annotated[float, Meta(ge=0, le=87_600)]
    """Hours from virtual time zero."""
    for_s: Annotated[float, Meta(gt=0, le=604_800)]
    stay_dark: Annotated[list[Name], Meta(max_length=256)] = []
    """Names of homes."""


def check(outages: Iterable[Outage], homes: Iterable[DeclaredHome]) -> None:
    """Raises ValueError for a feeder without homes, and for a home that is not on the feeder."""
    listed = list(homes)
    feeders = {home.feeder: None for home in listed if home.feeder is not None}
    for outage in outages:
        if outage.feeder not in feeders:
            raise ValueError(f'`outage`: no home is on a feeder "{outage.feeder}"{suggest(outage.feeder, feeders)}')
        on = [home.name for home in listed if home.feeder == outage.feeder]
        for name in outage.stay_dark:
            if name not in on:
                raise ValueError(f'`stay_dark`: no home "{name}" on feeder "{outage.feeder}"{suggest(name, on)}')


def strike(outages: Iterable[Outage], homes: Mapping[str, Home], declared: Iterable[DeclaredHome]) -> None:
    """Let them happen in a run that has not begun."""
    listed = list(declared)
    for outage in outages:
        for home in [homes[each.name] for each in listed if each.feeder == outage.feeder]:
            length = None if home.name in outage.stay_dark else int(outage.for_s * S)
            home.kernel.at(int(outage.at_h * HOUR), home.mains.off, length, who=home.mains.name)
