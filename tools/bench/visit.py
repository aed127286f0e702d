"""A visit with the hand-held terminal: its head on a meter, its lead in the hub, or neither, and what it has read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices import hht
from devices.runtime.board import Board
from devices.runtime.supply import Battery

if TYPE_CHECKING:
    from tools.bench.home import Home


class Visit:
    """The terminal is switched on with its optical head on the meter and its lead in the hub, if any; `end` takes it away again.

    Without a meter it is switched on with no wire at all, and goes by radio.
    """

    def __init__(self, home: Home, meter: Board | None, terminal: Board) -> None:
        """Raises devices.runtime.port.Occupied when somebody else's head is on the meter."""
        self._supply = terminal.supply
        self._wires = [] if meter is None else [terminal.uart("optical").attach(meter.uart("optical"), baud=9600)]
        if meter is not None and not home.foreign:
            self._wires.append(terminal.uart("service").attach(home.hub.uart("service")))
        self._terminal = terminal
        assert isinstance(self._supply, Battery)
        self._supply.insert()

    @property
    def report(self) -> dict[str, object] | None:
        """What the terminal has read, once it is done; None before."""
        firmware = self._terminal.firmware
        return firmware.report if isinstance(firmware, hht.Firmware) else None

    def end(self) -> None:
        """Take the head off, the lead out, and switch the terminal off."""
        for wire in self._wires:
            wire.unplug()
        assert isinstance(self._supply, Battery)
        self._supply.remove()
