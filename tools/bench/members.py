"""What the devices of one home must be to each other: a table of rules, each a sentence for whoever breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from tools.bench.device_config import (
    JOINING_KINDS,
    AnyDevice,
    Cad,
    ConsumerModule,
    Esme,
    Gsme,
    Hub,
    Ihd,
    LoadController,
    MBusGas,
    MBusHeat,
    Ppmid,
    PrepayGas,
    Rcp,
    WanGas,
    on_consumer_network,
)
from tools.errors import suggest

if TYPE_CHECKING:
    from tools.bench.config import Home

JOINING: Final = 16
"""Devices on one hub's network (GB)."""
HUBS_ONLY: Final = (Hub, MBusGas, MBusHeat, PrepayGas, Ihd, Cad, Ppmid, LoadController)
"""Kinds that are nothing without a hub."""

_Kind = TypeVar("_Kind", bound=AnyDevice)


class Members:
    """The devices of a home, as the rules look at them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.devices: list[AnyDevice] = list(home.device)
        self.labels = [device.label for device in self.devices]
        self.hubs = self.of(Hub)
        self.hub = self.hubs[0] if self.hubs else None
        self.wired = [device for device in self.of(Esme) if device.interface == "wired"]
        self.consumers = [device for device in self.devices if on_consumer_network(device)]

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """Those of a kind."""
        return [device for device in self.devices if isinstance(device, kind)]


def own_names(members: Members) -> Iterator[str]:
    """A name is one device's."""
    for label in members.labels:
        if (count := members.labels.count(label)) > 1:
            yield f'{count} devices are called "{label}": give each a `name`'


def one_hub(members: Members) -> Iterator[str]:
    """A hub, or what stands in for one."""
    count = len(members.hubs)
    if count != 1 and (count or not [*members.of(Rcp), *members.of(WanGas)]):
        yield f"{count} devices of kind hub, and a home has one, or none and a device of kind rcp or wan-gas"


def what_needs_a_hub(members: Members) -> Iterator[str]:
    """Without one there are meters for somebody else's network, and such as have a WAN of their own."""
    if members.hub is not None:
        if members.home.air.default_link_key:
            yield "`default_link_key` is for a home without a hub: a hub lets nobody in by it"
        return
    dongle = bool(members.of(Rcp))
    for device in members.devices:
        if isinstance(device, HUBS_ONLY) or device in members.wired or not (dongle or isinstance(device, WanGas)):
            yield f'"{device.label}" needs a device of kind hub'
    if members.home.publish:
        yield "`publish` needs a device of kind hub: suppliers publish through it"


def elsewhere(members: Members) -> Iterator[str]:
    """What runs in another process is on the air here."""
    for device in members.devices:
        if device.elsewhere and device.kind not in JOINING_KINDS:
            yield f'"{device.label}" cannot be `elsewhere`: only devices that join the network can'


def wired_interface(members: Members) -> Iterator[str]:
    """A hub has one, and may live from it."""
    if len(members.wired) > 1:
        yield f"{len(members.wired)} wired electricity meters, and a hub has one wired interface"
    if members.hub is not None and members.hub.power == "meter":
        if members.wired:
            members.wired[0].wire.electrical(members.hub.milliamps).check()
        else:
            yield 'a hub with `power = "meter"` needs an electricity meter with `interface = "wired"`'


def wireless_mbus(members: Members) -> Iterator[str]:
    """A hub has one narrowband radio."""
    if len(members.of(MBusHeat)) > 1:
        yield "a hub answers for one heat meter"
    if len({each.mode for each in members.of(MBusGas)} | {each.mode for each in members.of(MBusHeat)}) > 1:
        yield "meters of a hub on wireless M-Bus have one `mode`"


def sub_ghz(members: Members) -> Iterator[str]:
    """The band below 1 GHz is a second radio in the hub."""
    if members.home.air.sub_ghz is None:
        for device in members.of(Gsme):
            if device.band == "sub-ghz":
                yield f'"{device.label}" has its radio below 1 GHz, and the hub has none there: say `sub_ghz` in [home.air]'
    elif members.hub is None:
        yield "`sub_ghz` in [home.air] is the hub's second radio, and there is no hub"
    elif members.hub.han == "module":
        yield '`sub_ghz` in [home.air] is a radio in the hub, and one with `han = "module"` has none'


def outage_reports(members: Members) -> Iterator[str]:
    """They are of electricity meters."""
    hub = members.hub
    meters = [device.label for device in members.of(Esme)]
    for label in () if hub is None else (*(hub.outage_reports or ()), *hub.voltage_alerts):
        if label not in meters:
            yield f'`outage_reports` and `voltage_alerts` name electricity meters, and "{label}" is none'


def accounts(members: Members) -> Iterator[str]:
    """Accounts in the hub are of meters that have none, and electricity's is of the meter on the wire."""
    held = None if members.hub is None else members.hub.prepay
    for device in members.of(PrepayGas):
        if held is None:
            yield f'"{device.label}" has no account of its own: say `prepay` at the hub'
    if held is not None and held.electricity is not None and not members.wired:
        yield '`prepay.electricity` of the hub needs an electricity meter with `interface = "wired"`'


def shielded(members: Members) -> Iterator[str]:
    """Shields are around devices of this home."""
    for shield in members.home.air.shielded:
        if shield.device not in members.labels:
            hint = suggest(shield.device, members.labels)
            yield f'`shielded` names no device of this home: "{shield.device}"{hint}'


def consumers(members: Members) -> Iterator[str]:
    """Who joins the consumers' network needs one."""
    modules = members.of(ConsumerModule)
    if len(modules) > 1 or (modules and members.hub is None):
        yield f"{len(modules)} devices of kind consumer-module, and a hub has room for one"
    for device in members.consumers:
        if not modules:
            yield f'"{device.label}" joins the consumers\' network: a device of kind consumer-module makes one'


def room_in_the_log(members: Members) -> Iterator[str]:
    """The hub's device log is as long as GB has it."""
    apart = [*members.wired, *members.consumers]
    joining = [device for device in members.devices if device.listed and device.kind in JOINING_KINDS and device not in apart]
    if len(joining) > JOINING:
        yield f"{len(joining)} devices that join, and a hub's log holds {JOINING}"


RULES: Final[tuple[Callable[[Members], Iterator[str]], ...]] = (
    own_names,
    one_hub,
    what_needs_a_hub,
    elsewhere,
    wired_interface,
    wireless_mbus,
    sub_ghz,
    outage_reports,
    accounts,
    shielded,
    consumers,
    room_in_the_log,
)


def check(home: Home) -> None:
    """Raises ValueError with what the first broken rule says."""
    members = Members(home)
    for rule in RULES:
        for wrong in rule(members):
            raise ValueError(wrong)
