"""Prepayment cluster 0x0705: credit, debt, top-ups (SE 1.4 annex D.7).

Amounts are in units of `currency` scaled by `currency_scaling_factor`.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from protocols.core.codec import Frame, le, rest, to_end, zcl_string
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, attributes, command
from protocols.zigbee.zcl.types import (
    bitmap8,
    bitmap16,
    enum8,
    int32,
    octet_string,
    uint8,
    uint16,
    uint32,
    uint48,
    utc_time,
)

ALL_DEBTS: Final = 0xFF
FREQUENCIES: Final = (3_600, 86_400, 604_800, 2_592_000, 7_776_000)
"""Seconds of the frequencies at which a debt is recovered: hour, day, week, month, quarter."""
NEWEST: Final = 0xFFFFFFFF
"""As the latest end time of a log."""


class PaymentControl(IntFlag):
    """Bits of the payment control configuration."""

    DISCONNECTION = 0x0001
    PREPAYMENT = 0x0002
    CREDIT_MANAGEMENT = 0x0004
    CREDIT_DISPLAY = 0x0010
    UNIT_BASED = 0x0040
    CONTACTOR = 0x0080


class CreditStatus(IntFlag):
    """Bits of the credit status."""

    OK = 0x01
    LOW = 0x02
    EMERGENCY_ENABLED = 0x04
    EMERGENCY_AVAILABLE = 0x08
    EMERGENCY_SELECTED = 0x10
    EMERGENCY_IN_USE = 0x20
    EXHAUSTED = 0x40


class AlarmStatus(IntFlag):
    """Bits of the prepayment alarm status."""

    LOW_CREDIT = 0x0001
    TOP_UP_ERROR = 0x0002
    TOP_UP_USED = 0x0004
    TOP_UP_INVALID = 0x0008
    FRIENDLY_CREDIT_IN_USE = 0x0010
    FRIENDLY_CREDIT_END_WARNING = 0x0020
    EMERGENCY_AVAILABLE = 0x0040
    DISCONNECTED_BY_CREDIT = 0x0100


class Originator(IntEnum):
    """Who a command or a top-up comes from."""

    ENERGY_SERVICE_INTERFACE = 0
    METER = 1
    DISPLAY = 2


class TopUpResult(IntEnum):
    """What became of a top-up."""

    ACCEPTED = 0x00
    INVALID = 0x01
    DUPLICATE = 0x02
    ERROR = 0x03
    MAXIMUM_CREDIT = 0x04
    KEYPAD_LOCKED = 0x05
    TOO_LARGE = 0x06
    SUPPLY_ON = 0x10
    SUPPLY_OFF = 0x11
    SUPPLY_ARMED = 0x12


class DebtRecovery(IntEnum):
    """How a debt is recovered."""

    BY_TIME = 0
    BY_PERCENTAGE = 1
    CATCH_UP = 2


class Adjustment(IntEnum):
    """Types of a credit adjustment."""

    INCREMENTAL = 0
    ABSOLUTE = 1


class SnapshotCause(IntFlag):
    """Why an account's snapshot was taken."""

    GENERAL = 0x0000_0001
    MANUAL = 0x0000_0400
    CHANGE_OF_MODE = 0x0000_4000
    TOP_UP = 0x0004_0000
    DEBT_OR_CREDIT = 0x0008_0000


class DebtCreditStatus(Frame):
    """Payload 0 of a snapshot."""

    accumulated_debt: le.i32
    debt_1_remaining: le.u32
    debt_2_remaining: le.u32
    debt_3_remaining: le.u32
    emergency_credit_remaining: le.i32
    credit_remaining: le.i32


class TopUp(Frame):
    """One top-up of the log."""

    top_up_code: zcl_string
    top_up_amount: le.i32
    top_up_time: le.u32


class DebtPayment(Frame):
    """One repayment of the log."""

    collection_time: le.u32
    amount_collected: le.u32
    debt_type: le.u8
    outstanding_debt: le.u32


