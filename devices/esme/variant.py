"""Meter variants: elements and phases, each with registers of its own beside those of the whole meter.

A twin-element meter measures what switched appliances draw with its second element, and all else with its first: `1-20:1.8.0`
beside `1-0:1.8.0`, and the second value of GB's collection of import. A polyphase meter counts the net of all phases, and the
import and export of each (`1-0:21.8.0` and so on); what flows one way on one phase and the other way on another is netted in its
total, as the law has it. Which load is on which phase is fixed here: the household on all three, appliances on the second, plants
on the third. `0-0:96.1.2` says which variant it is: A, B, C; auxiliary switches are told by their own objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import InterfaceClass, Unit

if TYPE_CHECKING:
    from devices.esme.config import Config
    from devices.esme.meter import Meter
    from devices.parts.metrology import Share
    from protocols.dlms.axdr import Data

SINGLE, TWIN, POLYPHASE = b"A", b"B", b"C"
_WH: Final = (0, Unit.WATT_HOUR)
_W: Final = (0, Unit.WATT)
_DECIVOLTS: Final = (-1, Unit.VOLT)
_HALF, _THIRD = 50, 30
"""Percent of the household's load on the first phase, and on the second."""


def letter(config: Config) -> bytes:
    """Which variant it is."""
    return TWIN if config.elements > 1 else POLYPHASE if config.phases > 1 else SINGLE


def shares(config: Config) -> tuple[Share, ...]:
    """What each of its parts measures, in watts, of (household, appliances, plants)."""
    if config.elements > 1:
        return (lambda household, drawn, delivered: drawn,)
    if config.phases == 1:
        return ()
    return (
        lambda household, drawn, delivered: household * _HALF // 100,
        lambda household, drawn, delivered: household * _THIRD // 100 + drawn,
        lambda household, drawn, delivered: household - household * _HALF // 100 - household * _THIRD // 100 - delivered,
    )


def objects(config: Config, meter: Meter) -> Iterator[InterfaceClass]:
    """The registers of its parts; none of a single-element meter of one phase."""
    if config.elements > 1:
        yield cosem.Register("1-20:1.8.0", value=_energy(meter, 0, 0), scaler_unit=_WH)
        yield cosem.Register("1-20:1.7.0", value=_power(meter, 0), scaler_unit=_W)
    for phase in range(config.phases if config.phases > 1 else 0):
        channel = 20 * (phase + 1)
        yield cosem.Register(f"1-0:{channel + 1}.8.0", value=_energy(meter, phase, 0), scaler_unit=_WH)
        yield cosem.Register(f"1-0:{channel + 2}.8.0", value=_energy(meter, phase, 1), scaler_unit=_WH)
        yield cosem.Register(f"1-0:{channel + 1}.7.0", value=_power(meter, phase), scaler_unit=_W)
        if phase:
            yield cosem.Register(f"1-0:{channel + 12}.7.0", value=_voltage(meter), scaler_unit=_DECIVOLTS)


def _energy(meter: Meter, part: int, direction: int) -> Callable[[], Data]:
    return lambda: axdr.u32(meter.metrology.part(part)[direction])


def _power(meter: Meter, part: int) -> Callable[[], Data]:
    return lambda: axdr.u32(max(meter.metrology.part_watts(part), 0))


def _voltage(meter: Meter) -> Callable[[], Data]:
    """All phases of this supply have the same."""
    return lambda: axdr.u16(meter.voltage.decivolts)
