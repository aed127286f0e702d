"""Breaches of privacy: hubs in whose logs a device of other premises stands, so that one consumer could see what another uses.

A hub tells the head end each change of its log; whose a device is the bench knows, as installers' records do. Two consumers at one
hub are refused when a bench is read; what is entered at a hub later is seen here. Not here: whether the other consumer has agreed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from hubfw.hub_device import device_name
from tools.bench.home import Home
from tools.headend.notices import DeviceLogChanged


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """The hub of `home` has let in `device`, by its name in full, which is in the premises `premises`."""

    home: str
    device: str
    premises: str

    def __str__(self) -> str:
        return f"{self.home}: breach of privacy: its hub has {self.device} of {self.premises} in its log"


def breaches(homes: Mapping[str, Home], notices: Iterable[DeviceLogChanged]) -> list[Breach]:
    """By the last word of each hub."""
    places = {each.eui64: (home.name, each.node) for home in homes.values() for each in home.identities.values()}
    hubs = {device_name(eui64): name for eui64, (name, _) in places.items()}
    last = {hubs[notice.hub]: notice for notice in notices if notice.hub in hubs}
    return [
        Breach(home=home, device=places[eui64][1], premises=places[eui64][0])
        for home, notice in sorted(last.items())
        for eui64 in notice.devices
        if eui64 in places and places[eui64][0] != home
    ]
