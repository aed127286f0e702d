"""One home that says everything there is to say: its capture, its keys, and what tshark made of each command.

The demo's home joins with certificates under the ears of a capture. Then two of its devices send each other every command of every
cluster, random payloads in fragments where they must be; long transfers, ZDO requests, a new network key, a rejoin and
a leave follow. All of it leaves the stacks of the home as it always does.
"""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from devices.runtime.kernel import MS, S
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import clusters
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.node import RX_ON_DEVICES
from protocols.zigbee.stack import Stack
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER, Cluster, command_of
from protocols.zigbee.zcl.security import SMART_ENERGY, needs_link_key
from tools.bench.commissioning import commission
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

START = 1_768_348_800 * S
LONGEST = 80
"""Octets of a random payload: some fit no frame."""
DRAWS, ENOUGH = 20_000, 6
TRANSFER = bytes(range(250)) * 6
"""Of 1,500 octets, through a tunnel."""
PATIENCE = 120
BELOW = ("frame", "wpan-tap", "wpan", "zbee_nwk", "zbee_aps")


class Sample(NamedTuple):
    """A command as a device sent it, and tshark's ZCL layers of the frame in which it was whole."""

    frame: Frame
    layers: dict[str, Any]
    info: str

    @property
    def name(self) -> str:
        kind = type(self.frame)
        return f"{command_of(kind).cluster.name}.{kind.__name__}"


class Said(NamedTuple):
    """Who said what when: source address, ZCL sequence number, ns of UTC."""

    frame: Frame
    source: int
    sequence: int
    at: int


class Everything(NamedTuple):
    """The folder has `home.pcapng` and `zigbee_pc_keys`; `blind` has no keys. `joined`: how many packets until all were there;
    `eui64s`: the devices with a radio, as hexadecimal digits."""

    folder: Path
    blind: Path
    joined: int
    eui64s: set[str]
    samples: list[Sample]

    def ask(self, wanted: str, *names: str, blind: bool = False) -> list[list[str]]:
        """tshark's fields of the packets that a display filter wants."""
        arguments = [word for name in names for word in ("-e", name)]
        out = tshark(self.folder, "-Y", wanted, "-T", "fields", *arguments, config=self.blind if blind else self.folder)
        return [line.split("\t") for line in out.splitlines()]


def tshark(folder: Path, *arguments: str, config: Path | None = None) -> str:
    """What tshark says about the capture in a folder. `config` is where it looks for keys."""
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(config or folder)}
    command = ["tshark", "-n", "-r", str(folder / "home.pcapng"), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, env=environment).stdout.decode()


def commands() -> list[type[Frame]]:
    """Every command frame of every cluster."""
    for module in pkgutil.iter_modules(clusters.__path__):
        import_module(f"{clusters.__name__}.{module.name}")
    published = [cluster for cluster in Cluster.__subclasses__() if cluster.id < 0xFC00]  # not a maker's own
    declared = sorted(published, key=lambda cluster: cluster.id)
    return [frame for cluster in declared for side in cluster.commands.values() for frame in side.values()]


def draw(kind: type[Frame], random: Random) -> Frame:
    """A frame with random values: random octets that our declaration can read, the longest of many tries."""
    best: Frame | None = None
    found = 0
    for _ in range(DRAWS):
        size = random.randrange(LONGEST + 1)
        octets = bytes(random.choice((random.getrandbits(8), random.randrange(8))) for _ in range(size))
        try:
            frame = kind.parse(octets)
        except RemoteProtocolError:
            continue
        if frame.build() == octets:
            found += 1
            if best is None or size > len(best.build()):
                best = frame
        if found > ENOUGH:
            break
    assert best is not None, f"no octets make a {kind.__name__}"
    return legible(best)


def legible(value: Any) -> Any:
    """The same with a letter for each octet of a string, which may be text."""
    if isinstance(value, bytes):
        return bytes(ord("A") + octet % 26 for octet in value)
    if isinstance(value, list):
        return [legible(each) for each in value]
    if isinstance(value, Frame):
        return replace(value, **{name: legible(getattr(value, name)) for name in value.__struct_fields__})
    return value


