"""The table of the gas proxy: each row over its whole range, in both directions; what cannot be said is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.gas_mirror import Reading
from hubfw.translation import Formatting, Row
from hubfw.translation_logs import LOGS
from hubfw.translation_orders import METHODS, STATES
from hubfw.translation_rows import ROWS
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.prepayment import Prepayment

BITS = {
    "uint8": 8, "uint16": 16, "uint24": 24, "uint32": 32, "uint48": 48, "bitmap8": 8, "bitmap16": 16, "enum8": 8, "utc_time": 32,
}  # fmt: skip
STATES_SET = (Metering.supply_tamper_state, Metering.supply_depletion_state, Metering.supply_uncontrolled_flow_state)
OTHER_TYPES = (axdr.null(), axdr.i64(5), axdr.visible("5"), axdr.structure(axdr.u32(1)), axdr.boolean(True))
FORMATTING = {(Metering, Metering.multiplier): 1, (Metering, Metering.divisor): 1000, (Metering, Metering.unit_of_measure): 1,
              (Prepayment, Prepayment.currency_scaling_factor): 1}  # fmt: skip


class Proxy:
    """As much of a gas meter's proxy as a row needs to be read."""

    def __init__(self, reading):
        self.reading = reading
        self.translated = 0


def reading(*more):
    values = {(cluster.id, attribute.id): value for (cluster, attribute), value in FORMATTING.items()}
    return Reading(values | {(row.cluster.id, row.attribute.id): value for row, value in more}, 0)


def values_of(row: Row):
    """Every value that the attribute can have, but the one that says there is none."""
    kind = row.attribute.type.name
    if kind == "octet_string":
        return st.binary(max_size=24)
    if kind == "char_string":
        return st.text(max_size=24)
    if kind == "int32":
        return st.integers(-(1 << 31) + 1, (1 << 31) - 1)
    if row.name == "7-0:130.3.1":
        return st.tuples(*[st.integers(0, 0xFFFFFFFF)] * 2)
    return st.integers(0, 3 if row.attribute in STATES_SET else (1 << BITS[kind]) - 2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_a_row_says_every_value_and_takes_it_back(row, data):
    value = data.draw(values_of(row))
    proxy = Proxy(reading((row, value)))
    if row.attribute in (Metering.multiplier, Metering.divisor):
        assert row.read(proxy).value == value
        return
    said = row.coding.of(value, proxy)
    over_the_line = Data.parse(said.build())
    assert over_the_line == said
    assert row.coding.back(over_the_line, proxy) == value
    if row.source is None:
        assert row.read(proxy) == said
        assert proxy.translated == 1  # one item, one translation


@given(st.integers(0, (1 << 48) - 2), st.integers(1, 0xFFFFFE), st.integers(0, 7))
def test_consumption_is_exact_where_the_divisor_is_a_power_of_ten(raw, multiplier, digits):
    formatting = Formatting(multiplier, 10**digits)
    try:
        scaled = formatting.scaled(raw)
    except AccessError:
        assert raw * multiplier >= 1 << 64
        return
    assert scaled == raw * multiplier
    assert formatting.exponent == -digits
    assert formatting.raw(scaled) == raw


@given(st.integers(0, (1 << 48) - 2), st.integers(1, 1000), st.integers(1, 0xFFFFFE))
def test_consumption_by_any_other_divisor_is_rounded_down_to_its_exponent(raw, multiplier, divisor):
    formatting = Formatting(multiplier, divisor)
    scaled = formatting.scaled(raw)
    exact = raw * multiplier * 10**-formatting.exponent
    assert scaled * divisor <= exact < (scaled + 1) * divisor


@pytest.mark.parametrize("formatting", [(0, 1000), (1, 0), (0, 0)])
def test_g6_formatting_of_zero_makes_no_value(formatting):
    for call in (Formatting(*formatting).scaled, Formatting(*formatting).raw):
        with pytest.raises(AccessError) as refused:
            call(5)
        assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE


WRITTEN = [row for row in ROWS if row.order is not None]


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
@pytest.mark.parametrize("data", OTHER_TYPES, ids=str)
def test_a_value_of_another_type_is_unmatched(row, data):
    with pytest.raises(AccessError) as refused:
        row.coding.back(data, Proxy(reading()))
    assert refused.value.result == DataAccessResult.TYPE_UNMATCHED


@pytest.mark.parametrize(("name", "data"), [
    ("0-0:94.44.34.11", axdr.octets(bytes(33))), ("7-0:128.3.17", axdr.octets(bytes(25))), ("0-0:94.44.0.4", axdr.enum(4)),
    ("7-0:128.6.8", axdr.enum(255)),
])  # fmt: skip
def test_a_value_that_the_other_side_cannot_say_is_out_of_scope(name, data):
    row = next(row for row in ROWS if row.name == name)
    with pytest.raises(AccessError) as refused:
        row.coding.back(data, Proxy(reading()))
    assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_the_table_says_nothing_twice():
    names = [Obis(row.name) for row in ROWS] + [Obis(log.name) for log in LOGS] + [Obis(log.value) for log in LOGS]
    assert len(set(names)) == len(names)
    attributes = [(row.cluster, row.attribute.id) for row in ROWS]
    assert len(set(attributes)) == len(attributes)
    for row in ROWS:
        a, _, c, d, e, _ = bytes(Obis(row.name))
        if a == 7 and c in (128, 129, 130):
            assert row.attribute.id == d << 8 | e
            assert row.cluster.id == {128: 0x0702, 129: 0x0705, 130: 0x0700}[c]


def test_states_of_the_valve_are_one_to_one_and_no_method_proposes_on():
    assert set(STATES) == {SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.ON}
    assert len(set(STATES.values())) == 3
    assert SupplyStatus.ON not in METHODS.values()
