"""The gas meter's endpoint: what it serves, and the set of attributes that it reports to its mirror, in order.

The set is GB's: 5 attributes of Basic, 53 of Prepayment, 55 of Metering, and last that it is complete. The reading's time is in
it too, so that the mirror's readers can tell a value's age, and what somebody set of uncontrolled flow; of an account that is kept
here its status, its time, and the last top-up. `valve`, `identity` and `account` add theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from devices.gsme.battery import Battery
from devices.gsme.config import Config
from devices.gsme.rates import Rates
from devices.gsme.register import Register
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering, Status, Unit
from protocols.zigbee.clusters.mirror import ReportingStatus
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import Time, seconds
from protocols.zigbee.zcl.cluster import SERVER, Attribute, Cluster
from protocols.zigbee.zcl.endpoint import Endpoint

ENDPOINT = 1
DEVICE = 0x0501
"""Smart Energy: metering device."""
ON_BATTERY, ON_A_WIRE = 3, 4
"""Values of `Basic.power_source`."""
POUND_STERLING = 826
MILLIPENCE = 1
"""Currency scaling factor: hundred-thousandths of the currency."""
CREDIT_MODE = 0x0090
"""Payment control configuration: a contactor is fitted, credit is displayed, no prepayment."""
FORMAT = 0b0_0101_011
"""Five digits before the decimal point and three behind it."""
MONEY_DIGITS = 5
"""Behind the decimal point, as the currency scaling factor has it."""
MONEY_FORMAT = 0b0_0101_000 | MONEY_DIGITS
TIERS = (1, 2, 3, 4)
"""That GB meters report."""
BLOCKS = (1, 2, 3, 4)
LARGEST, LARGEST_BILL, LARGEST_COST = 0xFFFFFE, 0xFFFFFFFE, (1 << 48) - 2
"""The largest values that 24, 32 and 48 bits can tell."""

Values = dict[Attribute[object], object]

ACCOUNT: Values = {
    Prepayment.payment_control_configuration: CREDIT_MODE,
    Prepayment.credit_remaining: 0,
    Prepayment.emergency_credit_remaining: 0,
    Prepayment.accumulated_debt: 0,
    Prepayment.overall_debt_cap: 0,
    Prepayment.emergency_credit_limit_allowance: 0,
    Prepayment.emergency_credit_threshold: 0,
    Prepayment.max_credit_limit: 0,
    Prepayment.max_credit_per_top_up: 0,
    Prepayment.low_credit_warning_level: 0,
    Prepayment.cut_off_value: 0,
    Prepayment.debt_amount[1]: 0,
    Prepayment.debt_amount[2]: 0,
    Prepayment.debt_amount[3]: 0,
    Prepayment.debt_recovery_frequency[1]: 0,
    Prepayment.debt_recovery_amount[1]: 0,
    Prepayment.debt_recovery_frequency[2]: 0,
    Prepayment.debt_recovery_amount[2]: 0,
    Prepayment.debt_recovery_top_up_percentage[3]: 0,
    Prepayment.prepayment_alarm_status: 0,
    Prepayment.historical_cost_consumption_formatting: MONEY_FORMAT,
    Prepayment.consumption_unit_of_measurement: Unit.KILOWATT_HOURS,
    Prepayment.currency_scaling_factor: MILLIPENCE,
    Prepayment.currency: POUND_STERLING,
}
"""A customer on credit: nothing is kept, owed or recovered in the meter."""

_COSTS: dict[str, tuple[Attribute[int], ...]] = {
    "day": (
        Prepayment.current_day_cost_consumption_delivered,
        Prepayment.previous_day_cost_consumption_delivered,
        *Prepayment.previous_days_cost_consumption_delivered,
    ),
    "week": (
        Prepayment.current_week_cost_consumption_delivered,
        Prepayment.previous_week_cost_consumption_delivered,
        *Prepayment.previous_weeks_cost_consumption_delivered,
    ),
    "month": (
        Prepayment.current_month_cost_consumption_delivered,
        Prepayment.previous_month_cost_consumption_delivered,
        *Prepayment.previous_months_cost_consumption_delivered,
    ),
}
_PERIODS: dict[str, tuple[Attribute[int], ...]] = {
    "day": (
        Metering.current_day_alternative_consumption_delivered,
        Metering.previous_day_alternative_consumption_delivered,
        *Metering.previous_days_alternative_consumption_delivered,
    ),
    "week": (
        Metering.current_week_alternative_consumption_delivered,
        Metering.previous_week_alternative_consumption_delivered,
        *Metering.previous_weeks_alternative_consumption_delivered,
    ),
    "month": (
        Metering.current_month_alternative_consumption_delivered,
        Metering.previous_month_alternative_consumption_delivered,
        *Metering.previous_months_alternative_consumption_delivered,
    ),
}


def endpoint(config: Config, rates: Rates, register: Register, battery: Battery, version: int) -> Endpoint:
    """The endpoint. Its readings are the register's last, and stand still between wakes.

    `version`: of the firmware, which GB keeps where a meter's identifier is.
    """
    made = Endpoint(ENDPOINT, DEVICE)
    made.serve(Basic, _basic(config))
    books = Books(rates, register)
    made.serve(Prepayment, ACCOUNT | books.history(_COSTS, books.cost))
    made.serve(Metering, _metering(config, rates, books, register, battery, version) | books.history(_PERIODS, books.watt_hours))
    made.use(Metering)
    made.use(Time)
    return made


def reported(made: Endpoint) -> list[tuple[type[Cluster], list[Attribute[object]]]]:
    """The set, a cluster at a time: GB's list, the time of the reading besides, and last of all that it is complete."""
    wanted: tuple[tuple[type[Cluster], Sequence[Attribute[object]]], ...]
    wanted = (Basic, _BASIC), (Prepayment, _PREPAYMENT), (Metering, _METERING)
    return [(cluster, _held(made, cluster, rows)) for cluster, rows in wanted if (cluster.id, SERVER) in made.instances]


