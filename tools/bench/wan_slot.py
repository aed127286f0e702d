"""The slot in a hub for its WAN module, and the modules of a bench: who takes one off and puts another in.

The first module of a home is in from the start; the others lie ready. A module goes in and out while everything runs: its line and
its power come with the slot, and nothing else of the home is touched.
"""

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
from devices.runtime.slot import Slot
from devices.runtime.supply import MainsSupply, Supply
from tools.bench.device_config import Hub, WanModule
from tools.errors import BadInput

if TYPE_CHECKING:
    from tools.bench.home import Parts

BAUD = 115_200
REGISTRATION: Mapping[str, int] = MappingProxyType({"cellular": 3 * S, "long-range-radio": 8 * S, "power-line": 20 * S})
"""How long each type takes to be on its network."""


class WanSlot:
    """A home's. `fitted`: the label of the module in it."""

    def __init__(self, net: Net, hub: Board, modules: Mapping[str, Board]) -> None:
        net.host(hub.name).up = False  # until a module registers the address
        self.fitted: str | None = None
        self._hub = hub
        self._modules = modules
        self.fit(next(iter(modules)))

    def fit(self, label: str) -> None:
        """Put a module in. Raises BadInput when there is one in it, or none of that name."""
        if self.fitted is not None:
            raise BadInput(f'"{self.fitted}" is in the slot of {self._hub.name}')
        if label not in self._modules:
            raise BadInput(f'no WAN module "{label}" (modules: {", ".join(self._modules)})')
        board = self._modules[label]
        board.uart(wan_module.HUB).attach(self._hub.uart("wan"), baud=BAUD)
        assert isinstance(board.supply, Slot)
        board.supply.insert()
        self.fitted = label

    def pull(self) -> None:
        """Take the module out. Harmless when there is none."""
        if self.fitted is None:
            return
        board = self._modules[self.fitted]
        board.uart(wan_module.HUB).detach()
        assert isinstance(board.supply, Slot)
        board.supply.remove()
        self.fitted = None


def modem(net: Net, device: WanModule, node: str) -> Modem:
    """A module's."""
    return Modem(net, node, REGISTRATION[device.type])


def firmware(parts: Parts) -> Callable[[Board], Firmware]:
    """A module's, with what is printed on it."""
    assert isinstance(parts.device, WanModule)
    return partial(wan_module.Firmware, config=wan_module.Config(parts.device.type, f"{parts.identity.eui64:016X}"))


def supply(parts: Parts) -> Supply:
    """The slot's, with the hub's reserve."""
    home = parts.home
    hub = next(device for device in home.declared.values() if isinstance(device, Hub))
    feed = MainsSupply(home.mains if home.feed is None else home.feed, int(hub.reserve_s * S), int(hub.recharge_s * S))
    return Slot(home.kernel, feed, f"{home.name}/{parts.device.label}.slot")
