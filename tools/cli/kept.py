"""What `demo`, `run` and `serve` keep of a run in files: a capture, its keys, a journal; and what they say at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import click

import hubfw
from devices.runtime.kernel import MS, S
from tools.bench.device_config import Hub
from tools.bench.journal import Journal
from tools.bench.key_ring import KeyRing
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.capture import keys as key_file
from tools.capture.observer import Capture
from tools.cli.timeline import clock
from tools.errors import BadInput

F = TypeVar("F", bound=Callable[..., object])

LARGEST_SEED = 2**63 - 1
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default."),
    click.option("--capture", type=_FILE, help="Write every frame and octet to this pcapng file, for Wireshark."),
    click.option("--keys", type=_FILE, help="Write the ZigBee keys to this zigbee_pc_keys file, for Wireshark. Test keys."),
    click.option("--journal", type=_FILE, help="Write what comes from outside, and the digest, to this file, for `replay`."),
)


def kept_options(command: F) -> F:
    """`--seed`, `--capture`, `--keys`, `--journal`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextmanager
def keeping(run: Run, command: str, *, capture: Path | None, keys: Path | None, journal: Path | None) -> Iterator[None]:
    """Keep files of all that happens inside. `command` is what makes such a run again. Raises BadInput.

    A run that fails inside leaves its journal without an end.
    """
    with ExitStack() as stack:
        ring = None if keys is None else KeyRing(run)
        if keys is not None and ring is not None:
            write_keys(keys, ring.keys())
        if capture is not None:
            stack.enter_context(Capture(capture, run.kernel, f"{command} --seed {run.kernel.seed}"))
        if journal is not None:
            stack.enter_context(Journal(journal, run))
        yield
        if keys is not None and ring is not None:
            write_keys(keys, ring.keys())


def write_keys(path: Path, held: Iterable[tuple[str, bytes]]) -> None:
    """(label, key) pairs. Raises BadInput."""
    try:
        key_file.write(path, held)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error


def summary(run: Run, tally: Tally, seconds: float) -> dict[str, object]:
    """How a run stands, for `--json`. `seconds`: what it took."""
    told: dict[str, object] = {
        "bench": run.declared.name,
        "seed": run.kernel.seed,
        "commissioned": run.commissioned,
        "virtual_seconds": run.now / S,
        "seconds": round(seconds, 3),
        "events": run.log.count,
        "frames": {f"{layer}, {what}": count for layer, what, count in tally.rows()},
        "air": {
            name: {"frames": got.ended.total(), "delivered": got.delivery, "milliseconds": got.latency / MS}
            for name, got in run.services()
        },
        "notices": [type(notice).__name__ for notice in run.head_end.received],
        "digest": run.digest(),
    }
    if run.installers:
        told["installations"] = {name: each.record for name, each in run.installers.items()}
    if run.exchanges:
        told["exchanges"] = {name: each.record for name, each in run.exchanges.items()}
    if run.declared.outage:
        told["outages"] = run.head_end.outages()
    if waiting := _waiting(run):
        told["notices_waiting"] = waiting
    return told


def closing(run: Run, tally: Tally, seconds: float, *, fast: bool = True) -> Iterator[str]:
    """The same for people; `fast`: with how much faster than real time."""
    yield "\nFrames and messages"
    yield from (f"  {layer:<14} {what:<18} {count:>9,}" for layer, what, count in tally.rows())
    told = list(_outcomes(run))
    if told:
        yield "\nHow it went"
        yield from (f"  {line}" for line in told)
    speed = f"{run.now / S / max(seconds, 1e-9):,.0f} times real time, " if fast else ""
    yield f"\n{clock(run.now)} in {seconds:.1f} s: {speed}{run.log.count:,} events, seed {run.kernel.seed}"
    yield f"digest {run.digest()}"


def _outcomes(run: Run) -> Iterator[str]:
    """A line for each thing that the bench file asked about."""
    for name, got in run.services():
        yield (
            f"{name}: {got.delivery:.2%} of {got.ended.total():,} frames delivered, {got.latency / MS:.1f} ms from hand-over"
            " to confirm"
        )
    for name, installer in run.installers.items():
        last = installer.record[-1].outcome if installer.record else "under way"
        yield f"{name}: installation {last}, visits: {len(installer.record)}"
    if any(isinstance(device, Hub) and device.owner for home in run.declared.home for device in home.device):
        from tools.headend.fault_report import han_faults  # for who says whose the hub is

        yield from map(str, han_faults(run))
    if len(run.homes) > 1:
        yield from map(str, run.head_end.breaches())
    for name, exchanger in run.exchanges.items():
        yield f"{name}: exchange of the hub {exchanger.outcome}"
    if run.declared.outage:
        yield from map(str, run.head_end.outages())
    for name, count in _waiting(run).items():
        yield f"{name}: {count} notice{'s' * (count > 1)} of its hub wait{'s' * (count == 1)} for a way to the head end"


def _waiting(run: Run) -> dict[str, int]:
    """What hubs still have to tell, by home."""
    hubs = {name: home.hub.firmware for name, home in run.homes.items() if not home.foreign}
    waiting = {name: hub.notifier.waiting for name, hub in hubs.items() if isinstance(hub, hubfw.Firmware)}
    return {name: count for name, count in waiting.items() if count}
