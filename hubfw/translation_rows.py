"""The table: every item of gas, and how each is said on both sides. `docs/translation.md` is made of it.

Names: `7-0:3.0.0` and its tariffs are the Blue Book's gas volume index, `7-0:52` conversion factor, `7-0:54` calorific value;
supply state, firmware version, meter point, maker, model and tamper state are those of GB's electricity meters (GBCS use cases), so
that one client reads both fuels alike. The rest is a manufacturer's, by rule: `7-0:128.D.E` is Metering's attribute 0xDDEE,
`7-0:129.D.E` Prepayment's, `7-0:130.D.E` Price's, `7-0:132.D.E` Basic's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from hubfw.translation import KILO, Coding, Formatting, Freshness, Gas, Row, Scale, money_exponent, trailing_digits, unit_of
from hubfw.translation_orders import CALORIFIC_VALUE, CONVERSION_FACTOR, CUSTOMER, DEPLETION, FLOW, LEAK, SITE, TAMPER, TARIFF
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import AccessError, Unit, date_time
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters import metering
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.zcl.cluster import Attribute, Cluster

# --- codings ---


def _number(text: str, tag: int, make: Callable[[int], Data], lowest: int, highest: int) -> Coding:
    def back(data: Data, gas: Gas) -> int:
        if data.tag != tag:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        value: int = data.value
        if not lowest <= value <= highest:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return value

    def of(value: int, gas: Gas) -> Data:
        if not lowest <= value <= highest:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return make(value)

    return Coding(text, of, back)


def _string(most: int, make: Callable[[bytes], Any], octets: Callable[[Any], bytes]) -> Coding:
    def back(data: Data, gas: Gas) -> Any:
        if data.tag != Tag.OCTET_STRING:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        if len(data.value) > most:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return make(data.value)

    return Coding("octet-string", lambda value, gas: axdr.octets(octets(value)), back)


U8: Final = _number("unsigned", Tag.UNSIGNED, axdr.u8, 0, 0xFF)
U16: Final = _number("long-unsigned", Tag.LONG_UNSIGNED, axdr.u16, 0, 0xFFFF)
U24: Final = _number("double-long-unsigned", Tag.DOUBLE_LONG_UNSIGNED, axdr.u32, 0, 0xFFFFFF)
U32: Final = _number("double-long-unsigned", Tag.DOUBLE_LONG_UNSIGNED, axdr.u32, 0, 0xFFFFFFFF)
U48: Final = _number("long64-unsigned", Tag.LONG64_UNSIGNED, axdr.u64, 0, (1 << 48) - 1)
I32: Final = _number("double-long", Tag.DOUBLE_LONG, axdr.i32, -(1 << 31), (1 << 31) - 1)
ENUM: Final = _number("enum", Tag.ENUM, axdr.enum, 0, 0xFF)
STATE: Final = _number("enum", Tag.ENUM, axdr.enum, 0, 3)
OCTETS: Final = _string(0xFE, bytes, bytes)
TEXT: Final = _string(0xFE, lambda octets: octets.decode("utf-8", "replace"), lambda text: str(text).encode())


def _instant(data: Data, gas: Gas) -> int:
    if data.tag != Tag.OCTET_STRING:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    instant = date_time.instant(data.value)
    if instant is None:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return seconds(instant)


TIME: Final = Coding(
    "octet-string: date-time", lambda value, gas: axdr.octets(date_time.encode((value + EPOCH) * 1_000_000_000)), _instant
)
BY_TYPE: Final = {
    "uint8": U8, "uint16": U16, "uint24": U24, "uint32": U32, "uint48": U48, "int32": I32, "bitmap8": U8, "bitmap16": U16,
    "enum8": ENUM, "octet_string": OCTETS, "char_string": TEXT, "utc_time": TIME,
}  # fmt: skip
"""The coding of an attribute that is said as it is."""


LARGEST: Final = (1 << 48) - 1
"""That a register of Metering can hold."""


def _consumed(value: int, gas: Gas) -> Data:
    return axdr.u64(Formatting.of(gas.reading).scaled(value))


def _unconsumed(data: Data, gas: Gas) -> int:
    if data.tag != Tag.LONG64_UNSIGNED:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    raw = Formatting.of(gas.reading).raw(data.value)
    if raw > LARGEST:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return raw


CONSUMPTION: Final = Coding("long64-unsigned: x multiplier / divisor", _consumed, _unconsumed)


def _prices(value: tuple[int, int], gas: Gas) -> Data:
    return axdr.structure(axdr.u32(value[0]), axdr.u32(value[1]))


def _priced(data: Data, gas: Gas) -> tuple[int, int]:
    if data.tag != Tag.STRUCTURE or [item.tag for item in data.value] != [Tag.DOUBLE_LONG_UNSIGNED] * 2:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    standing, price = (item.value for item in data.value)
    return standing, price


PRICES: Final = Coding(
    "structure: standing charge of a day, price of a kWh; double-long-unsigned, 1/100 000 of the currency", _prices, _priced
)

# --- scales ---

VOLUME: Final = Scale(
    "10^e of the divisor, m3", lambda it: Formatting.of(it).exponent, lambda it: unit_of(it, Metering.unit_of_measure)
)
ENERGY: Final = Scale(
    "10^(e+3), Wh",
    lambda it: Formatting.of(it).exponent + KILO * (unit_of(it, Metering.alternative_unit_of_measure) is Unit.WATT_HOUR),
    lambda it: unit_of(it, Metering.alternative_unit_of_measure),
)
MONEY: Final = Scale("10^(currency scaling factor - 6), currency", money_exponent, lambda it: Unit.CURRENCY)
BILL: Final = Scale(
    "10^-(trailing digits), currency", trailing_digits(Metering.bill_delivered_trailing_digit), lambda it: Unit.CURRENCY
)


def fixed(exponent: int, unit: Unit) -> Scale:
    """Always the same."""
    return Scale(f"10^{exponent}, {unit.name.lower().replace('_', ' ')}", lambda it: exponent, lambda it: unit)


# --- rows by rule ---


def _ruled(
    c: int,
    cluster: type[Cluster],
    attributes: Iterable[Attribute[Any]],
    coding: Coding | None = None,
    scale: Scale | None = None,
    *,
    optional: bool = False,
) -> tuple[Row, ...]:
    return tuple(
        Row(
            f"7-0:{c}.{each.id >> 8}.{each.id & 0xFF}", each.name.replace("_", " "), cluster, each,
            coding or BY_TYPE[each.type.name], scale, optional=optional,
        )
        for each in attributes
    )  # fmt: skip


def _periods(cluster: type[Cluster], words: str) -> Sequence[Attribute[Any]]:
    """Days, weeks and months, as GB's meters report them."""
    found: list[Attribute[Any]] = []
    for period in ("day", "week", "month"):
        found += [getattr(cluster, f"{when}_{period}_{words}") for when in ("current", "previous")]
        found += getattr(cluster, f"previous_{period}s_{words}")
    return found


