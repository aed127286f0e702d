"""One device of a bench, with a kernel of its own: what `meterbench device` runs in one process.

Identities, keys and random streams come from seed and bench file, so the parts of one bench fit together. The hub's part
holds the radio medium, with a seat for every other device of the home; another part has a remote radio or a dongle. All that
comes in passes `inputs`. Nothing is opened here: tools.bench.process.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from devices.runtime.board import Board
from devices.runtime.journal import Inputs
from devices.runtime.kernel import Kernel
from tools.air.dongle import DongleRadio
from tools.air.remote import RemoteRadio
from tools.air.seat import Seat
from tools.bench import config
from tools.bench.bridges import COSEM, DatagramBridge, EntryBridge, ExitBridge, PortBridge, Slot, bridge
from tools.bench.home import KINDS, LISTENER, Home, network
from tools.bench.identity import identify
from tools.errors import BadInput, suggest
from tools.links.spec import LinkSpec

HUB = "hub"
AIR = "air"
"""A remote radio's endpoint: `home1/esme.air`."""
WIRED = "wired"


class Choice:
    """A device of a bench file, picked by kind and name. Raises BadInput, with the nearest name."""

    def __init__(self, bench: config.Bench, kind: str, name: str | None, seed: int | str | None) -> None:
        found = [
            (home, device)
            for home in bench.home
            for device in home.device
            if device.kind == kind and name in (None, device.label, f"{home.name}/{device.label}")
        ]
        if len(found) != 1:
            known = [f"{home.name}/{device.label}" for home in bench.home for device in home.device if device.kind == kind]
            there = f" (there are: {', '.join(known) or 'none'})"
            if name is not None and not found:
                near = suggest(name, [*known, *(each.partition("/")[2] for each in known)])
                raise BadInput(f'no {kind} "{name}" on this bench{near}{there}')
            raise BadInput(f"this bench has {len(known)} devices of kind {kind}: say which with --name{there}")
        if bench.neighbourhood is not None:
            raise BadInput("homes of one neighbourhood share a medium, and run in one process: meterbench serve")
        self.bench = bench
        self.seed = bench.seed if seed is None else seed
        self.home, self.device = found[0]
        self.node = f"{self.home.name}/{self.device.label}"
        self.eui64 = identify(self.seed, self.home.name, self.device).eui64

    @property
    def digest(self) -> bytes:
        """What all processes of one bench must agree on."""
        meaning = msgspec.json.encode((self.bench, self.seed), order="deterministic")
        return blake2b(meaning, digest_size=16).digest()

    def links(self) -> Iterator[tuple[str, LinkSpec]]:
        """The links of the bench file that are this device's."""
        for endpoint, spec in self.bench.endpoints():
            if endpoint.rpartition(".")[0] == self.node:
                yield endpoint, spec


class Part:
    """The chosen device. `now` and `start_ns` are the medium's; `number` is one that this device's last process did not have."""

    def __init__(self, choice: Choice, *, start_ns: int, now: int, number: int, dongle: bool = False) -> None:
        self.choice = choice
        self._number = number
        self.kernel = kernel = Kernel(choice.seed, start_ns)
        kernel.run_until(now)
        self.inputs = Inputs(kernel)
        self.radio: RemoteRadio | DongleRadio | None = None
        make = None if choice.device.kind == HUB else self._dongle if dongle else self._remote
        net = network(kernel, choice.bench.wan)
        bench, declared, label, digest = choice.bench, choice.home, choice.device.label, choice.digest
        self.home = Home(kernel, net, declared, bench, here=(label,), radio=make)
        self.board: Board = self.home[label]
        self.seats = {
            self.home.identities[other.label].eui64: Seat(
                self.inputs, f"{declared.name}/{other.label}.{AIR}", self.home.seat(other.label), bench=digest, run=number
            )
            for other in declared.device
            if choice.device.kind == HUB and KINDS[other.kind].radio and other is not choice.device
        }
        self._net = net
        self._bridges: dict[str, PortBridge | EntryBridge | DatagramBridge] = {}
        self.exit = ExitBridge(self.inputs, "notifications", net.host(LISTENER), COSEM) if choice.device.kind == HUB else None

    @property
    def commissioned(self) -> bool:
        """Whether a hub's home is complete."""
        return bool(getattr(self.board.firmware, "commissioned", False))

    def slots(self, endpoint: str) -> list[Slot]:
        """Where outside streams meet an endpoint of this device: `home1/esme.optical`, or its door for datagrams."""
        if endpoint not in self._bridges:
            self._bridges[endpoint] = bridge(self.inputs, endpoint, self._net, self.board)
        return self._bridges[endpoint].slots

    def _dongle(self, label: str) -> DongleRadio:
        self.radio = DongleRadio(self.inputs, f"{self.choice.node}.{AIR}")
        return self.radio

    def _remote(self, label: str) -> RemoteRadio:
        choice = self.choice
        self.radio = RemoteRadio(self.inputs, f"{choice.node}.{AIR}", eui64=choice.eui64, bench=choice.digest, life=self._number)
        return self.radio
