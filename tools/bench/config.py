"""Bench files: TOML checked against the declarations below, nothing else.

Every refusal is a `BadInput` with file, line, the path of the field and what was expected; an unknown field gets a "did
you mean". Sizes are capped before reading, and a bench names no file outside its own folder (bad inputs I5). What a device
does with its options is the device's; how a home is built is tools.bench.home.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from protocols.core.crc import x25
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.key_establishment.certificates import SUITES, Credentials
from tools.bench.access import Access, LabKeys
from tools.bench.medium import Air, Chance, Metres, Neighbourhood, Noise, Wall
from tools.errors import BadInput, suggest
from tools.links.spec import LinkSpec, parse

LARGEST_FILE = 256 * 1024
STARTS = range(946_684_800_000_000_000, 4_102_444_800_000_000_000)
"""Years 2000 to 2099, in ns since 1970: ZigBee's time begins with the first, and 32 bits of seconds end soon after the last."""
JOINING = 16
"""Devices on one hub's network (GB)."""
_EUI64 = re.compile(r"[0-9A-Fa-f]{2}([-:]?[0-9A-Fa-f]{2}){7}")
_INSTALL_CODE_OCTETS = (8, 10, 14, 18)
_TABLE = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_. \"-]+?)\s*\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*(?:\"([^\"]*)\"|([A-Za-z0-9_-]+))\s*=")

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class _Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields are exactly those declared."""


class Wan(_Declared, frozen=True, kw_only=True):
    """The wide-area network between hubs and head end."""

    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 40
    loss: Chance = 0


HEAD_END = "head-end"


class Notifications(_Declared, frozen=True, kw_only=True):
    """Where hubs send DataNotifications: the bench's own head end, or a listener on a real network (`serve` only)."""

    to: str = HEAD_END

    def __post_init__(self) -> None:
        if self.to != HEAD_END and _link(self.to).scheme != "tcp":
            raise ValueError('`to` is "head-end" or tcp:HOST:PORT')


class DeviceCertificate(_Declared, frozen=True, kw_only=True):
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


class _Device(_Declared, frozen=True, kw_only=True, tag_field="kind"):
    """What every device has. Identity is derived from seed, home and name where it is not given."""

    ports: ClassVar[tuple[str, ...]] = ()
    """Byte interfaces that `links` can name."""

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


class Hub(_Device, frozen=True, kw_only=True, tag="hub"):
    """Communications hub: coordinator, trust centre, gas mirror, WAN endpoint."""

    ports: ClassVar[tuple[str, ...]] = ("wan",)

    outage_after_s: Seconds = 180
    """A loss longer than this is an outage."""
    reserve_s: Seconds = 240
    """How long its reserve energy lasts after mains loss."""


class Esme(_Device, frozen=True, kw_only=True, tag="esme"):
    """Electricity meter."""

    ports: ClassVar[tuple[str, ...]] = ("optical", "wired")

    hold_up_s: Seconds = 1
    """How long it runs on after mains loss."""
    interface: Literal["han", "wired"] = "han"
    """How it talks to the hub: by radio, or by the wired meter interface."""


class Gsme(_Device, frozen=True, kw_only=True, tag="gsme"):
    """Battery gas meter."""

    ports: ClassVar[tuple[str, ...]] = ("optical",)

    wake_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30


class Ihd(_Device, frozen=True, kw_only=True, tag="ihd"):
    """In-home display."""


class Ppmid(_Device, frozen=True, kw_only=True, tag="ppmid"):
    """Prepayment interface."""


class LoadController(_Device, frozen=True, kw_only=True, tag="load-controller"):
    """Switch in an appliance's supply that obeys load control events."""

    appliance: Literal["water-heater", "baseboard-heater", "electric-vehicle", "pool-pump", "smart-appliance", "simple-load"] = (
        "water-heater"
    )
    start_randomisation_minutes: Annotated[int, Meta(ge=0, le=60)] = 30
    duration_randomisation_minutes: Annotated[int, Meta(ge=0, le=60)] = 0


class Hht(_Device, frozen=True, kw_only=True, tag="hht"):
    """Hand-held terminal: visits on the optical port."""


class Rcp(_Device, frozen=True, kw_only=True, tag="rcp"):
    """Radio co-processor: a dongle on the air of this home, for a host stack outside that drives one over Spinel."""

    ports: ClassVar[tuple[str, ...]] = ("rcp",)


Device = Hub | Esme | Gsme | Ihd | Ppmid | LoadController | Hht | Rcp


