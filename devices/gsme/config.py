"""What a gas meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.parts.demand import GAS_KWH_A_YEAR
from devices.parts.joiner import Joiner
from devices.parts.specification import LATEST, Version

MINUTE = 60 * 1_000_000_000
SELLER = 0x90B3D51F30010000
"""EUI-64 in whose name a supplier sells top-ups."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The battery, and what the meter draws from it. Figures of a typical lithium cell and radio; no meter's data sheet."""

    capacity_mah: int = 17_000
    sleep_ua: int = 120
    """Metrology, clock and display, microamperes."""
    radio_ua: int = 28_000
    """On top of that while the radio sends or listens."""
    low_percent: int = 10
    """From which remaining share on the meter says that its battery is low."""


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One gas meter. Its EUI-64 is the board's."""

    sub_ghz: tuple[tuple[int, int], ...] = ()
    """(page, channel) below 1 GHz on which it looks for its network; none: it does at 2.4 GHz."""
    end_to_end_key: bytes = field(default=b"", repr=False)
    """What it shares with the head end; without, nothing is sealed from end to end."""
    fed_by_hub: bool = False
    """It has its power from the hub over a wire: no battery, and it hears at any time. Its rhythm is the same."""
    wake_period: int = 30 * MINUTE
    """It reports at multiples of this (ns) on its own clock."""
    wake_offset: int | None = None
    """How long (ns) after them; None: up to a minute, by its EUI-64, so that a street does not wake at once."""
    start_litres: int = 1_234_567
    """What its register shows when it is new on the wall."""
    kwh_a_year: int = GAS_KWH_A_YEAR
    """What the premises use."""
    calorific_value: int = 395
    """Tenths of a megajoule a cubic metre: for the history in kilowatt-hours."""
    conversion_factor: int = 102_264
    """Volume correction in hundred-thousandths."""
    price: int = 6_040
    """Of a kilowatt-hour, hundred-thousandths of a pound: for costs."""
    standing_charge: int = 29_000
    """Of a day."""
    model: str = "GSME"
    version: Version = LATEST
    """Of its specification, in force when it is installed."""
    serial_number: bytes = b"G4 0000001"
    mprn: bytes = b"1234567890"
    """Meter point reference number: the site."""
    customer_id: bytes = b""
    """Customer identification number, where there is one."""
    utrn_secret: bytes = field(default=bytes(32), repr=False)
    """What the supplier's prepayment key and the meter's agree on."""
    utrn_originator: int = SELLER
    """EUI-64 of who sells top-ups."""
    cell: Cell = Cell()
