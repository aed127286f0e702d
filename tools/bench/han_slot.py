"""The slot in a hub for its radio, and the modules of a bench: radio co-processors, spoken to over Spinel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from devices.parts.spinel_radio import ModuleRadio
from devices.rcp.firmware import HOST
from devices.runtime.board import Board
from tools.bench.module_slot import ModuleSlot

if TYPE_CHECKING:
    from tools.bench.home import Home

BAUD = 460_800
PORT = "han"
"""The hub's UART."""


class HanSlot(ModuleSlot):
    """A home's."""

    def __init__(self, hub: Board, modules: Mapping[str, Board]) -> None:
        super().__init__("HAN", hub.uart(PORT), HOST, BAUD, modules)


def hub(home: Home, make: Callable[[ModuleRadio], Board]) -> Board:
    """A hub whose radio is whichever module is in its slot."""
    made: list[Board] = []
    name = f"{home.identities[home.of_kind('hub')[0]].node}.{PORT}"
    made.append(make(ModuleRadio(home.kernel, name, lambda: made[0].uart(PORT))))
    return made[0]
