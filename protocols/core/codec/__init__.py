"""The codec engine: frames declared once as typed classes over construct, run as generated Python.

    from protocols.core.codec import Frame, be, const, octets, presence

    class GetRequestNormal(Frame):
        tag: int = const(0xC0, be.u8)
        choice: int = const(0x01, be.u8)
        invoke: be.u8
        attribute: AttributeDescriptor
        selection: SelectiveAccess | None = presence(SelectiveAccess)

    GetRequestNormal.parse(octets) -> GetRequestNormal        GetRequestNormal(0xC1, attribute, None).build() -> bytes

Every parser raises DecodeError and nothing else; every build raises EncodeError. Checksums and security fields that
cover other fields are cut before parsing and added after building; they are not fields.
"""

from __future__ import annotations

from protocols.core.codec import be, le
from protocols.core.codec.declare import (
    array,
    axdr_length,
    const,
    extra,
    field,
    itself,
    nothing,
    octets,
    prefixed,
    presence,
    rest,
    switch,
    tagged,
    this,
    to_end,
    trailing,
    when,
    zcl_long_string,
    zcl_string,
)
from protocols.core.codec.frame import Choice, Frame, choice
from protocols.core.codec.leaf import CountingLeaf, Leaf

__all__ = [
    "Choice", "CountingLeaf", "Frame", "Leaf", "array", "axdr_length", "be", "choice", "const", "extra", "field", "itself", "le",
    "nothing", "octets", "prefixed", "presence", "rest", "switch", "tagged", "this", "to_end", "trailing", "when",
    "zcl_long_string", "zcl_string",
]  # fmt: skip
