"""The module in a hub for consumer devices, and who may join its network. Loaded by homes that have one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from devices import consumer_module
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from hubfw.consumer_view import CONSUMERS
from tools.bench.device_config import ConsumerModule, on_consumer_network

if TYPE_CHECKING:
    from tools.bench.home import Home, Parts


def firmware(parts: Parts) -> Callable[[Board], Firmware]:
    """The module's."""
    home, device = parts.home, parts.device
    assert isinstance(device, ConsumerModule)
    guests = tuple(
        consumer_module.Guest(home.identities[label].eui64, home.identities[label].install_code)
        for label, each in home.declared.items()
        if on_consumer_network(each) and each.listed
    )
    return partial(consumer_module.Firmware, config=consumer_module.Config(guests, parts.credentials, device.channel))


def connect(home: Home) -> None:
    """Plug the module into the hub."""
    (label,) = home.of_kind("consumer-module")
    home.hub.uart(CONSUMERS).attach(home.boards[label].uart(consumer_module.FEED))
