"""Architectures side by side (S-176): what a home of a bench file takes to set up, what it sends in a day, and what breaks it.

Three things are measured, none is written down: the time and the messages until the home is commissioned; the messages and octets
of each leg over some hours in which the head end reads each meter once an hour; and, failure by failure, each in a run of its own,
which of the services that worked before have stopped 100 minutes later. A service is asked for as its user would: the head end
reads, somebody looks at the display. A gas reading older than 65 minutes is none: a meter in these homes reports every half hour.
A meter that calls is asked at its next call. Without a hub there is the WAN alone: the home is complete when its meter has called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from types import MappingProxyType
from typing import Final

import msgspec

import hubfw
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import HOUR, MIN, MS, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.cosem import date_time
from tools.bench import config
from tools.bench.commissioning import LIMIT, commission
from tools.bench.device_config import Esme, Hub, WanGas
from tools.bench.home import SUB_GHZ, Home
from tools.bench.metrics import Metrics
from tools.bench.run import Run
from tools.errors import BadInput
from tools.headend.head_end import Question

GAS_KINDS: Final = ("gsme", "mbus-gas", "prepay-gas", "wan-gas")
BOARDS: Final = MappingProxyType(
    {"hub": "hub", "esme": "electricity meter", **dict.fromkeys(GAS_KINDS, "gas meter"), "ihd": "display"}
)
"""Kinds whose loss is counted, and their names."""
IMPORT, HALF_HOURS, SWITCH, VOLUME = "1-0:1.8.0", "1-0:99.1.0", "0-0:96.3.10", "7-0:3.0.0"
STEP: Final = 100 * MS
"""How finely commissioning is timed."""
SETTLED: Final = 65 * MIN
"""When the failure comes, counted from the beginning of the run: everybody has reported by then."""
WAIT: Final = 100 * MIN
STALE: Final = 65 * MIN


@dataclass(frozen=True, slots=True)
class Amount:
    """Of messages on a leg."""

    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One architecture. Legs are those of `tools.bench.metrics`."""

    bench: str
    electricity_s: float | None
    """When the hub had reached the electricity meter; None: there is none."""
    commissioned_s: float
    """When the home was complete."""
    commissioning: Mapping[str, Amount]
    """By leg, until the home was commissioned."""
    hours: int
    running: Mapping[str, Amount]
    """By leg, in so many hours after that."""
    services: tuple[str, ...]
    """What works."""
    failures: Mapping[str, tuple[str, ...]]
    """What fails, to the services that are lost with it."""


def compare(declared: config.Bench, hours: int = 24) -> Comparison:
    """Measure a bench of one home that the WAN reaches. Raises BadInput, or CheckFailed when it is never commissioned."""
    if len(declared.home) != 1 or not any(isinstance(device, Hub | WanGas) for device in declared.home[0].device):
        raise BadInput(f"{declared.name}: what is compared is one home with a hub, or with a meter of its own way to the head end")
    declared = msgspec.structs.replace(declared, read=[])  # what others read is not the architecture's
    run = Run(declared)
    metrics = Metrics(run.kernel, run.zigbee_keys)
    reached = _commission(run)
    until = dict(_totals(metrics))
    commissioned = run.now
    try:
        for label, question in _reading(run.only):
            run.head_end.every(HOUR, label, question)
    except RemoteProtocolError as error:
        raise BadInput(f"{declared.name}: what is compared is a home that the WAN reaches: {error}") from error
    run.run(for_=hours * HOUR)
    whole = dict(_totals(metrics))
    none = Amount(0, 0)
    running = {
        leg: Amount(total.messages - until.get(leg, none).messages, total.octets - until.get(leg, none).octets)
        for leg, total in whole.items()
    }
    whole_home = _settled(declared)
    services, lost = _working(whole_home), {}
    for name in failures(whole_home):
        broken = _settled(declared)
        failures(broken)[name]()
        broken.run(for_=WAIT)
        still = _working(broken)
        lost[name] = tuple(each for each in services if each not in still)
    return Comparison(declared.name, reached, commissioned / S, until, hours, running, services, lost)


def _commission(run: Run) -> float | None:
    """Until the home is complete, or as long as that may take."""
    eui64s = [run.only.identities[label].eui64 for label in _labels(run.only, "esme")]
    reached = None
    while not run.commissioned and run.now < LIMIT:
        run.run(for_=STEP)
        if not eui64s or reached is not None:
            continue
        hub = run.hub.firmware
        if isinstance(hub, hubfw.Firmware) and all(map(hub.reaches, eui64s)):
            reached = run.now / S
    commission(run)
    return reached


def _totals(metrics: Metrics) -> Iterator[tuple[str, Amount]]:
    return ((leg, Amount(total.messages, total.octets)) for leg, total in metrics.totals())


