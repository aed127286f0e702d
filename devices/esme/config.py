"""What an electricity meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from devices.parts.demand import ELECTRICITY_KWH_A_YEAR
from devices.parts.dlms_access import Lab
from devices.parts.joiner import Joiner
from devices.parts.specification import LATEST, Version
from devices.parts.tariff import STANDARD, Tariff
from protocols.zigbee.clusters.tunneling import DLMS

if TYPE_CHECKING:
    from devices.esme.auxiliary import Switch

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One electricity meter. Its EUI-64 is the board's."""

    lls_password: bytes = field(default=b"12345678", repr=False)
    """Low-level security secret of client 1."""
    supplier_secret: bytes = field(default=b"", repr=False)
    """Of client 64, the supplier; empty: there is none."""
    lab: Lab | None = None
    """Test keys of the access profile lab; None: the profile open."""
    interface: Literal["han", "wired"] = "han"
    """How it talks to the hub: by radio, or on its UART `wired`."""
    flag: tuple[Literal["A", "B", "C", "D"] | None, int | None] = (None, None)
    """Where wired: mode and fastest rate of IEC 62056-21 there; None: DLMS over HDLC."""
    utrn_secret: bytes = field(default=b"", repr=False)
    """What the supplier's prepayment key and the meter's agree on; without, every code is refused as not authentic."""
    utrn_originator: int = 0x90B3D51F30010000
    """EUI-64 of who sells top-ups."""
    end_to_end_key: bytes = field(default=b"", repr=False)
    """Shared with the head end since it was made: payloads under it pass by the hub sealed; empty: it takes none."""
    tunnel_protocol: int = DLMS
    """What the hub may tunnel to it: DLMS wrapper PDUs, or GB's messages (GB_HRGP)."""
    remote_close: bool = True
    """Whether a remote command closes the load switch of a new meter; if not, it arms it."""
    start_wh: int = 4_321_000
    """What its import register shows when it is new on the wall."""
    measures: Literal["home", "generation"] = "home"
    """What flows through it: all that the home draws and delivers, or what its plants deliver."""
    start_export_wh: int = 0
    """What its export register shows when it is new on the wall."""
    kwh_a_year: int = ELECTRICITY_KWH_A_YEAR
    tariff: Tariff = STANDARD
    rates: Literal["calendar", "hub"] | None = None
    """Who says which rate holds: its own calendar, or what the hub publishes; None: the calendar, once there is one."""
    offset: tuple[int, bool] | None = None
    """Its switching times are spread: by up to so many seconds later, or (True) either side; None: they are not."""
    elements: Literal[1, 2] = 1
    phases: Literal[1, 3] = 1
    auxiliary: tuple[Switch, ...] = ()
    """Its auxiliary load switches."""
    neutral_detection: bool = False
    """Voltage as it is where the neutral floats opens its load switch."""
    voltage_limits: tuple[float, float] = (216.2, 253.0)
    """Volts between which supply counts as restored: 230 V, -6 % and +10 %."""
    boot_ns: int = 50 * MS
    """From power to working firmware."""
    serial_number: bytes = b"E6 0000001"
    mpan: bytes = b"1200023305967"
    """Meter point administration number: the site."""
    model: str = "ESME"
    accuracy: Literal["1", "2", "A", "B", "C"] = "2"
    """Class of its active energy: 1 and 2 of BS EN 62053-21, which payment meters have (62055-31), or A to C of BS EN 50470-3."""
    version: Version = LATEST
    """Of its specification, in force when it is installed."""
