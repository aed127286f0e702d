"""What an electricity meter of a bench file is: its elements and phases, and its auxiliary load switches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypedDict

from msgspec import Meta

from tools.bench.declared import Declared
from tools.errors import suggest

if TYPE_CHECKING:
    from devices.esme.auxiliary import Switch
    from tools.bench.device_config import Device, Esme
    from tools.bench.home import Home

Span = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$", description='a time as "23:30-07:00"')]


class AuxiliarySwitch(Declared, frozen=True, kw_only=True):
    """A switch of the meter for one appliance, or one of the home's devices of kind load-controller that obeys the meter."""

    description: Annotated[str, Meta(max_length=22)] = ""
    watts: Annotated[int, Meta(ge=0, le=23_000)] = 0
    """What the appliance behind a switch in the meter draws."""
    device: str | None = None
    """The load controller; in the meter unless said."""
    on: Annotated[list[Span], Meta(max_length=12)] = []
    """When its schedule has it on (UTC); on all day unless said, and afterwards as the schedule is written."""


class Variant(TypedDict):
    """What a meter is made with."""

    auxiliary: tuple[Switch, ...]


def one_variant(devices: Sequence[Device]) -> None:
    """Raises ValueError for a meter that is two variants, and for a switch that is not there."""
    from tools.bench.device_config import Esme

    controllers = [device.label for device in devices if device.kind == "load-controller"]
    for meter in devices:
        if not isinstance(meter, Esme):
            continue
        if meter.elements > 1 and meter.phases > 1:
            raise ValueError(f'"{meter.label}" has two elements or three phases, not both')
        on_network = meter.rates == "hub" or any(switch.device is not None for switch in meter.auxiliary)
        if meter.interface == "wired" and on_network:
            raise ValueError(f'"{meter.label}" has no radio: `rates = "hub"` and load controllers need one')
        for switch in meter.auxiliary:
            if switch.device is not None and switch.device not in controllers:
                hint = suggest(switch.device, controllers)
                raise ValueError(f'`auxiliary`: no load controller "{switch.device}"{hint}')
            if switch.device is not None and switch.watts:
                raise ValueError(f'`auxiliary`: say `watts` at "{switch.device}", which has the appliance')


def auxiliary(home: Home, device: Esme) -> Variant:
    """Its switches."""
    if not device.auxiliary:
        return Variant(auxiliary=())
    from devices.esme.auxiliary import Switch  # few meters have any

    made = tuple(
        Switch(
            each.description,
            each.watts,
            None if each.device is None else home.identities[each.device].eui64,
            tuple((_minute(span[:5]), _minute(span[6:])) for span in each.on),
        )
        for each in device.auxiliary
    )
    return Variant(auxiliary=made)


def _minute(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])