def _settled(declared: config.Bench) -> Run:
    run = Run(declared)
    run.run_until(SETTLED)
    return run


# --- services ---


def _labels(home: Home, *kinds: str) -> list[str]:
    return [label for label, device in home.declared.items() if device.kind in kinds]


def _reading(home: Home) -> Iterator[tuple[str, Question[object]]]:
    for label in _labels(home, "esme"):
        yield label, lambda client: client.get(IMPORT, 3, 2)
    for label in _labels(home, *GAS_KINDS):
        yield label, lambda client: client.get(VOLUME, 4, 2)


def _told(run: Run, label: str, name: str, kind: int, attribute: int) -> object:
    """What the head end reads; None where it does not."""
    try:
        return run.head_end.meter(label).get(name, kind, attribute).value
    except RemoteProtocolError:
        return None


def _gas(run: Run) -> bool:
    for label in _labels(run.only, *GAS_KINDS):
        captured = _told(run, label, VOLUME, 4, 5)
        if isinstance(captured, bytes) and (at := date_time.instant(captured)) is not None:
            return run.kernel.utc - at < STALE
    return False


def _electricity(name: str, kind: int, attribute: int) -> Callable[[Run], bool]:
    return lambda run: any(_told(run, label, name, kind, attribute) is not None for label in _labels(run.only, "esme"))


def _shown(word: str, stale: tuple[str, ...] = ()) -> Callable[[Run], bool]:
    def look(run: Run) -> bool:
        lines = [line for label in _labels(run.only, "ihd") for line in run.screen(label)]
        fresh = not any(line.startswith("read") and each in line for line in lines for each in stale)
        return fresh and any(line.startswith(word) and "----" not in line for line in lines)

    return look


SERVICES: Final[Mapping[str, Callable[[Run], bool]]] = MappingProxyType({
    "electricity read": _electricity(IMPORT, 3, 2),
    "half hours": _electricity(HALF_HOURS, 7, 3),
    "load switch": _electricity(SWITCH, 70, 3),
    "electricity shown": _shown("ELECTRICITY"),
    "gas read": _gas,
    "gas shown": _shown("GAS", stale=(" h ago", " d ago")),
})  # fmt: skip
"""Read: by the head end. Shown: on the display."""


def _working(run: Run) -> tuple[str, ...]:
    return tuple(name for name, works in SERVICES.items() if works(run))


# --- failures ---


def failures(run: Run) -> dict[str, Callable[[], object]]:
    """What can fail in a home, each by itself, and how it is made to: boards, links, and what they share."""
    home = run.only
    found: dict[str, Callable[[], object]] = {
        f"{_name(home, label)} dies": home[label].cut for label, device in home.declared.items() if device.kind in BOARDS
    }
    low = [home.boards[label].name for label, device in home.declared.items() if getattr(device, "band", None) == "sub-ghz"]
    low += [name for name in home.air.radios if name.endswith(SUB_GHZ)]
    high = [name for name in home.air.radios if name not in low and not name.endswith("/hht")]
    hubs = [home[label].name for label in home.of_kind("hub")]
    for band, radios in (("2.4 GHz", high), ("sub-GHz", low)):
        for name in radios:
            if name not in hubs and not name.endswith(SUB_GHZ) and _used(home, name):
                found[f"{band} link of {_name(home, name.partition('/')[2])}"] = partial(_deafen, home, [name], radios)
        if len(radios) > 2:
            found[f"{band} everywhere"] = partial(_deafen, home, radios, radios)
    if home.ether is not None:
        found["M-Bus link"] = partial(setattr, home.ether, "loss", 1.0)
    if home.lead is not None:
        found["meter wire"] = home.lead.pull
    if home.feed is not None:
        found["meter's feed"] = partial(home.feed.cut, "broken")
    found["WAN"] = partial(_cut_off, run)
    return found


def _name(home: Home, label: str) -> str:
    kind = home.declared[label].kind
    return BOARDS.get(kind, label) if len(home.of_kind(kind)) == 1 else label


def _used(home: Home, radio: str) -> bool:
    """Whether a radio is anybody's who joined: a meter on the wire has none in use."""
    device = home.declared[radio.partition("/")[2]]
    return not (isinstance(device, Esme) and device.interface == "wired")


def _deafen(home: Home, radios: Iterable[str], others: Iterable[str]) -> None:
    for one, other in product(radios, others):
        if one != other:
            home.air.set_loss(one, other, 1.0)
            home.air.set_loss(other, one, 1.0)


def _cut_off(run: Run) -> None:
    run.net.faults = Faults(run.kernel, "wan", [Fault(Effect.DROP)])
