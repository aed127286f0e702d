"""Blocks of long messages, put together as they pass: of GET, SET and ACTION, and of general block transfer.

One transfer of each kind at a time, in order; a block that does not follow ends it. Whose blocks they are is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from protocols.core.codec import Frame
from protocols.core.errors import DecodeError
from protocols.dlms import axdr, xdlms
from protocols.dlms.blocks import MAX_OCTETS, ActionResults, GetResults, Values
from protocols.dlms.general_block import GeneralBlock


class Value(Frame):
    """What the blocks of a service for one attribute or method hold."""

    value: axdr.data


class Block(NamedTuple):
    """A block of any kind."""

    kind: str
    number: int
    last: bool
    octets: bytes


_GET, _SET, _ACTION, _RETURN, _GENERAL = "GET response", "SET", "ACTION", "ACTION response", "general"
FAMILIES: Final[Mapping[type[Frame], str]] = {
    xdlms.GetResponseWithDatablock: _GET,
    xdlms.SetRequestWithFirstDatablock: _SET,
    xdlms.SetRequestWithDatablock: _SET,
    xdlms.SetRequestWithListAndFirstDatablock: _SET,
    xdlms.ActionRequestWithFirstPblock: _ACTION,
    xdlms.ActionRequestWithPblock: _ACTION,
    xdlms.ActionRequestWithListAndFirstPblock: _ACTION,
    xdlms.ActionResponseWithPblock: _RETURN,
    GeneralBlock: _GENERAL,
}
"""Frames with a block, by the transfer that it belongs to."""
_CONTENTS: Final[Mapping[str, tuple[type[Frame], ...]]] = {
    _GET: (Value, GetResults),
    _SET: (Value, Values),
    _ACTION: (Value, Values),
    _RETURN: (Value, ActionResults),
    _GENERAL: (),
}


class Transfers:
    """The transfers that are under way."""

    def __init__(self) -> None:
        self._coming: dict[str, tuple[int, bytes]] = {}

    def add(self, found: Frame) -> bytes | None:
        """Take a block: the octets of the whole transfer when it was the last of several; None for everything else."""
        block = _block(found)
        if block is None:
            return None
        number, before = self._coming.pop(block.kind, (0, b""))
        if block.number == 1:
            number, before = 0, b""
        if block.number != number + 1 or len(before) + len(block.octets) > MAX_OCTETS:
            return None
        if block.last:
            return before + block.octets
        self._coming[block.kind] = (block.number, before + block.octets)
        return None


def contents(found: Frame, octets: bytes) -> type[Frame] | None:
    """The frame that a transfer's octets are, which ends with this block; None: an APDU, or nothing that is known."""
    for kind in _CONTENTS[FAMILIES[type(found)]]:
        try:
            kind.parse(octets)
        except DecodeError:
            continue
        return kind
    return None


def _block(found: Frame) -> Block | None:
    kind = FAMILIES.get(type(found))
    if kind is None:
        return None
    if isinstance(found, GeneralBlock):
        return Block(kind, found.number, found.last, found.raw)
    block = getattr(found, "block")  # noqa: B009 - all of these frames have one
    octets = block.result if isinstance(block, xdlms.GetDatablock) else block.raw
    return Block(kind, block.number, bool(block.last), octets) if isinstance(octets, bytes) else None
