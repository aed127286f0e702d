"""Devices of a bench file: one declaration a kind. `config` has the rest of the file, `home` builds them."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

from devices.parts.demand import GAS_KWH_A_YEAR
from devices.parts.specification import LATEST, SUB_GHZ, Version, has
from protocols.core.crc import x25
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.key_establishment.certificates import SUITES, Credentials
from tools.bench.declared import Declared
from tools.bench.medium import Metres
from tools.bench.prepay import Prepay
from tools.bench.safe_wire import SafeWire
from tools.bench.tails import SwitchFault, Turn
from tools.bench.variant import AuxiliarySwitch
from tools.bench.wire import Wire

_EUI64 = re.compile(r"[0-9A-Fa-f]{2}([-:]?[0-9A-Fa-f]{2}){7}")
JOINING_KINDS = ("esme", "gsme", "ihd", "ppmid", "cad", "load-controller", "repeater", "prepay-gas")
"""Kinds that join the hub's network; the hand-held terminal only visits."""
_INSTALL_CODE_OCTETS = (8, 10, 14, 18)

Name = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="lower-case letters, digits and dashes, a letter first, 32 at most"),
]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class DeviceCertificate(Declared, frozen=True, kw_only=True):
    """A device's implicit certificate with its private key, and the public key of its issuer, in hexadecimal. Test keys only."""

    certificate: str
    private_key: str
    authority: str

    def __post_init__(self) -> None:
        try:
            self.credentials.check()
        except (ValueError, LocalProtocolError) as error:
            raise ValueError(f"the certificate cannot be used: {error}") from None

    @property
    def credentials(self) -> Credentials:
        """As key establishment takes them."""
        certificate = bytes.fromhex(self.certificate)
        suite = next((each for each in SUITES.values() if each.size == len(certificate)), None)
        if suite is None:
            raise ValueError(f"it has {len(certificate)} octets, and 48 or 74 are possible")
        return Credentials(suite, certificate, int(self.private_key, 16), bytes.fromhex(self.authority))


class AnyDevice(Declared, frozen=True, kw_only=True, tag_field="kind"):
    """What every device has. Identity is derived from seed, home and name where it is not given."""

    ports: ClassVar[tuple[str, ...]] = ()
    """Byte interfaces that `links` can name."""
    datagrams: ClassVar[tuple[str, ...]] = ()
    """Those of them that take datagrams, too."""

    name: Name | None = None
    """Default: the kind."""
    at: tuple[Metres, Metres] = (0.0, 0.0)
    """Position in metres, for the radio's range."""
    eui64: str | None = None
    install_code: str | None = None
    """With its CRC, as printed on the device."""
    credentials: DeviceCertificate | None = None
    """Its certificate, where it is not one of the bench's own authority."""
    clock_ppm: Annotated[float, Meta(ge=-200, le=200)] = 0
    """Drift of its real-time clock."""
    supplier: Name | None = None
    """Whose device it is, where premises have two suppliers."""
    consumer: Name | None = None
    """Whose home it is in, where that is to be said: one hub serves one consumer."""
    dwelling: Name | None = None
    """Which home of a building with one hub it belongs to: a display that asks learns of its own dwelling's devices only."""
    listed: bool = True
    """It is in the hub's device log from the start; if not, somebody enters it there before it can join."""
    elsewhere: bool = False
    """It runs in a process of its own behind a dongle (`meterbench device --air spinel:LINK`); `serve` leaves it out, the hub
    knows it."""

    def __post_init__(self) -> None:
        if self.eui64 is not None and not _EUI64.fullmatch(self.eui64):
            raise ValueError("`eui64` is 16 hexadecimal digits, such as 00-DB-12-34-56-78-90-A0")
        if self.install_code is not None:
            _check_install_code(self.install_code)
        if self.credentials is not None and self.eui64 is not None:
            subject = self.credentials.credentials.subject
            if int(re.sub("[-:]", "", self.eui64), 16) != subject:
                raise ValueError(f"the certificate is for {subject:016X}: leave `eui64` out, or give that")

    @property
    def kind(self) -> str:
        """The word in the file."""
        return str(self.__struct_config__.tag)

    @property
    def label(self) -> str:
        """Its name in this home."""
        return self.name or self.kind


class Product(Declared, frozen=True, kw_only=True):
    """A product that may join. Who says nothing of `manufacturer` and `model` takes whatever the device says of itself."""

    kind: str
    maker: Annotated[
        str,
        Meta(pattern=r"^[0-9A-Fa-f]{2}([-:]?[0-9A-Fa-f]{2}){2}$", description="three octets in hexadecimal, as 0A-1B-2C"),
    ]
    """The first three octets of its devices' EUI-64s."""
    manufacturer: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in JOINING_KINDS:
            raise ValueError(f'no device of kind "{self.kind}" joins (kinds: {", ".join(JOINING_KINDS)})')