class Home(_Declared, frozen=True, kw_only=True):
    """One premises: one hub, and what joins it, or meters without one and a dongle for a host that forms their network.

    `name` is the first part of its node ids (`home1/esme`).
    """

    name: Name = "home1"
    at: tuple[Metres, Metres] = (0.0, 0.0)
    """Where it stands in a neighbourhood: its devices' positions count from there."""
    air: Air = Air()
    device: Annotated[list[Device], Meta(min_length=1, max_length=32)]

    def __post_init__(self) -> None:
        labels = [device.label for device in self.device]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f'{labels.count(label)} devices are called "{label}": give each a `name`')
        hubs = [device for device in self.device if isinstance(device, Hub)]
        if len(hubs) != 1 and (hubs or not any(isinstance(device, Rcp) for device in self.device)):
            raise ValueError(f"{len(hubs)} devices of kind hub, and a home has one, or none and a device of kind rcp")
        if not hubs:
            lost = [
                device
                for device in self.device
                if isinstance(device, Hub | Ihd | Ppmid | LoadController)
                or (isinstance(device, Esme) and device.interface == "wired")
            ]
            if lost:
                raise ValueError(f'"{lost[0].label}" needs a device of kind hub')
        elif self.air.default_link_key:
            raise ValueError("`default_link_key` is for a home without a hub: a hub lets nobody in by it")
        rooted = [device for device in self.device if device.elsewhere and isinstance(device, Hub | Hht | Rcp)]
        if rooted:
            raise ValueError(f'"{rooted[0].label}" cannot be `elsewhere`: only devices that join the network can')
        wired = [device for device in self.device if isinstance(device, Esme) and device.interface == "wired"]
        if len(wired) > 1:
            raise ValueError(f"{len(wired)} wired electricity meters, and a hub has one wired interface")
        gas = [device for device in self.device if isinstance(device, Gsme)]
        if len(gas) > 1:
            raise ValueError(f"{len(gas)} devices of kind gsme, and a hub answers for one")
        joining = [device for device in self.device if not isinstance(device, Hub | Hht | Rcp) and device not in wired]
        if len(joining) > JOINING:
            raise ValueError(f"{len(joining)} devices that join, and a hub's log holds {JOINING}")

    @property
    def foreign(self) -> bool:
        """Whether somebody outside forms the network."""
        return not any(isinstance(device, Hub) for device in self.device)