class Exerciser:
    """Makes the devices of a commissioned home speak."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.random = Random(11)
        self.said: list[Said] = []

    def stack(self, name: str) -> Stack:
        stack: Stack = self.run.board(name).firmware.han.stack
        return stack

    def do(self, name: str, effects: list[Any], wait: int) -> None:
        self.run.board(name).firmware.han.apply(effects)
        self.run.run(for_=wait)

    def say(self, sender: str, receiver: str, cluster: int, payload: bytes, wait: int) -> None:
        to = self.stack(sender).address_of(self.run.board(receiver).eui64)
        assert to is not None, f"{sender} does not know {receiver}"
        _, effects = self.stack(sender).send(
            to, SMART_ENERGY, cluster, 1, 1, payload, link_key=needs_link_key(cluster), now=self.run.kernel.now
        )
        self.do(sender, effects, wait)

    def commands(self, sender: str, receiver: str) -> None:
        """Every command of every cluster, from one to the other."""
        for number, kind in enumerate(commands()):
            frame, sequence = draw(kind, self.random), number & 0xFF
            self.said.append(Said(frame, self.stack(sender).short, sequence, self.run.kernel.utc))
            zcl = foundation.cluster(sequence, frame, disable_default_response=True)
            self.say(sender, receiver, command_of(kind).cluster.id, zcl, 200 * MS)

    def transfers(self) -> None:
        """Long data in fragments, to who listens always and from who sleeps."""
        for sender, receiver, way in (
            ("hub", "esme", Tunneling.TransferDataClientToServer),
            ("gsme", "hub", Tunneling.TransferDataServerToClient),
        ):
            self.say(sender, receiver, Tunneling.id, foundation.cluster(7, way(0x0BAD, TRANSFER)), 15 * S)

    def discovery(self) -> None:
        """The ZDO requests that a stack makes."""
        stack, now = self.stack("ppmid"), self.run.kernel.now
        to = stack.address_of(self.run.esme.eui64)
        assert to is not None
        for _, effects in (
            stack.match(RX_ON_DEVICES, SMART_ENERGY, (0x0702,), (), now),
            stack.active_endpoints(to, now),
            stack.node_descriptor(to, now),
            stack.simple_descriptor(to, 1, now),
            stack.extended_address(to, now),
            stack.find(self.run.gsme.eui64, now),
        ):
            self.do("ppmid", effects, S)

    def keys_and_ways(self) -> None:
        """A new network key; a rejoin, and a leave."""
        self.do("hub", self.stack("hub").replace_network_key(self.run.kernel.now), 30 * S)
        self.do("ihd", self.stack("ihd").rejoin(self.run.kernel.now), 10 * S)
        self.do("ppmid", self.stack("ppmid").leave(self.run.kernel.now), 10 * S)


def everything(folder: Path, blind: Path) -> Everything:
    """Live through all of it, and have tshark read it."""
    run = Run(BENCH, start_ns=START)
    exerciser = Exerciser(run)
    with Capture(folder / "home.pcapng", run.kernel, "test") as capture:
        commission(run)
        joined = capture.packets
        exerciser.commands("ppmid", "esme")
        exerciser.commands("esme", "ppmid")
        exerciser.transfers()
        exerciser.discovery()
        held = run.zigbee_keys()
        exerciser.keys_and_ways()
    keys.write(folder / "zigbee_pc_keys", held + run.zigbee_keys())
    eui64s = {f"{run.board(name).eui64:016x}" for name in ("hub", "esme", "gsme", "ihd", "ppmid")}
    return Everything(folder, blind, joined, eui64s, dissected(folder, exerciser.said))


def dissected(folder: Path, said: list[Said]) -> list[Sample]:
    """The packets of what was said: the first with such a command, from there, not before it was said."""
    wanted = f"frame.time_epoch >= {said[0].at / S} && zbee_zcl.type == 1"
    packets = json.loads(tshark(folder, "-Y", wanted, "-T", "json"), object_pairs_hook=_together)
    infos = tshark(folder, "-Y", wanted, "-T", "fields", "-e", "_ws.col.Info").splitlines()
    heard: dict[tuple[int, int, int, int, bool], list[tuple[int, dict[str, Any], str]]] = {}
    for packet, info in zip(packets, infos, strict=True):
        layers = packet["_source"]["layers"]
        zcl, at = layers["zbee_zcl"], int(layers["frame"]["frame.time_epoch"].replace(".", ""))
        command = next(int(value, 16) for key, value in zcl.items() if ".cmd.srv_" in key or key == "zbee_zcl.cmd.id")
        (control,) = (value for key, value in zcl.items() if key.startswith("Frame Control Field"))
        key = (
            int(layers["zbee_nwk"]["zbee_nwk.src"], 16), int(layers["zbee_aps"]["zbee_aps.cluster"], 16),
            int(zcl["zbee_zcl.cmd.tsn"]), command, control["zbee_zcl.dir"] == "1",
        )  # fmt: skip
        heard.setdefault(key, []).append((at, layers, info))
    samples = []
    for each in said:
        declared = command_of(type(each.frame))
        key = (each.source, declared.cluster.id, each.sequence, declared.id, declared.to is not SERVER)
        found = [(layers, info) for at, layers, info in heard.get(key, []) if at >= each.at]
        assert found, f"{type(each.frame).__qualname__} from {each.source:04X} is nowhere in the capture"
        layers, info = found[0]
        read = {name: layer for name, layer in layers.items() if name not in BELOW}
        samples.append(Sample(each.frame, read, info))
    return samples


def _together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys come again: their values in a list."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        result[key] = (
            [*result[key], value] if isinstance(result.get(key), list) else [result[key], value] if key in result else value
        )
    return result