class EventReport(Declared, frozen=True, kw_only=True):
    """Events of a log that the head end is told."""

    log: Literal["tamper", "fault", "general", "security", "network", "gbcs-general", "gbcs-security"]
    event: Annotated[int, Meta(ge=1, le=0xFFFF)] | None = None
    """One event's number; all of the log's unless said."""


class Hub(AnyDevice, frozen=True, kw_only=True, tag="hub"):
    """Communications hub: coordinator, trust centre, gas mirror, WAN endpoint."""

    ports: ClassVar[tuple[str, ...]] = ("wan", "modem")
    datagrams: ClassVar[tuple[str, ...]] = ("wan",)

    wan: Literal["built-in", "module"] = "built-in"
    """Its WAN part: fixed, or a device of kind wan-module that comes off."""
    han: Literal["built-in", "module"] = "built-in"
    """Its radio for the home: fixed, or a device of kind han-module that comes off."""
    wan_application: Literal["dlms", "gateway", "gooo", "gbcs"] = "dlms"
    """The one application layer that it begins with on its WAN side; afterwards the head end's setting counts."""
    notices: Literal["tcp", "udp", "modem", "modem-wrapper"] = "tcp"
    """What its notices go by at first: its network, or the serial modem's line, as UI frames of HDLC or as PDUs of the wrapper."""
    outage_after_s: Seconds = 180
    """A loss longer than this is an outage."""
    reserve_s: Seconds = 240
    """How long its reserve energy lasts after mains loss."""
    recharge_s: Annotated[float, Meta(ge=0, le=604_800)] = 0
    """How long an empty reserve takes to be full again; 0: no time."""
    draw_w: Annotated[float, Meta(ge=0.1, le=100)] = 2.0
    """What it draws all the time; times `reserve_s`, the joules of its reserve."""
    message_j: Annotated[float, Meta(ge=0, le=1_000)] = 0
    """What each message on the WAN takes of the reserve beside that, arrived or not."""
    restart_spread_s: Annotated[float, Meta(ge=0, le=3_600)] = 0
    """Notices of loss and return wait for a time drawn from 0 to this, so that a street does not talk at once."""
    owner: Literal["provider", "supplier"] | None = None
    """Whose the hub is, who so maintains the home network: the communications provider (unless said), or its `supplier`."""
    central: bool = True
    """Its meters are the central company's; if not, it tells nothing of their supply."""
    outage_reports: Annotated[tuple[Name, ...], Meta(max_length=16)] | None = None
    """The electricity meters whose outages are told at first; all unless said, and the hub's own sense."""
    voltage_alerts: Annotated[tuple[Name, ...], Meta(max_length=16)] = ()
    """The electricity meters whose voltage alerts are told at first."""
    voltage_alert_after: Annotated[int, Meta(ge=1, le=255)] = 3
    """Excursions of a meter's voltage that make an alert."""
    event_reports: Annotated[list[EventReport], Meta(max_length=64)] = []
    """Which events of devices' logs the head end is told at first; none unless said."""
    firmware_block: Annotated[int, Meta(ge=8, le=48)] = 48
    """Octets of new firmware that it gives a device in one frame, at most."""
    firmware_block_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0
    """Least milliseconds between a device's blocks."""
    power: Literal["mains", "meter"] = "mains"
    """Its own supply, or the feed of the electricity meter that it is wired to (the supply side of the meter's contactor)."""
    milliamps: Annotated[int, Meta(ge=1, le=10_000)] = 250
    """What it draws at most from such a feed."""
    core_only: bool = False
    """Nobody but meters, displays and prepayment interfaces may join."""
    consumer_pairing: bool = False
    """A consumer may let a consumer access device in by himself, at the hub's keypad; if not, his supplier orders it."""
    approved: Annotated[list[Product], Meta(max_length=64)] | None = None
    """The products that may join; any may unless said."""
    prepay: Prepay | None = None
    """Accounts in the hub, for a gas meter of kind prepay-gas and an electricity meter on the wire; none unless said."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.consumer_pairing and self.prepay is not None:
            raise ValueError("`consumer_pairing` and `prepay` each want the hub's one keypad")
        if self.message_j and self.wan == "module":
            raise ValueError('`message_j` is of a WAN part that is built in, and `wan` is "module"')
        if self.wan_application == "gbcs":
            raise ValueError('`wan_application = "gbcs"` is reserved and not made yet: say "dlms", "gateway" or "gooo"')


class WanModule(AnyDevice, frozen=True, kw_only=True, tag="wan-module"):
    """WAN module of a hub with `wan = "module"`: the first one is in its slot, the others lie ready."""

    type: Literal["cellular", "long-range-radio", "power-line"] = "cellular"
    """What network it is for."""


class HanModule(AnyDevice, frozen=True, kw_only=True, tag="han-module"):
    """Radio of a hub with `han = "module"`: the first one is in its slot, the others lie ready."""


class Esme(AnyDevice, frozen=True, kw_only=True, tag="esme"):
    """Electricity meter."""

    ports: ClassVar[tuple[str, ...]] = ("optical", "wired")

    hold_up_s: Seconds = 1
    """How long it runs on after mains loss."""
    interface: Literal["han", "wired"] = "han"
    """How it talks to the hub: by radio, or by the wired meter interface."""
    wire: Wire = Wire()
    """That interface."""
    version: Version = LATEST
    """Of its specification on the day it was put in, which it keeps for life."""
    end_to_end: bool = False
    """It shares a key with the head end, under which Smart Energy passes by the hub sealed."""
    measures: Literal["home", "generation"] = "home"
    """What flows through it: all that the home draws and delivers, or what its plant (`[home.generation]`) delivers."""
    isolator: Annotated[list[Turn], Meta(max_length=64)] = []
    """When somebody turns the isolator behind it, which no message reaches; it is on."""
    switch: SwitchFault | None = None
    """How its load switch fails; it does not unless said."""
    neutral_detection: bool = False
    """Its contactor opens where the voltage is that of a floating neutral."""
    rates: Literal["calendar", "hub"] | None = None
    """Who says which rate its import counts into: its own calendar, written over DLMS, or what suppliers publish at the hub."""
    offset_s: Annotated[int, Meta(ge=0, le=1799)] | None = None
    """Its rates and auxiliary switches are switched up to so many seconds later than the calendar says; at once unless said."""
    offset_style: Literal["later", "either-side"] = "later"
    """Only later, or as much earlier, too, as radio teleswitches were."""
    accuracy: Literal["1", "2", "A", "B", "C"] = "2"
    """Class of its energy: meters of class 1 and 2 may be payment meters, others stay on credit."""
    elements: Literal[1, 2] = 1
    """Two: the second measures what switched appliances draw."""
    phases: Literal[1, 3] = 1
    auxiliary: Annotated[list[AuxiliarySwitch], Meta(max_length=5)] = []
    """Its auxiliary load switches."""


class Gsme(AnyDevice, frozen=True, kw_only=True, tag="gsme"):
    """Gas meter of Smart Energy."""

    ports: ClassVar[tuple[str, ...]] = ("optical",)

    wake_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    power: Literal["battery", "hub", "esme"] = "battery"
    """What it lives on: its own cell, which sleeping spares, or hub or electricity meter by wire; then it hears at any time."""
    wire: SafeWire | None = None
    """That carries its data, too, in a home whose network is wired (`carrier = "power-line"` in [home.air])."""
    end_to_end: bool = False
    """As an electricity meter's; what comes while it sleeps waits at the hub."""
    band: Literal["2.4-ghz", "sub-ghz"] = "2.4-ghz"
    """Where its radio is. Below 1 GHz it looks on all channels of pages 28 to 30 for a hub with `[home.air] sub_ghz`."""
    version: Version = LATEST
    """Of its specification on the day it was put in, which it keeps for life."""
    start_litres: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1_234_567
    """What its register shows when it is new on the wall."""
    kwh_a_year: Annotated[int, Meta(ge=0, le=10_000_000)] = GAS_KWH_A_YEAR
    """What flows through it."""
    minimal: bool = False
    """It is a pulse counter with data logger, radio and valve: without prices, account, history, messages and new firmware."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minimal and (self.end_to_end or self.band == "sub-ghz" or self.version != LATEST):
            raise ValueError("`minimal` goes with none of `end_to_end`, `band` and `version`: such a meter has nothing of them")
        if self.band == "sub-ghz" and not has(self.version, SUB_GHZ):
            raise ValueError(f"a meter of version {self.version} has no radio below 1 GHz: that came with {SUB_GHZ}")


class MBusGas(AnyDevice, frozen=True, kw_only=True, tag="mbus-gas"):
    """Gas meter on wireless M-Bus."""

    mode: Literal["T2", "C2"] = "T2"
    """How it sends (EN 13757-4)."""
    security: Literal["a", "b"] = "b"
    """OMS security profile."""
    report_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    remote_open: bool = False
    """Whether a command may open its valve; if not, it arms it, and a hand at the meter opens it."""


class WanGas(AnyDevice, frozen=True, kw_only=True, tag="wan-gas"):
    """Gas meter with a WAN module of its own, whether there is a hub or not: it calls the head end, and can be asked then."""

    ports: ClassVar[tuple[str, ...]] = ("wan",)

    call_minutes: Annotated[int, Meta(ge=5, le=10_080)] = 30
    """How often it calls; its battery's life goes by that."""


