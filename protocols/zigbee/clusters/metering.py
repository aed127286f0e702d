"""Metering cluster 0x0702: registers, supply control, mirrors, snapshots, samples (SE 1.4 annex D.3).

Register values are in `unit_of_measure` times `multiplier` over `divisor`. A battery meter holds the server; the hub
holds a mirror of it and, as a client, the notification flags by which a sleeping meter learns what waits (see
`protocols.zigbee.clusters.mirror`).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from protocols.core.codec import Frame, array, le, rest, this, to_end
from protocols.zigbee.clusters.metering_sets import FurtherSets
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, attributes, command
from protocols.zigbee.zcl.types import (
    bitmap8,
    bitmap32,
    bitmap64,
    enum8,
    int24,
    octet_string,
    uint8,
    uint16,
    uint24,
    uint32,
    uint48,
    utc_time,
)


class Status(IntFlag):
    """Bits of `Metering.status` of an electricity meter; a gas meter's differ from bit 3 on."""

    CHECK_METER = 0x01
    LOW_BATTERY = 0x02
    TAMPER_DETECT = 0x04
    POWER_FAILURE = 0x08
    POWER_QUALITY = 0x10
    LEAK_DETECT = 0x20
    SERVICE_DISCONNECT_OPEN = 0x40


class ExtendedStatus(IntFlag):
    """Bits of `Metering.extended_status` that an electricity meter here has reasons for."""

    CLOCK_INVALID = 1 << 11
    UNDER_VOLTAGE = 1 << 28
    OVER_VOLTAGE = 1 << 29


class SupplyStatus(IntEnum):
    """Values of supply states; UNCHANGED only in SetSupplyStatus."""

    OFF = 0
    OFF_ARMED = 1
    ON = 2
    UNCHANGED = 3


class DeviceType(IntEnum):
    """Values of `Metering.metering_device_type`; a mirror adds 127."""

    ELECTRIC = 0
    GAS = 1
    MIRRORED_ELECTRIC = 127
    MIRRORED_GAS = 128


class Unit(IntEnum):
    """Values of `Metering.unit_of_measure`, binary forms."""

    KILOWATT_HOURS = 0x00
    CUBIC_METRES = 0x01
    UNITLESS = 0x0B


class SnapshotScheduleOutcome(Frame):
    """What became of one snapshot schedule."""

    snapshot_schedule_id: le.u8
    snapshot_schedule_confirmation: le.u8


class SnapshotSchedule(Frame):
    """When to take snapshots, and of what."""

    snapshot_schedule_id: le.u8
    snapshot_start_time: le.u32
    snapshot_schedule: le.u24
    snapshot_payload_type: le.u8
    snapshot_cause: le.u32


