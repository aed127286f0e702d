"""What the hub of a home is told, from the home's bench file: one field of its configuration a line.

Not here: how its board is put together (`home`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import hubfw
from devices.runtime.kernel import S
from protocols.dlms.cosem.push import TransportService
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.sub_ghz.server import Limits
from tools.bench import device_config, prepay
from tools.bench.gas_meters import gas_meters
from tools.bench.identity import GPF, derive

if TYPE_CHECKING:
    from tools.bench.home import Home, Parts


_BY = {
    "tcp": TransportService.TCP, "udp": TransportService.UDP, "modem": TransportService.HDLC,
    "modem-wrapper": TransportService.SERIAL_WRAPPER,
}  # fmt: skip
"""`notices` of the hub as its push setup has it."""


def hub_config(parts: Parts) -> hubfw.Config:
    """What a hub of this home is told."""
    home, device = parts.home, parts.device
    assert isinstance(device, device_config.Hub)
    listed = [label for label, each in home.declared.items() if _joins(each) and each.listed]
    at_wire = [label for label, each in home.declared.items() if wired(each)]
    return hubfw.Config(
        gpf_eui64=parts.identity.eui64 ^ GPF,
        credentials=parts.credentials,
        device_log=tuple(
            hubfw.Entry(home.identities[label].eui64, home.identities[label].install_code, home.declared[label].kind)
            for label in listed
        ),
        push_destination=(home.notified, 4059) if device.notices in ("tcp", "udp") else ("", 0),
        push_service=_BY[device.notices],
        wan_address=parts.identity.node if slotted(device) else None,
        han_module=device.han == "module",
        local_pairing=device.consumer_pairing,
        wan_application=device.wan_application,
        lls_password=parts.password,
        gas_supplier_secrets={
            home.identities[meter.label].eui64: home.bench.access.secret_of(meter.supplier)
            for meter in gas_meters(home.declared.values())
        },
        lab=home.bench.access.lab,
        backup_key=derive(home.kernel.seed, home.name, "hub backup", 32),
        engineer_password=engineer_password(home),
        outage_after_ns=int(device.outage_after_s * S),
        central=device.central,
        outage_reports=None
        if device.outage_reports is None
        else tuple(home.identities[label].eui64 for label in device.outage_reports),
        voltage_alerts=tuple((home.identities[label].eui64, device.voltage_alert_after) for label in device.voltage_alerts),
        event_reports=tuple((LogId[each.log.replace("-", "_").upper()], each.event or 0) for each in device.event_reports),
        restart_spread_ns=int(device.restart_spread_s * S),
        wired_meter=home.identities[at_wire[0]].eui64 if at_wire else None,
        flag_baud=flag(home.declared[at_wire[0]])[1] if at_wire else None,
        flag_push=bool(at_wire) and flag(home.declared[at_wire[0]])[0] == "D",
        channel=home.channel,
        sub_ghz=() if home.sub_ghz is None else ((home.sub_ghz.page, home.sub_ghz.channel),),
        duty_limits=Limits()
        if home.sub_ghz is None
        else Limits(home.sub_ghz.limited_percent / 100, home.sub_ghz.critical_percent / 100),
        mbus=_on_mbus(home),
        dwellings=_dwellings(home),
        image_block=device.firmware_block,
        image_block_period=device.firmware_block_ms,
        core_only=device.core_only,
        consumer_view=bool(home.of_kind("consumer-module")),
        approved=_approved(device),
        prepay=None if device.prepay is None else prepay.hub(home, device.prepay),
        tunnel_protocol=home.profile.tunnel_protocol,
    )


def _joins(device: device_config.Device) -> bool:
    """Whether it is on the meters' network, once it is let in."""
    return device.kind in device_config.JOINING_KINDS and not wired(device) and not device_config.on_consumer_network(device)


def _approved(device: device_config.Hub) -> tuple[hubfw.Product, ...] | None:
    if device.approved is None:
        return None
    return tuple(
        hubfw.Product(row.kind, int(row.maker.replace("-", "").replace(":", ""), 16), row.manufacturer, row.model)
        for row in device.approved
    )


def _dwellings(home: Home) -> tuple[tuple[int, ...], ...]:
    """Who is in which dwelling of a building, in the file's order."""
    names = dict.fromkeys(each.dwelling for each in home.declared.values() if each.dwelling is not None)
    return tuple(
        tuple(home.identities[label].eui64 for label, each in home.declared.items() if each.dwelling == name) for name in names
    )


def engineer_password(home: Home) -> bytes:
    """Of client 48 at the home's hub: 16 octets."""
    return derive(home.kernel.seed, home.name, "engineer", 8).hex().encode()


def slotted(device: device_config.Device) -> bool:
    """Whether its WAN part is a module that comes off."""
    return isinstance(device, device_config.Hub) and device.wan == "module"


def wired(device: device_config.Device) -> bool:
    """Whether it is an electricity meter on the hub's wire."""
    return isinstance(device, device_config.Esme) and device.interface == "wired"


def flag(device: device_config.Device) -> tuple[Literal["A", "B", "C", "D"] | None, int | None]:
    """Mode and fastest rate of a wired meter that speaks IEC 62056-21."""
    wire = device.wire if isinstance(device, device_config.Esme) and device.interface == "wired" else None
    return (wire.mode, wire.baud) if wire is not None and wire.protocol == "flag" else (None, None)


def _on_mbus(home: Home) -> tuple[hubfw.MBusMeter, ...]:
    if not (home.of_kind("mbus-gas") or home.of_kind("mbus-heat")):
        return ()
    from tools.bench import mbus  # few homes have it: the others don't wait for it

    return mbus.meters(home)