class MBusHeat(AnyDevice, frozen=True, kw_only=True, tag="mbus-heat"):
    """Heat meter on wireless M-Bus."""

    mode: Literal["T2", "C2"] = "T2"
    """How it sends (EN 13757-4)."""
    security: Literal["a", "b"] = "b"
    """OMS security profile."""
    report_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30


class PrepayGas(AnyDevice, frozen=True, kw_only=True, tag="prepay-gas"):
    """Gas meter without an account: its hub has `prepay`."""


class Ihd(AnyDevice, frozen=True, kw_only=True, tag="ihd"):
    """In-home display."""


class Cad(AnyDevice, frozen=True, kw_only=True, tag="cad"):
    """Consumer access device: readings and price as lines of JSON at its port, and nothing the other way."""

    ports: ClassVar[tuple[str, ...]] = ("lan",)

    network: Literal["home", "consumer"] = "home"
    """Which one it joins: the meters' own, or the one that a device of kind consumer-module makes."""


class Ppmid(AnyDevice, frozen=True, kw_only=True, tag="ppmid"):
    """Prepayment interface."""


class LoadController(AnyDevice, frozen=True, kw_only=True, tag="load-controller"):
    """Switch in an appliance's supply that obeys load control events."""

    appliance: Literal["water-heater", "baseboard-heater", "electric-vehicle", "pool-pump", "smart-appliance", "simple-load"] = (
        "water-heater"
    )
    watts: Annotated[int, Meta(ge=0, le=23_000)] = 0
    start_randomisation_minutes: Annotated[int, Meta(ge=0, le=60)] = 30
    duration_randomisation_minutes: Annotated[int, Meta(ge=0, le=60)] = 0


