"""Price cluster 0x0700: tariffs, prices, calorific value and conversion factor (SE 1.4 annex D.4).

Times are seconds since 2000-01-01 UTC; 0 as a start time is now. `rx_` stands for received energy: what the home exports.
"""

from __future__ import annotations

from protocols.core.codec import Frame, array, le, this, to_end, trailing, zcl_string
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, attributes, command, grid
from protocols.zigbee.zcl.types import (
    bitmap8,
    enum8,
    int32,
    octet_string,
    uint8,
    uint16,
    uint24,
    uint32,
    uint48,
    utc_time,
)


class PriceMatrixEntry(Frame):
    """The price of one tier or block, by the sub-payload control of its command."""

    tier_block_id: le.u8
    price: le.u32


class BlockThresholds(Frame):
    """Thresholds of one tier: high nibble the tier, low nibble how many thresholds follow."""

    tier_number_of_block_thresholds: le.u8
    block_threshold: list[int] = array(le.u48, this.tier_number_of_block_thresholds & 0x0F)


class TierLabel(Frame):
    """The name of one tier."""

    tier_id: le.u8
    tier_label: zcl_string


class Price(Cluster, id=0x0700, name="Price"):
    """Prices and what bills are made of. The server is the meter or the hub, the client a display."""

    tier_price_label = attributes("tier_{}_price_label", 0x0000, octet_string, 48, writes=True)
    block_threshold = attributes("block_{}_threshold", 0x0100, uint48, 15)
    block_threshold_count = attribute(0x010F, uint8)
    start_of_block_period = attribute(0x0200, utc_time)
    block_period_duration = attribute(0x0201, uint24)
    threshold_multiplier = attribute(0x0202, uint24)
    threshold_divisor = attribute(0x0203, uint24)
    block_period_duration_type = attribute(0x0204, bitmap8)
    commodity_type = attribute(0x0300, enum8)
    standing_charge = attribute(0x0301, uint32)
    conversion_factor = attribute(0x0302, uint32)
    conversion_factor_trailing_digit = attribute(0x0303, bitmap8)
    calorific_value = attribute(0x0304, uint32)
    calorific_value_unit = attribute(0x0305, enum8)
    calorific_value_trailing_digit = attribute(0x0306, bitmap8)
    no_tier_block_price = attributes("no_tier_block_{}_price", 0x0400, uint32, 16)
    tariff_label = attribute(0x0610, octet_string)
    number_of_price_tiers_in_use = attribute(0x0611, uint8)
    number_of_block_thresholds_in_use = attribute(0x0612, uint8)
    tier_block_mode = attribute(0x0613, enum8)
    unit_of_measure = attribute(0x0615, enum8)
    currency = attribute(0x0616, uint16)
    price_trailing_digit = attribute(0x0617, bitmap8)
    tariff_resolution_period = attribute(0x0619, enum8)
    co2 = attribute(0x0620, uint32)
    co2_unit = attribute(0x0621, enum8)
    co2_trailing_digit = attribute(0x0622, bitmap8)
    current_billing_period_start = attribute(0x0700, utc_time)
    current_billing_period_duration = attribute(0x0701, uint24)
    last_billing_period_start = attribute(0x0702, utc_time)
    last_billing_period_duration = attribute(0x0703, uint24)
    last_billing_period_consolidated_bill = attribute(0x0704, uint32)
    credit_payment_due_date = attribute(0x0800, utc_time)
    credit_payment_status = attribute(0x0801, enum8)
    credit_payment_over_due_amount = attribute(0x0802, int32)
    tier_block_threshold = grid("tier_{}_block_{}_threshold", 0x0110, uint48, 15, 15)
    tier_block_threshold_count = attributes("tier_{}_block_threshold_count", 0x011F, uint8, 15, step=0x10)
    tier_block_price = grid("tier_{}_block_{}_price", 0x0410, uint32, 15, 16)
    price_tier = attributes("price_tier_{}", 0x050F, uint32, 33, first=16)
    cpp_price = attributes("cpp{}_price", 0x05FE, uint32, 2)
    payment_discount = attribute(0x080A, int32)
    payment_discount_period = attribute(0x080B, enum8)
    credit_payment = attributes("credit_payment_{}", 0x0810, uint32, 5, step=0x10)
    credit_payment_date = attributes("credit_payment_date_{}", 0x0811, utc_time, 5, step=0x10)
    credit_payment_ref = attributes("credit_payment_ref_{}", 0x0812, octet_string, 5, step=0x10)
    rx_tier_price_label = attributes("rx_tier_{}_price_label", 0x8000, octet_string, 48, writes=True)
    rx_block_threshold = attributes("rx_block_{}_threshold", 0x8100, uint48, 15)
    rx_start_of_block_period = attribute(0x8200, utc_time)
    rx_block_period_duration = attribute(0x8201, uint24)
    rx_threshold_multiplier = attribute(0x8202, uint24)
    rx_threshold_divisor = attribute(0x8203, uint24)
    rx_no_tier_block_price = attributes("rx_no_tier_block_{}_price", 0x8400, uint32, 16)
    rx_tier_block_price = grid("rx_tier_{}_block_{}_price", 0x8410, uint32, 15, 16)
    rx_price_tier = attributes("rx_price_tier_{}", 0x850F, uint32, 33, first=16)
    rx_tariff_label = attribute(0x8610, octet_string)
    rx_number_of_price_tiers_in_use = attribute(0x8611, uint8)
    rx_number_of_block_thresholds_in_use = attribute(0x8612, uint8)
    rx_tier_block_mode = attribute(0x8613, uint8)
    rx_tariff_resolution_period = attribute(0x8615, enum8)
    rx_co2 = attribute(0x8625, uint32)
    rx_co2_unit = attribute(0x8626, enum8)
    rx_co2_trailing_digit = attribute(0x8627, bitmap8)
    rx_current_billing_period_start = attribute(0x8700, utc_time)
    rx_current_billing_period_duration = attribute(0x8701, uint24)
    rx_last_billing_period_start = attribute(0x8702, utc_time)
    rx_last_billing_period_duration = attribute(0x8703, uint24)
    rx_last_billing_period_consolidated_bill = attribute(0x8704, uint32)

    price_increase_randomize_minutes = attribute(0x0000, uint8, of=CLIENT, writes=True, limits=(0, 60))
    price_decrease_randomize_minutes = attribute(0x0001, uint8, of=CLIENT, writes=True, limits=(0, 60))
    client_commodity_type = attribute(0x0002, enum8, of=CLIENT)

    @command(0x00, to=SERVER)
    class GetCurrentPrice(Frame):
        """Ask for the price in force; bit 0: the asker is rx-on-when-idle. Answered by PublishPrice."""

        command_options: le.u8

    @command(0x01, to=SERVER)
    class GetScheduledPrices(Frame):
        """Ask for prices in force from a time on (0: now), at most so many (0: all)."""

        start_time: le.u32
        number_of_events: le.u8

    @command(0x02, to=SERVER)
    class PriceAcknowledgement(Frame):
        """A price arrived that asked to be acknowledged."""

        provider_id: le.u32
        issuer_event_id: le.u32
        price_ack_time: le.u32
        control: le.u8

    @command(0x03, to=SERVER)
    class GetBlockPeriods(Frame):
        """Ask for block periods from a time on."""

        start_time: le.u32
        number_of_events: le.u8
        tariff_type: le.u8

    @command(0x04, to=SERVER)
    class GetConversionFactor(Frame):
        """Ask for volume conversion factors."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8

    @command(0x05, to=SERVER)
    class GetCalorificValue(Frame):
        """Ask for calorific values."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8

    @command(0x06, to=SERVER)
    class GetTariffInformation(Frame):
        """Ask for tariff headers."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8
        tariff_type: le.u8

    @command(0x07, to=SERVER)
    class GetPriceMatrix(Frame):
        """Ask for the prices of a tariff."""

        issuer_tariff_id: le.u32

    @command(0x08, to=SERVER)
    class GetBlockThresholds(Frame):
        """Ask for the block thresholds of a tariff."""

        issuer_tariff_id: le.u32

    @command(0x09, to=SERVER)
    class GetCO2Value(Frame):
        """Ask for the carbon dioxide emission of a unit."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8
        tariff_type: le.u8

    @command(0x0A, to=SERVER)
    class GetTierLabels(Frame):
        """Ask for the names of a tariff's tiers."""

        issuer_tariff_id: le.u32

    @command(0x0B, to=SERVER)
    class GetBillingPeriod(Frame):
        """Ask for billing periods."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8
        tariff_type: le.u8

    @command(0x0C, to=SERVER)
    class GetConsolidatedBill(Frame):
        """Ask for bills of past billing periods."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_commands: le.u8
        tariff_type: le.u8

    @command(0x0D, to=SERVER)
    class CppEventResponse(Frame):
        """Accept or refuse a critical peak event."""

        issuer_event_id: le.u32
        cpp_auth: le.u8

    @command(0x0E, to=SERVER)
    class GetCreditPayment(Frame):
        """Ask for payments received, newest first."""

        latest_end_time: le.u32
        number_of_records: le.u8

    @command(0x0F, to=SERVER)
    class GetCurrencyConversionCommand(Frame):
        """Ask for a pending change of currency."""

    @command(0x10, to=SERVER)
    class GetTariffCancellation(Frame):
        """Ask for the last tariff cancellation."""

    @command(0x00, to=CLIENT)
    class PublishPrice(Frame):
        """A price, in units of `currency` (ISO 4217) with as many decimals as the high nibble of the trailing digit says."""

        provider_id: le.u32
        rate_label: zcl_string
        issuer_event_id: le.u32
        current_time: le.u32
        unit_of_measure: le.u8
        currency: le.u16
        price_trailing_digit_and_price_tier: le.u8
        number_of_price_tiers_and_register_tier: le.u8
        start_time: le.u32
        duration_in_minutes: le.u16
        price: le.u32
        price_ratio: le.u8
        generation_price: le.u32
        generation_price_ratio: le.u8
        alternate_cost_delivered: int | None = trailing(le.u32, default=None)
        alternate_cost_unit: int | None = trailing(le.u8, default=None)
        alternate_cost_trailing_digit: int | None = trailing(le.u8, default=None)
        number_of_block_thresholds: int | None = trailing(le.u8, default=None)
        price_control: int | None = trailing(le.u8, default=None)
        number_of_generation_tiers: int | None = trailing(le.u8, default=None)
        generation_tier: int | None = trailing(le.u8, default=None)
        extended_number_of_price_tiers: int | None = trailing(le.u8, default=None)
        extended_price_tier: int | None = trailing(le.u8, default=None)
        extended_register_tier: int | None = trailing(le.u8, default=None)

    @command(0x01, to=CLIENT)
    class PublishBlockPeriod(Frame):
        """When a block period starts and how long it lasts."""

        provider_id: le.u32
        issuer_event_id: le.u32
        block_period_start_time: le.u32
        block_period_duration: le.u24
        block_period_control: le.u8
        block_period_duration_type: int | None = trailing(le.u8, default=None)
        tariff_type: int | None = trailing(le.u8, default=None)
        tariff_resolution_period: int | None = trailing(le.u8, default=None)

    @command(0x02, to=CLIENT)
    class PublishConversionFactor(Frame):
        """Volume conversion factor from a start time on; the high nibble of the last octet is its decimals."""

        issuer_event_id: le.u32
        start_time: le.u32
        conversion_factor: le.u32
        conversion_factor_trailing_digit: le.u8

    @command(0x03, to=CLIENT)
    class PublishCalorificValue(Frame):
        """Calorific value from a start time on; the high nibble of the last octet is its decimals."""

        issuer_event_id: le.u32
        start_time: le.u32
        calorific_value: le.u32
        calorific_value_unit: le.u8
        calorific_value_trailing_digit: le.u8

    @command(0x04, to=CLIENT)
    class PublishTariffInformation(Frame):
        """The header of a tariff; prices and thresholds follow in commands of their own."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_tariff_id: le.u32
        start_time: le.u32
        tariff_type_charging_scheme: le.u8
        tariff_label: zcl_string
        number_of_price_tiers_in_use: le.u8
        number_of_block_thresholds_in_use: le.u8
        unit_of_measure: le.u8
        currency: le.u16
        price_trailing_digit: le.u8
        standing_charge: le.u32
        tier_block_mode: le.u8
        block_threshold_multiplier: le.u24
        block_threshold_divisor: le.u24

    @command(0x05, to=CLIENT)
    class PublishPriceMatrix(Frame):
        """Prices of a tariff, in one or several commands."""

        provider_id: le.u32
        issuer_event_id: le.u32
        start_time: le.u32
        issuer_tariff_id: le.u32
        command_index: le.u8
        number_of_commands: le.u8
        sub_payload_control: le.u8
        payload: list[PriceMatrixEntry] = to_end(PriceMatrixEntry)

    @command(0x06, to=CLIENT)
    class PublishBlockThresholds(Frame):
        """Block thresholds of a tariff, in one or several commands."""

        provider_id: le.u32
        issuer_event_id: le.u32
        start_time: le.u32
        issuer_tariff_id: le.u32
        command_index: le.u8
        number_of_commands: le.u8
        sub_payload_control: le.u8
        payload: list[BlockThresholds] = to_end(BlockThresholds)

    @command(0x07, to=CLIENT)
    class PublishCO2Value(Frame):
        """Carbon dioxide emission of a unit."""

        provider_id: le.u32
        issuer_event_id: le.u32
        start_time: le.u32
        tariff_type: le.u8
        co2_value: le.u32
        co2_value_unit: le.u8
        co2_value_trailing_digit: le.u8

    @command(0x08, to=CLIENT)
    class PublishTierLabels(Frame):
        """Names of a tariff's tiers."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_tariff_id: le.u32
        command_index: le.u8
        number_of_commands: le.u8
        number_of_labels: le.u8
        tier_labels_payload: list[TierLabel] = array(TierLabel, this.number_of_labels)

    @command(0x09, to=CLIENT)
    class PublishBillingPeriod(Frame):
        """When a billing period starts and how long it lasts."""

        provider_id: le.u32
        issuer_event_id: le.u32
        billing_period_start_time: le.u32
        billing_period_duration: le.u24
        billing_period_duration_type: le.u8
        tariff_type: le.u8

    @command(0x0A, to=CLIENT)
    class PublishConsolidatedBill(Frame):
        """The bill of a past billing period."""

        provider_id: le.u32
        issuer_event_id: le.u32
        billing_period_start_time: le.u32
        billing_period_duration: le.u24
        billing_period_duration_type: le.u8
        tariff_type: le.u8
        consolidated_bill: le.u32
        currency: le.u16
        bill_trailing_digit: le.u8

    @command(0x0B, to=CLIENT)
    class PublishCppEvent(Frame):
        """A critical peak event."""

        provider_id: le.u32
        issuer_event_id: le.u32
        start_time: le.u32
        duration_in_minutes: le.u16
        tariff_type: le.u8
        cpp_price_tier: le.u8
        cpp_auth: le.u8

    @command(0x0C, to=CLIENT)
    class PublishCreditPayment(Frame):
        """A payment received."""

        provider_id: le.u32
        issuer_event_id: le.u32
        credit_payment_due_date: le.u32
        credit_payment_over_due_amount: le.u32
        credit_payment_status: le.u8
        credit_payment: le.u32
        credit_payment_date: le.u32
        credit_payment_ref: zcl_string

    @command(0x0D, to=CLIENT)
    class PublishCurrencyConversion(Frame):
        """A change of currency."""

        provider_id: le.u32
        issuer_event_id: le.u32
        start_time: le.u32
        old_currency: le.u16
        new_currency: le.u16
        conversion_factor: le.u32
        conversion_factor_trailing_digit: le.u8
        currency_change_control_flags: le.u32

    @command(0x0E, to=CLIENT)
    class CancelTariff(Frame):
        """Withdraw a tariff that was published."""

        provider_id: le.u32
        issuer_tariff_id: le.u32
        tariff_type: le.u8