class Bench(_Declared, frozen=True, kw_only=True):
    """A whole bench file."""

    name: Name = "bench"
    start: str = "2026-01-14T00:00:00Z"
    """UTC date-time of virtual time zero, or `now`."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | Name = 1
    profile: Literal["paper-2011"] = "paper-2011"
    access: Access = Access()
    wan: Wan = Wan()
    notifications: Notifications = Notifications()
    neighbourhood: Neighbourhood | None = None
    home: Annotated[list[Home], Meta(min_length=1, max_length=256)]
    links: dict[str, str | Annotated[list[str], Meta(max_length=8)]] = {}
    """Endpoint, such as `esme.optical` (`home2/esme.optical` where there are more homes), to its link or links."""

    def __post_init__(self) -> None:
        names = [home.name for home in self.home]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'{names.count(name)} homes are called "{name}": give each a `name`')
        for home in self.home:
            if home.air.noise and not home.air.contention and self.neighbourhood is None:
                raise ValueError(f"`noise` of {home.name} needs `contention = true`: radios that take turns are not disturbed")
            if self.neighbourhood is None and home.at != (0, 0):
                raise ValueError(f"`at` of {home.name} says where it stands in a neighbourhood, and there is no [neighbourhood]")
            if self.neighbourhood is not None and (home.air.range_m, home.air.loss) != (Air().range_m, Air().loss):
                raise ValueError(f"`range_m` and `loss` of {home.name}: in a neighbourhood they are the neighbourhood's")
        owners: dict[str, str] = {}
        for home in self.home:
            for device in home.device:
                if device.eui64 is not None:
                    eui64, owner = re.sub("[-:]", "", device.eui64).upper(), f"{home.name}/{device.label}"
                    if eui64 in owners:
                        raise ValueError(f"{owners[eui64]} and {owner} have the same `eui64` {device.eui64}")
                    owners[eui64] = owner
        if self.start != "now":
            start = _utc(self.start)
            if start is None:
                raise ValueError('`start` is a UTC date-time such as 2026-01-14T00:00:00Z, or "now"')
            if start not in STARTS:
                raise ValueError(f"`start` is in the years 2000 to 2099: {self.start} is not")
        for _ in self.endpoints():
            pass

    @property
    def start_ns(self) -> int | None:
        """Virtual time zero in ns since 1970; None for `now`."""
        return None if self.start == "now" else _utc(self.start)

    def endpoints(self) -> Iterator[tuple[str, LinkSpec]]:
        """The links that `serve` opens, as (name in full: `home1/esme.optical`, link)."""
        known = {f"{home.name}/{device.label}.{port}" for home in self.home for device in home.device for port in device.ports}
        for endpoint, texts in self.links.items():
            full = endpoint if "/" in endpoint or len(self.home) > 1 else f"{self.home[0].name}/{endpoint}"
            if full not in known:
                short = {each.partition("/")[2] for each in known} if len(self.home) == 1 else known
                hint = suggest(endpoint, short) or f" (endpoints: {', '.join(sorted(short)[:12])})"
                raise ValueError(f'`links`: no endpoint "{endpoint}"{hint}')
            for text in [texts] if isinstance(texts, str) else texts:
                yield full, _link(text)


def load(path: Path) -> Bench:
    """Read and check one bench file. Raises BadInput with file, line, field and reason."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if len(octets) > LARGEST_FILE:
        raise BadInput(f"{path}: larger than {LARGEST_FILE} octets")
    try:
        return loads(octets.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 at octet {error.start}") from error
    except BadInput as error:
        raise BadInput(f"{path}:{error}") from error


def loads(text: str) -> Bench:
    """As `load`, from text; messages begin with the line number."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = (match and match[2]) or text.count("\n") + 1
        raise BadInput(f"{line}: not TOML: {match[1].lower() if match else error}") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("1: not TOML: nested too deeply, or a number out of range") from error
    start = document.get("start")
    if isinstance(start, datetime.datetime):
        document["start"] = start.isoformat()
    try:
        return msgspec.convert(document, Bench)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `")
        where = where.removesuffix("`") or "$"
        raise BadInput(f"{_line(text, where)}: {_explain(reason, where, document)}") from error


def _explain(reason: str, where: str, document: dict[str, object]) -> str:
    """msgspec's sentence with our path in front and the nearest known word behind."""
    path = where.removeprefix("$").removeprefix(".") or "bench"
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", reason)
    if unknown:
        fields = _fields(where, document)
        hint = suggest(unknown[1], fields) or f" (fields: {', '.join(fields)})"
        return f'{path}: no field "{unknown[1]}"{hint}'
    invalid = re.fullmatch(r"Invalid (?:value|enum value) '(.*)'", reason)
    if invalid and path.endswith(".kind"):
        kinds = list(_KINDS)
        hint = suggest(invalid[1], kinds) or f" (kinds: {', '.join(kinds)})"
        return f'{path}: no kind of device "{invalid[1]}"{hint}'
    return f"{path}: {reason[0].lower()}{reason[1:]}"


_KINDS: dict[str, type[_Device]] = {
    str(kind.__struct_config__.tag): kind for kind in (Hub, Esme, Gsme, Ihd, Ppmid, LoadController, Hht, Rcp)
}
_TABLES: dict[str, type[msgspec.Struct]] = {
    "$": Bench,
    "$.access": Access,
    "$.access.keys": LabKeys,
    "$.wan": Wan,
    "$.notifications": Notifications,
    "$.neighbourhood": Neighbourhood,
    "$.neighbourhood.walls[]": Wall,
    "$.neighbourhood.noise[]": Noise,
    "$.home[]": Home,
    "$.home[].air": Air,
    "$.home[].air.walls[]": Wall,
    "$.home[].air.noise[]": Noise,
}


def _fields(where: str, document: dict[str, object]) -> list[str]:
    """The fields that the table at a path may have."""
    table = _TABLES.get(re.sub(r"\[[^]]*\]", "[]", where))
    if table is not None:
        return list(table.__struct_encode_fields__)
    value: object = document
    for key in re.findall(r"[A-Za-z_]\w*|\d+", where):
        value = value[int(key)] if isinstance(value, list) else value[key] if isinstance(value, dict) else None
    kind = value.get("kind") if isinstance(value, dict) else None
    return ["kind", *_KINDS.get(str(kind), _Device).__struct_fields__]


def _line(text: str, where: str) -> int:
    """The line of the field at a path, or of the innermost table that is written out."""
    found = {"$": 1}
    counts: dict[str, int] = {}
    table = "$"
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _TABLE.fullmatch(line), _KEY.match(line)
        if header:
            table = "$"
            *parents, last = (part.strip().strip('"') for part in header[2].split("."))
            for part in parents:
                table += f".{part}"
                table += f"[{counts[table] - 1}]" if table in counts else ""
            table += f".{last}"
            if header[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table += f"[{counts[table] - 1}]"
                for inner in [each for each in counts if each.startswith(table)]:
                    del counts[inner]
            found.setdefault(table, number)
        elif key:
            found.setdefault(f"{table}.{key[1] or key[2]}", number)
    while where not in found:
        where = re.sub(r"(\.[^.\[]*|\[[^\[]*\])$", "", where)
    return found[where]


def _link(text: str) -> LinkSpec:
    """A link of a bench file: a named pty stays inside the folder."""
    try:
        spec = parse(text)
    except BadInput as error:
        raise ValueError(str(error)) from error
    path = PurePosixPath(spec.path)
    if spec.scheme == "pty" and (path.is_absolute() or ".." in path.parts):
        raise ValueError(f'link "{text}": a bench names a pty inside its own folder')
    return spec


def _check_install_code(text: str) -> None:
    digits = re.sub(r"[\s:-]", "", text)
    if not re.fullmatch(r"([0-9A-Fa-f]{2})+", digits) or len(digits) // 2 not in _INSTALL_CODE_OCTETS:
        raise ValueError("`install_code` is 6, 8, 12 or 16 octets and 2 of CRC, in hexadecimal digits")
    code = bytes.fromhex(digits)
    if x25(code[:-2]).to_bytes(2, "little") != code[-2:]:
        raise ValueError("`install_code`: the CRC in its last two octets does not fit the rest")


def _utc(text: str) -> int | None:
    """ISO date-time with a UTC offset of zero to ns since 1970."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.utcoffset() != datetime.timedelta(0):
        return None
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