def _flow(gas: Gas) -> int | None:
    """The threshold in ten-thousandths of a cubic metre an hour, where it can be said so."""
    reading = gas.reading
    said = (
        Metering.uncontrolled_flow_threshold, Metering.uncontrolled_flow_threshold_multiplier,
        Metering.uncontrolled_flow_threshold_divisor, Metering.uncontrolled_flow_threshold_unit_of_measure,
    )  # fmt: skip
    value, multiplier, divisor, unit = (reading.get(Metering, each) for each in said)
    if not (isinstance(value, int) and isinstance(multiplier, int) and isinstance(divisor, int)) or not divisor:
        return None
    scaled, rest = divmod(value * multiplier * 10_000, divisor)
    return None if rest or unit != metering.Unit.CUBIC_METRES else scaled


def _calorific_value(gas: Gas) -> int | None:
    frame = gas.store.one(Price.PublishCalorificValue, gas.now)
    return None if frame is None else _digits(frame.calorific_value, frame.calorific_value_trailing_digit >> 4, 1)


def _conversion_factor(gas: Gas) -> int | None:
    frame = gas.store.one(Price.PublishConversionFactor, gas.now)
    return None if frame is None else _digits(frame.conversion_factor, frame.conversion_factor_trailing_digit >> 4, 5)


def published_prices(gas: Gas) -> tuple[int, int] | None:
    """(standing charge, price) where one price holds for all."""
    from protocols.zigbee.price.tariff import tariff  # where something is published

    known = tariff(gas.store, gas.now)
    if known is None or len(known.prices) != 1:
        return None
    (price,) = known.prices.values()
    digits = known.information.price_trailing_digit >> 4
    standing, price_of = _digits(known.information.standing_charge, digits, 5), _digits(price, digits, 5)
    return None if standing is None or price_of is None else (standing, price_of)


def _digits(value: int, have: int, want: int) -> int | None:
    """A number of decimals as one of others, if it is one exactly."""
    scaled, rest = divmod(value * 10**want, 10**have)
    return None if rest else scaled


_ACCOUNT: Final = (
    Prepayment.credit_remaining, Prepayment.emergency_credit_remaining, Prepayment.accumulated_debt, Prepayment.overall_debt_cap,
    Prepayment.emergency_credit_limit_allowance, Prepayment.emergency_credit_threshold, Prepayment.max_credit_limit,
    Prepayment.max_credit_per_top_up, Prepayment.low_credit_warning_level, Prepayment.cut_off_value, *Prepayment.debt_amount,
    Prepayment.debt_recovery_amount[1], Prepayment.debt_recovery_amount[2],
)  # fmt: skip
_ACCOUNTING: Final = (
    Prepayment.payment_control_configuration, Prepayment.debt_recovery_frequency[1], Prepayment.debt_recovery_frequency[2],
    Prepayment.debt_recovery_top_up_percentage[3], Prepayment.prepayment_alarm_status,
    Prepayment.historical_cost_consumption_formatting, Prepayment.consumption_unit_of_measurement,
    Prepayment.currency_scaling_factor, Prepayment.currency,
)  # fmt: skip

