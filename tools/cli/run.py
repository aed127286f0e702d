"""`meterbench run`: a bench in virtual time, with nothing opened to the outside."""

from __future__ import annotations

import time
from pathlib import Path

import click

from devices.runtime.kernel import MIN
from tools.bench import config
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.cli.duration import duration
from tools.cli.kept import closing, keeping, kept_options, summary
from tools.cli.output import json_option, print_json
from tools.cli.timeline import Progress, Timeline

SLICE = 10 * MIN
"""Virtual time between two drawings of the progress bar."""


def pace(text: str) -> float | None:
    """`max` (None) or virtual seconds in a second. The `type` of a click option: raises click.BadParameter."""
    if text == "max":
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.001 <= number <= 1_000_000:
        raise click.BadParameter(f'"{text}" is neither "max" nor a number from 0.001 to 1000000')
    return number


@click.command(
    epilog="Example: meterbench run fixtures/benches/home.toml --until 24h --capture day.pcapng --keys zigbee_pc_keys",
    short_help="Run a bench file in virtual time.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option("--until", type=duration, default="24h", show_default=True, metavar="TIME", help="Virtual time: 90s, 30m, 24h, 2d.")
@click.option("--pace", "speed", type=pace, default="max", show_default=True, help="`max`, or virtual seconds in a second.")
@kept_options
@json_option
def command(
    bench: Path,
    until: int,
    speed: float | None,
    seed: int | None,
    capture: Path | None,
    keys: Path | None,
    journal: Path | None,
    as_json: bool,
) -> None:
    """Run the homes of BENCH.toml, and say what happens and how it ended.

    The links of the bench file stay closed: `meterbench serve` opens them. With --pace the run ends early, and well, at
    Ctrl-C.
    """
    run = Run(config.load(bench), seed)
    progress = Progress(until)
    tally, started = Tally(run.kernel), time.perf_counter()

    def write(line: str) -> None:
        progress.clear()
        click.echo(line)

    Timeline(run, None if as_json else write)
    with keeping(run, f"meterbench run {bench.name}", capture=capture, keys=keys, journal=journal):
        if speed is None:
            for at in [*range(SLICE, until, SLICE), until]:
                run.run_until(at)
                progress.at(at)
            progress.clear()
        else:
            from tools.cli.paced import paced  # asyncio is loaded for who asks for wall time

            paced(run, speed, until)
    seconds = time.perf_counter() - started
    if as_json:
        print_json(summary(run, tally, seconds))
    else:
        click.echo("\n".join(closing(run, tally, seconds)))
