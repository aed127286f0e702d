"""`meterbench field`: homes of a trial of the field, and on which leg their faults are."""

from __future__ import annotations

import click

from tools.bench.field import TRIALS, WAN_FAILING, run_trial
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import json_option, print_json

SHARE = click.FloatRange(0, 1)


@click.command(
    epilog="Example: meterbench field edrp --homes 10 --wan-failing 0.2",
    short_help="Homes of a field trial, at a scale: WAN faults against HAN faults.",
)
@click.argument("trial", metavar="TRIAL", type=click.Choice(list(TRIALS)))
@click.option("--homes", type=click.IntRange(1), default=10, show_default=True, help="How many of its homes are run.")
@click.option("--wan-failing", type=SHARE, default=WAN_FAILING, show_default=True, help="Share of hubs that lose their WAN.")
@click.option("--han-failing", type=SHARE, default=0.0, show_default=True, help="Share of gas meters that 2.4 GHz doesn't reach.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=1, show_default=True, help="Root of all chance.")
@json_option
def command(trial: str, homes: int, wan_failing: float, han_failing: float, seed: int, as_json: bool) -> None:
    """Run homes of TRIAL (edrp: about 1,000 kits; 2.4-ghz: about 5,000 homes) and tell faults of the WAN from those of the home
    network, as counted and reckoned up to the trial's size.
    """
    outcome = run_trial(trial, homes, seed=seed, wan_failing=wan_failing, han_failing=han_failing)
    if as_json:
        print_json(outcome)
        return
    known = TRIALS[trial]
    for fault in outcome.found:
        click.echo(str(fault))
    click.echo(f"\n{homes:,} of about {known.homes:,} {known.title}, WAN by {known.wan}, home network at {known.han}")
    for leg, count in outcome.faults.items():
        click.echo(f"  {leg} faults: {count:>6,}   of {known.homes:,}: {outcome.scaled[leg]:>6,}")
    click.echo(f"  the field's were on the {known.faults}: {'as here' if outcome.agrees else 'not as here'}")
