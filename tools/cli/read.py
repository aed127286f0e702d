"""`meterbench read`: attributes of a DLMS meter, over any link that carries the wrapper or HDLC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import click

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import hdlc
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.client import Client, drive
from protocols.dlms.cosem import date_time, units
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.obis import Obis
from tools.cli.output import json_option, print_json
from tools.errors import BadInput, CheckFailed, MissingEnvironment
from tools.links import LinkSpec, Stream, open_stream, parse
from tools.links.exchange import Exchange, HdlcExchange, WrapperExchange
from tools.links.sign_on import FASTEST, enter_hdlc

_WANTED = re.compile(r"(?:([0-9]{1,5})/)?([0-9]+[-.][0-9]+[:.][0-9]+\.[0-9]+\.[0-9]+(?:[.*][0-9]+)?)(?::(-?[0-9]{1,3}))?")
_ASSOCIATION, _OBJECT_LIST = ("0-0:40.0.0", 15), 2
_REGISTERS = (3, 4)
_CLOCK = 8
_DATE_TIME_OCTETS = 12
_WRITTEN_OCTETS = 64
_WITHOUT_WRAPPER = ("pty", "serial", "rfc2217", "socket")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One attribute asked for on the command line. Class 0: look it up."""

    text: str
    name: Obis
    attribute: int
    class_id: int


@click.command(epilog="Example: meterbench read tcp:127.0.0.1:4059 1-0:1.8.0 0-0:1.0.0:2 --server 3")
@click.argument("link")
@click.argument("wanted", metavar="OBIS[:ATTR]...", nargs=-1, required=True)
@click.option("--client", type=click.IntRange(1, 0x7F), default=None, help="Our address. [default: 16; with lls 1]")
@click.option("--server", type=click.IntRange(1, 0x3FFF), default=1, show_default=True, help="The logical device.")
@click.option("--auth", type=click.Choice(["none", "lls"]), default="none", show_default=True, help="How we prove it.")
@click.option("--password", help="For --auth lls.")
@click.option("--timeout", type=click.FloatRange(0.1, 300), default=5.0, show_default=True, help="Seconds an answer may take.")
@click.option("--mode-e", is_flag=True, help="Sign on with 300 baud (IEC 62056-21) before HDLC.")
@json_option
def command(
    link: str,
    wanted: tuple[str, ...],
    client: int | None,
    server: int,
    auth: str,
    password: str | None,
    timeout: float,
    mode_e: bool,
    as_json: bool,
) -> None:
    """Read attributes of the DLMS meter at LINK: attribute 2 unless OBIS:ATTR says another.

    LINK is tcp:HOST:PORT or udp:HOST:PORT (wrapper), tcp:HOST:PORT?framing=hdlc, pty:PATH, serial:DEVICE?baud=9600&frame=8N1,
    rfc2217://HOST:PORT or socket://HOST:PORT (HDLC). The class of an object comes from the meter's object list;
    CLASS/OBIS:ATTR spares asking. An attribute the meter refuses makes the exit code 1.
    """
    if (auth == "lls") != (password is not None):
        raise click.UsageError("--auth lls and --password go together")
    spec, items = parse(link), [_parse(text) for text in wanted]
    secret = None if password is None else password.encode()
    dlms = Client(client or (1 if auth == "lls" else 16), server, secret)
    try:
        with _exchange(spec, dlms, timeout, mode_e) as exchange:
            drive(dlms.associate(), exchange)
            values = list(_read(dlms, exchange, items))
            drive(dlms.release(), exchange)
    except RemoteProtocolError as error:
        raise MissingEnvironment(f"{spec}: {error}") from error
    if as_json:
        print_json(values)
    else:
        for value in values:
            click.echo(f"{value['attribute']:24}{value.get('error') or value['text']}")
    refused = [value for value in values if "error" in value]
    if refused:
        raise CheckFailed(f"{len(refused)} of {len(values)} could not be read")


