"""Whose a fault is: who answers for the side of the boundary it lies on (papers A, question 24.5, and B).

The hub is its network's coordinator, so its owner maintains the home network: the communications service provider, or the supplier
whose the hub is. What lies beyond the hub is the provider's alone, whoever owns the hub. Not here: contracts, and who pays.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.reading import names
from tools.bench.commissioning import missing
from tools.bench.device_config import Hub
from tools.bench.home import Home
from tools.bench.run import Run

PROVIDER = "communications service provider"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`leg`: HAN or WAN. `answers`: whose it is."""

    home: str
    leg: str
    what: str
    answers: str

    def __str__(self) -> str:
        return f"{self.home}: {self.leg} fault, the {self.answers} answers for it: {self.what}"


def owner(home: Home) -> str:
    """Who owns the hub, and maintains the home network."""
    hub = home.declared[home.of_kind("hub")[0]]
    assert isinstance(hub, Hub)
    return f"supplier {hub.supplier}" if hub.owner == "supplier" else PROVIDER


def han_faults(run: Run) -> Iterator[Fault]:
    """Homes that are not complete, as they are now. No time passes."""
    for home in run.homes.values():
        if not home.foreign and home.hub.powered:
            for line in missing(home):
                yield Fault(home=home.name, leg="HAN", what=line.removeprefix(f"{home.name}: "), answers=owner(home))


def faults(run: Run) -> list[Fault]:
    """These, and hubs that do not answer the head end: each is asked, and time passes. Not from inside the run."""
    found = list(han_faults(run))
    for home in run.homes.values():
        if not home.foreign:
            try:
                run.head_end.settle(run.head_end.ask(home.hub.name, HUB, names))
            except RemoteProtocolError as error:
                found.append(Fault(home=home.name, leg="WAN", what=str(error), answers=PROVIDER))
    return found
