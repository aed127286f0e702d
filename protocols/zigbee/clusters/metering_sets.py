"""Attribute sets of Metering beyond those that GB meters have: received energy, heat and pressure, demand, alarms, other tariffs.

SE 1.4 annex D.3.2. They are a part of `protocols.zigbee.clusters.metering.Metering`, apart only because there are so many.
"""

from __future__ import annotations

from protocols.zigbee.zcl.cluster import attribute, attributes, grid
from protocols.zigbee.zcl.types import (
    bitmap8,
    bitmap16,
    bitmap32,
    bitmap48,
    enum8,
    int8,
    int24,
    octet_string,
    uint8,
    uint16,
    uint24,
    uint32,
    uint48,
    utc_time,
)


class FurtherSets:
    """Attributes by identifier."""

    dft_summation = attribute(0x0004, uint48)
    power_factor = attribute(0x0006, int8)
    daily_consumption_target = attribute(0x000D, uint24)
    interval_read_reporting_period = attribute(0x0010, uint16)
    preset_reading_time = attribute(0x0011, uint16)
    volume_per_report = attribute(0x0012, uint16)
    flow_restriction = attribute(0x0013, uint8)
    current_inlet_energy_carrier_summation = attribute(0x0015, uint48)
    current_outlet_energy_carrier_summation = attribute(0x0016, uint48)
    inlet_temperature = attribute(0x0017, int24)
    outlet_temperature = attribute(0x0018, int24)
    control_temperature = attribute(0x0019, int24)
    current_inlet_energy_carrier_demand = attribute(0x001A, int24)
    current_outlet_energy_carrier_demand = attribute(0x001B, int24)
    previous_block_period_consumption_delivered = attribute(0x001C, uint48)
    current_block_period_consumption_received = attribute(0x001D, uint48)
    current_block_received = attribute(0x001E, enum8)
    dft_summation_received = attribute(0x001F, uint48)
    active_register_tier_received = attribute(0x0021, enum8)
    cpp_summation_delivered = attributes("cpp{}_summation_delivered", 0x01FC, uint48, 2, step=2)
    energy_carrier_unit_of_measure = attribute(0x0309, enum8)
    energy_carrier_summation_formatting = attribute(0x030A, bitmap8)
    energy_carrier_demand_formatting = attribute(0x030B, bitmap8)
    temperature_unit_of_measure = attribute(0x030C, enum8)
    temperature_formatting = attribute(0x030D, bitmap8)
    operating_tariff_label_received = attribute(0x0310, octet_string)
    current_day_consumption_received = attribute(0x0402, uint24)
    previous_day_consumption_received = attribute(0x0404, uint24)
    current_partial_profile_interval_start_time_delivered = attribute(0x0405, utc_time)
    current_partial_profile_interval_start_time_received = attribute(0x0406, utc_time)
    current_partial_profile_interval_value_delivered = attribute(0x0407, uint24)
    current_partial_profile_interval_value_received = attribute(0x0408, uint24)
    current_day_max_pressure = attribute(0x0409, uint48)
    current_day_min_pressure = attribute(0x040A, uint48)
    previous_day_max_pressure = attribute(0x040B, uint48)
    previous_day_min_pressure = attribute(0x040C, uint48)
    current_day_max_demand = attribute(0x040D, int24)
    previous_day_max_demand = attribute(0x040E, int24)
    current_month_max_demand = attribute(0x040F, int24)
    current_year_max_demand = attribute(0x0410, int24)
    current_day_max_energy_carrier_demand = attribute(0x0411, int24)
    previous_day_max_energy_carrier_demand = attribute(0x0412, int24)
    current_month_max_energy_carrier_demand = attribute(0x0413, int24)
    current_month_min_energy_carrier_demand = attribute(0x0414, int24)
    current_year_max_energy_carrier_demand = attribute(0x0415, int24)
    current_year_min_energy_carrier_demand = attribute(0x0416, int24)
    previous_days_consumption_received = attributes("previous_day_{}_consumption_received", 0x0421, uint24, 7, first=2, step=2)
    current_week_consumption_received = attribute(0x0431, uint24)
    previous_week_consumption_received = attribute(0x0433, uint24)
    previous_weeks_consumption_received = attributes("previous_week_{}_consumption_received", 0x0435, uint24, 4, first=2, step=2)
    current_month_consumption_received = attribute(0x0441, uint32)
    previous_month_consumption_received = attribute(0x0443, uint32)
    previous_months_consumption_received = attributes("previous_month_{}_consumption_received", 0x0445, uint32, 12, first=2, step=2)
    current_day_max_demand_delivered = attribute(0x045D, uint48)
    current_day_max_demand_delivered_time = attribute(0x045E, utc_time)
    current_day_max_demand_received = attribute(0x045F, uint48)
    current_day_max_demand_received_time = attribute(0x0460, utc_time)
    previous_day_max_demand_delivered = attribute(0x0461, uint48)
    previous_day_max_demand_delivered_time = attribute(0x0462, utc_time)
    previous_day_max_demand_received = attribute(0x0463, uint48)
    previous_day_max_demand_received_time = attribute(0x0464, utc_time)
    number_of_demand_subintervals = attribute(0x0603, uint8)
    demand_limit_arm_duration_in_minutes = attribute(0x0604, uint16)
    current_tier_block_summation_delivered = grid("current_tier_{}_block_{}_summation_delivered", 0x0780, uint48, 8, 16, first=8)
    generic_alarm_mask = attribute(0x0800, bitmap16, writes=True)
    electricity_alarm_mask = attribute(0x0801, bitmap32, writes=True)
    generic_flow_pressure_alarm_mask = attribute(0x0802, bitmap16, writes=True)
    water_specific_alarm_mask = attribute(0x0803, bitmap16, writes=True)
    heat_and_cooling_specific_alarm_mask = attribute(0x0804, bitmap16, writes=True)
    gas_specific_alarm_mask = attribute(0x0805, bitmap16, writes=True)
    extended_generic_alarm_mask = attribute(0x0806, bitmap48, writes=True)
    manufacture_alarm_mask = attribute(0x0807, bitmap16, writes=True)
    current_no_tier_block_summation_received = attributes("current_no_tier_block_{}_summation_received", 0x0900, uint48, 16)
    current_tier_block_summation_received = grid("current_tier_{}_block_{}_summation_received", 0x0910, uint48, 15, 16)
    bill_to_date_received = attribute(0x0A10, uint32)
    bill_to_date_time_stamp_received = attribute(0x0A11, utc_time)
    projected_bill_received = attribute(0x0A12, uint32)
    projected_bill_time_stamp_received = attribute(0x0A13, utc_time)
    bill_received_trailing_digit = attribute(0x0A14, bitmap8)
    alternative_instantaneous_demand = attribute(0x0C00, int24)
    current_day_alternative_consumption_received = attribute(0x0C02, uint24)
    previous_day_alternative_consumption_received = attribute(0x0C04, uint24)
    current_alternative_partial_profile_interval_start_time_delivered = attribute(0x0C05, utc_time)
    current_alternative_partial_profile_interval_start_time_received = attribute(0x0C06, utc_time)
    current_alternative_partial_profile_interval_value_delivered = attribute(0x0C07, uint24)
    current_alternative_partial_profile_interval_value_received = attribute(0x0C08, uint24)
    current_alternative_day_max_pressure = attribute(0x0C09, uint48)
    current_alternative_day_min_pressure = attribute(0x0C0A, uint48)
    previous_day_alternative_max_pressure = attribute(0x0C0B, uint48)
    previous_day_alternative_min_pressure = attribute(0x0C0C, uint48)
    current_alternative_day_max_demand = attribute(0x0C0D, int24)
    previous_day_alternative_max_demand = attribute(0x0C0E, int24)
    current_alternative_month_max_demand = attribute(0x0C0F, int24)
    current_alternative_year_max_demand = attribute(0x0C10, int24)
    previous_days_alternative_consumption_received = attributes(
        "previous_day_{}_alternative_consumption_received", 0x0C21, uint24, 7, first=2, step=2
    )
    current_week_alternative_consumption_received = attribute(0x0C31, uint24)
    previous_week_alternative_consumption_received = attribute(0x0C33, uint24)
    previous_weeks_alternative_consumption_received = attributes(
        "previous_week_{}_alternative_consumption_received", 0x0C35, uint24, 4, first=2, step=2
    )
    current_month_alternative_consumption_received = attribute(0x0C41, uint32)
    previous_month_alternative_consumption_received = attribute(0x0C43, uint32)
    previous_months_alternative_consumption_received = attributes(
        "previous_month_{}_alternative_consumption_received", 0x0C45, uint32, 12, first=2, step=2
    )
    current_day_alternative_max_demand_delivered = attribute(0x0C5C, uint48)
    current_day_alternative_max_demand_delivered_time = attribute(0x0C5D, utc_time)
    current_day_alternative_max_demand_received = attribute(0x0C5E, uint48)
    current_day_alternative_max_demand_received_time = attribute(0x0C5F, utc_time)
    previous_day_alternative_max_demand_delivered = attribute(0x0C60, uint48)
    previous_day_alternative_max_demand_delivered_time = attribute(0x0C61, utc_time)
    previous_day_alternative_max_demand_received = attribute(0x0C62, uint48)
    previous_day_alternative_max_demand_received_time = attribute(0x0C63, utc_time)
    current_active_summation_q = attributes("current_active_summation_q{}", 0x0D01, uint48, 4)
    current_reactive_summation_q = attributes("current_reactive_summation_q{}", 0x0D05, uint48, 4)
