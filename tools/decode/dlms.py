"""DLMS layers: HDLC, wrapper, LLC, APDU."""

from __future__ import annotations

from protocols.core.aes import TAG
from protocols.core.codec import Frame
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import hdlc, wrapper
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.hdlc.deframer import Damaged, Deframer
from protocols.dlms.security.ciphering import Control, Secured
from protocols.dlms.security.general import GeneralSigning
from tools.decode import apdus, elements, transfers, tree
from tools.decode.opener import Opener
from tools.decode.tree import Node

OPENED = "opened"
"""Name of the node below a ciphered APDU that holds the plain one."""
REASSEMBLED = "reassembled"
"""Name of the node that holds what came in segments or blocks."""
PARAMETERS = "parameters"
"""Name of the node that holds what SNRM or UA negotiates."""
_PARAMETERS_FORMAT = b"\x81\x80"
_PARAMETERS_BEGIN = 3
"""Behind format, group and length."""
_LLC = (b"\xe6\xe6\x00", b"\xe6\xe7\x00")
_LONGEST = 1 << 20
_PROTECTED = Control.AUTHENTICATED | Control.ENCRYPTED


class Decoder:
    """Decodes messages one after the other. `opener`: has the keys of ciphered ones."""

    def __init__(self, opener: Opener | None = None) -> None:
        self._opener = opener
        self._transfers = transfers.Transfers()

    def hdlc_frames(self, parent: Node, data: bytes) -> None:
        """HDLC frames of a line, whole or damaged; what is between them is counted."""
        deframer = Deframer()
        found = [*deframer.scan(data), *deframer.abandon()]
        at = 0
        segments: dict[tuple[str, str], bytes] = {}
        for each in found:
            octets = each.octets if isinstance(each, Damaged) else each.build()
            start = data.find(octets, max(at - 1, 0))
            if start > at:
                parent.add("octets between frames", at, start - at, tree.shown(data[at:start]))
            at = start + len(octets)
            if isinstance(each, Damaged):
                parent.add("HDLC frame", start, len(octets), tree.shown(octets), each.damage.value)
            else:
                self._hdlc_frame(parent, each, data, start, len(octets))
                self._reassembled(parent, each, segments)
        if at < len(data):
            parent.add("octets without a frame", at, len(data) - at, tree.shown(data[at:]), "no frame begins here")

    def _reassembled(self, parent: Node, frame: hdlc.Frame, segments: dict[tuple[str, str], bytes]) -> None:
        """The APDU that a last segment completes, in a buffer of its own. `segments`: what has come, by the two addresses."""
        way = str(frame.destination), str(frame.source)
        if frame.kind is not hdlc.Kind.I or not (frame.segmented or way in segments):
            return
        octets = segments.pop(way, b"") + frame.information
        if frame.segmented:
            segments[way] = octets[:_LONGEST]
        else:
            node = parent.add(REASSEMBLED, 0, len(octets))
            self.apdu(node, octets, 3 if octets[:3] in _LLC else 0)

    def _hdlc_frame(self, parent: Node, frame: hdlc.Frame, data: bytes, at: int, size: int) -> None:
        node = parent.add("HDLC frame", at, size)
        node.found = frame
        position = at + 3
        node.add("format", at + 1, 2, f"type 3{', segmented' * frame.segmented}, {size - 2} octets")
        for name, address in (("destination", frame.destination), ("source", frame.source)):
            node.add(name, position, address.size, str(address))
            position += address.size
        numbers = f" N(S)={frame.send_number}" if frame.kind is hdlc.Kind.I else ""
        numbers += f" N(R)={frame.receive_number}" if frame.kind.value in ("I", "RR", "RNR") else ""
        node.add("control", position, 1, f"{frame.kind.value}{numbers}{' P/F' * frame.poll}")
        if not frame.information:
            return
        position += 3
        information = frame.information
        if frame.kind in (hdlc.Kind.SNRM, hdlc.Kind.UA):
            _parameters(node, information, position)
            return
        if frame.kind is not hdlc.Kind.I:
            node.add("information", position, len(information), tree.shown(information))
            return
        if information[:3] in _LLC:
            node.add("LLC", position, 3, tree.shown(information[:3]))
            position += 3
            if not frame.segmented:  # a last segment does not begin so
                self.apdu(node, data[: at + size - 3], position)
                return
        node.add("segment", position, at + size - 3 - position, tree.shown(data[position : at + size - 3]))

    def wrapper_pdus(self, parent: Node, data: bytes, at: int = 0) -> None:
        """Wrapper PDUs of a stream."""
        while at < len(data):
            node = parent.add("wrapper PDU", at, len(data) - at)
            header, position = tree.frame(node, wrapper.Header, data, at, whole=False)
            if not isinstance(header, wrapper.Header):
                return
            if header.version != wrapper.VERSION:
                tree.attempt(node, f"version {header.version} is not {wrapper.VERSION}")
                return
            if header.length > len(data) - position:
                tree.attempt(node, f"says {header.length} octets follow, has {len(data) - position}")
                return
            at = position + header.length
            node.size = wrapper.HEADER_SIZE + header.length
            node.found = header
            if header.length:
                self.apdu(node, data[:at], position)

    def apdu(self, parent: Node, data: bytes, at: int = 0) -> None:
        """One APDU from `at` to the end of `data`."""
        kind = apdus.kind(data[at:])
        if kind is None:
            reason = f"no APDU begins with {data[at : at + 2].hex() or 'nothing'}"
            parent.add("APDU", at, len(data) - at, tree.shown(data[at:]), reason)
            return
        found, _ = tree.frame(parent, kind, data, at)
        node = parent.children[-1]
        node.name, node.found = apdus.name(kind, data[at]), found
        if found is not None:
            self._learn(found)
            self._inside(node, found, data)
            self._open(node, found, data[at:])
            self._put_together(node, found)

    def _put_together(self, node: Node, found: Frame) -> None:
        """What a last block completes, below it, in a buffer of its own."""
        octets = self._transfers.add(found)
        if octets is None:
            return
        whole = node.add(REASSEMBLED, 0, len(octets), "from blocks")
        kind = transfers.contents(found, octets)
        if kind is not None:
            tree.frame(whole, kind, octets)
        elif isinstance(found, GeneralBlock):
            self.apdu(whole, octets)
        else:
            whole.add("octets", 0, len(octets), tree.shown(octets))

    def _learn(self, found: Frame) -> None:
        if self._opener is not None:
            self._opener.learn(found)

    def _open(self, node: Node, found: Frame, octets: bytes) -> None:
        """The plain APDU of a ciphered one, below it, in a buffer of its own; or why there is none."""
        if self._opener is None or type(found) not in apdus.BY_TAG.values():
            return
        try:
            plain, how = self._opener.open(found, octets)
        except RemoteProtocolError as error:
            shown = [child for child in node.children if child.name == OPENED]
            if shown or isinstance(found, GeneralSigning):
                (shown or [node])[0].value = f"not verified: {error}"
            else:
                tree.attempt(node, f"not opened: {error}")
            return
        node.children = [child for child in node.children if child.name != OPENED]
        self.apdu(node.add(OPENED, 0, len(plain), how), plain)

    def _inside(self, node: Node, found: Frame, data: bytes) -> None:
        """APDUs that an APDU carries: what an association begins with, what is signed, what is authenticated and not hidden."""
        below = {child.name: child for child in node.children}
        for name in found.__struct_fields__:
            value, child = getattr(found, name), below.get(name)
            if value is None or child is None:
                continue
            end = child.offset + child.size
            octets, _ = apdus.only(value)
            if (type(found), name) in apdus.HOLDS_APDU and isinstance(octets, bytes):
                child.value = ""
                self.apdu(child, data[:end], end - len(octets))
            elif isinstance(value, Secured) and value.control & _PROTECTED == Control.AUTHENTICATED and len(value.contents) > TAG:
                opened = node.add(OPENED, end - len(value.contents), len(value.contents) - TAG, "authenticated only: not verified")
                self.apdu(opened, data[: end - TAG], end - len(value.contents))
            elif isinstance(value, Frame):
                self._inside(child, value, data)


def _parameters(parent: Node, data: bytes, at: int) -> None:
    """What SNRM or UA says: identifier, length and number, one after the other (IEC 62056-46 6.4.4.4.3)."""
    node = parent.add(PARAMETERS, at, len(data))
    place = _PARAMETERS_BEGIN
    while place + 2 <= len(data):
        number, size = data[place : place + 2]
        value = data[place + 2 : place + 2 + size]
        name = elements.HDLC_PARAMETERS.get(number, f"parameter {number}")
        node.add(name, at + place, 2 + size, str(int.from_bytes(value, "big")))
        place += 2 + size
    if data[:2] != _PARAMETERS_FORMAT or place != len(data):
        tree.attempt(node, "not parameters in their format")


def looks_wrapped(data: bytes) -> bool:
    """Whether octets begin with a wrapper header whose length they have."""
    try:
        return bool(wrapper.Splitter(0xFFFF).feed(data)) and data[:2] == b"\0\1"
    except DecodeError:
        return False
