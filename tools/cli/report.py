"""`meterbench report`: availability, time between failures, latency and how long things last, as figures of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from tools.bench import config
from tools.bench.device_config import Hub
from tools.bench.figures import DESIGN_LIFE, ENDURANCE, PERCENTILES, Device, Figures
from tools.bench.run import Run
from tools.cli.duration import duration
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import json_option, print_json
from tools.cli.run import SLICE
from tools.cli.timeline import Progress, clock
from tools.headend.costs import OUTAGE_DETECTION, yearly

COLUMNS = (("available", 11), ("failures", 10), ("between h", 11), ("down s", 9), ("flash y", 11), ("cell y", 8))


@click.command(
    epilog="Example: meterbench report fixtures/benches/reads.toml --until 24h",
    short_help="Availability, time between failures, latency and design life, from a run.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option("--until", type=duration, default="24h", show_default=True, metavar="TIME", help="Virtual time: 90s, 30m, 24h, 2d.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default.")
@click.option("--endurance", type=click.IntRange(1), default=ENDURANCE, show_default=True, help="Erase cycles of flash.")
@json_option
def command(bench: Path, until: int, seed: int | None, endurance: int, as_json: bool) -> None:
    """Run a bench file and say, for each device, how much of the time it ran, how often it failed, and how long its flash and its
    cell last at this use; and how long the head end's requests took.
    """
    run = Run(config.load(bench), seed)
    figures, progress = Figures(run, endurance), Progress(until)
    settled = False
    for at in [*range(SLICE, until, SLICE), until]:
        run.run_until(at)
        progress.at(at)
        if not settled and run.commissioned and at < until:
            settled = True
            figures.settled()
    progress.clear()
    availability, mtbf = figures.system()
    cost, units = OUTAGE_DETECTION, _detecting(run)
    pounds = float(yearly(cost, units))
    if as_json:
        print_json(
            {
                "bench": run.declared.name,
                "seed": run.kernel.seed,
                "virtual_seconds": run.now / 1e9,
                "availability": availability,
                "mtbf_hours": mtbf,
                "design_life_years": DESIGN_LIFE,
                "devices": list(figures.devices()),
                "latency": list(figures.latencies()),
                "costs": [{"function": cost.function, "units": units, "pounds_a_year": pounds, "source": cost.source}],
            }
        )
        return
    click.echo("\n".join(_lines(figures)))
    between = "no failure" if mtbf is None else f"{mtbf:,.1f} h between failures"
    click.echo(f"\nall devices: {availability:.4%} available, {between}")
    if units:
        click.echo(f"{cost.function}: {units:,} hub{'s' * (units > 1)}, {pounds:,.2f} pounds a year ({cost.source})")
    click.echo(f"{clock(run.now)} of {run.declared.name}, seed {run.kernel.seed}")


def _detecting(run: Run) -> int:
    """Hubs that tell outages: of meters of the central company, unless none is chosen."""
    hubs = [device for home in run.declared.home for device in home.device if isinstance(device, Hub)]
    return sum(hub.central and hub.outage_reports != () for hub in hubs)


def _lines(figures: Figures) -> Iterator[str]:
    heads = "".join(f"{head:>{width}}" for head, width in COLUMNS)
    yield f"{'device':<28}{heads}  {DESIGN_LIFE} years"
    for each in figures.devices():
        yield (
            f"{each.name:<28}{each.availability:>11.4%}{each.failures:>10,}{_number(each.mtbf_h):>11}{_number(each.mttr_s):>9}"
            f"{_number(each.flash_years):>11}{_number(each.battery_years):>8}  {_verdict(each)}"
        )
    latencies = list(figures.latencies())
    if latencies:
        heads = "".join(f"{f'{each} % ms':>10}" for each in PERCENTILES)
        yield f"\n{'asked of':<24}{'request':<24}{'asked':>8}{'answered':>10}{heads}"
    for row in latencies:
        times = "".join(f"{_number(row.ms.get(each)):>10}" for each in PERCENTILES)
        yield f"{row.target:<24}{row.request:<24}{row.asked:>8,}{row.answered:>10,}{times}"


def _verdict(device: Device) -> str:
    """Whether it lasts as long as it is designed to."""
    if device.life is None or device.life >= DESIGN_LIFE:
        return "yes"
    return "with another cell" if device.battery_years is not None and (device.flash_years or DESIGN_LIFE) >= DESIGN_LIFE else "no"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