def _held(made: Endpoint, cluster: type[Cluster], wanted: Iterable[Attribute[object]]) -> list[Attribute[object]]:
    instance = made.server(cluster)
    return [attribute for attribute in wanted if attribute in instance]


def minimal(config: Config, register: Register, battery: Battery) -> Endpoint:
    """The endpoint of a counter with radio and valve: what it is, and its reading."""
    made = Endpoint(ENDPOINT, DEVICE)
    made.serve(Basic, _basic(config))
    made.serve(Metering, {
        Metering.current_summation_delivered: lambda: register.reading.litres,
        Metering.reading_snapshot_time: lambda: None if register.reading.at is None else seconds(register.reading.at),
        **_powered(config, battery),
        **_FORMATTED,
        Metering.attribute_reporting_status: ReportingStatus.COMPLETE,
    })  # fmt: skip
    made.use(Metering)
    made.use(Time)
    return made


def _basic(config: Config) -> Values:
    return config.basic(ON_A_WIRE if config.fed_by_hub else ON_BATTERY) | {Basic.hardware_version: 1}


def _metering(config: Config, rates: Rates, books: Books, register: Register, battery: Battery, version: int) -> Values:
    return {
        Metering.current_summation_delivered: lambda: register.reading.litres,
        **{Metering.current_tier_summation_delivered[tier]: partial(rates.in_tier, tier) for tier in TIERS},
        **{Metering.current_no_tier_block_summation_delivered[block]: partial(rates.in_block, block) for block in BLOCKS},
        Metering.reading_snapshot_time: lambda: None if register.reading.at is None else seconds(register.reading.at),
        **_powered(config, battery),
        Metering.current_meter_id: f"{version:08X}".encode(),
        Metering.meter_serial_number: config.serial_number,
        **_FORMATTED,
        Metering.bill_to_date_delivered: books.bill,
        Metering.bill_delivered_trailing_digit: MONEY_DIGITS << 4,
        Metering.alternative_unit_of_measure: Unit.KILOWATT_HOURS,
        Metering.alternative_consumption_formatting: FORMAT,
        Metering.attribute_reporting_status: ReportingStatus.COMPLETE,
    }


