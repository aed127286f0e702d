"""Wireless M-Bus telegrams: frame format A or B, or without either, and the layers in them down to the records.

Every key that was given is tried in the security profile that the telegram names. Fragments are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocols.core.errors import RemoteProtocolError
from protocols.wmbus import framing, records, security
from protocols.wmbus.framing import Format
from protocols.wmbus.layers import LONG, SHORT, Authentication, Extended, ExtendedTo, Layer, Transport, TransportTo
from protocols.wmbus.link import Address, Control, DeviceType, Telegram
from protocols.wmbus.telegram import Key, Profile, unseal
from tools.decode import tree
from tools.decode.tree import Node

NO_HEADER: Final = 0x78
"""CI field in front of records without a transport header."""
_CONTENT: Final = 10
_PROFILES: Final = {security.MODE_5: Profile.A, security.MODE_7: Profile.B}


def framed(data: bytes) -> Format | None:
    """The format whose checksums are all right."""
    for form in Format:
        try:
            framing.parse(data, form)
        except RemoteProtocolError:
            continue
        return form
    return None


class Decoder:
    """Decodes telegrams one by one. `keys`: octets that may open them."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = keys

    def telegram(self, parent: Node, data: bytes) -> None:
        """A telegram with its length and checksums, or from the C field on."""
        node = parent.add("telegram", 0, len(data))
        form = framed(data)
        if form is not None:
            node.value = f"frame format {form.value}"
            data = framing.parse(data, form)
        elif (wrong := framing.damage(data)) is not None:
            node.error = wrong
            return
        try:
            self._layers(node, data)
        except RemoteProtocolError as error:
            tree.attempt(node, error)

    def _layers(self, node: Node, data: bytes) -> None:
        link = Telegram.parse(data)
        name = Control(link.kind).name if link.kind in tuple(Control) else "unknown"
        node.add("control", 0, 1, f"{tree.shown(link.control)} {name}")
        node.add("sender", 1, 8, _address(link.sender))
        at, layer = _CONTENT, link.layer
        for kind, frame in ((Layer.EXTENDED_LINK_SHORT, Extended), (Layer.EXTENDED_LINK_LONG, ExtendedTo)):
            if layer == kind:
                extended, at = tree.frame(node, frame, data, at, whole=False)
                if extended is None:
                    return
                layer, at = _next(data, at)
        if layer == Layer.AUTHENTICATION:
            whole, behind = Authentication.parse(data[at:])
            below = node.add("Authentication", at, len(data) - len(behind) - at)
            below.add("counter", at + 4, 4, str(int.from_bytes(whole.counter, "little")))
            below.add("mac", at + 8, len(whole.mac), tree.shown(whole.mac))
            layer, at = _next(data, len(data) - len(behind))
        if layer == NO_HEADER:
            _records(node, data, at)
        elif layer in SHORT or layer in LONG:
            header, at = tree.frame(node, Transport if layer in SHORT else TransportTo, data, at, whole=False)
            if isinstance(header, TransportTo):
                node.add("meter", at - 12, 8, _address(header.address))
            if isinstance(header, Transport | TransportTo):
                self._body(node, data, at, security.mode_of(header.configuration))
        else:
            raise RemoteProtocolError(f"CI field {layer:02X} is not supported")

    def _body(self, node: Node, data: bytes, at: int, mode: int) -> None:
        if not mode:
            _records(node, data, at)
            return
        below = node.add("ciphered", at, len(data) - at, tree.shown(data[at:]))
        if mode not in _PROFILES:
            raise RemoteProtocolError(f"security mode {mode} is not supported")
        if not self._keys:
            below.error = "no keys given"
            return
        for key in self._keys:
            try:
                plain = unseal(data, Key(_PROFILES[mode], key)).records
            except RemoteProtocolError:
                continue
            _records(below.add("opened", 0, len(plain)), plain, 0)
            return
        below.error = "no key fits"


def _next(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise RemoteProtocolError("a telegram without a transport layer")
    return data[at], at + 1


def _address(octets: bytes) -> str:
    address = Address.parse(octets)
    kind = DeviceType(address.type).name.lower() if address.type in tuple(DeviceType) else f"type {address.type:02X}"
    return f"{address} version {address.version}, {kind}"


def _records(node: Node, data: bytes, at: int) -> None:
    try:
        for start, end, record in records.walk(data, at):
            name = "record" if record.quantity is None else record.quantity.name.lower().replace("_", "-")
            value = record.when or record.number
            text = tree.shown(record.value) if value is None else str(value)
            where = f", storage {record.storage}" if record.storage else ""
            node.add(name, start, end - start, f"{text}{where}")
    except RemoteProtocolError as error:
        tree.attempt(node, error)
