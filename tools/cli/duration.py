"""Lengths of virtual time on the command line: `90s`, `30m`, `24h`, `2d`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import click

from devices.runtime.kernel import DAY, HOUR, MIN, MS, S

UNITS: Mapping[str, int] = MappingProxyType({"ms": MS, "s": S, "m": MIN, "h": HOUR, "d": DAY})
LONGEST = 10 * 366 * DAY
_TEXT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s|m|h|d)")


def duration(text: str) -> int:
    """ns, more than none. The `type` of a click option: raises click.BadParameter."""
    match = _TEXT.fullmatch(text.lower())
    if match is None:
        raise click.BadParameter(f'"{text}" is no length of time: say 90s, 30m, 24h or 2d')
    length = int(Decimal(match[1]) * UNITS[match[2]])
    if not 0 < length <= LONGEST:
        raise click.BadParameter(f'"{text}" is not between 1 ns and {LONGEST // DAY} days')
    return length