def _parse(text: str) -> _Wanted:
    match = _WANTED.fullmatch(text)
    try:
        name = Obis(match[2] if match else text)
    except LocalProtocolError as error:
        raise BadInput(f'"{text}" is not OBIS or OBIS:ATTR, such as 1-0:1.8.0 or 0-0:1.0.0:2') from error
    assert match is not None
    attribute, class_id = int(match[3] or 2), int(match[1] or 0)
    if not -128 <= attribute <= 127 or class_id > 0xFFFF:
        raise BadInput(f'"{text}": an attribute is -128 to 127, a class 1 to 65535')
    return _Wanted(text, name, attribute, class_id)


def _exchange(spec: LinkSpec, client: Client, timeout: float, mode_e: bool) -> Exchange:
    over_hdlc = spec.scheme in _WITHOUT_WRAPPER or spec.options.get("framing") == "hdlc"
    if mode_e and not over_hdlc:
        raise BadInput(f'link "{spec}": --mode-e goes with HDLC, such as pty:, serial: or tcp:HOST:PORT?framing=hdlc')
    stream = open_stream(spec, timeout)
    if mode_e:
        _sign_on(stream, spec)
    if over_hdlc:
        address = hdlc.Address(client.server_sap) if client.server_sap < 0x80 else hdlc.Address(client.server_sap, 0)
        return HdlcExchange(stream, client.client_sap, address, timeout)
    return WrapperExchange(stream, client.client_sap, client.server_sap, timeout)


def _sign_on(stream: Stream, spec: LinkSpec) -> None:
    """Mode E; a serial link's own rate is the fastest to agree to."""
    rate = spec.options.get("baud", FASTEST)
    try:
        enter_hdlc(stream, rate=int(rate))
    except BaseException:
        stream.close()
        raise


def _read(client: Client, exchange: Exchange, items: Iterable[_Wanted]) -> Iterable[dict[str, object]]:
    """One mapping for each item: attribute, then value, text and unit, or error."""
    classes: dict[Obis, int] | None = None
    for item in items:
        class_id = item.class_id
        if not class_id:
            if classes is None:
                classes = _classes(client, exchange)
            class_id = classes.get(item.name, 0)
        if not class_id:
            yield {"attribute": item.text, "error": "not in the meter's object list"}
            continue
        try:
            data = drive(client.get(item.name, class_id, item.attribute), exchange)
            scaling = _scaling(client, exchange, item, class_id)
        except AccessError as error:
            yield {"attribute": item.text, "error": str(error)}
            continue
        yield {"attribute": item.text, "class": class_id} | _shown(data, class_id, item.attribute, scaling)


def _classes(client: Client, exchange: Exchange) -> dict[Obis, int]:
    """Class by logical name, from the object list of the current association."""
    name, class_id = _ASSOCIATION
    found = drive(client.get(name, class_id, _OBJECT_LIST), exchange).python
    classes: dict[Obis, int] = {}
    for row in found if isinstance(found, list) else []:
        if not (isinstance(row, list) and len(row) >= 3 and isinstance(row[0], int) and isinstance(row[2], bytes)):
            raise RemoteProtocolError("the object list holds something that is no object")
        if len(row[2]) != 6:
            raise RemoteProtocolError("the object list holds a logical name that has not 6 octets")
        classes[Obis(row[2])] = row[0]
    return classes


def _scaling(client: Client, exchange: Exchange, item: _Wanted, class_id: int) -> tuple[int, int] | None:
    """Scaler and unit code of a register's value."""
    if class_id not in _REGISTERS or item.attribute != 2:
        return None
    pair = drive(client.get(item.name, class_id, 3), exchange).python
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
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        printable = 1 < len(value) <= _WRITTEN_OCTETS and all(32 <= octet < 127 for octet in value)
        return value.decode("ascii") if printable else value.hex()
    return value
