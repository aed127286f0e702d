"""The wire between a gas meter and the hub or the electricity meter, safe where gas may be: data, and power without a cell.

Intrinsically safe (ATEX; IEC 60079-11): so little voltage, current and length that no fault makes a spark that lights gas. The
papers ask for such a wire and give no numbers; these are meterbench's own, and a wire beyond them is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from devices.runtime.kernel import S
from devices.runtime.power_line import OverWire, PowerLine
from tools.bench.declared import Declared

if TYPE_CHECKING:
    from tools.bench.device_config import AnyDevice
    from tools.bench.home import Home
    from tools.bench.medium import Air

VOLTS: Final = 5.0
MOST_MILLIAMPS: Final = 50
LONGEST: Final = 20.0
"""Metres."""
OHMS_A_METRE: Final = 0.2
LEAST_VOLTS: Final = 4.75
"""What the meter needs at its end."""


class SafeWire(Declared, frozen=True, kw_only=True):
    """`milliamps`: what the meter draws at most, where the wire feeds it."""

    to: Literal["hub", "esme"] = "hub"
    metres: Annotated[float, Meta(ge=0, le=10_000)] = 2.0
    milliamps: Annotated[int, Meta(ge=0, le=10_000)] = 20

    def __post_init__(self) -> None:
        if self.metres > LONGEST:
            raise ValueError(f"{self.metres:g} m of wire to a gas meter, and {LONGEST:g} m are safe")
        if self.milliamps > MOST_MILLIAMPS:
            raise ValueError(f"{self.milliamps} mA over a wire to a gas meter, and {MOST_MILLIAMPS} mA are safe")
        left = VOLTS - self.milliamps / 1000 * OHMS_A_METRE * self.metres
        if left < LEAST_VOLTS:
            drawn = f"{self.milliamps} mA over {self.metres:g} m leave {left:.2f} V of {VOLTS:g} V"
            raise ValueError(f"{drawn}, and the gas meter needs {LEAST_VOLTS:g} V")


def check(devices: Sequence[AnyDevice], air: Air) -> None:
    """Raises ValueError for gas meters that hang on the mains, wires without a medium, and ends that are not there."""
    from tools.bench.device_config import ConsumerModule, Gsme, MBusGas, MBusHeat, PrepayGas

    on_line = air.carrier == "power-line"
    for device in devices:
        if isinstance(device, Gsme):
            wire = device.wire
            if on_line and wire is None:
                raise ValueError(f'"{device.label}" may not hang on the mains: give it a `wire` to hub or esme')
            if wire is not None and not on_line:
                raise ValueError(f'`wire` of "{device.label}" needs `carrier = "power-line"` in [home.air]')
            if wire is not None and device.power not in ("battery", wire.to):
                raise ValueError(f'"{device.label}" has its wire to the {wire.to}, and its power from the {device.power}')
            if device.power == "esme" and not any(other.kind == "esme" for other in devices):
                raise ValueError(f'"{device.label}" has its power from a device of kind esme, and there is none')
            if wire is not None and not any(other.kind == wire.to for other in devices):
                raise ValueError(f'"{device.label}" has a wire to a device of kind {wire.to}, and there is none')
        elif on_line and isinstance(device, MBusGas | MBusHeat | PrepayGas | ConsumerModule):
            raise ValueError(f'"{device.label}" of kind {device.kind} has nothing but a radio')


class SafeLead:
    """The wire in a home, which people pull out and put in."""

    def __init__(self, line: PowerLine, meter: str, end: str, supply: OverWire | None) -> None:
        self._line, self._node, self._supply = line, meter, supply
        line.wires[meter] = end

    def pull(self) -> None:
        """Take it out: no data, and no power where it feeds the meter."""
        self._line.pull(self._node)
        if self._supply is not None:
            self._supply.pull()

    def plug(self) -> None:
        """Put it in again."""
        self._line.plug(self._node)
        if self._supply is not None:
            self._supply.plug()


def leads(home: Home) -> Iterator[tuple[str, SafeLead]]:
    """A home's wires to gas meters, by their names, where they have one and are here."""
    for label in home.of_kind("gsme"):
        wire, board = getattr(home.declared[label], "wire", None), home.boards.get(label)
        if isinstance(wire, SafeWire) and board is not None and isinstance(home.air, PowerLine):
            end = home.identities[home.of_kind(wire.to)[0]].node
            yield label, SafeLead(home.air, board.name, end, board.supply if isinstance(board.supply, OverWire) else None)


def supply(home: Home, end: Literal["hub", "esme"]) -> OverWire:
    """Power from the hub or an electricity meter: as long as that one's own reserve lasts."""
    from tools.bench.device_config import Esme, Hub

    device = home.declared[home.of_kind(end)[0]]
    if isinstance(device, Hub):
        return OverWire(home.feed or home.mains, int(device.reserve_s * S), int(device.recharge_s * S))
    assert isinstance(device, Esme)
    return OverWire(home.mains, int(device.hold_up_s * S))
