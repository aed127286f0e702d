"""`meterbench read`: attributes and profile rows of a DLMS meter, over any link that carries the wrapper or HDLC."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import click

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time, units
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.profile import ProfileGeneric
from protocols.dlms.expect import Quantity
from protocols.dlms.meter import Meter
from protocols.dlms.obis import Obis
from protocols.dlms.rows import ProfileColumn, Value
from tools.cli.association import Options, associated, association_options, link_of
from tools.cli.output import json_option, print_json
from tools.errors import BadInput, CheckFailed

_WANTED = re.compile(r"(?:([0-9]{1,5})/)?([0-9]+[-.][0-9]+[:.][0-9]+\.[0-9]+\.[0-9]+(?:[.*][0-9]+)?)(?::(-?[0-9]{1,3}))?")
_REGISTERS = (3, 4)
_CLOCK = 8
_BUFFER = (ProfileGeneric.class_id, ProfileGeneric.buffer.number)
_DATE_TIME_OCTETS = 12
_WRITTEN_OCTETS = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attribute or method named on the command line. Class 0: look it up."""

    text: str
    name: Obis
    number: int
    class_id: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Which rows of profiles are wanted, and which columns, by number from 1 or by what they capture; none: all."""

    since: datetime | None
    until: datetime | None
    last: int | None
    columns: tuple[str, ...]


def moment(text: str) -> datetime:
    """An ISO date or date-time; without an offset it is UTC. The `type` of a click option."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f'"{text}" is no date and time such as 2026-01-14T07:30') from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _columns(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@click.command(epilog="Example: meterbench read tcp:127.0.0.1:4059 1-0:1.8.0 1-0:99.1.0 --server 3 --last 4")
@click.argument("link")
@click.argument("wanted", metavar="OBIS[:ATTR]...", nargs=-1, required=True)
@click.option("--since", type=moment, metavar="TIME", help="Profiles: rows from this time on, UTC unless it says otherwise.")
@click.option("--until", type=moment, metavar="TIME", help="Profiles: rows up to this time.")
@click.option("--last", type=click.IntRange(1, 0xFFFF), metavar="N", help="Profiles: the last N rows.")
@click.option("--columns", type=_columns, metavar="N|OBIS,...", help="Profiles: only these columns, by number from 1 or name.")
@association_options
@json_option
def command(
    link: str,
    wanted: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    last: int | None,
    columns: tuple[str, ...] | None,
    options: Options,
    as_json: bool,
) -> None:
    """Read attributes of the DLMS meter at LINK: attribute 2 unless OBIS:ATTR says another.

    LINK is tcp:HOST:PORT or udp:HOST:PORT (wrapper), tcp:HOST:PORT?framing=hdlc, pty:PATH, serial:DEVICE?baud=9600&frame=8N1,
    rfc2217://HOST:PORT or socket://HOST:PORT (HDLC). The class of an object comes from the meter's object list;
    CLASS/OBIS:ATTR spares asking. A profile's buffer comes row by row. An attribute the meter refuses makes the exit code 1.
    """
    if last is not None and (since is not None or until is not None):
        raise click.UsageError("--last goes without --since and --until")
    spec, items = link_of(link), [parse_wanted(text) for text in wanted]
    with associated(spec, options) as meter:
        values = list(_read(meter, items, _Rows(since, until, last, columns or ())))
    if as_json:
        print_json(values)
    else:
        for value in values:
            _say(value)
    refused = [value for value in values if "error" in value]
    if refused:
        raise CheckFailed(f"{len(refused)} of {len(values)} could not be read")


