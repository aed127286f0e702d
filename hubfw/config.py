"""What a hub is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devices.parts.dlms_access import Lab
from devices.parts.tariff import STANDARD, Tariff
from protocols.dlms.cosem.push import TransportService
from protocols.zigbee.backup import Backup
from protocols.zigbee.clusters.tunneling import DLMS
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.sub_ghz.server import Limits

if TYPE_CHECKING:
    from hubfw.firmware import Firmware
    from hubfw.meter import Meter, Path
    from hubfw.prepay.config import Prepay
    from hubfw.wan.application import Layer
    from protocols.wmbus.coding import Mode
    from protocols.wmbus.telegram import Key

S = 1_000_000_000

ESME = "esme"
GSME = "gsme"
HHT = "hht"
IHD = "ihd"
PPMID = "ppmid"
LOAD_CONTROLLER = "load-controller"
REPEATER = "repeater"
CAD = "cad"
PREPAY_GAS = "prepay-gas"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the device log: a device that may join. `install_code` is with its CRC, or empty: it is known by `Config.restore`
    alone; `kind` is `esme`, `gsme`, `ihd`, ..."""

    eui64: int
    install_code: bytes = field(repr=False)
    kind: str


@dataclass(frozen=True, slots=True)
class Product:
    """A row of the list of approved products. `maker`: the first three octets of its devices' EUI-64s."""

    kind: str
    maker: int
    manufacturer: str | None = None
    """As it must say itself; None: whatever it says."""
    model: str | None = None


@dataclass(frozen=True, slots=True)
class MBusMeter:
    """A gas or heat meter on wireless M-Bus. Its address comes from its EUI-64, which stands for it here as for any device."""

    eui64: int
    key: Key
    mode: Mode
    heat: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """One hub. Its own EUI-64 (the communications hub function's) is the board's; the gas proxy function has another one."""

    gpf_eui64: int
    """Also the network's extended PAN identifier, which is printed on the hub."""
    device_log: tuple[Entry, ...] = ()
    """At most 16; an install code that is not valid, or one entry more, is refused at boot."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link keys of the install codes will do for everything."""
    restore: Backup | None = None
    """What another hub knew, whose network this one takes over at its first start (`Coordinator.backup`)."""
    new_key_after_removal: bool = False
    """The network gets a new key whenever a device is struck off the log."""
    push_destination: tuple[str, int] = ("dcc", 4059)
    """Host and port to which notifications go."""
    push_service: TransportService = TransportService.TCP
    """By what: `hub_device.NETWORKS`, or `hub_device.LINES`, the serial modem's. Afterwards the push setup counts."""
    local_pairing: bool = False
    """A consumer may let a consumer access device in at the keypad."""
    han_module: bool = False
    """Its radio is a module that comes off."""
    wan_address: str | None = None
    """Its network address, where a WAN module in the slot registers it; None: the WAN part is built in."""
    wan_application: str = "dlms"
    """The application layer that its WAN side begins with (`wan.application`); afterwards the setting that it keeps counts."""
    wan_layers: Mapping[str, Callable[[Firmware], Layer]] = field(default_factory=dict)
    """Application layers beside those of `wan.application`: word of the setting to what begins the layer."""
    lls_password: bytes = field(default=b"12345678", repr=False)
    """Low-level security secret of client 1, at the hub and at the meter wired to it."""
    gas_supplier_secrets: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """EUI-64 of a gas meter to that of client 64, its supplier, at its proxy; none: there is none."""
    backup_key: bytes = field(default=b"", repr=False)
    """Under which it seals backups and opens other hubs': 32 octets; empty: it makes and takes none."""
    engineer_password: bytes = field(default=b"", repr=False)
    """Low-level security secret of client 48, who carries backups; empty: there is none."""
    lab: Lab | None = None
    """Test keys of the access profile lab; None: the profile open."""
    outage_after_ns: int = 180 * S
    """A loss strictly longer than this is an outage."""
    decide_ns: int = S // 2
    """How long after that the decision is made."""
    voltage_limits: tuple[float, float] = (216.2, 253.0)
    """Volts; what the hub itself takes for a supply that is back, where no meter judges it."""
    central: bool = True
    """The meters are the central company's; if not, nothing is told of their supply."""
    outage_reports: tuple[int, ...] | None = None
    """EUI-64s of the meters whose outages are told, until the head end chooses; None: all, and the hub's own sense."""
    voltage_alerts: tuple[tuple[int, int], ...] = ()
    """(EUI-64, threshold) of the meters whose voltage alerts are told, until the head end chooses."""
    event_reports: tuple[tuple[int, int], ...] = ()
    """(log, event or 0 for all) of devices' events that are told to the head end, until it chooses."""
    restart_spread_ns: int = 0
    """Notices of loss and return wait for a time drawn from 0 to this, so that a street does not talk at once."""
    wired_meter: int | None = None
    """EUI-64 of the electricity meter on the UART `wired`; it is reached there and never through a tunnel."""
    flag_baud: int | None = None
    """Where that line speaks IEC 62056-21: the fastest rate; None: DLMS over HDLC."""
    flag_push: bool = False
    """It is in mode D: the meter speaks there by itself."""
    meter_path: Callable[[Firmware, Meter], Path] | None = None
    """What makes the way to `wired_meter` in place of both: another application layer on whatever carrier it likes."""
    tariff: Tariff = STANDARD
    tunnel_protocol: int = DLMS
    """What goes through the tunnels to devices that are awake: DLMS wrapper PDUs, or GB's messages (GB_HRGP)."""
    channel: int | None = 15
    """None: the one of smart energy's that the fewest networks around are on."""
    sub_ghz: tuple[tuple[int, int], ...] = ()
    """(page, channel) of its radio below 1 GHz, the first one of which it takes; none: it has no such radio."""
    duty_limits: Limits = field(default_factory=Limits)
    """Of that radio."""
    dwellings: tuple[tuple[int, ...], ...] = ()
    """EUI-64s of the devices of each dwelling of a multi-dwelling unit; none: all devices belong together."""
    image_block: int = 48
    """Octets of a firmware file that a device is given at once, at most."""
    image_block_period: int = 0
    """Least milliseconds between a device's blocks."""
    mirrors: int = 4
    """Battery meters that can have a mirror."""
    core_only: bool = False
    """Nobody but meters, displays and prepayment interfaces may join; else whoever is entered into the log may attempt to."""
    approved: tuple[Product, ...] | None = None
    """What may join at all; None: there is no such list."""
    consumer_view: bool = False
    """A copy of readings and price goes to the UART `consumers`."""
    prepay: Prepay | None = None
    """Accounts kept in the hub (paper B, appendix C); None: there are none."""
    mbus: tuple[MBusMeter, ...] = ()
    """Meters on the board's narrowband radio, all of one mode; none: it has no such radio."""