_FORMATTED: Values = {
    Metering.unit_of_measure: Unit.CUBIC_METRES,
    Metering.multiplier: 1,
    Metering.divisor: 1000,
    Metering.summation_formatting: FORMAT,
    Metering.metering_device_type: DeviceType.GAS,
}


def _powered(config: Config, battery: Battery) -> Values:
    if config.fed_by_hub:
        return {Metering.status: Status(0)}
    return {
        Metering.status: lambda: Status.LOW_BATTERY if battery.low else Status(0),
        Metering.remaining_battery_life: lambda: battery.percent,
        Metering.remaining_battery_life_in_days: lambda: battery.days,
    }


class Books:
    """What the register's history comes to, in energy and in money at the price in force; periods not known have no value."""

    def __init__(self, rates: Rates, register: Register) -> None:
        self._rates = rates
        self._register = register

    def history(self, rows: Mapping[str, Sequence[Attribute[int]]], value: Callable[[str, int], int | None]) -> Values:
        """The attributes of days, weeks and months, the present one first."""
        return {
            attribute: partial(value, period, ago)
            for period, attributes in rows.items()
            for ago, attribute in enumerate(attributes)
        }

    def _energy(self, period: str, ago: int) -> int | None:
        litres = self._register.history.used(period, ago, self._register.reading.litres)
        return None if litres is None else litres * self._rates.conversion_factor * self._rates.calorific_value // 3_600_000

    def watt_hours(self, period: str, ago: int) -> int | None:
        """Consumption: kilowatt-hours over the divisor."""
        energy = self._energy(period, ago)
        return None if energy is None else min(energy, LARGEST)

    def cost(self, period: str, ago: int) -> int | None:
        """Cost of the consumption, without standing charge."""
        energy = self._energy(period, ago)
        return None if energy is None else min(energy * self._rates.price // 1000, LARGEST_COST)

    def bill(self) -> int | None:
        """This month's consumption, and the standing charge of its days so far: bills are for months."""
        cost, days = self.cost("month", 0), self._register.history.day_of_month
        return None if cost is None or days is None else min(cost + days * self._rates.standing_charge, LARGEST_BILL)


_BASIC: list[Attribute[object]] = [
    Basic.zcl_version,
    Basic.model_identifier,
    Basic.manufacturer_name,
    Basic.hardware_version,
    Basic.power_source,
]
_PREPAYMENT: tuple[Attribute[object], ...] = (
    *ACCOUNT,
    Prepayment.credit_status,
    Prepayment.credit_remaining_timestamp,
    Prepayment.total_credit_added,
    Prepayment.top_up_date_time[1],
    Prepayment.top_up_amount[1],
    Prepayment.top_up_originating_device[1],
    Prepayment.top_up_code[1],
    *(each for attributes in _COSTS.values() for each in attributes),
)
_METERING: tuple[Attribute[object], ...] = (
    Metering.current_summation_delivered,
    Metering.reading_snapshot_time,
    Metering.supply_status,
    *(Metering.current_tier_summation_delivered[tier] for tier in TIERS),
    Metering.status,
    Metering.remaining_battery_life_in_days,
    Metering.current_meter_id,
    Metering.unit_of_measure,
    Metering.multiplier,
    Metering.divisor,
    Metering.summation_formatting,
    Metering.metering_device_type,
    Metering.site_id,
    Metering.customer_id_number,
    Metering.alternative_unit_of_measure,
    Metering.alternative_consumption_formatting,
    Metering.supply_tamper_state,
    Metering.supply_depletion_state,
    *(Metering.current_no_tier_block_summation_delivered[block] for block in BLOCKS),
    Metering.bill_to_date_delivered,
    Metering.bill_delivered_trailing_digit,
    Metering.supply_uncontrolled_flow_state,
    Metering.uncontrolled_flow_threshold,
    Metering.uncontrolled_flow_threshold_unit_of_measure,
    Metering.uncontrolled_flow_threshold_multiplier,
    Metering.uncontrolled_flow_threshold_divisor,
    *(each for attributes in _PERIODS.values() for each in attributes),
    Metering.attribute_reporting_status,
)
