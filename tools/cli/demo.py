"""`meterbench demo`: one day of one home, with everything a newcomer should see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from devices.runtime.journal import Recorder
from devices.runtime.kernel import MIN, S
from tools.bench.day import BENCH, LENGTH, Day
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.capture import keys
from tools.capture.observer import Capture
from tools.cli.output import json_option, print_json
from tools.cli.timeline import Progress, Timeline
from tools.errors import BadInput, CheckFailed

SLICE = 10 * MIN
"""Virtual time between two drawings of the progress bar."""
NEXT = """\
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
@click.option("--seed", type=int, help="Root of all chance; the bench's own by default.")
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

    timeline = Timeline(run.kernel, None if as_json else write, run.names())
    day = Day(run, timeline.say)
    with ExitStack() as stack:
        journal = stack.enter_context((out / "journal.jsonl").open("w", encoding="ascii"))
        stack.enter_context(Capture(out / "home.pcapng", run.kernel, f"meterbench demo --seed {run.kernel.seed}"))
        recorder = Recorder(run.inputs, lambda record: journal.write(json.dumps(record) + "\n"), bench=run.meaning)
        day.start()
        for until in range(SLICE, LENGTH + 1, SLICE):
            run.run_until(until)
            progress.at(until)
        recorder.finish()
    progress.clear()
    keys.write(out / "zigbee_pc_keys", run.zigbee_keys())
    seconds = time.perf_counter() - started
    problems = day.problems()
    summary: dict[str, object] = {
        "seed": run.kernel.seed,
        "virtual_seconds": LENGTH // S,
        "events": run.log.count,
        "frames": {f"{layer}, {what}": count for layer, what, count in tally.rows()},
        "notices": [type(notice).__name__ for notice in run.head_end.received],
        "digest": run.digest(),
        "problems": problems,
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="ascii")
    if as_json:
        print_json(summary | {"seconds": round(seconds, 3)})
    else:
        click.echo("\n".join(_closing(run, day, tally, seconds)))
        click.echo(NEXT.format(out=out, bench="fixtures/benches/home.toml"))
    if problems:
        raise CheckFailed("the day did not go as it should: " + "; ".join(problems))


def folder(path: Path) -> None:
    """Make an output folder. Raises BadInput."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}: give another folder with --out") from error


def _closing(run: Run, day: Day, tally: Tally, seconds: float) -> Iterator[str]:
    for device, face in day.faces.items():
        width = max(map(len, face))
        yield f"\n{device}"
        yield f"+{'-' * width}+"
        yield from (f"|{line.ljust(width)}|" for line in face)
        yield f"+{'-' * width}+"
    yield "\nFrames and messages"
    yield from (f"  {layer:<14} {what:<18} {count:>9,}" for layer, what, count in tally.rows())
    speed = LENGTH / S / seconds
    yield f"\nOne day in {seconds:.1f} s: {speed:,.0f} times real time, {run.log.count:,} events, digest {run.digest()[:16]}\n"
