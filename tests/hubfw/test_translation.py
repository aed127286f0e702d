"""The table of the gas proxy: each row over its whole range, in both directions; what cannot be said is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.gas_mirror import Reading
from hubfw.translation import Formatting, Freshness, Gas, Row
from hubfw.translation_logs import LOGS
from hubfw.translation_orders import METHODS, STATES
from hubfw.translation_rows import CONSUMPTION, ROWS
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.mirror import Scheme
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.status import Status

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


MOST = {"0-0:94.44.34.11": 32, "7-0:128.3.17": 24}
"""Octets of strings, where the clause of the attribute says fewer than ZCL's 254."""
LEAST, GREATEST = 0, 1


def ends_of(row: Row):
    """Least and greatest value that the attribute can have, but the one that says there is none; of a string, its octets."""
    kind = row.attribute.type.name
    if kind in ("octet_string", "char_string"):
        return 0, MOST.get(row.name, 254)
    if kind == "int32":
        return -(1 << 31) + 1, (1 << 31) - 1
    return 0, 3 if row.attribute in STATES_SET else (1 << BITS[kind]) - 2


def values_of(row: Row):
    """Every value that the attribute can have."""
    least, greatest = ends_of(row)
    kind = row.attribute.type.name
    if kind == "octet_string":
        return st.binary(max_size=greatest) | st.just(bytes(greatest)) | st.just(b"")
    if kind == "char_string":
        return st.text(max_size=greatest // 4) | st.just("x" * greatest) | st.just("")
    if row.name == "7-0:130.3.1":
        return st.tuples(*[st.integers(0, 0xFFFFFFFF)] * 2)
    return st.integers(least, greatest) | st.sampled_from([least, greatest])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_a_row_says_every_value_and_takes_it_back(row, data):
    value = data.draw(values_of(row))
    proxy = Proxy(reading((row, value)))
    said = row.coding.of(value, proxy)
    over_the_line = Data.parse(said.build())
    assert over_the_line == said
    if row.coding is not CONSUMPTION:
        assert said.value == value or row.attribute.type.name in ("char_string", "utc_time") or isinstance(value, tuple)
    assert row.coding.back(over_the_line, proxy) == value
    if row.source is None:
        assert row.read(proxy) == said
        assert proxy.translated == 1  # one item, one translation


def beyond(row: Row):
    """The first value that the attribute cannot have, where the object's type can say one; else None."""
    greatest = ends_of(row)[GREATEST]
    kind = row.attribute.type.name
    if kind in ("octet_string", "char_string"):
        return axdr.octets(bytes(greatest + 1))
    if row.attribute in STATES_SET:
        return axdr.enum(greatest + 1)
    if row.coding is CONSUMPTION:
        return axdr.u64(1 << 48)
    return {"uint24": axdr.u32(1 << 24), "uint48": axdr.u64(1 << 48)}.get(kind)


@pytest.mark.parametrize("row", [row for row in ROWS if beyond(row) is not None], ids=lambda row: row.name)
def test_the_first_value_beyond_the_range_is_out_of_scope(row):
    divisor_of_one = Proxy(Reading({(Metering.id, Metering.divisor.id): 1}, 0))
    with pytest.raises(AccessError) as refused:
        row.coding.back(beyond(row), divisor_of_one)
    assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_a_write_is_of_a_type_that_fits_or_has_a_bound_of_its_own():
    assert {row.name for row in ROWS if row.order is not None and beyond(row) is not None} == {
        "0-0:94.44.34.11", "7-0:128.3.17", "0-0:94.44.0.4", "7-0:128.6.8", "7-0:128.6.9",
    }  # fmt: skip
    whole = {row.name: row.attribute for row in ROWS if row.order is not None and beyond(row) is None}
    assert {name: BITS[attribute.type.name] for name, attribute in whole.items()} == {
        "7-0:128.11.16": 16, "7-0:54.0.0": 32, "7-0:52.0.0": 32, "7-0:130.3.1": 32,
    }  # fmt: skip


class Clock:
    valid = True

    def read(self):
        return EPOCH * 1_000_000_000


class Board:
    """Of a hub that has just started."""

    def __init__(self):
        self.nvm, self.rtc, self.told = Store(), Clock(), []

    def log(self, kind, data):
        self.told.append((kind, data))


class Store(dict):
    put = dict.update


class Mirrors:
    """Of a hub whose gas meter has never reported, or has; what is held for it."""

    def __init__(self, reading=None):
        self.mirror = SimpleNamespace(gas=SimpleNamespace(reading=reading), scheme=Scheme.B)
        self.commands = []

    def of(self, eui64):
        return self.mirror

    def hold(self, eui64, flag, command):
        self.commands.append(command)

    def held(self, eui64):
        return self.commands


class Tariffs:
    """Takes every publication."""

    def __init__(self):
        self.commands = []

    def of(self, fuel):
        return None

    def publish(self, command, fuel):
        self.commands.append(command)
        return Status.SUCCESS


def gas(known=None):
    return Gas(Board(), 1, Mirrors(known), Tariffs())


@pytest.mark.parametrize("row", [row for row in ROWS if row.freshness is Freshness.MIRROR], ids=lambda row: row.name)
def test_before_the_first_complete_set_every_row_is_a_temporary_failure(row):
    thing = row.build(gas())
    for number in (2,) if row.scale is None else (2, 5):
        with pytest.raises(AccessError) as refused:
            thing.read(number)
        assert refused.value.result == DataAccessResult.TEMPORARY_FAILURE


@pytest.mark.parametrize("row", [row for row in ROWS if row.freshness is Freshness.HUB], ids=lambda row: row.name)
def test_before_anything_is_published_what_the_hub_publishes_is_unavailable(row):
    with pytest.raises(AccessError) as refused:
        row.build(gas()).read(2)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE


@pytest.mark.parametrize("row", [row for row in ROWS if row.order is None], ids=lambda row: row.name)
def test_a_row_that_is_only_read_takes_no_write(row):
    value = {"octet_string": b"1", "char_string": "1"}.get(row.attribute.type.name, 1)
    proxy = gas(reading((row, value)))
    thing = row.build(proxy)
    said = thing.read(2)
    for number in (1, 2, 3, 4, 5) if row.scale else (1, 2):
        with pytest.raises(AccessError) as refused:
            thing.write(number, said)
        assert refused.value.result == DataAccessResult.READ_WRITE_DENIED
    assert proxy.pending == []


@pytest.mark.parametrize("end", [LEAST, GREATEST])
@pytest.mark.parametrize("row", [row for row in ROWS if row.order is not None], ids=lambda row: row.name)
def test_either_end_of_a_range_goes_into_the_commands_of_the_table(row, end):
    bound = ends_of(row)[end]
    value = bytes(bound) if row.attribute.type.name == "octet_string" else bound
    if row.name == "7-0:130.3.1":
        value = bound, bound
    mirrors, tariffs = Mirrors(reading((row, value))), Tariffs()
    proxy = Gas(Board(), 1, mirrors, tariffs)
    row.build(proxy).write(2, row.coding.of(value, proxy))
    carried = mirrors.commands + tariffs.commands
    assert tuple(type(command) for command in carried) == row.order.commands
    for command in carried:
        assert type(command).parse(command.build()) == command
    told = carried[-1]
    field = {
        "0-0:94.44.34.11": "site_id", "7-0:128.3.17": "customer_id_number", "0-0:94.44.0.4": "supply_tamper_state",
        "7-0:128.6.8": "supply_depletion_state", "7-0:128.6.9": "supply_uncontrolled_flow_state",
        "7-0:128.11.16": "uncontrolled_flow_threshold", "7-0:54.0.0": "calorific_value", "7-0:52.0.0": "conversion_factor",
    }.get(row.name)  # fmt: skip
    if field is None:
        assert (carried[0].standing_charge, told.payload[0].price) == value
    else:
        assert getattr(told, field) == value


REPORTED = [row for row in ROWS if row.order and not row.optional and row.source is None]


@pytest.mark.parametrize("row", REPORTED, ids=lambda row: row.name)
def test_what_a_meter_does_not_report_is_not_ordered(row):
    """It would wait for ever."""
    proxy = gas(reading())
    value = bytes(3) if row.attribute.type.name == "octet_string" else 1
    with pytest.raises(AccessError) as refused:
        row.build(proxy).write(2, row.coding.of(value, proxy))
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    assert proxy.pending == []


BOUNDED = [row for row in ROWS if row.order is not None and beyond(row) is not None]


@pytest.mark.req("S-117", part=True)
@pytest.mark.parametrize("row", BOUNDED, ids=lambda row: row.name)
def test_a_write_out_of_scope_is_refused_and_nothing_waits(row):
    proxy = gas(reading())
    with pytest.raises(AccessError) as refused:
        row.build(proxy).write(2, beyond(row))
    assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert proxy.pending == []


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


def test_the_table_says_nothing_twice():
    names = [Obis(row.name) for row in ROWS] + [Obis(log.name) for log in LOGS] + [Obis(log.value) for log in LOGS]
    assert len(set(names)) == len(names)
    attributes = [(row.cluster, row.attribute.id) for row in ROWS]
    assert len(set(attributes)) == len(attributes)
    for row in ROWS:
        a, _, c, d, e, _ = bytes(Obis(row.name))
        if a == 7 and c in (128, 129, 130, 132):
            assert row.attribute.id == d << 8 | e
            assert row.cluster.id == {128: 0x0702, 129: 0x0705, 130: 0x0700, 132: 0x0000}[c]


def test_states_of_the_valve_are_one_to_one_and_no_method_proposes_on():
    assert set(STATES) == {SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.ON}
    assert len(set(STATES.values())) == 3
    assert SupplyStatus.ON not in METHODS.values()