class Prepayment(Cluster, id=0x0705, name="Prepayment"):
    """The server is a meter or its mirror."""

    payment_control_configuration = attribute(0x0000, bitmap16, reports=True)
    credit_remaining = attribute(0x0001, int32, reports=True)
    emergency_credit_remaining = attribute(0x0002, int32, reports=True)
    credit_status = attribute(0x0003, bitmap8)
    credit_remaining_timestamp = attribute(0x0004, utc_time)
    accumulated_debt = attribute(0x0005, int32, reports=True)
    overall_debt_cap = attribute(0x0006, int32, reports=True)
    emergency_credit_limit_allowance = attribute(0x0010, uint32, reports=True)
    emergency_credit_threshold = attribute(0x0011, uint32, reports=True)
    total_credit_added = attribute(0x0020, uint48)
    max_credit_limit = attribute(0x0021, uint32, reports=True)
    max_credit_per_top_up = attribute(0x0022, uint32, reports=True)
    friendly_credit_warning = attribute(0x0030, uint8)
    low_credit_warning_level = attribute(0x0031, uint32, reports=True)
    ihd_low_credit_warning_level = attribute(0x0032, uint32, writes=True)
    interrupt_suspend_time = attribute(0x0033, uint8)
    remaining_friendly_credit_time = attribute(0x0034, uint16)
    next_friendly_credit_period = attribute(0x0035, utc_time)
    cut_off_value = attribute(0x0040, int32, reports=True)
    token_carrier_id = attribute(0x0080, octet_string, writes=True)
    top_up_date_time = attributes("top_up_date_time_{}", 0x0100, utc_time, 5, step=0x10)
    top_up_amount = attributes("top_up_amount_{}", 0x0101, int32, 5, step=0x10)
    top_up_originating_device = attributes("top_up_originating_device_{}", 0x0102, enum8, 5, step=0x10)
    top_up_code = attributes("top_up_code_{}", 0x0103, octet_string, 5, step=0x10)
    debt_label = attributes("debt_label_{}", 0x0210, octet_string, 3, step=0x10)
    debt_amount = attributes("debt_amount_{}", 0x0211, uint32, 3, step=0x10, reports=True)
    debt_recovery_method = attributes("debt_recovery_method_{}", 0x0212, enum8, 3, step=0x10)
    debt_recovery_start_time = attributes("debt_recovery_start_time_{}", 0x0213, utc_time, 3, step=0x10)
    debt_recovery_collection_time = attributes("debt_recovery_collection_time_{}", 0x0214, uint16, 3, step=0x10)
    debt_recovery_frequency = attributes("debt_recovery_frequency_{}", 0x0216, enum8, 3, step=0x10, reports=True)
    debt_recovery_amount = attributes("debt_recovery_amount_{}", 0x0217, uint32, 3, step=0x10, reports=True)
    debt_recovery_top_up_percentage = attributes("debt_recovery_top_up_percentage_{}", 0x0219, uint16, 3, step=0x10, reports=True)
    prepayment_alarm_status = attribute(0x0400, bitmap16, reports=True)
    prepay_generic_alarm_mask = attribute(0x0401, bitmap16, writes=True)
    prepay_switch_alarm_mask = attribute(0x0402, bitmap16, writes=True)
    prepay_event_alarm_mask = attribute(0x0403, bitmap16, writes=True)
    historical_cost_consumption_formatting = attribute(0x0500, bitmap8, reports=True)
    consumption_unit_of_measurement = attribute(0x0501, enum8, reports=True)
    currency_scaling_factor = attribute(0x0502, enum8, reports=True)
    currency = attribute(0x0503, uint16, reports=True)
    current_day_cost_consumption_delivered = attribute(0x051C, uint48, reports=True)
    previous_day_cost_consumption_delivered = attribute(0x051E, uint48, reports=True)
    previous_days_cost_consumption_delivered = attributes(
        "previous_day_{}_cost_consumption_delivered", 0x0520, uint48, 7, first=2, step=2, reports=True
    )
    current_week_cost_consumption_delivered = attribute(0x0530, uint48, reports=True)
    previous_week_cost_consumption_delivered = attribute(0x0532, uint48, reports=True)
    previous_weeks_cost_consumption_delivered = attributes(
        "previous_week_{}_cost_consumption_delivered", 0x0534, uint48, 4, first=2, step=2, reports=True
    )
    current_month_cost_consumption_delivered = attribute(0x0540, uint48, reports=True)
    previous_month_cost_consumption_delivered = attribute(0x0542, uint48, reports=True)
    previous_months_cost_consumption_delivered = attributes(
        "previous_month_{}_cost_consumption_delivered", 0x0544, uint48, 12, first=2, step=2, reports=True
    )
    current_day_cost_consumption_received = attribute(0x051D, uint48)
    previous_day_cost_consumption_received = attribute(0x051F, uint48)
    previous_days_cost_consumption_received = attributes(
        "previous_day_{}_cost_consumption_received", 0x0521, uint48, 7, first=2, step=2
    )
    current_week_cost_consumption_received = attribute(0x0531, uint48)
    previous_week_cost_consumption_received = attribute(0x0533, uint48)
    previous_weeks_cost_consumption_received = attributes(
        "previous_week_{}_cost_consumption_received", 0x0535, uint48, 4, first=2, step=2
    )
    current_month_cost_consumption_received = attribute(0x0541, uint48)
    previous_month_cost_consumption_received = attribute(0x0543, uint48)
    previous_months_cost_consumption_received = attributes(
        "previous_month_{}_cost_consumption_received", 0x0545, uint48, 12, first=2, step=2
    )
    historical_freeze_time = attribute(0x055C, uint16)

    @command(0x00, to=SERVER)
    class SelectAvailableEmergencyCredit(Frame):
        """A person asks for emergency credit."""

        command_issue_date_time: le.u32
        originating_device: le.u8

    @command(0x02, to=SERVER)
    class ChangeDebt(Frame):
        """Set or adjust a debt."""

        issuer_event_id: le.u32
        debt_label: zcl_string
        debt_amount: le.u32
        debt_recovery_method: le.u8
        debt_amount_type: le.u8
        debt_recovery_start_time: le.u32
        debt_recovery_collection_time: le.u16
        debt_recovery_frequency: le.u8
        debt_recovery_amount: le.u32
        debt_recovery_balance_percentage: le.u16

    @command(0x03, to=SERVER)
    class EmergencyCreditSetup(Frame):
        """Limit and threshold of emergency credit."""

        issuer_event_id: le.u32
        start_time: le.u32
        emergency_credit_limit: le.u32
        emergency_credit_threshold: le.u32

    @command(0x04, to=SERVER)
    class ConsumerTopUp(Frame):
        """A top-up code was entered (20 digits in GB)."""

        originating_device: le.u8
        top_up_code: zcl_string

    @command(0x05, to=SERVER)
    class CreditAdjustment(Frame):
        """Adjust the credit: 0 incremental, 1 absolute."""

        issuer_event_id: le.u32
        start_time: le.u32
        credit_adjustment_type: le.u8
        credit_adjustment_value: le.u32

    @command(0x06, to=SERVER)
    class ChangePaymentMode(Frame):
        """Change between credit and prepayment mode."""

        provider_id: le.u32
        issuer_event_id: le.u32
        implementation_date_time: le.u32
        proposed_payment_control_configuration: le.u16
        cut_off_value: le.u32

    @command(0x07, to=SERVER)
    class GetPrepaySnapshot(Frame):
        """Ask for stored snapshots between two times."""

        earliest_start_time: le.u32
        latest_end_time: le.u32
        snapshot_offset: le.u8
        snapshot_cause: le.u32

    @command(0x08, to=SERVER)
    class GetTopUpLog(Frame):
        """Ask for top-ups, newest first."""

        latest_end_time: le.u32
        number_of_records: le.u8

    @command(0x09, to=SERVER)
    class SetLowCreditWarningLevel(Frame):
        """From which credit on to warn."""

        low_credit_warning_level: le.u32

    @command(0x0A, to=SERVER)
    class GetDebtRepaymentLog(Frame):
        """Ask for debt repayments, newest first."""

        latest_end_time: le.u32
        number_of_debts: le.u8
        debt_type: le.u8

    @command(0x0B, to=SERVER)
    class SetMaximumCreditLimit(Frame):
        """Maximum credit, and maximum credit of one top-up."""

        provider_id: le.u32
        issuer_event_id: le.u32
        implementation_date_time: le.u32
        maximum_credit_level: le.u32
        maximum_credit_per_top_up: le.u32

    @command(0x0C, to=SERVER)
    class SetOverallDebtCap(Frame):
        """How much debt may be recovered in a period."""

        provider_id: le.u32
        issuer_event_id: le.u32
        implementation_date_time: le.u32
        overall_debt_cap: le.u32

    @command(0x01, to=CLIENT)
    class PublishPrepaySnapshot(Frame):
        """A part of a snapshot; `snapshot_payload_type` says what the payload holds."""

        snapshot_id: le.u32
        snapshot_time: le.u32
        total_snapshots_found: le.u8
        command_index: le.u8
        total_number_of_commands: le.u8
        snapshot_cause: le.u32
        snapshot_payload_type: le.u8
        snapshot_payload: bytes = rest()

    @command(0x02, to=CLIENT)
    class ChangePaymentModeResponse(Frame):
        """What applies in the payment mode now."""

        friendly_credit: le.u8
        friendly_credit_calendar_id: le.u32
        emergency_credit_limit: le.u32
        emergency_credit_threshold: le.u32

    @command(0x03, to=CLIENT)
    class ConsumerTopUpResponse(Frame):
        """What became of a top-up."""

        result_type: le.u8
        top_up_value: le.u32
        source_of_top_up: le.u8
        credit_remaining: le.u32

    @command(0x05, to=CLIENT)
    class PublishTopUpLog(Frame):
        """Top-ups."""

        command_index: le.u8
        total_number_of_commands: le.u8
        top_up_payload: list[TopUp] = to_end(TopUp)

    @command(0x06, to=CLIENT)
    class PublishDebtLog(Frame):
        """Debt repayments."""

        command_index: le.u8
        total_number_of_commands: le.u8
        debt_payload: list[DebtPayment] = to_end(DebtPayment)
