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
from typing import Annotated

import msgspec
from msgspec import Meta

from tools.bench import exchange, feeder, firmware, gas_meters, installation, members, premises, safe_wire, wan_prices
from tools.bench.access import Access
from tools.bench.declared import Declared
from tools.bench.device_config import (
    Device,
    Gsme,
    Hub,
    Name,
)
from tools.bench.exchange import Exchange
from tools.bench.feeder import Outage
from tools.bench.firmware import Firmware
from tools.bench.installation import Installation
from tools.bench.medium import Air, Chance, Metres, Neighbourhood
from tools.bench.plant import Generation, metered
from tools.bench.profile import PROFILES, ProfileName
from tools.bench.publications import Publication
from tools.bench.reads import Read
from tools.bench.samples import Samples
from tools.bench.tails import FloatingNeutral, SwitchFailures, on_feeders
from tools.bench.users import User
from tools.bench.variant import one_variant
from tools.errors import BadInput, suggest
from tools.links.spec import LinkSpec, parse

LARGEST_FILE = 256 * 1024
STARTS = range(946_684_800_000_000_000, 4_102_444_800_000_000_000)
"""Years 2000 to 2099, in ns since 1970: ZigBee's time begins with the first, and 32 bits of seconds end soon after the last."""


class Wan(Declared, frozen=True, kw_only=True):
    """The wide-area network between hubs and head end."""

    latency_ms: Annotated[float, Meta(ge=0, le=60_000)] = 40
    loss: Chance = 0


HEAD_END = "head-end"


class Notifications(Declared, frozen=True, kw_only=True):
    """Where hubs send DataNotifications: the bench's own head end, or a listener on a real network (`serve` only)."""

    to: str = HEAD_END

    def __post_init__(self) -> None:
        if self.to != HEAD_END and _link(self.to).scheme not in ("tcp", "udp", "mqtt"):
            raise ValueError('`to` is "head-end", tcp:HOST:PORT, udp:HOST:PORT or mqtt://HOST/ROOT')


class Home(Declared, frozen=True, kw_only=True):
    """One premises: one hub, and what joins it, or meters without one and a dongle for a host that forms their network.

    `name` is the first part of its node ids (`home1/esme`).
    """

    name: Name = "home1"
    at: tuple[Metres, Metres] = (0.0, 0.0)
    """Where it stands in a neighbourhood: its devices' positions count from there."""
    feeder: Name | None = None
    """The feeder of the electricity network that it hangs on, with whom else."""
    air: Air = Air()
    installation: Installation | None = None
    """How its hub is put in; it is there already unless said."""
    exchange: Exchange | None = None
    """When its hub gives its place to another one; never unless said."""
    generation: Generation | None = None
    """Its own plant, where it has one."""
    publish: Annotated[list[Publication], Meta(max_length=64)] = []
    """What suppliers publish through the hub."""
    device: Annotated[list[Device], Meta(min_length=1, max_length=32)]

    def __post_init__(self) -> None:
        members.check(self)
        premises.check(self.device)
        safe_wire.check(self.device, self.air)
        metered(self.generation, self.device)
        one_variant(self.device)
        gas_meters.check(self.device, self.publish)
        installation.check(self.installation, self.device)
        exchange.check(self.exchange, self.device, self.air.sub_ghz is not None)
        wan_prices.check(self.publish, [device for device in self.device if isinstance(device, Hub)])

    @property
    def foreign(self) -> bool:
        """Whether somebody outside forms the network."""
        return not any(isinstance(device, Hub) for device in self.device)