_KEPT: Final = (
    Prepayment.credit_status, Prepayment.credit_remaining_timestamp, Prepayment.top_up_date_time[1],
    Prepayment.top_up_originating_device[1], Prepayment.top_up_code[1],
)  # fmt: skip
"""Of an account that the meter keeps: reported once there is one."""

ROWS: Final[tuple[Row, ...]] = (
    Row("7-0:3.0.0", "consumption", Metering, Metering.current_summation_delivered, CONSUMPTION, VOLUME),
    *(
        Row(f"7-0:3.0.{tier}", f"consumption in tier {tier}", Metering, attribute, CONSUMPTION, VOLUME)
        for tier in (1, 2, 3, 4)
        for attribute in [Metering.current_tier_summation_delivered[tier]]
    ),
    *_ruled(128, Metering, [Metering.current_no_tier_block_summation_delivered[n] for n in (1, 2, 3, 4)], CONSUMPTION, VOLUME),
    Row("0-0:96.5.0", "status", Metering, Metering.status, U8),
    Row("0-0:96.6.6", "battery", Metering, Metering.remaining_battery_life_in_days, U16, fixed(0, Unit.DAY)),
    Row("0-0:0.2.1", "firmware version", Metering, Metering.current_meter_id, OCTETS),
    Row("0-0:96.1.0", "serial number", Metering, Metering.meter_serial_number, OCTETS, optional=True),
    Row("0-0:94.44.34.11", "site", Metering, Metering.site_id, _string(32, bytes, bytes), order=SITE),
    Row("0-0:94.44.0.4", "supply on tamper", Metering, Metering.supply_tamper_state, STATE, order=TAMPER),
    Row("7-0:128.6.8", "supply without credit", Metering, Metering.supply_depletion_state, STATE, order=DEPLETION),
    Row(
        "7-0:128.6.9", "supply at uncontrolled flow", Metering, Metering.supply_uncontrolled_flow_state, STATE, order=LEAK,
        optional=True,
    ),
    Row(
        "7-0:128.11.16", "uncontrolled flow threshold", Metering, Metering.uncontrolled_flow_threshold, U16,
        fixed(-4, Unit.CUBIC_METRE_PER_HOUR), FLOW, source=_flow, optional=True,
    ),
    Row("7-0:128.3.17", "customer", Metering, Metering.customer_id_number, _string(24, bytes, bytes), order=CUSTOMER),
    *_ruled(128, Metering, [
        Metering.reading_snapshot_time, Metering.unit_of_measure, Metering.multiplier, Metering.divisor,
        Metering.summation_formatting, Metering.metering_device_type, Metering.alternative_unit_of_measure,
        Metering.alternative_consumption_formatting, Metering.bill_delivered_trailing_digit,
    ]),
    Row("7-0:128.10.0", "bill to date", Metering, Metering.bill_to_date_delivered, U32, BILL),
    *_ruled(128, Metering, _periods(Metering, "alternative_consumption_delivered"), CONSUMPTION, ENERGY),
    *_ruled(129, Prepayment, _ACCOUNT, scale=MONEY),
    *_ruled(129, Prepayment, _ACCOUNTING),
    *_ruled(129, Prepayment, _KEPT, optional=True),
    *_ruled(129, Prepayment, (Prepayment.total_credit_added, Prepayment.top_up_amount[1]), scale=MONEY, optional=True),
    *_ruled(129, Prepayment, _periods(Prepayment, "cost_consumption_delivered"), scale=MONEY),
    Row("0-0:96.1.6", "maker", Basic, Basic.manufacturer_name, TEXT),
    Row("0-0:96.1.4", "model", Basic, Basic.model_identifier, TEXT),
    *_ruled(132, Basic, [Basic.zcl_version, Basic.hardware_version, Basic.power_source]),
    Row(
        "7-0:54.0.0", "calorific value", Price, Price.calorific_value, U32, fixed(5, Unit.JOULE_PER_CUBIC_METRE), CALORIFIC_VALUE,
        Freshness.HUB, _calorific_value,
    ),
    Row(
        "7-0:52.0.0", "conversion factor", Price, Price.conversion_factor, U32, fixed(-5, Unit.COUNT), CONVERSION_FACTOR,
        Freshness.HUB, _conversion_factor,
    ),
    Row(
        "7-0:130.3.1", "standing charge and price", Price, Price.standing_charge, PRICES, None, TARIFF, Freshness.HUB,
        published_prices,
    ),
)  # fmt: skip
