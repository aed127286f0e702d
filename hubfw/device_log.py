"""The hub's log of devices: who may join, who has, and when each was last heard of; and who was struck off (GB: 16 and 15 lines).

The entries come from the configuration and from whoever manages the hub; what became of them is kept in non-volatile memory.
When a device was last heard of is written there only by `save`, at most one record for all of them, since a home is never silent
for long. Who is struck off is in the history until fifteen others were, with the link key it had: by that it may come back
(`known`). A hand-held terminal never comes into the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from devices.runtime.nvm import Nvm
from hubfw.config import HHT, Entry
from protocols.zigbee.security import CERTIFIED, LinkKey

LOG_SIZE: Final = 16
"""Lines (GB)."""
HISTORY_SIZE: Final = 15
_KEY = "device/"
_ENTRY = "device-entry/"
_HISTORY = "device-history"
_FAREWELLS = "device-farewells"


@dataclass(slots=True)
class Device:
    """A line of the log. `last_heard`: UTC in ns, 0 for never. `known`: the link key it had when it was entered, until it joins.

    `managed`: somebody entered it; it is not of the configuration.
    """

    entry: Entry
    joined: bool = False
    last_heard: int = 0
    known: LinkKey | None = None
    managed: bool = False

    @property
    def eui64(self) -> int:
        return self.entry.eui64

    @property
    def kind(self) -> str:
        return self.entry.kind


class Past(NamedTuple):
    """A line of the history. `struck_off`: UTC in ns. `key`, `counter`: its link key and the frames heard under it; empty: none."""

    eui64: int
    kind: str
    struck_off: int
    key: bytes
    counter: int

    def __repr__(self) -> str:
        return f"Past({self.eui64:016X}, {self.kind!r}, {self.struck_off}, <redacted>)"


class DeviceLog:
    """The lines by EUI-64, in the order of the configuration."""

    def __init__(self, store: Nvm, entries: Iterable[Entry]) -> None:
        self._store = store
        self._devices: dict[int, Device] = {}
        self._unsaved: dict[int, None] = {}
        self._configured = {entry.eui64: entry for entry in entries}
        managed = {int(key.removeprefix(_ENTRY), 16): store.get(key) for key in store.keys(_ENTRY)}
        for entry in self._configured.values():
            if entry.eui64 not in managed:
                joined, last_heard = store.get(_key(entry.eui64), (False, 0))
                self._devices[entry.eui64] = Device(entry, joined, last_heard)
        for eui64, line in managed.items():
            if line is not None:
                joined, last_heard = store.get(_key(eui64), (False, 0))
                code, kind, *known = line
                self._devices[eui64] = Device(Entry(eui64, code, kind), joined, last_heard, _link(*known), managed=True)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def of(self, *kinds: str) -> list[Device]:
        """The devices of these kinds."""
        return [device for device in self if device.kind in kinds]

    def kind(self, eui64: int | None) -> str | None:
        """What a device is; None for a stranger."""
        device = None if eui64 is None else self._devices.get(eui64)
        return None if device is None else device.kind

    def get(self, eui64: int) -> Device | None:
        """A device's line; None for a stranger."""
        return self._devices.get(eui64)

    @property
    def full(self) -> bool:
        """Whether there is no room for another device."""
        return len(self._devices) >= LOG_SIZE

    @property
    def history(self) -> list[Past]:
        """Who was struck off, the latest at the end."""
        return [Past(*line) for line in self._store.get(_HISTORY, ())]

    @property
    def farewells(self) -> list[int]:
        """EUI-64s of devices that were struck off, and may not know yet."""
        return list(self._store.get(_FAREWELLS, ()))

    def farewell(self, eui64: int) -> None:
        """A device was told that it is struck off."""
        left = [each for each in self.farewells if each != eui64]
        if left != self.farewells:
            self._store.put({_FAREWELLS: left})

    def known(self, eui64: int) -> LinkKey | None:
        """The link key of a device that was struck off; None: it had none, or nobody remembers it."""
        return next((_link(past.key, past.counter) for past in self.history if past.eui64 == eui64), None)

    def add(self, entry: Entry, known: LinkKey | None = None) -> Device:
        """Take a device in, or its new install code: then it has not joined yet. The log is not full.

        `known`: the link key that it had before, of which the history is rid from now on.
        """
        device = self._devices[entry.eui64] = Device(entry, known=known, managed=True)
        changed: dict[str, object] = {_line(entry.eui64): _plain(device), _key(entry.eui64): [False, 0]}
        if entry.eui64 in self.farewells:
            changed[_FAREWELLS] = [each for each in self.farewells if each != entry.eui64]
        history = self.history
        others = [past for past in history if past.eui64 != entry.eui64]
        if len(others) != len(history):
            changed[_HISTORY] = [list(past) for past in others]
        self._store.put(changed)
        return device

    def remove(self, eui64: int, utc: int = 0, link: LinkKey | None = None) -> None:
        """Strike a device off, for good: what the configuration says of it does not count any more. `link`: the key it has."""
        device = self._devices.pop(eui64, None)
        self._unsaved.pop(eui64, None)
        changed: dict[str, object] = {_line(eui64): None} if eui64 in self._configured else {}
        if device is not None and device.kind != HHT:
            others = [past for past in self.history if past.eui64 != eui64]
            key, counter = (b"", -1) if link is None else (link.key, link.incoming)
            past = Past(eui64, device.kind, utc, key, counter)
            changed[_HISTORY] = [list(line) for line in [*others, past][-HISTORY_SIZE:]]
            changed[_FAREWELLS] = [*(each for each in self.farewells if each != eui64), eui64][-HISTORY_SIZE:]
        gone = [key for key in (_key(eui64), _line(eui64)) if key in self._store and key not in changed]
        self._store.commit(changed, gone)

    def join(self, eui64: int, utc: int) -> bool:
        """A device is on the network. True when it is in the log."""
        device = self._devices.get(eui64)
        if device is None:
            return False
        device.last_heard = utc
        if not device.joined:
            device.joined = True
            changed: dict[str, object] = {_key(eui64): [True, utc]}
            if device.known is not None:
                device.known = None
                changed[_line(eui64)] = _plain(device)
            self._store.put(changed)
        return True

    def hear(self, eui64: int | None, utc: int) -> Device | None:
        """A frame came from a device, which is returned; strangers do not count."""
        device = None if eui64 is None else self._devices.get(eui64)
        if device is not None:
            device.last_heard = utc
            self._unsaved[device.eui64] = None
        return device

    def save(self) -> None:
        """Write down who was heard of since the last time."""
        heard = [device for device in self._devices.values() if device.eui64 in self._unsaved]  # who was struck off since is not
        self._store.put({_key(device.eui64): [device.joined, device.last_heard] for device in heard})
        self._unsaved.clear()


def _link(key: bytes = b"", counter: int = -1) -> LinkKey | None:
    return LinkKey(key, CERTIFIED, counter) if key else None


def _plain(device: Device) -> list[object]:
    known = [] if device.known is None else [device.known.key, device.known.incoming]
    return [device.entry.install_code, device.kind, *known]


def _line(eui64: int) -> str:
    return f"{_ENTRY}{eui64:016X}"


def _key(eui64: int) -> str:
    return f"{_KEY}{eui64:016X}"
