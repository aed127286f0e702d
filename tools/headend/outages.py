"""Outages that several premises share: whose supply came back, who stays silent, and whose silence is a fault of their own.

Paper A, question 33. Known are the hubs' last gasps and first breaths, and which feeder each premises is on. Losses of one feeder
that begin within `TOGETHER` of each other are one outage. Who stays silent though a neighbour has been back for `SETTLED` is likely
to have a secondary fault: a blown fuse, a broken service cable. Not here: premises that tell no outages, phases of a feeder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from devices.runtime.kernel import MIN
from tools.headend.notices import FirstBreath, LastGasp, Notice

TOGETHER = MIN
"""Between the first loss and the last of one outage: hubs' clocks differ by seconds."""
SETTLED = 5 * MIN
"""After the first breath of a neighbour: until then a hub may still be starting, or wait for its turn to tell."""


class Premises(msgspec.Struct, frozen=True):
    """Where a hub is. `feeder` None: nobody knows, so it has no neighbours."""

    name: str
    feeder: str | None


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """Premises in each list are in the order of their first notice. `began`: UTC ns of the first loss.

    `unheard`: on the feeder, and they told nothing: not affected, or a hub that could not tell.
    """

    feeder: str | None
    began: int
    restored: tuple[str, ...]
    silent: tuple[str, ...]
    secondary: tuple[str, ...]
    unheard: tuple[str, ...]

    def __str__(self) -> str:
        told = f"outage of {self.feeder or 'one home'}: {len(self.restored)} of {len(self.restored) + len(self.silent)} restored"
        for words, names in (("silent", self.silent), ("likely a fault of its own", self.secondary), ("unheard", self.unheard)):
            told += f"; {words}: {', '.join(names)}" if names else ""
        return told


def correlate(notices: Iterable[Notice], known: Mapping[bytes, Premises], now: int) -> list[Outage]:
    """The outages in a list of notices, by when they began. `known`: premises by the hub's logical device name; `now`: UTC ns.

    Notices of hubs that are not known are left out.
    """
    losses: dict[tuple[bytes, int], int | None] = {}
    for notice in notices:
        if isinstance(notice, LastGasp | FirstBreath) and notice.hub in known:
            back = notice.received if isinstance(notice, FirstBreath) else losses.get((notice.hub, notice.lost))
            losses[notice.hub, notice.lost] = back
    groups: list[dict[tuple[bytes, int], int | None]] = []
    for loss in sorted(losses, key=lambda each: each[1]):
        group = next((each for each in reversed(groups) if _belongs(loss, next(iter(each)), known)), None)
        if group is None:
            groups.append(group := {})
        group[loss] = losses[loss]
    return [_outage(group, known, now) for group in groups]


def _belongs(loss: tuple[bytes, int], first: tuple[bytes, int], known: Mapping[bytes, Premises]) -> bool:
    one, other = known[loss[0]], known[first[0]]
    return loss[1] - first[1] <= TOGETHER and (one == other if one.feeder is None else one.feeder == other.feeder)


def _outage(group: Mapping[tuple[bytes, int], int | None], known: Mapping[bytes, Premises], now: int) -> Outage:
    hub, began = next(iter(group))
    feeder = known[hub].feeder
    back = {known[hub].name: at for (hub, _), at in group.items()}
    returns = [at for at in back.values() if at is not None]
    silent = tuple(name for name, at in back.items() if at is None)
    neighbours = [each.name for each in known.values() if feeder is not None and each.feeder == feeder]
    return Outage(
        feeder=feeder,
        began=began,
        restored=tuple(name for name, at in back.items() if at is not None),
        silent=silent,
        secondary=silent if returns and now - min(returns) >= SETTLED else (),
        unheard=tuple(name for name in neighbours if name not in back),
    )
