"""Big-endian leaves, to annotate fields with: `class_id: be.u16`.

A boolean keeps its octet: TRUE may be 01 or FF on the wire.
"""

from __future__ import annotations

from typing import Annotated

from construct import BytesInteger, FormatField

u8 = Annotated[int, FormatField(">", "B")]
u16 = Annotated[int, FormatField(">", "H")]
u24 = Annotated[int, BytesInteger(3)]
u32 = Annotated[int, FormatField(">", "L")]
u40 = Annotated[int, BytesInteger(5)]
u48 = Annotated[int, BytesInteger(6)]
u56 = Annotated[int, BytesInteger(7)]
u64 = Annotated[int, FormatField(">", "Q")]
i8 = Annotated[int, FormatField(">", "b")]
i16 = Annotated[int, FormatField(">", "h")]
i24 = Annotated[int, BytesInteger(3, signed=True)]
i32 = Annotated[int, FormatField(">", "l")]
i40 = Annotated[int, BytesInteger(5, signed=True)]
i48 = Annotated[int, BytesInteger(6, signed=True)]
i56 = Annotated[int, BytesInteger(7, signed=True)]
i64 = Annotated[int, FormatField(">", "q")]
f16 = Annotated[float, FormatField(">", "e")]
f32 = Annotated[float, FormatField(">", "f")]
f64 = Annotated[float, FormatField(">", "d")]
boolean = u8
