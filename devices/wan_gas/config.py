"""What a gas meter with its own WAN module is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.parts.demand import GAS_KWH_A_YEAR
from devices.parts.dlms_access import Lab

MINUTE = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """The battery, and what the meter draws from it. Figures of a typical lithium cell and modem; no meter's data sheet."""

    capacity_mah: int = 17_000
    sleep_ua: int = 120
    """Metrology, clock and display, microamperes."""
    modem_ua: int = 60_000
    """On top of that while the modem is on: searching, registered, sending; a mean."""


@dataclass(frozen=True, slots=True)
class Config:
    """One meter. Its EUI-64 is the board's."""

    address: str
    """Of its own on the WAN, the same for good."""
    destination: tuple[str, int]
    """Host and port of whom it calls."""
    password: bytes = field(repr=False)
    """Of client 1."""
    lab: Lab | None = None
    supplier_secret: bytes = field(default=b"", repr=False)
    call_period: int = 30 * MINUTE
    """It calls at multiples of this (ns) on its own clock, up to a minute later by its EUI-64."""
    start_litres: int = 1_234_567
    kwh_a_year: int = GAS_KWH_A_YEAR
    cell: Cell = Cell()
