"""What the meter's own display shows. It tells supply on or off, and never that anything is isolated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from devices.esme.meter import Meter
from devices.esme.supply import Supply
from devices.parts.screen import amount, clock_line, line
from protocols.dlms.cosem import ControlState
from protocols.zigbee.clusters.metering import Unit

STATES: Final = {
    ControlState.CONNECTED: "ON",
    ControlState.DISCONNECTED: "OFF",
    ControlState.READY_FOR_RECONNECTION: "OFF, PRESS B",
}
NOT_SAFE: Final = "STILL LIVE: DO NOT TOUCH"
FAILED: Final = "SWITCH FAILED"


def lines(meter: Meter, supply: Supply, utc: int | None, auxiliary: Sequence[bool] = ()) -> list[str]:
    """Registers, time, auxiliary switches, supply."""
    exported, rate = meter.export_wh, meter.rate()
    shown = [
        line("IMPORT", amount(meter.import_wh, 1, 1000, Unit.KILOWATT_HOURS)),
        *([line("EXPORT", amount(exported, 1, 1000, Unit.KILOWATT_HOURS))] if exported else []),
        *([] if rate is None else [line(f"RATE {rate}", amount(meter.tiers()[rate - 1], 1, 1000, Unit.KILOWATT_HOURS))]),
        clock_line(utc),
        *(f"AUX {number} {'ON' if on else 'OFF'}" for number, on in enumerate(auxiliary, 1)),
        line("SUPPLY", "LOST" if supply.lost else STATES[meter.switch.state]),
        *([FAILED] if meter.contact_fails else []),
    ]
    return shown if meter.switch.closed else [*shown, NOT_SAFE]
