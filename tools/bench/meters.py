"""What the meters of a home are told, from the home's bench file: one field of their configurations a line.

Not here: how their boards are put together (`home`); meters that a hub or the central network reads in another way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices import esme, gsme
from devices.runtime.kernel import MIN
from protocols.zigbee.sub_ghz.channels import CHANNELS
from tools.bench import device_config, plant
from tools.bench.hub_settings import flag, wired
from tools.bench.identity import GPF, derive
from tools.bench.variant import auxiliary

if TYPE_CHECKING:
    from tools.bench.home import Home, Parts

MPRN: Final = 1_234_567_890
"""Meter point reference number of a home's first gas meter; the next ones follow."""
EVERY_SUB_GHZ: Final = tuple((page, channel) for page in (28, 29, 30) for channel in CHANNELS[page])


def network_of(home: Home) -> int | None:
    """The extended PAN id printed on the home's hub; None: any network will do."""
    return None if home.foreign else home.identities[home.of_kind("hub")[0]].eui64 ^ GPF


def shared_key(home: Home, label: str) -> bytes:
    """What a device and the head end share, and the hub is not told."""
    return derive(home.kernel.seed, f"{home.name}/{label}", "end to end", 16)


def electricity(parts: Parts) -> esme.Config:
    """What an electricity meter is told."""
    device = parts.device
    assert isinstance(device, device_config.Esme)
    return esme.Config(
        install_code=parts.identity.install_code,
        extended_pan_id=network_of(parts.home),
        credentials=parts.credentials,
        lls_password=parts.password,
        supplier_secret=parts.home.bench.access.secret_of(parts.device.supplier),
        lab=parts.home.bench.access.lab,
        interface="wired" if wired(parts.device) else "han",
        flag=flag(parts.device),
        utrn_secret=parts.identity.key("utrn"),
        end_to_end_key=_sealed_under(parts),
        tunnel_protocol=parts.home.profile.tunnel_protocol,
        remote_close=parts.home.profile.remote_close,
        **plant.registers(device),
        version=device.version,
        accuracy=device.accuracy,
        neutral_detection=device.neutral_detection,
        rates=device.rates,
        elements=device.elements,
        phases=device.phases,
        **auxiliary(parts.home, device),
        offset=None if device.offset_s is None else (device.offset_s, device.offset_style == "either-side"),
        foreign=parts.home.foreign,
        default_link_key=parts.home.default_link_key,
    )


def gas(parts: Parts) -> gsme.Config:
    """What a gas meter of Smart Energy is told."""
    device = parts.device
    assert isinstance(device, device_config.Gsme)
    place = parts.home.of_kind("gsme").index(device.label)
    return gsme.Config(
        parts.identity.install_code,
        network_of(parts.home),
        parts.credentials,
        foreign=parts.home.foreign,
        default_link_key=parts.home.default_link_key,
        sub_ghz=EVERY_SUB_GHZ if device.band == "sub-ghz" else (),
        version=device.version,
        fed_by_hub=device.power != "battery",
        end_to_end_key=_sealed_under(parts),
        utrn_secret=parts.identity.key("utrn"),
        wake_period=device.wake_minutes * MIN,
        start_litres=device.start_litres,
        kwh_a_year=device.kwh_a_year,
        serial_number=b"G4 %07d" % (1 + place),
        mprn=b"%010d" % (MPRN + place),
    )


def _sealed_under(parts: Parts) -> bytes:
    device = parts.device
    sealed = isinstance(device, device_config.Esme | device_config.Gsme) and device.end_to_end
    return shared_key(parts.home, device.label) if sealed else b""
