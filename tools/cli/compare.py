"""`meterbench compare`: architectures of a home side by side."""

from __future__ import annotations

from pathlib import Path

import click

from tools.bench import config
from tools.bench.architectures import compare
from tools.bench.architectures_table import text
from tools.cli.output import json_option, print_json


@click.command(
    epilog="Example: meterbench compare fixtures/benches/stand-alone.toml fixtures/benches/wired.toml",
    short_help="Compare benches: time, messages and failure points.",
)
@click.argument("benches", metavar="BENCH.toml...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How long messages are counted.")
@json_option
def command(benches: tuple[Path, ...], hours: int, as_json: bool) -> None:
    """Run each bench (one home with a hub), and again for each thing in it that can fail.

    A column a bench: when it was commissioned, messages / octets on each leg until then and in the hours after (the head end
    reads each meter once an hour), which services work, and how many are lost 100 minutes after each failure.
    """
    found = [compare(config.load(path), hours) for path in benches]
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(text(found)))
