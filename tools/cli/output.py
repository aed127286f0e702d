"""What every command's output shares: the `--json` option."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., object])


def json_option(command: F) -> F:
    """`--json`: the command's parameter is `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON value instead of text.")(command)


def print_json(value: object) -> None:
    """One JSON value on one line."""
    click.echo(msgspec.json.encode(value))
