"""Compact data: template, buffer, both ways of capture, and templates that do not fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Column, CompactData, Reference, Register, Unit, compact_data
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.cosem.compact_data import CaptureMethod
from protocols.dlms.obis import Obis


class Meter:
    def __init__(self, method: CaptureMethod = CaptureMethod.INVOKE) -> None:
        self.energy = 0x01020304
        register = Register("1-0:1.8.0", value=lambda: axdr.u32(self.energy), scaler_unit=(0, Unit.WATT_HOUR))
        events = DataClass("0-0:96.11.0", value=axdr.array([axdr.u8(7), axdr.u8(8)]))
        serial = DataClass("0-0:96.1.0", value=axdr.octets(b"AB"))
        self.compact = CompactData(
            "0-0:66.0.0", columns=[Column(register), Column(events), Column(serial)], template_id=5, capture_method=method
        )


def test_a_capture_is_values_without_their_types() -> None:
    """By hand from the Blue Book's rule: the template's identifier first, an array's count in the buffer only."""
    compact = Meter().compact
    assert compact.compact_buffer == axdr.octets(b"")
    compact.invoke(2, axdr.i8(0))
    assert compact.template_description == axdr.octets(bytes.fromhex("0204 11 06 0111 09"))
    assert compact.compact_buffer == axdr.octets(bytes.fromhex("05 01020304 02 07 08 02 4142"))
    assert compact.capture_objects.value[0] == Reference(62, Obis("0-0:66.0.0"), 4).data
    values = compact_data.parse(compact.template_description.value, compact.compact_buffer.value)
    assert [value.python for value in values] == [5, 0x01020304, [7, 8], b"AB"]
    compact.invoke(1, axdr.i8(0))
    assert compact.compact_buffer == axdr.octets(b"")


def test_explicit_capture_holds_and_implicit_capture_follows() -> None:
    explicit, implicit = Meter(), Meter(CaptureMethod.IMPLICIT)
    explicit.compact.invoke(2, axdr.i8(0))
    held = explicit.compact.compact_buffer
    followed = implicit.compact.compact_buffer
    assert held == followed
    explicit.energy = implicit.energy = 9
    assert explicit.compact.compact_buffer == held
    assert implicit.compact.compact_buffer != followed
    assert compact_data.parse(implicit.compact.template_description.value, implicit.compact.compact_buffer.value)[1] == axdr.u32(9)


def test_the_template_is_known_before_anything_is_captured() -> None:
    assert Meter().compact.template_description == axdr.octets(bytes.fromhex("0204 11 06 0111 09"))


def test_what_has_no_template_is_not_captured() -> None:
    mixed = DataClass("0-0:96.11.0", value=axdr.array([axdr.u8(7), axdr.u16(8)]))
    compact = CompactData("0-0:66.0.0", columns=[Column(mixed)], template_id=1)
    with pytest.raises(AccessError):
        compact.invoke(2, axdr.i8(0))
    assert compact.compact_buffer == axdr.octets(b"")


@pytest.mark.parametrize(
    "template, buffer",
    [("0202 11", "01 02"), ("0201 1111", "01"), ("11", "01"), ("0201 7F", "01"), ("0201 11", "01 02"), ("0201 06", "01 02"),
     ("0201 0111", "84 FFFFFFFF 01"), ("0201 0100", "84 00FFFFFF"), ("0201" * 17 + "11", "01"), ("", "01"), ("0201 09", "05 41")],
)  # fmt: skip
def test_templates_and_buffers_that_do_not_fit(template: str, buffer: str) -> None:
    with pytest.raises(DecodeError):
        compact_data.parse(bytes.fromhex(template), bytes.fromhex(buffer))


@given(st.binary(max_size=40), st.binary(max_size=60))
def test_garbage(template: bytes, buffer: bytes) -> None:
    try:
        compact_data.parse(template, buffer)
    except RemoteProtocolError:
        return


LEAVES = st.one_of(
    st.builds(axdr.u8, st.integers(0, 255)), st.builds(axdr.i32, st.integers(-9, 9)), st.builds(axdr.octets, st.binary(max_size=3)),
    st.builds(axdr.bits, st.text("01", max_size=9)), st.builds(axdr.visible, st.text("ab", max_size=3)), st.just(axdr.null()),
    st.builds(lambda item, count: axdr.array([item] * count), st.builds(axdr.u16, st.integers(0, 9)), st.integers(1, 4)),
    st.builds(lambda a, b: axdr.structure(axdr.u8(a), axdr.f64(b)), st.integers(0, 9), st.floats(allow_nan=False)),
)  # fmt: skip


@given(st.lists(LEAVES, min_size=1, max_size=8))
def test_round_trip(values: list[Data]) -> None:
    buffer = compact_data.contents(values)
    if buffer:
        assert compact_data.parse(compact_data.template(values), buffer) == values