class Repeater(AnyDevice, frozen=True, kw_only=True, tag="repeater"):
    """Mains-powered router that carries the home's network further, or the consumers'."""

    network: Literal["home", "consumer"] = "home"
    """Whose: as of a consumer access device. Nothing of the meters hangs on one of the consumers'."""


class ConsumerModule(AnyDevice, frozen=True, kw_only=True, tag="consumer-module"):
    """Module in the hub with a network of its own for consumer devices: a copy of readings and price, and no way to a meter."""

    channel: Annotated[int, Meta(ge=11, le=26)] = 20


class Hht(AnyDevice, frozen=True, kw_only=True, tag="hht"):
    """Hand-held terminal: visits on the optical port."""


class Rcp(AnyDevice, frozen=True, kw_only=True, tag="rcp"):
    """Radio co-processor: a dongle on the air of this home, for a host stack outside that drives one over Spinel."""

    ports: ClassVar[tuple[str, ...]] = ("rcp",)


Device = (
    Hub
    | Esme
    | Gsme
    | MBusGas
    | MBusHeat
    | WanGas
    | PrepayGas
    | Ihd
    | Cad
    | Ppmid
    | LoadController
    | Repeater
    | ConsumerModule
    | Hht
    | Rcp
    | WanModule
    | HanModule
)
KINDS: dict[str, type[AnyDevice]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Device)}
"""The word in the file to its declaration."""


def _check_install_code(text: str) -> None:
    digits = re.sub(r"[\s:-]", "", text)
    if not re.fullmatch(r"([0-9A-Fa-f]{2})+", digits) or len(digits) // 2 not in _INSTALL_CODE_OCTETS:
        raise ValueError("`install_code` is 6, 8, 12 or 16 octets and 2 of CRC, in hexadecimal digits")
    code = bytes.fromhex(digits)
    if x25(code[:-2]).to_bytes(2, "little") != code[-2:]:
        raise ValueError("`install_code`: the CRC in its last two octets does not fit the rest")


def on_consumer_network(device: AnyDevice) -> bool:
    """Whether it joins the network that a device of kind consumer-module makes, and not the meters'."""
    return isinstance(device, Cad | Repeater) and device.network == "consumer"
