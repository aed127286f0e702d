"""Text cells that a person understands at a glance: 24 columns, a label on the left and its value on the right.

What is not known is shown as such and never as a number: `STALE` when nobody has said it lately, `NO_VALUE` when what was said is
no value (bad inputs G6, G7). Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from textwrap import wrap

from protocols.zigbee.clusters.metering import Unit

COLUMNS = 24
STALE = "----"
NO_VALUE = "no value"

S = 1_000_000_000
MINUTE = 60 * S
POUND_STERLING = 826

_ENERGY: Mapping[int, tuple[str, str]] = {Unit.KILOWATT_HOURS: ("kWh", "kW"), Unit.CUBIC_METRES: ("m3", "m3/h")}
"""Unit of measure: names of an amount and of a rate."""


@lru_cache(maxsize=512)  # from one drawing of a face to the next most lines stay
def line(label: str, value: str) -> str:
    """A label and its value at the two edges; the label gives way. A value that does not fit is none: it is never cut."""
    if len(value) > COLUMNS:
        value = NO_VALUE
    room = COLUMNS - len(value)
    return label[: max(0, room - 1)].ljust(room) + value


def clock_line(utc: int | None) -> str:
    """Date and time; dashes without a reliable clock."""
    return line("", "--:--") if utc is None else _clock_line(utc // MINUTE)


@lru_cache(maxsize=64)
def _clock_line(minute: int) -> str:  # a face is drawn several times a minute
    moment = datetime.fromtimestamp(60 * minute, UTC)
    return line(f"{moment:%a %d %b %Y}", f"{moment:%H:%M}")


@lru_cache(maxsize=512)
def amount(value: int | None, multiplier: int, divisor: int, unit: int, *, rate: bool = False) -> str:
    """A register or (`rate`) a demand with its unit, three decimals: what Metering's formatting attributes make of it."""
    if value is None:
        return STALE
    names = _ENERGY.get(unit)
    if names is None or not multiplier or not divisor:
        return NO_VALUE
    return f"{value * multiplier / divisor:.3f} {names[rate]}"


def money(value: int | None, scaling: int | None, currency: int | None) -> str:
    """An amount of Prepayment with its currency: `scaling` n means 10^(n-6) of it (SE 1.4 annex D.7)."""
    if value is None:
        return STALE
    if scaling is None or not 0 <= scaling <= 12 or currency is None:
        return NO_VALUE
    major = value * 10.0 ** (scaling - 6)
    sign = "-" if round(major, 2) < 0 else ""
    return f"{sign}£{abs(major):.2f}" if currency == POUND_STERLING else f"{major:.2f} (currency {currency})"


def ago(since: int | None, utc: int | None) -> str:
    """How long ago a time was, in the largest whole unit."""
    if since is None or utc is None:
        return "age unknown"
    minutes = max(0, (utc - since) // MINUTE)
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def page(text: str, now: int, every: int = 10 * S) -> str:
    """One line's worth of a longer text; the next one each `every` ns."""
    pages = wrap(text, COLUMNS - 2) or [""]
    turn = now // every % len(pages)
    return ("> " if turn == 0 else "  ") + pages[turn]
