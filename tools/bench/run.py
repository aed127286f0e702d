"""One run of a bench: a kernel, the network, the homes on it, a head end, and the door for the outside.

    with bench("fixtures/benches/home.toml", seed=7) as home:
        home.run(for_=2 * HOUR)
        meter = home.head_end.meter("esme")
        print(meter.register("1-0:1.8.0"))

A run is in virtual time and flat out; `meterbench serve` and `run --pace` drive the same object by the wall clock. Nothing
outside is opened here: the endpoints of the bench file are bound to `inputs`, where a driver or a replay feeds them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from devices.runtime.board import Board
from devices.runtime.contention import Service
from devices.runtime.journal import Inputs
from devices.runtime.kernel import Kernel
from devices.runtime.log import EventLog
from devices.runtime.supply import Mains
from hubfw.hub_device import device_name
from protocols.dlms.cosem import date_time
from tools.bench import config, feeder, firmware, reads, samples, tails, wan_prices
from tools.bench.bridges import COSEM, DatagramBridge, EntryBridge, ExitBridge, PortBridge, bridge, door
from tools.bench.home import HEAD_END, LISTENER, Home, network
from tools.bench.medium import service, street
from tools.bench.visit import Visit
from tools.errors import BadInput, suggest
from tools.headend.bench import BenchHeadEnd
from tools.links.spec import LinkSpec

if TYPE_CHECKING:
    from tools.bench.exchanger import Exchanger
    from tools.bench.installer import Installer
    from tools.central.company import Company


class Run:
    """A bench that runs. Where it has several homes, device names are in full: `home2/esme`."""

    def __init__(self, declared: config.Bench, seed: int | str | None = None, start_ns: int | None = None) -> None:
        start = declared.start_ns if start_ns is None else start_ns
        self.declared = declared
        self.kernel = Kernel(declared.seed if seed is None else seed, time.time_ns() if start is None else start)
        self.net = network(self.kernel, declared.wan)
        self.inputs = Inputs(self.kernel)
        plan = declared.neighbourhood
        shared = None if plan is None else street(self.kernel, plan, [(each.at, each.air) for each in declared.home])
        self.homes = {each.name: Home(self.kernel, self.net, each, declared, air=shared) for each in declared.home}
        feeders = {each.name: each.feeder for each in declared.home}
        password = declared.access.password.encode()
        self.head_end = BenchHeadEnd(self.kernel, self.net.host(HEAD_END), password, self.homes, feeders)
        if declared.read:
            reads.start(declared.read, self.central)
        samples.start(declared.sample, self.head_end, declared.sleepers)
        firmware.start(declared.firmware, self.head_end)
        for each in declared.home:
            wan_prices.start(self.homes[each.name], each.publish, self.head_end)
        feeder.strike(declared.outage, self.homes, declared.home)
        tails.fail(declared.switch_failure, self.homes, self.kernel)
        tails.float_neutrals(declared.neutral, self.homes, declared.home, self.kernel)
        self.installers = dict(self._installers())
        self.exchanges = dict(self._exchanges())
        doors = dict.fromkeys(door(endpoint, spec.scheme) for endpoint, spec in self.links())
        self.endpoints = {name: self._bridge(name) for name in doors}
        self.exit = self._exit()

    @cached_property
    def central(self) -> Company:
        """The central company with its users and systems, from the first time that somebody asks for it."""
        from tools.central.company import Company  # few benches need it

        return Company(self.head_end, self.homes, {user.name: user.role for user in self.declared.user})

    # --- time ---

    @property
    def now(self) -> int:
        """ns since the run began."""
        return self.kernel.now

    @property
    def start(self) -> datetime:
        """UTC date-time of virtual time zero."""
        return date_time.to_datetime(self.kernel.start_ns)

    @property
    def utc(self) -> datetime:
        """UTC date-time now."""
        return date_time.to_datetime(self.kernel.utc)

    def run(self, *, for_: int) -> None:
        """Let so many ns pass."""
        self.kernel.run_until(self.kernel.now + for_)

    def run_until(self, t: int) -> None:
        """Let time pass until `t` ns after the start."""
        self.kernel.run_until(t)

    # --- what is there ---

    @property
    def log(self) -> EventLog:
        """The event log: subscribe to it."""
        return self.kernel.log

    def home(self, name: str) -> Home:
        """A home by name. Raises BadInput, with the nearest name."""
        if name not in self.homes:
            raise BadInput(f'no home "{name}" on this bench{suggest(name, self.homes)}')
        return self.homes[name]

    def board(self, name: str) -> Board:
        """A device: `esme`, or `home2/esme` where there are several homes. Raises BadInput, with the nearest name."""
        home, label = self.place(name)
        return home[label]

    def place(self, name: str) -> tuple[Home, str]:
        """The home and the label of a device. Raises BadInput, with the nearest name."""
        first, slash, label = name.rpartition("/")
        home = self.home(first) if slash else self.only
        if label not in home.boards:
            raise BadInput(f'no device "{label}" in {home.name}{suggest(label, home.boards)} (devices: {", ".join(home.boards)})')
        return home, label

    @property
    def only(self) -> Home:
        """The home, where there is one. Raises BadInput where there are several: say which."""
        if len(self.homes) > 1:
            raise BadInput(f"this bench has {len(self.homes)} homes: say which ({', '.join(self.homes)})")
        return next(iter(self.homes.values()))

    @property
    def mains(self) -> Mains:
        """The supply of the only home's premises: `mains.off(181 * S)`."""
        return self.only.mains

    @property
    def hub(self) -> Board:
        return self.board("hub")

    @property
    def esme(self) -> Board:
        return self.board("esme")

    @property
    def gsme(self) -> Board:
        return self.board("gsme")

    @property
    def ihd(self) -> Board:
        return self.board("ihd")

    @property
    def ppmid(self) -> Board:
        return self.board("ppmid")

    def screen(self, name: str) -> tuple[str, ...]:
        """The lines that a device shows now."""
        return self.board(name).display.lines

    def visit(self, meter: str = "esme") -> Visit:
        """An engineer comes with the hand-held terminal."""
        home, label = self.place(meter)
        return home.visit(label)

    def names(self) -> dict[str, str]:
        """EUI-64 (16 hexadecimal digits) and logical device name (hexadecimal) to device: the label, or the name in full where
        there are several homes."""
        full = len(self.homes) > 1
        return {
            number: identity.node if full else label
            for home in self.homes.values()
            for label, identity in home.identities.items()
            for number in (f"{identity.eui64:016X}", device_name(identity.eui64).hex())
        }

    def zigbee_keys(self) -> list[tuple[str, bytes]]:
        """Every ZigBee key held now, labelled, for a capture's key file. They are test keys."""
        return [pair for each in self.homes.values() for pair in each.zigbee_keys()]

    def digest(self) -> str:
        """Digest of everything that happened so far: the same for the same seed, bench and input."""
        return self.log.digest()

    @property
    def meaning(self) -> str:
        """Digest of what the bench file says, whatever its layout and comments: a journal names it."""
        return blake2b(msgspec.json.encode(self.declared, order="deterministic"), digest_size=16).hexdigest()

    @property
    def commissioned(self) -> bool:
        """Whether every listed device has joined, every meter can be reached, the gas mirrors are full, and gas meters of their own
        way to the head end have called it.

        A home without a hub waits for nobody else: who forms its network is outside. So does one with devices that run elsewhere.
        """
        return all(
            (home.foreign or not home.whole or getattr(home.hub.firmware, "commissioned", False))
            and all(getattr(home[label].firmware, "commissioned", False) for label in home.of_kind("wan-gas"))
            for home in self.homes.values()
        )

    def services(self) -> Iterator[tuple[str, Service]]:
        """Of each home whose medium has contention, by name: what its radios got from it."""
        for name, home in self.homes.items():
            if (got := service(home.air, name)) is not None:
                yield name, got

    def _installers(self) -> Iterator[tuple[str, Installer]]:
        for name, home in self.homes.items():
            wanted = next(each.installation for each in self.declared.home if each.name == name)
            if wanted is not None:
                from tools.bench.installer import Installer  # few homes have one: the others don't wait for it

                yield name, Installer(home, wanted, self.head_end)

    def _exchanges(self) -> Iterator[tuple[str, Exchanger]]:
        for each in self.declared.home:
            if each.exchange is not None:
                from tools.bench.exchanger import Exchanger

                yield each.name, Exchanger(self.homes[each.name], each.exchange, self.head_end)

    # --- the outside ---

    def links(self) -> Iterator[tuple[str, LinkSpec]]:
        """(endpoint in full, link) of the bench file, for whoever opens them; not of devices that run elsewhere."""
        for endpoint, spec in self.declared.endpoints():
            home, _, label = endpoint.rpartition(".")[0].partition("/")
            if label in self.homes[home].boards:
                yield endpoint, spec

    def _bridge(self, name: str) -> PortBridge | EntryBridge | DatagramBridge:
        home, _, label = name.partition(".")[0].partition("/")
        return bridge(self.inputs, name, self.net, self.homes[home][label])

    def _exit(self) -> ExitBridge | None:
        if self.declared.notifications.to == config.HEAD_END:
            return None
        return ExitBridge(self.inputs, "notifications", self.net.host(LISTENER), COSEM)


@contextmanager
def bench(source: str | Path | config.Bench, *, seed: int | str | None = None) -> Iterator[Run]:
    """A bench file (or a bench already read), built and ready to run. Raises BadInput with file, line, field and reason.

    `seed` overrides the file's.
    """
    declared = source if isinstance(source, config.Bench) else config.load(Path(source))
    yield Run(declared, seed)
