"""`meterbench decode`: octets, or a file of them, as a tree of layers and fields with offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Comment, Element

import click

from protocols.core.crc import kermit
from protocols.core.errors import RemoteProtocolError
from tools import keyring
from tools.capture import keys as key_file
from tools.capture import reader, tap
from tools.capture.pcapng import LINK_TAP, LINK_UPPER_PDU
from tools.cli.output import json_option, print_json
from tools.decode import dlms, wmbus, xml, zigbee
from tools.decode.opener import Opener
from tools.decode.tree import Node, shown
from tools.errors import BadInput, CheckFailed

_LARGEST = 1 << 20
_LINK_WITH_FCS, _LINK_WITHOUT_FCS = 195, 230
_FORMS = ("auto", "hdlc", "wrapper", "apdu", "mac", "wmbus")


@click.command(epilog="Example: meterbench decode --xml 0001000100100007c002c100000001")
@click.argument("source", metavar="HEX|FILE")
@click.option(
    "--keys",
    "key_files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A zigbee_pc_keys file for ZigBee and wireless M-Bus, a TOML file for DLMS; may be given twice.",
)
@click.option("--as", "form", type=click.Choice(_FORMS), default="auto", show_default=True, help="What the octets are.")
@click.option("--lines", is_flag=True, help="Each line of FILE is a message: digits, behind any label.")
@click.option("--xml", "as_xml", is_flag=True, help="Print DLMS messages in the DLMS UA XML form.")
@json_option
def command(source: str, key_files: tuple[Path, ...], form: str, lines: bool, as_xml: bool, as_json: bool) -> None:
    """Show octets, or a raw, hexadecimal, pcap or pcapng FILE, as a tree of layers and fields.

    Each line begins with an offset in octets; a deciphered layer begins at 0 again. Where the octets stop making sense
    the reason stands behind a "!", and the exit code is 1. With --json each message is one line.
    """
    if as_xml and as_json:
        raise click.UsageError("--xml and --json: one of them")
    good = True
    for title, packet in _packets(source, form, lines, Decoders(key_files)):
        good = good and packet.good
        if as_json:
            print_json(packet.plain())
        elif as_xml:
            _print_xml(title, packet)
        else:
            click.echo("\n".join(title + [line for child in packet.children for line in child.lines()]))
    if not good:
        raise CheckFailed("not all of it could be decoded")


class Decoders:
    """A decoder of each family, with the keys of files."""

    def __init__(self, key_files: Sequence[Path] = ()) -> None:
        rings = [keyring.read(path) for path in key_files if path.suffix == ".toml"]
        if len(rings) > 1:
            raise BadInput("one key file for DLMS is enough")
        self.dlms = dlms.Decoder(Opener(rings[0]) if rings else None)
        pairs = [pair for path in key_files if path.suffix != ".toml" for pair in key_file.read(path)]
        self.zigbee = zigbee.Decoder(pairs, self.dlms)
        self.wmbus = wmbus.Decoder([key for _, key in pairs])


def _print_xml(title: list[str], packet: Node) -> None:
    """The messages of a packet, behind a comment that says which one; nothing where there are none."""
    root = Element("messages")
    xml.elements_of(root, packet)
    if len(root):
        root[:0] = [Comment(f" {line.lstrip('- ')} ") for line in title]
    for element in root:
        click.echo(xml.text(element))


def _packets(source: str, form: str, lines: bool, decoders: Decoders) -> Iterator[tuple[list[str], Node]]:
    path = Path(source)
    digits = re.sub(r"[\s:,-]|0x", "", source)
    if re.fullmatch(r"([0-9A-Fa-f]{2})+", digits) and not path.is_file():
        yield [], _decode(bytes.fromhex(digits), form, decoders)
        return
    try:
        with path.open("rb") as file:
            start = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise BadInput(f'"{source[:60]}" is neither hexadecimal octets nor a file: {what.lower()}') from error
    if reader.is_capture(start):
        for packet in reader.read(path):
            yield captured(packet, decoders)
    elif len(start) > _LARGEST:
        raise BadInput(f"{path}: larger than {_LARGEST} octets, and no capture")
    elif lines:
        for number, line in enumerate(start.decode("utf-8", "replace").splitlines(), 1):
            yield from _line(number, line, form, decoders)
    else:
        yield [], _decode(_plain(start), form, decoders)


def _line(number: int, line: str, form: str, decoders: Decoders) -> Iterator[tuple[list[str], Node]]:
    """A line of a trace: what stands behind its last word that is no digits. Empty lines and those with a # are passed over."""
    digits = re.sub(r"[\s:,-]|0x", "", re.split(r"[^0-9A-Fa-fx\s:,-]", line)[-1])
    if not line.strip() or line.lstrip().startswith("#"):
        return
    title = [f"--- line {number}"]
    if re.fullmatch(r"([0-9A-Fa-f]{2})+", digits):
        yield title, _decode(bytes.fromhex(digits), form, decoders)
    else:
        root = Node("octets", 0, 0)
        root.add("line", 0, 0, shown(line.encode()), "no octets in hexadecimal digits")
        yield title, root


