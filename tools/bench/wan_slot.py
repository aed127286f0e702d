"""The slot in a hub for its WAN module, and the modules of a bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from devices import wan_module
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import S
from devices.runtime.modem import Modem
from devices.runtime.net import Net
from tools.bench.device_config import WanModule
from tools.bench.module_slot import ModuleSlot

if TYPE_CHECKING:
    from tools.bench.home import Parts

BAUD = 115_200
REGISTRATION: Mapping[str, int] = MappingProxyType({"cellular": 3 * S, "long-range-radio": 8 * S, "power-line": 20 * S})
"""How long each type takes to be on its network."""


class WanSlot(ModuleSlot):
    """A home's."""

    def __init__(self, net: Net, hub: Board, modules: Mapping[str, Board]) -> None:
        net.host(hub.name).up = False  # until a module registers the address
        super().__init__("WAN", hub.uart("wan"), wan_module.HUB, BAUD, modules)


def modem(net: Net, device: WanModule, node: str) -> Modem:
    """A module's."""
    return Modem(net, node, REGISTRATION[device.type])


def firmware(parts: Parts) -> Callable[[Board], Firmware]:
    """A module's, with what is printed on it."""
    assert isinstance(parts.device, WanModule)
    return partial(wan_module.Firmware, config=wan_module.Config(parts.device.type, f"{parts.identity.eui64:016X}"))
