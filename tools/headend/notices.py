"""What hubs tell by themselves: DataNotifications, understood by their push object list.

A hub of profile `paper-2011` pushes a structure of its name, an event code, the time of the loss and how long it lasted
(see hubfw.wan.notifier). A notification of another shape is kept as it came, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hubfw.hub_device import device_name
from hubfw.wan import gateway_notices
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.xdlms import DataNotification
from protocols.zigbee.clusters.events import Events
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.gateway import Packet
from protocols.zigbee.zcl.cluster import command_of
from protocols.zigbee.zcl.foundation import Header


@dataclass(frozen=True, slots=True)
class Notice:
    """`hub`: logical device name. `received`: UTC ns at the head end."""

    hub: bytes
    received: int


@dataclass(frozen=True, slots=True)
class LastGasp(Notice):
    """Supply has been gone for longer than the threshold. `lost`: UTC ns by the hub's clock."""

    lost: int


@dataclass(frozen=True, slots=True)
class FirstBreath(Notice):
    """Supply is back inside its limits. `lost`: UTC ns; `seconds`: how long it was gone."""

    lost: int
    seconds: int


@dataclass(frozen=True, slots=True)
class GasMeterSilent(Notice):
    """The first half hour without a report of a gas meter whose account is in the hub: its time-out has begun."""


@dataclass(frozen=True, slots=True)
class GasMeterHeard(Notice):
    """It reports again."""


@dataclass(frozen=True, slots=True)
class GasTimeOutEnded(Notice):
    """No half hours are left: the meter closes when, or because, its credit is used up."""


@dataclass(frozen=True, slots=True)
class DeviceLogChanged(Notice):
    """The device log is another one: its network and the hash of each device's link key, by EUI-64 (GB: alert 0x8F12).

    Under the layer `gateway` no hashes are told."""

    extended_pan_id: int
    devices: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class VoltageAlert(Notice):
    """The voltage at an electricity meter has left its limits so often."""

    meter: int
    excursions: int


@dataclass(frozen=True, slots=True)
class DeviceEvent(Notice):
    """An event of a device's log. `at`: UTC ns by the device's clock."""

    device: int
    log: int
    event: int
    at: int


@dataclass(frozen=True, slots=True)
class Calling(Notice):
    """A meter without a hub is on the network, and can be asked until nobody has said anything for so many seconds.

    `read`: UTC ns by the meter's clock, when it took its reading.
    """

    read: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Unknown(Notice):
    """A notification that is none of the above; `hub` is empty."""

    body: Data


EVENTS: Mapping[int, Callable[[bytes, int, int, int], Notice]] = MappingProxyType({
    1: lambda hub, received, lost, seconds: LastGasp(hub, received, lost),
    2: FirstBreath,
    3: lambda hub, received, lost, seconds: GasMeterSilent(hub, received),
    4: lambda hub, received, lost, seconds: GasMeterHeard(hub, received),
    5: lambda hub, received, lost, seconds: GasTimeOutEnded(hub, received),
    8: Calling,
})  # fmt: skip
"""Event code of the hub's event object (0-0:96.11.0) to the notice it makes."""
VOLTAGE_ALERT = 6
DEVICE_EVENT = 7
LOG_CHANGED = 0x8F12


def understand(notification: DataNotification, received: int) -> Notice:
    """The notice that a notification is. `received`: UTC ns."""
    match notification.body.python:
        case [bytes(hub), int(code), bytes(lost), int(seconds)] if code in EVENTS:
            try:
                instant = date_time.instant(lost)
            except RemoteProtocolError:
                instant = None
            if instant is not None:
                return EVENTS[code](hub, received, instant, seconds)
        case [bytes(hub), int(code), [bytes(), bytes(network), list(lines)]] if code == LOG_CHANGED:
            devices = {int.from_bytes(eui64, "big"): bytes(key) for eui64, key in lines}
            return DeviceLogChanged(hub, received, int.from_bytes(network, "big"), devices)
        case [bytes(hub), int(code), [bytes(meter), int(excursions)]] if code == VOLTAGE_ALERT and len(meter) == 8:
            return VoltageAlert(hub, received, int.from_bytes(meter, "big"), excursions)
        case [bytes(hub), int(code), [bytes(device), int(log), int(event), bytes(at)]] if code == DEVICE_EVENT:
            return DeviceEvent(hub, received, int.from_bytes(device, "big"), log, event, date_time.instant(at) or 0)
    return Unknown(b"", received, notification.body)


def understand_event(packet: Packet, received: int) -> Notice:
    """The same of a hub whose application layer is `gateway`: an event of its own. Raises RemoteProtocolError."""
    header, position = Header.parse_from(packet.payload, 0)
    if packet.cluster != Events.id or header.command != command_of(Events.PublishEvent).id:
        raise RemoteProtocolError(f"cluster 0x{packet.cluster:04X}, command {header.command}, where only events are expected")
    event, _ = Events.PublishEvent.parse_from(packet.payload, position)
    hub, code, data = device_name(packet.eui64), event.event_id, event.event_data or b""
    at = (event.event_time + EPOCH) * 1_000_000_000
    if code in EVENTS:
        return EVENTS[code](hub, received, at, gateway_notices.Supply.parse(data).seconds)
    if code == VOLTAGE_ALERT:
        voltage = gateway_notices.Voltage.parse(data)
        return VoltageAlert(hub, received, voltage.eui64, voltage.excursions)
    if code == DEVICE_EVENT:
        told = gateway_notices.DeviceEvent.parse(data)
        return DeviceEvent(hub, received, told.eui64, told.log, told.event, at)
    if code == LOG_CHANGED:
        log = gateway_notices.LogChanged.parse(data)
        return DeviceLogChanged(hub, received, log.extended_pan_id, dict.fromkeys(log.devices, b""))
    return Unknown(b"", received, axdr.octets(packet.payload))