def _say(value: dict[str, object]) -> None:
    rows, columns = value.get("rows"), value.get("columns")
    if not isinstance(rows, list) or not isinstance(columns, list):
        click.echo(f"{value['attribute']:24}{value.get('error') or value['text']}")
        return
    click.echo(f"{value['attribute']:24}{len(rows)} row{'s' * (len(rows) != 1)}")
    lines = [columns, *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def parse_wanted(text: str) -> Wanted:
    """`OBIS[:ATTR]` or `CLASS/OBIS[:ATTR]`. Raises BadInput."""
    match = _WANTED.fullmatch(text)
    try:
        name = Obis(match[2] if match else text)
    except LocalProtocolError as error:
        raise BadInput(f'"{text}" is not OBIS or OBIS:ATTR, such as 1-0:1.8.0 or 0-0:1.0.0:2') from error
    assert match is not None
    number, class_id = int(match[3] or 2), int(match[1] or 0)
    if not -128 <= number <= 127 or class_id > 0xFFFF:
        raise BadInput(f'"{text}": an attribute is -128 to 127, a class 1 to 65535')
    return Wanted(text, name, number, class_id)


class Classes:
    """Classes of a meter's objects, asked for when one is needed first."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._known: dict[Obis, int] | None = None

    def of(self, item: Wanted) -> int:
        """0: the meter has no such object."""
        if item.class_id:
            return item.class_id
        if self._known is None:
            self._known = {entry.name: entry.class_id for entry in self._meter.objects()}
        return self._known.get(item.name, 0)


def _read(meter: Meter, items: Iterable[Wanted], rows: _Rows) -> Iterator[dict[str, object]]:
    """One mapping for each item: attribute, then value, text and unit, or columns and rows, or error."""
    classes = Classes(meter)
    for item in items:
        class_id = classes.of(item)
        if not class_id:
            yield {"attribute": item.text, "error": "not in the meter's object list"}
            continue
        try:
            if (class_id, item.number) == _BUFFER:
                shown = _profile(meter, item.name, rows)
            else:
                data = meter.get(item.name, class_id, item.number)
                shown = _shown(data, class_id, item.number, _scaling(meter, item, class_id))
        except AccessError as error:
            yield {"attribute": item.text, "error": str(error)}
            continue
        yield {"attribute": item.text, "class": class_id} | shown


def _profile(meter: Meter, name: Obis, rows: _Rows) -> dict[str, object]:
    captured = meter.columns(name)
    chosen = [_column(name, captured, word) for word in rows.columns] or list(range(len(captured)))
    if rows.last is not None:
        held = meter.get(name, ProfileGeneric.class_id, ProfileGeneric.entries_in_use.number).python
        if not isinstance(held, int):
            raise RemoteProtocolError(f"{name}: entries_in_use is no number")
        whole = meter.entries(name, max(held - rows.last, 0) + 1) if held else []
        found = [tuple(row[number] for number in chosen) for row in whole]
    else:
        found = meter.rows(name, rows.since, rows.until, columns=chosen if rows.columns else None)
    return {
        "columns": [_title(captured[number]) for number in chosen],
        "rows": [[_cell(cell) for cell in row] for row in found],
    }


def _column(profile: Obis, captured: Sequence[ProfileColumn], word: str) -> int:
    names = [str(column.reference.logical_name) for column in captured]
    if word.isdecimal() and 1 <= int(word) <= len(captured):
        return int(word) - 1
    try:
        return names.index(str(Obis(word)))
    except (LocalProtocolError, ValueError):
        raise BadInput(f'{profile} has no column "{word}": it captures {", ".join(names)}') from None


def _title(column: ProfileColumn) -> str:
    reference = column.reference
    return f"{reference.logical_name}:{reference.attribute}"


def _cell(value: Value) -> object:
    if isinstance(value, Quantity):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return _plain(value)


def _scaling(meter: Meter, item: Wanted, class_id: int) -> tuple[int, int] | None:
    """Scaler and unit code of a register's value."""
    if class_id not in _REGISTERS or item.number != 2:
        return None
    pair = meter.get(item.name, class_id, 3).python
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int) and isinstance(pair[1], int)):
        raise RemoteProtocolError(f"{item.name}: scaler_unit is no scaler and unit")
    return pair[0], pair[1]


def _shown(data: Data, class_id: int, attribute: int, scaling: tuple[int, int] | None) -> dict[str, object]:
    value = data.python
    if scaling is not None and isinstance(value, int):
        number = format(Decimal(value).scaleb(scaling[0]), "f")
        unit = units.of_code(scaling[1])
        symbol = unit.symbol if isinstance(unit, units.Unit) else f"unit {unit}"
        return {"value": value, "scaler": scaling[0], "unit": symbol, "text": f"{number} {symbol}".rstrip()}
    if isinstance(value, bytes) and len(value) == _DATE_TIME_OCTETS and (class_id == _CLOCK or data.tag == Tag.DATE_TIME):
        instant = date_time.instant(value)
        if instant is not None:
            return {"value": value.hex(), "text": date_time.to_datetime(instant).isoformat()}
    plain = _plain(value)
    return {"value": plain, "text": str(plain)}


def _plain(value: object) -> object:
    """For JSON and for people: octets that are text as text, others in hexadecimal."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        printable = 1 < len(value) <= _WRITTEN_OCTETS and all(32 <= octet < 127 for octet in value)
        return value.decode("ascii") if printable else value.hex()
    return value
