"""Gas meters of a bench that have their own way to the head end: firmware and modem."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from devices import wan_gas
from devices.parts.wan_server import PORT
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, S
from devices.runtime.modem import Modem
from devices.runtime.net import Net
from tools.bench.device_config import WanGas

if TYPE_CHECKING:
    from tools.bench.home import Parts

REGISTRATION = 3 * S
"""How long a cellular modem takes to be on its network."""


def modem(net: Net, node: str) -> Modem:
    """A meter's own. Its address is nobody's until it is registered."""
    net.host(node).up = False
    return Modem(net, node, REGISTRATION)


def firmware(parts: Parts) -> Callable[[Board], Firmware]:
    """A meter's."""
    device, home = parts.device, parts.home
    assert isinstance(device, WanGas)
    config = wan_gas.Config(
        parts.identity.node,
        (home.notified, PORT),
        parts.password,
        home.bench.access.lab,
        home.bench.access.secret_of(device.supplier),
        call_period=device.call_minutes * MIN,
    )
    return partial(wan_gas.Firmware, config=config)
