"""The device estate: which device is in which premises, behind which hub, whose it is, and whether it is in service.

Entries come from the bench file, as from installers' records; a device is in service once its hub's log, as the hub tells it by
itself (GB: alert 0x8F12), has it; a hub, and a meter with a WAN module of its own, is from the start. Not here: devices in store,
premises whose network somebody outside forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from hubfw.hub_device import device_name
from tools.bench.device_config import WanGas
from tools.bench.home import Home
from tools.errors import suggest
from tools.headend.notices import DeviceLogChanged


class Entry(msgspec.Struct, kw_only=True):
    """One device. `name`: in full."""

    name: str
    kind: str
    eui64: int
    premises: str
    supplier: str | None
    version: str | None
    """Of its specification, for a meter that has one."""
    in_service: bool = False


class Estate:
    """All devices that the WAN reaches."""

    def __init__(self, homes: Mapping[str, Home]) -> None:
        self._homes = homes
        self._entries: dict[str, Entry] = {}
        for home in homes.values():
            for label, device in home.declared.items():
                own_way = isinstance(device, WanGas)
                if home.foreign and not own_way:
                    continue
                name = f"{home.name}/{label}"
                self._entries[name] = Entry(
                    name=name,
                    kind=device.kind,
                    eui64=home.identities[label].eui64,
                    premises=home.name,
                    supplier=device.supplier,
                    version=getattr(device, "version", None),
                    in_service=own_way or device.kind == "hub",
                )

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def find(self, device: str) -> Entry | None:
        """By name, in full or where there is one home by label."""
        only = list(self._homes)
        return self._entries.get(device) or (self._entries.get(f"{only[0]}/{device}") if len(only) == 1 else None)

    def host(self, entry: Entry) -> str:
        """Where it is reached now: its hub's host, which may be another one than it was, or its own."""
        home = self._homes[entry.premises]
        return entry.name if entry.kind == "wan-gas" else home.hub.name

    def nearest(self, device: str) -> str:
        """A hint for a name that is not there."""
        return suggest(device, self._entries)

    def premises(self, hub: bytes) -> str | None:
        """By the logical device name of a hub, one that came later too, or of a meter that calls."""
        for home in self._homes.values():
            if any(device_name(identity.eui64) == hub for identity in home.identities.values()):
                return home.name
        return None

    def at(self, premises: str) -> list[Entry]:
        """The devices of premises."""
        return [entry for entry in self if entry.premises == premises]

    def learn(self, notice: DeviceLogChanged) -> None:
        """A hub's log is another one."""
        premises = self.premises(notice.hub)
        for entry in self.at(premises) if premises is not None else ():
            if entry.kind != "hub":
                entry.in_service = entry.eui64 in notice.devices
