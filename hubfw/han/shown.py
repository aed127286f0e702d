"""Whom the hub names which of its endpoints to, where somebody looks for services on it (Match_Desc_req).

A gas meter finds what is published for it and for no other gas meter, and nobody finds what was published for one that has been
struck off. In a building of several dwellings a display finds the mirrors and gas tariffs of its own. All else is for everybody.
Not here: which of several electricity meters is a display's (MDU Pairing, `events`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubfw.device_log import DeviceLog
from hubfw.gas_meters import KINDS, GasMeters

if TYPE_CHECKING:
    from hubfw.han.events import HubEvents
    from hubfw.han.mirrors import Mirrors
    from hubfw.han.tariffs import Tariffs


class Shown:
    """The rule."""

    def __init__(self, log: DeviceLog, gas: GasMeters, mirrors: Mirrors, tariffs: Tariffs, events: HubEvents) -> None:
        self._log = log
        self._gas = gas
        self._mirrors = mirrors
        self._tariffs = tariffs
        self._events = events

    def __call__(self, asker: int | None, endpoint: int) -> bool:
        """Whether a device is told of an endpoint of the hub."""
        owner = self._tariffs.owner(endpoint)
        if owner is None:
            owner = self._mirrors.owner(endpoint)
        elif owner not in self._gas.listed or (self._log.kind(asker) in KINDS and asker != owner):
            return False
        return owner is None or asker is None or not self._events.apart(asker, owner)
