"""`meterbench demo`: one day of one home, with everything a newcomer should see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from devices.runtime.kernel import MIN
from tools.bench.day import BENCH, LENGTH, Day
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.cli.kept import LARGEST_SEED, closing, keeping, summary
from tools.cli.output import json_option, print_json
from tools.cli.timeline import Progress, Timeline
from tools.errors import BadInput, CheckFailed

SLICE = 10 * MIN
"""Virtual time between two drawings of the progress bar."""
NEXT = """
What to try next:
  wireshark {out}/home.pcapng                    keys: {out}/zigbee_pc_keys
  meterbench replay {out}/journal.jsonl          the same day again, checked by its digest
  meterbench serve {bench}    a home in real time, for your own DLMS client
  meterbench run {bench} --until 24h --seed 2"""


@click.command(
    epilog="Example: meterbench demo --out day3 --seed 3",
    short_help="One virtual day of a home: joining, reads, an outage, a visit.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True, help="Folder for what the day leaves."
)
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default.")
@json_option
def command(out: Path, seed: int | None, as_json: bool) -> None:
    """Run one virtual day of a GB home and leave home.pcapng, zigbee_pc_keys, journal.jsonl and summary.json.

    No broker, no root, no network: everything happens in this process, in virtual time.
    """
    run = Run(BENCH, seed)
    folder(out)
    progress = Progress(LENGTH)
    tally, started = Tally(run.kernel), time.perf_counter()

    def write(line: str) -> None:
        progress.clear()
        click.echo(line)

    timeline = Timeline(run, None if as_json else write)
    day = Day(run, timeline.say)
    day.start()
    files = {"capture": out / "home.pcapng", "keys": out / "zigbee_pc_keys", "journal": out / "journal.jsonl"}
    with keeping(run, "meterbench demo", **files):
        for until in range(SLICE, LENGTH + 1, SLICE):
            run.run_until(until)
            progress.at(until)
    progress.clear()
    seconds = time.perf_counter() - started
    problems = day.problems()
    report = summary(run, tally, seconds) | {"problems": problems}
    (out / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join([*_faces(day), *closing(run, tally, seconds)]))
        click.echo(NEXT.format(out=out, bench="fixtures/benches/home.toml"))
    if problems:
        raise CheckFailed("the day did not go as it should: " + "; ".join(problems))


def folder(path: Path) -> None:
    """Make an output folder. Raises BadInput."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}: give another folder with --out") from error


def _faces(day: Day) -> Iterator[str]:
    for device, face in day.faces.items():
        width = max(map(len, face))
        yield f"\n{device}"
        yield f"+{'-' * width}+"
        yield from (f"|{line.ljust(width)}|" for line in face)
        yield f"+{'-' * width}+"
