"""The gas meter's endpoint: what it serves, and the set of attributes that it reports to its mirror, in order.

The set is GB's (Basic, Prepayment, Metering) without what this firmware has no values for: tariffs, blocks, bills, costs.
The reading's time is in it too, so that the mirror's readers can tell a value's age.
"""

from __future__ import annotations

from functools import partial

from devices.gsme.battery import Battery
from devices.gsme.config import Config
from devices.gsme.register import Register
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering, Status, SupplyStatus, Unit
from protocols.zigbee.clusters.mirror import ReportingStatus
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import EPOCH, Time
from protocols.zigbee.zcl.cluster import Attribute, Cluster
from protocols.zigbee.zcl.endpoint import Endpoint

S = 1_000_000_000
ENDPOINT = 1
DEVICE = 0x0501
"""Smart Energy: metering device."""
ON_BATTERY = 3
POUND_STERLING = 826
MILLIPENCE = 1
"""Currency scaling factor: hundred-thousandths of the currency."""
CREDIT_MODE = 0x0090
"""Payment control configuration: a contactor is fitted, credit is displayed, no prepayment."""
FORMAT = 0b0_0101_011
"""Five digits before the decimal point and three behind it."""
LARGEST = 0xFFFFFE
"""The largest value that 24 bits can tell."""

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
    Prepayment.prepayment_alarm_status: 0,
    Prepayment.consumption_unit_of_measurement: Unit.KILOWATT_HOURS,
    Prepayment.currency_scaling_factor: MILLIPENCE,
    Prepayment.currency: POUND_STERLING,
}
"""A customer on credit: nothing is kept, owed or recovered in the meter."""

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


def endpoint(config: Config, register: Register, battery: Battery) -> Endpoint:
    """The endpoint. Its readings are the register's last, and stand still between wakes."""
    made = Endpoint(ENDPOINT, DEVICE)
    made.serve(Basic, {
        Basic.zcl_version: 8,
        Basic.hardware_version: 1,
        Basic.manufacturer_name: config.manufacturer,
        Basic.model_identifier: config.model,
        Basic.power_source: ON_BATTERY,
    })  # fmt: skip
    made.serve(Prepayment, ACCOUNT)
    made.serve(Metering, _metering(config, register, battery) | _history(config, register))
    made.use(Metering)
    made.use(Time)
    return made


def reported(made: Endpoint) -> list[tuple[type[Cluster], list[Attribute[object]]]]:
    """The set, a cluster at a time: all that is served and GB reports, and last of all that it is complete."""
    unreported = (Metering.remaining_battery_life, Metering.attribute_reporting_status)
    metering = [each for each in _held(made, Metering) if each not in unreported]
    return [
        (Basic, _held(made, Basic)),
        (Prepayment, _held(made, Prepayment)),
        (Metering, [*metering, Metering.attribute_reporting_status]),
    ]


def _held(made: Endpoint, cluster: type[Cluster]) -> list[Attribute[object]]:
    instance = made.server(cluster)
    return [instance.cluster.attributes[instance.side][identifier] for identifier in instance.values]


def _metering(config: Config, register: Register, battery: Battery) -> Values:
    return {
        Metering.current_summation_delivered: lambda: register.reading.litres,
        Metering.reading_snapshot_time: lambda: None if register.reading.at is None else register.reading.at // S - EPOCH,
        Metering.supply_status: SupplyStatus.ON,
        Metering.status: lambda: Status.LOW_BATTERY if battery.low else Status(0),
        Metering.remaining_battery_life: lambda: battery.percent,
        Metering.remaining_battery_life_in_days: lambda: battery.days,
        Metering.current_meter_id: config.serial_number,
        Metering.unit_of_measure: Unit.CUBIC_METRES,
        Metering.multiplier: 1,
        Metering.divisor: 1000,
        Metering.summation_formatting: FORMAT,
        Metering.metering_device_type: DeviceType.GAS,
        Metering.site_id: config.mprn,
        Metering.alternative_unit_of_measure: Unit.KILOWATT_HOURS,
        Metering.alternative_consumption_formatting: FORMAT,
        Metering.attribute_reporting_status: ReportingStatus.COMPLETE,
    }


def _history(config: Config, register: Register) -> Values:
    """Consumption by day, week and month, in watt-hours (kilowatt-hours over the divisor)."""

    def watt_hours(period: str, ago: int) -> int | None:
        litres = register.history.used(period, ago, register.reading.litres)
        if litres is None:
            return None
        return min(litres * config.conversion_factor * config.calorific_value // 3_600_000, LARGEST)

    return {
        attribute: partial(watt_hours, period, ago)
        for period, attributes in _PERIODS.items()
        for ago, attribute in enumerate(attributes)
    }
