"""Wireless M-Bus meters of a bench: their firmware, and what their hub knows of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import hubfw
from devices import mbus_gas, mbus_heat
from devices.runtime.kernel import MIN
from hubfw.mbus import address_of
from protocols.core.errors import RemoteProtocolError
from protocols.wmbus import framing
from protocols.wmbus.coding import MODES
from protocols.wmbus.link import Control, DeviceType, Telegram
from protocols.wmbus.telegram import Key, Profile
from tools.bench import device_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.board import Board
    from devices.runtime.firmware import Firmware
    from tools.bench.home import Home, Parts


def meters(home: Home) -> tuple[hubfw.MBusMeter, ...]:
    """What the hub is told of the home's meters."""
    return tuple(
        hubfw.MBusMeter(
            home.identities[label].eui64, _key(home, device), MODES[device.mode], isinstance(device, device_config.MBusHeat)
        )
        for label, device in home.declared.items()
        if isinstance(device, device_config.MBusGas | device_config.MBusHeat)
    )


def firmware(parts: Parts) -> Callable[[Board], Firmware]:
    """A meter's firmware."""
    device = parts.device
    if isinstance(device, device_config.MBusHeat):
        address, key = address_of(parts.identity.eui64, DeviceType.HEAT), _key(parts.home, device)
        made = mbus_heat.Config(address, key, MODES[device.mode], device.report_minutes * MIN)
        return partial(mbus_heat.Firmware, config=made)
    assert isinstance(device, device_config.MBusGas)
    config = mbus_gas.Config(
        address_of(parts.identity.eui64, DeviceType.GAS),
        _key(parts.home, device),
        MODES[device.mode],
        period=device.report_minutes * MIN,
        remote_open=device.remote_open,
    )
    return partial(mbus_gas.Firmware, config=config)


def telegram_type(chips: bytes) -> str:
    """What a telegram on the channel is, by its control field; with a mode and a direction that fit, and none else."""
    for mode in MODES.values():
        for direction in (mode.from_meter, mode.to_meter):
            try:
                telegram = Telegram.parse(framing.parse(direction.decode(chips)))
            except RemoteProtocolError:
                continue
            kind = telegram.kind
            return Control(kind).name.replace("_", "-") if kind in list(Control) else f"control {kind:02X}"
    return "noise"


def _key(home: Home, device: device_config.MBusGas | device_config.MBusHeat) -> Key:
    return Key(Profile(device.security), home.identities[device.label].key("mbus"))
