"""`meterbench chart`: a run of hub prepayment as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from devices.runtime.kernel import HOUR, S
from tools.bench import config
from tools.bench.chart import Chart
from tools.bench.run import Run
from tools.cli.duration import duration
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import json_option, print_json
from tools.errors import BadInput


@click.command(
    epilog="Example: meterbench chart fixtures/benches/prepay-scenario-1.toml --until 3d",
    short_help="Draw balance, cut-off, volume, time-out and valve of hub prepayment over a run.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option("--until", type=duration, default="3d", show_default=True, metavar="TIME", help="Virtual time: 90s, 30m, 24h, 2d.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file, too.")
@json_option
def command(bench: Path, until: int, seed: int | None, svg: Path | None, as_json: bool) -> None:
    """Run a bench whose hub keeps the gas account, and draw what became of it."""
    run = Run(config.load(bench), seed)
    chart = Chart(run.kernel)
    run.run_until(until)
    if not chart.samples:
        raise BadInput(f"{bench}: no gas meter of kind prepay-gas has reported: there is nothing to draw")
    if svg is not None:
        try:
            svg.write_text(chart.svg(until), encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{svg}: {(error.strerror or str(error)).lower()}") from error
    if as_json:
        print_json([
            {"hours": round(each.at / HOUR, 4), "balance_pounds": each.balance, "volume_m3": each.volume,
             "cut_off_m3": each.cut_off, "left_hours": each.left, "open": each.open, "what": each.what}
            for each in chart.samples
        ])  # fmt: skip
    else:
        click.echo("\n".join(chart.text(until)))
        click.echo(f"\n{len(chart.samples)} changes in {until / S / 3600:g} h, seed {run.kernel.seed}")
