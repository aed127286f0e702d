"""Notices in the application layer `gateway`: the hub's own events, in Smart Energy (Events cluster), and no DLMS.

Each is a PublishEvent in a packet of the hub's own EUI-64, said as NotifyAPSMessage on a connection that the hub opens to the head
end. Its number is the notification's, so one that is repeated is known. Event identifiers are the codes of the hub's event object
(group 0, which is no cluster's); what event data say, little endian as everywhere in ZigBee, is of our own:

    supply, gas meter's time-out    event time: of the loss; seconds (4)
    voltage                         EUI-64 (8), excursions (2)
    device's event                  event time: the device's; EUI-64 (8), log (1), event (2)
    device log changed              extended PAN identifier (8), number of devices (1), EUI-64 of each (8): no backup, so no keys
"""

from __future__ import annotations

from hubfw.event_reports import DEVICE_EVENT
from hubfw.han.events import LOG_CHANGED
from hubfw.supply_reports import VOLTAGE_ALERT
from hubfw.wan.packets import ENDPOINT
from protocols.core.codec import Frame, array, le
from protocols.core.errors import LocalProtocolError
from protocols.dlms.cosem import date_time
from protocols.dlms.xdlms import DataNotification
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.gateway import NotifyAPSMessage, Packet, framed
from protocols.zigbee.zcl import foundation

PROFILE = 0x0109
TO_THE_WAN = 0x02
"""Of event control: report it to the head end."""
_NUMBER = 0x00FF_FFFF


class Supply(Frame):
    """Of an event of the supply."""

    seconds: le.u32


class Voltage(Frame):
    """Of an alert of a meter's voltage."""

    eui64: le.u64
    excursions: le.u16


class DeviceEvent(Frame):
    """Of an event that a device told."""

    eui64: le.u64
    log: le.u8
    event: le.u16


class LogChanged(Frame):
    """Of another device log."""

    extended_pan_id: le.u64
    devices: list[int] = array(le.u64, count=le.u8)


def notice(apdu: bytes, eui64: int) -> bytes:
    """A notification of the hub as it goes over the stream."""
    told = DataNotification.parse(apdu)
    event = _event(told)
    number = told.long_invoke & _NUMBER
    payload = foundation.cluster(number & 0xFF, event, disable_default_response=True)
    return framed(NotifyAPSMessage(number, Packet(eui64, PROFILE, Events.id, ENDPOINT, ENDPOINT, payload)))


def _event(told: DataNotification) -> Events.PublishEvent:
    """Raises LocalProtocolError for what no notification of a hub is."""
    at, log = date_time.instant(told.date_time) or 0, LogId.GENERAL
    match told.body.python:
        case [bytes(), int(code), bytes(lost), int(length)]:
            at, data = date_time.instant(lost) or at, Supply(length).build()
        case [bytes(), int(code), [bytes(meter), int(excursions)]] if code == VOLTAGE_ALERT:
            data = Voltage(int.from_bytes(meter, "big"), excursions).build()
        case [bytes(), int(code), [bytes(device), int(its_log), int(event), bytes(then)]] if code == DEVICE_EVENT:
            at, data = date_time.instant(then) or at, DeviceEvent(int.from_bytes(device, "big"), its_log, event).build()
        case [bytes(), int(code), [bytes(), bytes(network), list(devices)]] if code == LOG_CHANGED:
            log, data = (
                LogId.GBCS_GENERAL,
                LogChanged(int.from_bytes(network, "big"), [int.from_bytes(each, "big") for each, _ in devices]).build(),
            )
        case _:
            raise LocalProtocolError(f"no event of the hub: {told.body}")
    return Events.PublishEvent(log, code, seconds(at), TO_THE_WAN, data)
