"""The hub's log of devices: who may join, who has, and when each was last heard of.

The entries come from the configuration and from whoever manages the hub; what became of them is kept in non-volatile memory.
When a device was last heard of is written there only by `save`, at most one record for all of them, since a home is never silent
for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from devices.runtime.nvm import Nvm
from hubfw.config import Entry

LOG_SIZE: Final = 16
"""Lines (GB)."""
_KEY = "device/"
_ENTRY = "device-entry/"


@dataclass(slots=True)
class Device:
    """A line of the log. `last_heard`: UTC in ns, 0 for never."""

    entry: Entry
    joined: bool = False
    last_heard: int = 0

    @property
    def eui64(self) -> int:
        return self.entry.eui64

    @property
    def kind(self) -> str:
        return self.entry.kind


class DeviceLog:
    """The lines by EUI-64, in the order of the configuration."""

    def __init__(self, store: Nvm, entries: Iterable[Entry]) -> None:
        self._store = store
        self._devices: dict[int, Device] = {}
        self._unsaved: dict[int, None] = {}
        managed = {int(key.removeprefix(_ENTRY), 16): store.get(key) for key in store.keys(_ENTRY)}
        configured = [entry for entry in entries if entry.eui64 not in managed]
        added = [Entry(eui64, *line) for eui64, line in managed.items() if line is not None]
        for entry in (*configured, *added):
            joined, last_heard = store.get(_key(entry.eui64), (False, 0))
            self._devices[entry.eui64] = Device(entry, joined, last_heard)

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

    def add(self, entry: Entry) -> Device:
        """Take a device in, or its new install code: then it has not joined yet. The log is not full."""
        device = self._devices[entry.eui64] = Device(entry)
        line: list[object] = [entry.install_code, entry.kind]
        self._store.put({_line(entry.eui64): line, _key(entry.eui64): [False, 0]})
        return device

    def remove(self, eui64: int) -> None:
        """Strike a device off, for good: what the configuration says of it does not count any more."""
        self._devices.pop(eui64, None)
        self._unsaved.pop(eui64, None)
        self._store.commit({_line(eui64): None}, [key for key in (_key(eui64),) if key in self._store])

    def join(self, eui64: int, utc: int) -> bool:
        """A device is on the network. True when it is in the log."""
        device = self._devices.get(eui64)
        if device is None:
            return False
        device.last_heard = utc
        if not device.joined:
            device.joined = True
            self._store.put({_key(eui64): [True, utc]})
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
        self._store.put({_key(eui64): [self._devices[eui64].joined, self._devices[eui64].last_heard] for eui64 in self._unsaved})
        self._unsaved.clear()


def _line(eui64: int) -> str:
    return f"{_ENTRY}{eui64:016X}"


def _key(eui64: int) -> str:
    return f"{_KEY}{eui64:016X}"
