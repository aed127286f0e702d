"""`meterbench campaign`: a security retrofit over the homes of a bench, and what came of it at each device."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import get_args

import click

from devices.runtime.kernel import MIN, S
from tools.bench import config
from tools.bench.run import Run
from tools.cli.duration import duration
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import json_option, print_json
from tools.cli.timeline import clock
from tools.errors import CheckFailed
from tools.headend.campaign import Campaign, Line, Measure

STEP = MIN


@click.command(
    epilog="Example: meterbench campaign fixtures/benches/feeder-outage.toml --measure password --after 25m",
    short_help="New credentials or firmware for all installed homes, home by home.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option(
    "--measure", "measures", type=click.Choice(get_args(Measure)), multiple=True, default=("password",), show_default=True,
    help="What is done, in this order; may be given twice.",
)  # fmt: skip
@click.option("--after", type=duration, default="1h", show_default=True, metavar="TIME", help="Virtual time at which it begins.")
@click.option("--retry", type=duration, default="30m", show_default=True, metavar="TIME", help="Until a silent home's next turn.")
@click.option("--attempts", type=click.IntRange(1, 1000), default=6, show_default=True, help="At each home.")
@click.option("--at-once", type=click.IntRange(1, 256), default=4, show_default=True, help="Homes that are worked at together.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default.")
@json_option
def command(
    bench: Path, measures: tuple[Measure, ...], after: int, retry: int, attempts: int, at_once: int, seed: int | None, as_json: bool
) -> None:
    """Run a bench file until its homes stand, then give every device new credentials or firmware, and say how each home goes on.

    Exit code 1 when devices are left that could not be reached, or refused.
    """
    run = Run(config.load(bench), seed)
    run.run_until(after)
    lines: list[Line] = []
    for measure in measures:
        campaign = Campaign(run.head_end, run.homes, measure, retry=retry, attempts=attempts, at_once=at_once)
        task = run.kernel.spawn(campaign.run(), who=run.head_end.host.name)
        told: dict[str, str] = {}
        while not task.done:
            run.run(for_=STEP)
            for home, counts in campaign.progress():
                word = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
                if told.get(home) != word:
                    told[home] = word
                    if not as_json:
                        click.echo(f"{clock(run.now)}  {measure:<9} {home}: {word}")
        task.result()
        lines += campaign.lines
    outcomes = Counter(line.outcome for line in lines)
    if as_json:
        head = {"bench": run.declared.name, "seed": run.kernel.seed, "virtual_seconds": run.now / S}
        print_json({**head, "devices": lines, **outcomes})
    else:
        click.echo(f"\n{'device':<28}{'measure':<10}{'outcome':<13}{'attempts':>9}  reason")
        for line in lines:
            click.echo(f"{line.device:<28}{line.measure:<10}{line.outcome:<13}{line.attempts:>9}  {line.detail}".rstrip())
        click.echo("\n" + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
    if outcomes["done"] < len(lines):
        raise CheckFailed(f"{len(lines) - outcomes['done']} of {len(lines)} devices are not done")
