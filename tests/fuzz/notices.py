"""Fuzz targets: the line of a hub's serial modem in a living home, and notices of the application layer `gateway` at a head end."""

from __future__ import annotations

from functools import cache

from devices.runtime.kernel import S
from devices.runtime.port import Port
from hubfw.wan import gateway_notices
from protocols.dlms import axdr, hdlc, wrapper
from protocols.dlms.client import Client
from protocols.dlms.cosem import date_time
from protocols.dlms.xdlms import DataNotification
from protocols.zigbee import gateway
from tests.fuzz.target import joined, parted, target
from tools.bench.config import loads
from tools.bench.run import Run
from tools.headend.notices import DEVICE_EVENT, LOG_CHANGED, VOLTAGE_ALERT, understand_event

HUB = 0x00DB123456789000
NOW = 1_768_348_800 * S
WHEN, EUI64 = axdr.octets(date_time.encode(NOW)), axdr.octets(bytes(7) + b"\x01")


def _notices() -> list[bytes]:
    name = axdr.octets(b"MBE0123456789ABC")
    told = (
        (1, (WHEN, axdr.u32(180))), (2, (WHEN, axdr.u32(600))),
        (VOLTAGE_ALERT, (axdr.structure(EUI64, axdr.u16(3)),)),
        (DEVICE_EVENT, (axdr.structure(EUI64, axdr.u8(1), axdr.u16(0x0133), WHEN),)),
        (LOG_CHANGED, (axdr.structure(WHEN, EUI64, axdr.array([axdr.structure(EUI64, axdr.octets(bytes(16)))])),)),
    )  # fmt: skip
    bodies = [axdr.structure(name, axdr.u16(code), *rest) for code, rest in told]
    return [gateway_notices.notice(DataNotification(7, date_time.encode(NOW), body).build(), HUB) for body in bodies]


@target("gateway-notices", _notices)
def _heard(octets: bytes) -> None:
    """What a hub says by itself is a notice, or refused."""
    for message in gateway.Splitter().feed(octets):
        understand_event(gateway.NotifyAPSMessage.parse(message).packet, NOW)


@cache
def _home() -> Run:
    run = Run(loads('[[home]]\n[[home.device]]\nkind = "hub"\nnotices = "modem"\n'))
    run.run_until(2 * S)
    return run


def _lines() -> list[bytes]:
    asked = next(iter(Client(16, 1).associate()))
    (snrm,) = hdlc.ClientLink(16, 1).connect(0)
    return [
        joined([wrapper.wrap(16, 1, asked), wrapper.wrap(16, 1, b"\xc0\x01\xc1\x00\x01\x00\x00\x2a\x00\x00\xff\x02\x00")]),
        joined([bytes(snrm.data), wrapper.wrap(16, 1, asked), bytes(snrm.data)]),
        joined([wrapper.wrap(16, 1, asked)[:9], bytes(snrm.data)]),
    ]


@target("hub-modem", _lines)
def _modem(octets: bytes) -> None:
    """Whatever comes by the line, the hub lives on, and a notice goes out afterwards."""
    run, heard = _home(), list[bytes]()
    plug = Port(run.kernel, "modem")
    plug.on_receive = heard.append
    plug.attach(run.hub.uart("modem"), baud=9600)
    for piece in parted(octets):
        plug.write(piece)
        run.run(for_=S // 4)
    plug.detach()
    run.run(for_=S)
    heard.clear()
    plug.attach(run.hub.uart("modem"), baud=9600)
    hub = run.hub.firmware
    run.hub.nvm.put(hub.notifier.add(hub._notification()))
    hub.notifier.start()
    run.run(for_=S)
    plug.detach()
    run.run(for_=S)
    (frame,) = hdlc.Deframer().feed(b"".join(heard))
    assert frame.kind is hdlc.Kind.UI