class Metering(FurtherSets, Cluster, id=0x0702, name="Metering"):
    """The server is a meter or its mirror."""

    # Reading information
    current_summation_delivered = attribute(0x0000, uint48, reports=True)
    current_summation_received = attribute(0x0001, uint48, reports=True)
    current_max_demand_delivered = attribute(0x0002, uint48)
    current_max_demand_received = attribute(0x0003, uint48)
    daily_freeze_time = attribute(0x0005, uint16)
    reading_snapshot_time = attribute(0x0007, utc_time)
    current_max_demand_delivered_time = attribute(0x0008, utc_time)
    current_max_demand_received_time = attribute(0x0009, utc_time)
    default_update_period = attribute(0x000A, uint8)
    fast_poll_update_period = attribute(0x000B, uint8)
    current_block_period_consumption_delivered = attribute(0x000C, uint48)
    current_block = attribute(0x000E, enum8)
    profile_interval_period = attribute(0x000F, enum8)
    supply_status = attribute(0x0014, enum8, reports=True)
    active_register_tier_delivered = attribute(0x0020, enum8)
    last_block_switch_time = attribute(0x0022, utc_time)

    # Summations by time of use
    current_tier_summation_delivered = attributes("current_tier_{}_summation_delivered", 0x0100, uint48, 48, step=2, reports=True)
    current_tier_summation_received = attributes("current_tier_{}_summation_received", 0x0101, uint48, 48, step=2)

    # Meter status
    status = attribute(0x0200, bitmap8, reports=True)
    remaining_battery_life = attribute(0x0201, uint8)
    hours_in_operation = attribute(0x0202, uint24)
    hours_in_fault = attribute(0x0203, uint24)
    extended_status = attribute(0x0204, bitmap64)
    remaining_battery_life_in_days = attribute(0x0205, uint16, reports=True)
    current_meter_id = attribute(0x0206, octet_string, reports=True)
    ambient_consumption_indicator = attribute(0x0207, enum8, reports=True)

    # Formatting
    unit_of_measure = attribute(0x0300, enum8, reports=True)
    multiplier = attribute(0x0301, uint24, reports=True)
    divisor = attribute(0x0302, uint24, reports=True)
    summation_formatting = attribute(0x0303, bitmap8, reports=True)
    demand_formatting = attribute(0x0304, bitmap8, reports=True)
    historical_consumption_formatting = attribute(0x0305, bitmap8, reports=True)
    metering_device_type = attribute(0x0306, bitmap8, reports=True)
    site_id = attribute(0x0307, octet_string, reports=True)
    meter_serial_number = attribute(0x0308, octet_string)
    module_serial_number = attribute(0x030E, octet_string)
    operating_tariff_label_delivered = attribute(0x030F, octet_string)
    customer_id_number = attribute(0x0311, octet_string, reports=True)
    alternative_unit_of_measure = attribute(0x0312, enum8, reports=True)
    alternative_demand_formatting = attribute(0x0313, bitmap8)
    alternative_consumption_formatting = attribute(0x0314, bitmap8, reports=True)

    # Historical consumption
    instantaneous_demand = attribute(0x0400, int24, reports=True)
    current_day_consumption_delivered = attribute(0x0401, uint24, reports=True)
    previous_day_consumption_delivered = attribute(0x0403, uint24, reports=True)
    previous_days_consumption_delivered = attributes(
        "previous_day_{}_consumption_delivered", 0x0420, uint24, 7, first=2, step=2, reports=True
    )
    current_week_consumption_delivered = attribute(0x0430, uint24, reports=True)
    previous_week_consumption_delivered = attribute(0x0432, uint24, reports=True)
    previous_weeks_consumption_delivered = attributes(
        "previous_week_{}_consumption_delivered", 0x0434, uint24, 4, first=2, step=2, reports=True
    )
    current_month_consumption_delivered = attribute(0x0440, uint32, reports=True)
    previous_month_consumption_delivered = attribute(0x0442, uint32, reports=True)
    previous_months_consumption_delivered = attributes(
        "previous_month_{}_consumption_delivered", 0x0444, uint32, 12, first=2, step=2, reports=True
    )
    historical_freeze_time = attribute(0x045C, uint16)

    # Load profile, supply limit
    max_number_of_periods_delivered = attribute(0x0500, uint8)
    current_demand_delivered = attribute(0x0600, uint24)
    demand_limit = attribute(0x0601, uint24)
    demand_integration_period = attribute(0x0602, uint8)
    load_limit_supply_state = attribute(0x0605, enum8)
    load_limit_counter = attribute(0x0606, uint8)
    supply_tamper_state = attribute(0x0607, enum8, reports=True)
    supply_depletion_state = attribute(0x0608, enum8, reports=True)
    supply_uncontrolled_flow_state = attribute(0x0609, enum8)

    # Summations by block, and by tier and block
    current_no_tier_block_summation_delivered = attributes(
        "current_no_tier_block_{}_summation_delivered", 0x0700, uint48, 16, reports=True
    )
    current_tier_1_block_summation_delivered = attributes(
        "current_tier_1_block_{}_summation_delivered", 0x0710, uint48, 16, reports=True
    )
    current_tier_2_block_summation_delivered = attributes(
        "current_tier_2_block_{}_summation_delivered", 0x0720, uint48, 16, reports=True
    )
    current_tier_3_block_summation_delivered = attributes(
        "current_tier_3_block_{}_summation_delivered", 0x0730, uint48, 16, reports=True
    )
    current_tier_4_block_summation_delivered = attributes(
        "current_tier_4_block_{}_summation_delivered", 0x0740, uint48, 16, reports=True
    )
    current_tier_5_block_summation_delivered = attributes(
        "current_tier_5_block_{}_summation_delivered", 0x0750, uint48, 16, reports=True
    )
    current_tier_6_block_summation_delivered = attributes(
        "current_tier_6_block_{}_summation_delivered", 0x0760, uint48, 16, reports=True
    )
    current_tier_7_block_summation_delivered = attributes(
        "current_tier_7_block_{}_summation_delivered", 0x0770, uint48, 16, reports=True
    )

    # Billing, supply control
    bill_to_date_delivered = attribute(0x0A00, uint32, reports=True)
    bill_to_date_time_stamp_delivered = attribute(0x0A01, utc_time)
    projected_bill_delivered = attribute(0x0A02, uint32)
    projected_bill_time_stamp_delivered = attribute(0x0A03, utc_time)
    bill_delivered_trailing_digit = attribute(0x0A04, bitmap8, reports=True)
    proposed_change_supply_implementation_time = attribute(0x0B00, utc_time)
    proposed_change_supply_status = attribute(0x0B01, enum8)
    uncontrolled_flow_threshold = attribute(0x0B10, uint16)
    uncontrolled_flow_threshold_unit_of_measure = attribute(0x0B11, enum8)
    uncontrolled_flow_threshold_multiplier = attribute(0x0B12, uint16)
    uncontrolled_flow_threshold_divisor = attribute(0x0B13, uint16)
    flow_stabilization_period = attribute(0x0B14, uint8)
    flow_measurement_period = attribute(0x0B15, uint16)

    # Alternative historical consumption
    current_day_alternative_consumption_delivered = attribute(0x0C01, uint24, reports=True)
    previous_day_alternative_consumption_delivered = attribute(0x0C03, uint24, reports=True)
    previous_days_alternative_consumption_delivered = attributes(
        "previous_day_{}_alternative_consumption_delivered", 0x0C20, uint24, 7, first=2, step=2, reports=True
    )
    current_week_alternative_consumption_delivered = attribute(0x0C30, uint24, reports=True)
    previous_week_alternative_consumption_delivered = attribute(0x0C32, uint24, reports=True)
    previous_weeks_alternative_consumption_delivered = attributes(
        "previous_week_{}_alternative_consumption_delivered", 0x0C34, uint24, 4, first=2, step=2, reports=True
    )
    current_month_alternative_consumption_delivered = attribute(0x0C40, uint32, reports=True)
    previous_month_alternative_consumption_delivered = attribute(0x0C42, uint32, reports=True)
    previous_months_alternative_consumption_delivered = attributes(
        "previous_month_{}_alternative_consumption_delivered", 0x0C44, uint32, 12, first=2, step=2, reports=True
    )

    # Notification flags, which the client holds
    functional_notification_flags = attribute(0x0000, bitmap32, of=CLIENT)
    notification_flags_2 = attribute(0x0001, bitmap32, of=CLIENT)
    notification_flags_3 = attribute(0x0002, bitmap32, of=CLIENT)
    notification_flags_4 = attribute(0x0003, bitmap32, of=CLIENT)
    notification_flags_5 = attribute(0x0004, bitmap32, of=CLIENT)
    notification_flags_6 = attribute(0x0005, bitmap32, of=CLIENT)
    notification_flags_7 = attribute(0x0006, bitmap32, of=CLIENT)
    notification_flags_8 = attribute(0x0007, bitmap32, of=CLIENT)

    @command(0x00, to=SERVER)
    class GetProfile(Frame):
        """Ask for interval data, newest first. `interval_channel`: 0 delivered, 1 received."""

        interval_channel: le.u8
        end_time: le.u32
        number_of_periods: le.u8

    @command(0x01, to=SERVER)
    class RequestMirrorResponse(Frame):
        """The endpoint of the mirror; 0xFFFF refuses."""

        endpoint_id: le.u16

    @command(0x02, to=SERVER)
    class MirrorRemoved(Frame):
        """The mirror on this endpoint is gone."""

        endpoint_id: le.u16

    @command(0x03, to=SERVER)
    class RequestFastPollMode(Frame):
        """Ask for updates every so many seconds for so many minutes (at most 15)."""

        fast_poll_update_period: le.u8
        duration: le.u8

    @command(0x04, to=SERVER)
    class ScheduleSnapshot(Frame):
        """Ask for snapshots at times to come."""

        issuer_event_id: le.u32
        command_index: le.u8
        command_count: le.u8
        snapshot_schedule_payload: list[SnapshotSchedule] = to_end(SnapshotSchedule)

    @command(0x05, to=SERVER)
    class TakeSnapshot(Frame):
        """Ask for a snapshot now."""

        snapshot_cause: le.u32

    @command(0x06, to=SERVER)
    class GetSnapshot(Frame):
        """Ask for stored snapshots between two times; each is published in a command of its own."""

        earliest_start_time: le.u32
        latest_end_time: le.u32
        snapshot_offset: le.u8
        snapshot_cause: le.u32

    @command(0x07, to=SERVER)
    class StartSampling(Frame):
        """Ask for a log of samples."""

        issuer_event_id: le.u32
        start_sampling_time: le.u32
        sample_type: le.u8
        sample_request_interval: le.u16
        max_number_of_samples: le.u16

    @command(0x08, to=SERVER)
    class GetSampledData(Frame):
        """Ask for samples of a log."""

        sample_id: le.u16
        earliest_sample_time: le.u32
        sample_type: le.u8
        number_of_samples: le.u16

    @command(0x09, to=SERVER)
    class MirrorReportAttributeResponse(Frame):
        """Answer to the last report of a set: one word of flags for each notification attribute of the scheme."""

        notification_scheme: le.u8
        notification_flags: list[int] = to_end(le.u32)

    @command(0x0A, to=SERVER)
    class ResetLoadLimitCounter(Frame):
        """Set the load limit counter to zero."""

        provider_id: le.u32
        issuer_event_id: le.u32

    @command(0x0B, to=SERVER)
    class ChangeSupply(Frame):
        """Change the supply at a time (0: now). `supply_control_bits` bit 0: answer with SupplyStatusResponse."""

        provider_id: le.u32
        issuer_event_id: le.u32
        request_date_time: le.u32
        implementation_date_time: le.u32
        proposed_supply_status: le.u8
        supply_control_bits: le.u8

    @command(0x0C, to=SERVER)
    class LocalChangeSupply(Frame):
        """A person at a display asks for the supply: 1 off and armed, 2 on."""

        proposed_supply_status: le.u8

    @command(0x0D, to=SERVER)
    class SetSupplyStatus(Frame):
        """What the supply does on tamper, depletion, uncontrolled flow and load limit, as `SupplyStatus`."""

        issuer_event_id: le.u32
        supply_tamper_state: le.u8
        supply_depletion_state: le.u8
        supply_uncontrolled_flow_state: le.u8
        load_limit_supply_state: le.u8

    @command(0x0E, to=SERVER)
    class SetUncontrolledFlowThreshold(Frame):
        """From which flow on an open valve counts as uncontrolled."""

        provider_id: le.u32
        issuer_event_id: le.u32
        uncontrolled_flow_threshold: le.u16
        unit_of_measure: le.u8
        multiplier: le.u16
        divisor: le.u16
        stabilisation_period: le.u8
        measurement_period: le.u16

    @command(0x00, to=CLIENT)
    class GetProfileResponse(Frame):
        """Interval data, newest first. Status 0 is success."""

        end_time: le.u32
        status: le.u8
        profile_interval_period: le.u8
        number_of_periods_delivered: le.u8
        intervals: list[int] = array(le.u24, this.number_of_periods_delivered)

    @command(0x01, to=CLIENT)
    class RequestMirror(Frame):
        """A battery meter asks for an endpoint that speaks for it while it sleeps."""

    @command(0x02, to=CLIENT)
    class RemoveMirror(Frame):
        """The meter gives its mirror up."""

    @command(0x03, to=CLIENT)
    class RequestFastPollModeResponse(Frame):
        """The update period granted (s) and when it ends."""

        applied_update_period: le.u8
        fast_poll_mode_endtime: le.u32

    @command(0x04, to=CLIENT)
    class ScheduleSnapshotResponse(Frame):
        """The outcome for each schedule."""

        issuer_event_id: le.u32
        snapshot_response_payload: list[SnapshotScheduleOutcome] = to_end(SnapshotScheduleOutcome)

    @command(0x05, to=CLIENT)
    class TakeSnapshotResponse(Frame):
        """The snapshot taken."""

        snapshot_id: le.u32
        snapshot_confirmation: le.u8

    @command(0x06, to=CLIENT)
    class PublishSnapshot(Frame):
        """A part of a snapshot; `snapshot_payload_type` says what the payload holds."""

        snapshot_id: le.u32
        snapshot_time: le.u32
        total_snapshots_found: le.u8
        command_index: le.u8
        total_commands: le.u8
        snapshot_cause: le.u32
        snapshot_payload_type: le.u8
        snapshot_payload: bytes = rest()

    @command(0x07, to=CLIENT)
    class GetSampledDataResponse(Frame):
        """Samples of a log; 0xFFFFFF is an invalid one."""

        sample_id: le.u16
        sample_start_time: le.u32
        sample_type: le.u8
        sample_request_interval: le.u16
        number_of_samples: le.u16
        samples: list[int] = array(le.u24, this.number_of_samples)

    @command(0x08, to=CLIENT)
    class ConfigureMirror(Frame):
        """How often the meter will report (s), whether it wants notification flags, and in which scheme."""

        issuer_event_id: le.u32
        reporting_interval: le.u24
        mirror_notification_reporting: le.boolean
        notification_scheme: le.u8

    @command(0x09, to=CLIENT)
    class ConfigureNotificationScheme(Frame):
        """Define the order of notification attributes of a scheme of the meter's own."""

        issuer_event_id: le.u32
        notification_scheme: le.u8
        notification_flag_order: le.u32

    @command(0x0A, to=CLIENT)
    class ConfigureNotificationFlags(Frame):
        """Define the bits of a notification attribute of the meter's own."""

        issuer_event_id: le.u32
        notification_scheme: le.u8
        notification_flag_attribute_id: le.u16
        cluster_id: le.u16
        manufacturer_code: le.u16
        number_of_commands: le.u8
        command_ids: list[int] = array(le.u8, this.number_of_commands)

    @command(0x0B, to=CLIENT)
    class GetNotifiedMessage(Frame):
        """Fetch what a notification flag announced."""

        notification_scheme: le.u8
        notification_flag_attribute_id: le.u16
        notification_flags_n: le.u32

    @command(0x0C, to=CLIENT)
    class SupplyStatusResponse(Frame):
        """The supply is now in this state."""

        provider_id: le.u32
        issuer_event_id: le.u32
        implementation_date_time: le.u32
        supply_status: le.u8

    @command(0x0D, to=CLIENT)
    class StartSamplingResponse(Frame):
        """The log's identifier; 0xFFFF: no room."""

        sample_id: le.u16