def _plain(content: bytes) -> bytes:
    """A file of hexadecimal digits, or the octets themselves."""
    text = re.sub(rb"[\s:,-]|0x", b"", content)
    return bytes.fromhex(text.decode()) if re.fullmatch(rb"([0-9A-Fa-f]{2})+", text) else content


def captured(packet: reader.Captured, decoders: Decoders) -> tuple[list[str], Node]:
    """Title and tree of one packet of a capture."""
    seconds, rest = divmod(packet.utc_ns, 1_000_000_000)
    title = [f"--- packet {packet.number}, {seconds}.{rest:09d}"]
    root = Node(f"packet {packet.number}", 0, len(packet.data))
    try:
        if packet.link_type == LINK_TAP:
            frame = tap.Packet.parse(packet.data)
            decoders.zigbee.psdu(root, frame.psdu)
        elif packet.link_type == _LINK_WITH_FCS:
            decoders.zigbee.psdu(root, packet.data)
        elif packet.link_type == _LINK_WITHOUT_FCS:
            decoders.zigbee.psdu(root, packet.data + kermit(packet.data).to_bytes(2, "little"))
        elif packet.link_type == LINK_UPPER_PDU:
            _guess(root, _behind_tags(packet.data), decoders)
        else:
            root.add("packet", 0, len(packet.data), shown(packet.data), f"link type {packet.link_type} is not known")
    except RemoteProtocolError as error:
        root.add("packet", 0, len(packet.data), shown(packet.data), str(error))
    return title, root


def _behind_tags(data: bytes) -> bytes:
    """The payload of a Wireshark upper PDU."""
    at = 0
    while at + 4 <= len(data):
        tag, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        at += 4 + size
        if tag == 0:
            return data[at:]
    raise RemoteProtocolError("an upper PDU without an end of its tags")


def _decode(data: bytes, form: str, decoders: Decoders) -> Node:
    root = Node("octets", 0, len(data))
    forms: dict[str, Callable[[Node, bytes], None]] = {
        "hdlc": decoders.dlms.hdlc_frames,
        "wrapper": decoders.dlms.wrapper_pdus,
        "apdu": decoders.dlms.apdu,
        "mac": decoders.zigbee.psdu,
        "wmbus": decoders.wmbus.telegram,
    }
    if form == "auto":
        _guess(root, data, decoders)
    else:
        forms[form](root, data)
    return root


def _guess(root: Node, data: bytes, decoders: Decoders) -> None:
    """What is certain first: a good FCS, a flag, a wrapper header that fits, checksums of wireless M-Bus; else it is an APDU."""
    if 5 <= len(data) <= tap.LARGEST_PSDU and kermit(data[:-2]).to_bytes(2, "little") == data[-2:]:
        decoders.zigbee.psdu(root, data)
    elif data[:1] == b"\x7e":
        decoders.dlms.hdlc_frames(root, data)
    elif data[:2] == b"\0\1":
        decoders.dlms.wrapper_pdus(root, data)
    elif wmbus.framed(data) is not None:
        decoders.wmbus.telegram(root, data)
    else:
        decoders.dlms.apdu(root, data)
