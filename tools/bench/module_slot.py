"""A slot in a hub for a module, and the modules of a bench: who takes one off and puts another in.

The first module of a home is in from the start; the others lie ready. A module goes in and out while everything runs: its line and
its power come with the slot, and nothing else of the home is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from devices.runtime.board import Board
from devices.runtime.kernel import S
from devices.runtime.port import Port
from devices.runtime.slot import Slot
from devices.runtime.supply import MainsSupply, Supply
from tools.bench.device_config import Hub
from tools.errors import BadInput

if TYPE_CHECKING:
    from tools.bench.home import Parts


class ModuleSlot:
    """A home's. `fitted`: the label of the module in it. `port`: the hub's; `uart`: the name of the modules'."""

    def __init__(self, part: str, port: Port, uart: str, baud: int, modules: Mapping[str, Board]) -> None:
        self.fitted: str | None = None
        self._part = part
        self._port = port
        self._uart = uart
        self._baud = baud
        self._modules = modules
        self.fit(next(iter(modules)))

    def fit(self, label: str) -> None:
        """Put a module in. Raises BadInput when there is one in it, or none of that name."""
        if self.fitted is not None:
            raise BadInput(f'"{self.fitted}" is in the slot {self._port.name}')
        if label not in self._modules:
            raise BadInput(f'no {self._part} module "{label}" (modules: {", ".join(self._modules)})')
        board = self._modules[label]
        board.uart(self._uart).attach(self._port, baud=self._baud)
        assert isinstance(board.supply, Slot)
        board.supply.insert()
        self.fitted = label

    def pull(self) -> None:
        """Take the module out. Harmless when there is none."""
        if self.fitted is None:
            return
        board = self._modules[self.fitted]
        board.uart(self._uart).detach()
        assert isinstance(board.supply, Slot)
        board.supply.remove()
        self.fitted = None


def supply(parts: Parts) -> Supply:
    """The slot's, with the hub's reserve."""
    home = parts.home
    hub = next(device for device in home.declared.values() if isinstance(device, Hub))
    feed = MainsSupply(home.mains if home.feed is None else home.feed, int(hub.reserve_s * S), int(hub.recharge_s * S))
    return Slot(home.kernel, feed, f"{home.name}/{parts.device.label}.slot")
