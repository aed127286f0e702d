"""`meterbench write`: an attribute of a DLMS meter, or with --method a call of a method."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final

import click

from protocols.core.errors import DecodeError, EncodeError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import AccessError
from tools.cli.association import Options, associated, association_options, link_of
from tools.cli.output import json_option, print_json
from tools.cli.read import Classes, parse_wanted
from tools.decode.tree import shown
from tools.errors import BadInput, CheckFailed, suggest
from tools.links import LinkSpec

_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}
_TYPES: Final[Mapping[str, Callable[[str], Data]]] = {
    "null": lambda text: axdr.null(),
    "bool": lambda text: axdr.boolean(_FLAGS[text.lower()]),
    "bits": axdr.bits,
    "i8": lambda text: axdr.i8(int(text, 0)),
    "i16": lambda text: axdr.i16(int(text, 0)),
    "i32": lambda text: axdr.i32(int(text, 0)),
    "i64": lambda text: axdr.i64(int(text, 0)),
    "u8": lambda text: axdr.u8(int(text, 0)),
    "u16": lambda text: axdr.u16(int(text, 0)),
    "u32": lambda text: axdr.u32(int(text, 0)),
    "u64": lambda text: axdr.u64(int(text, 0)),
    "enum": lambda text: axdr.enum(int(text, 0)),
    "f32": lambda text: axdr.f32(float(text)),
    "f64": lambda text: axdr.f64(float(text)),
    "octets": lambda text: axdr.octets(bytes.fromhex(text)),
    "text": axdr.visible,
    "utf8": axdr.utf8,
    "data": lambda text: Data.parse(bytes.fromhex(text)),
}
_BY_TAG: Final = {
    Tag.BOOLEAN: "bool", Tag.BIT_STRING: "bits", Tag.INTEGER: "i8", Tag.LONG: "i16", Tag.DOUBLE_LONG: "i32", Tag.LONG64: "i64",
    Tag.UNSIGNED: "u8", Tag.LONG_UNSIGNED: "u16", Tag.DOUBLE_LONG_UNSIGNED: "u32", Tag.LONG64_UNSIGNED: "u64",
    Tag.ENUM: "enum", Tag.FLOAT32: "f32", Tag.FLOAT64: "f64", Tag.OCTET_STRING: "octets", Tag.VISIBLE_STRING: "text",
    Tag.UTF8_STRING: "utf8",
}  # fmt: skip
"""What a value without a type becomes, by the type of the one that is there."""
_ACTUATING: Final = {9: "script table", 68: "arbitrator", 70: "disconnect control", 71: "limiter"}
"""Classes that may move a switch or a valve."""


@click.command(
    epilog="Example: meterbench write tcp:127.0.0.1:4059 0-0:13.0.0:6 octets:57494e544552 --client 1 --auth lls --password secret",
    short_help="Write an attribute of a DLMS meter, or call a method.",
)
@click.argument("link")
@click.argument("wanted", metavar="OBIS:ATTR")
@click.argument("value", required=False)
@click.option("--method", is_flag=True, help="The number behind OBIS is a method's; VALUE is its argument. [default: i8:0]")
@click.option("--allow-actuation", is_flag=True, help="Let a switch or valve of real hardware be moved.")
@association_options
@json_option
def command(
    link: str, wanted: str, value: str | None, method: bool, allow_actuation: bool, options: Options, as_json: bool
) -> None:
    """Write VALUE into an attribute of the DLMS meter at LINK; links as for `read`.

    VALUE is TYPE:VALUE with a TYPE of null, bool, bits, i8 to i64, u8 to u64, enum, f32, f64, octets (digits), text, utf8,
    or data (digits of A-XDR, for structures); without a TYPE it takes that of the value that is there.

    What may move a switch or valve (classes 9, 68, 70 and 71) needs --allow-actuation, unless LINK is a pty or on this machine.
    What the meter refuses makes the exit code 1.
    """
    spec, item = link_of(link), parse_wanted(wanted)
    if value is None and not method:
        raise click.UsageError("Missing argument 'VALUE'.")
    given = None if value is None else _typed(value)
    with associated(spec, options) as meter:
        class_id = Classes(meter).of(item)
        if class_id in _ACTUATING and not allow_actuation and is_real(spec):
            raise BadInput(f"{item.text} ({_ACTUATING[class_id]}) may move a switch or valve: say --allow-actuation if it shall")
        try:
            if not class_id:
                raise CheckFailed(f"{item.text}: not in the meter's object list")
            if method:
                returned = meter.action(item.name, class_id, item.number, given)
            else:
                written = given or _like(meter.get(item.name, class_id, item.number), str(value))
                meter.set(item.name, class_id, item.number, written)
                returned = None
        except AccessError as error:
            raise CheckFailed(str(error)) from error
    if as_json:
        print_json({"attribute": item.text, "class": class_id, "done": "called" if method else "written"})
    else:
        click.echo(f"{item.text:24}{'called' if method else 'written'}{f', returned {shown(returned.python)}' if returned else ''}")


def is_real(spec: LinkSpec) -> bool:
    """Whether real hardware may be at the other end of a link: anything but a pty or this machine."""
    if spec.scheme == "pty":
        return False
    try:
        return not ipaddress.ip_address(spec.host or "").is_loopback
    except ValueError:
        return spec.host != "localhost"


def _typed(text: str) -> Data | None:
    """TYPE:VALUE; None: no type is named."""
    kind, colon, rest = text.partition(":")
    if not colon and kind != "null":
        return None
    if kind not in _TYPES:
        raise BadInput(f'"{kind}" is no type{suggest(kind, _TYPES)}: {", ".join(_TYPES)}')
    return _made(kind, rest)


def _like(present: Data, text: str) -> Data:
    kind = _BY_TAG.get(present.tag)
    if kind is None:
        raise BadInput(f'"{text}" needs a type: what is there now is a list, or nothing')
    return _made(kind, text)


def _made(kind: str, text: str) -> Data:
    try:
        made = _TYPES[kind](text)
        made.build()
    except (ValueError, KeyError, EncodeError, DecodeError) as error:
        raise BadInput(f'"{text}" is no {kind}: {error}') from error
    return made