class Bench(Declared, frozen=True, kw_only=True):
    """A whole bench file."""

    name: Name = "bench"
    start: str = "2026-01-14T00:00:00Z"
    """UTC date-time of virtual time zero, or `now`."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | Name = 1
    profile: ProfileName = "paper-2011"
    """Where paper and deployed system differ, which of the two: `tools.bench.profile` has the table."""
    access: Access = Access()
    wan: Wan = Wan()
    notifications: Notifications = Notifications()
    neighbourhood: Neighbourhood | None = None
    read: Annotated[list[Read], Meta(max_length=256)] = []
    """What others read through the head end."""
    sample: Annotated[list[Samples], Meta(max_length=256)] = []
    """Fast samples of gas meters, kept or sent."""
    user: Annotated[list[User], Meta(max_length=64)] = []
    """Who is connected to the central company; whoever reads unless said."""
    firmware: Annotated[list[Firmware], Meta(max_length=64)] = []
    """New versions that the head end hands in."""
    outage: Annotated[list[Outage], Meta(max_length=64)] = []
    """Losses of supply of whole feeders."""
    neutral: Annotated[list[FloatingNeutral], Meta(max_length=64)] = []
    """Neutrals of feeders that break."""
    switch_failure: Annotated[list[SwitchFailures], Meta(max_length=16)] = []
    """Populations of load switches that fail."""
    home: Annotated[list[Home], Meta(min_length=1, max_length=256)]
    links: dict[str, str | Annotated[list[str], Meta(max_length=8)]] = {}
    """Endpoint, such as `esme.optical` (`home2/esme.optical` where there are more homes), to its link or links."""

    def __post_init__(self) -> None:
        names = [home.name for home in self.home]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'{names.count(name)} homes are called "{name}": give each a `name`')
        for home in self.home:
            self._check_home(home)
        feeder.check(self.outage, self.home)
        on_feeders(self.neutral, self.home)
        self._check_reads()
        firmware.check(self.firmware, self.home)
        self._check_addresses()
        self._check_start()
        for _ in self.endpoints():
            pass

    def _check_home(self, home: Home) -> None:
        """What it may be depends on what is around it."""
        accounts = any(isinstance(device, Hub) and device.prepay is not None for device in home.device)
        if accounts and not PROFILES[self.profile].hub_accounts:
            raise ValueError(f'`prepay` of the hub of {home.name} is the paper\'s: say profile = "paper-2011", or leave it out')
        if self.neighbourhood is None:
            if home.air.noise and not home.air.contention:
                raise ValueError(f"`noise` of {home.name} needs `contention = true`: radios that take turns are not disturbed")
            if home.at != (0, 0):
                raise ValueError(f"`at` of {home.name} says where it stands in a neighbourhood, and there is no [neighbourhood]")
        else:
            if home.air.carrier == "power-line":
                raise ValueError(f"{home.name} has its network on its own wires, and a neighbourhood shares the air")
            if (home.air.range_m, home.air.loss) != (Air().range_m, Air().loss):
                raise ValueError(f"`range_m` and `loss` of {home.name}: in a neighbourhood they are the neighbourhood's")

    def _check_addresses(self) -> None:
        owners: dict[str, str] = {}
        for home in self.home:
            for device in home.device:
                if device.eui64 is not None:
                    eui64, owner = re.sub("[-:]", "", device.eui64).upper(), f"{home.name}/{device.label}"
                    if eui64 in owners:
                        raise ValueError(f"{owners[eui64]} and {owner} have the same `eui64` {device.eui64}")
                    owners[eui64] = owner

    def _check_start(self) -> None:
        if self.start == "now":
            return
        start = _utc(self.start)
        if start is None:
            raise ValueError('`start` is a UTC date-time such as 2026-01-14T00:00:00Z, or "now"')
        if start not in STARTS:
            raise ValueError(f"`start` is in the years 2000 to 2099: {self.start} is not")

    @property
    def sleepers(self) -> dict[str, int]:
        """Minutes between the wakes of each gas meter, by every name that it has here."""
        found: dict[str, int] = {}
        for home in self.home:
            for device in home.device:
                if isinstance(device, Gsme):
                    found[f"{home.name}/{device.label}"] = device.wake_minutes
                    if len(self.home) == 1:
                        found[device.label] = device.wake_minutes
        return found

    def _check_reads(self) -> None:
        for sample in self.sample:
            if sample.device not in self.sleepers:
                raise ValueError(f'`sample`: no gas meter "{sample.device}"{suggest(sample.device, self.sleepers)}')
        known = {f"{home.name}/{device.label}": None for home in self.home for device in home.device}
        for read in self.read:
            full = read.device if "/" in read.device or len(self.home) > 1 else f"{self.home[0].name}/{read.device}"
            if full not in known:
                raise ValueError(f'`read`: no device "{read.device}"{suggest(full, known)}')
            users = [user.name for user in self.user]
            if users and read.requester not in users:
                raise ValueError(f'`read`: no [[user]] "{read.requester}"{suggest(read.requester, users)}')

    @property
    def start_ns(self) -> int | None:
        """Virtual time zero in ns since 1970; None for `now`."""
        return None if self.start == "now" else _utc(self.start)

    def endpoints(self) -> Iterator[tuple[str, LinkSpec]]:
        """The links that `serve` opens, as (name in full: `home1/esme.optical`, link)."""
        known = {
            f"{home.name}/{device.label}.{port}": port in device.datagrams
            for home in self.home
            for device in home.device
            for port in device.ports
        }
        for endpoint, texts in self.links.items():
            full = endpoint if "/" in endpoint or len(self.home) > 1 else f"{self.home[0].name}/{endpoint}"
            if full not in known:
                short = {each.partition("/")[2] for each in known} if len(self.home) == 1 else known
                hint = suggest(endpoint, short) or f" (endpoints: {', '.join(sorted(short)[:12])})"
                raise ValueError(f'`links`: no endpoint "{endpoint}"{hint}')
            for text in [texts] if isinstance(texts, str) else texts:
                spec = _link(text)
                if spec.scheme == "udp-listen" and not known[full]:
                    raise ValueError(f'`links`: "{endpoint}" speaks no datagrams; hub.wan does')
                yield full, spec


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
        from tools.bench.explain import explain  # for who erred

        raise BadInput(explain(error, text, document, Bench)) from error


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
