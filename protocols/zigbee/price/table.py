"""The Price cluster's publications: the table that publisher and reader keep (SE 1.4 clause D.4.2.4).

Refused here, field by field: tiers, blocks, types and durations out of range, thresholds that do not rise. Not here: PublishPrice
asked for with GetCurrentPrice, which is worked out (`tariff`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.publication.table import Row, both, limits, minutes, period
from protocols.zigbee.zcl.status import Status

TIERS: Final = 48
TOU, BLOCK, BLOCK_TOU, BLOCK_TOU_OWN_THRESHOLDS = range(4)
"""Charging schemes of a tariff: by time; by block; both, with the same thresholds for each tier, or with each its own."""
TARIFF_TYPES: Final = 2
TOU_BASED: Final = 0x01
"""Sub-payload control of a price matrix: entries are tiers. Else tier in the high nibble, block from 0 in the low one."""
CPP: Final = (0xFE, 0xFF)
"""In place of a tier: the prices of critical peaks."""
ALL_TIERS: Final = 0x01
"""Sub-payload control of thresholds: these are every tier's."""
NOT_USED: Final = 0xFF
DAY_OF_PRICES: Final = 50
"""Half hours of the longest day: prices of a real-time tariff are published that far ahead."""

TYPE: Final = {"tariff_type": 0x0F}


def _information(frame: Frame) -> Status:
    assert isinstance(frame, Price.PublishTariffInformation)
    scheme = frame.tariff_type_charging_scheme >> 4
    if scheme > BLOCK_TOU_OWN_THRESHOLDS or frame.tariff_type_charging_scheme & 0x0F > TARIFF_TYPES:
        return Status.INVALID_FIELD
    if frame.tier_block_mode > 2 and frame.tier_block_mode != NOT_USED:
        return Status.INVALID_FIELD
    return Status.INVALID_FIELD if scheme == BLOCK and frame.number_of_price_tiers_in_use > 1 else Status.SUCCESS


def _matrix(frame: Frame) -> Status:
    assert isinstance(frame, Price.PublishPriceMatrix)
    named = [entry.tier_block_id for entry in frame.payload]
    if len(set(named)) < len(named):
        return Status.INVALID_FIELD
    if frame.sub_payload_control & TOU_BASED and not all(1 <= tier <= TIERS or tier in CPP for tier in named):
        return Status.INVALID_FIELD
    return Status.SUCCESS


def _matrix_fits(head: Frame, part: Frame) -> Status:
    """No tier and no block that the tariff does not have."""
    assert isinstance(head, Price.PublishTariffInformation)
    assert isinstance(part, Price.PublishPriceMatrix)
    tiers, blocks = head.number_of_price_tiers_in_use, head.number_of_block_thresholds_in_use
    for entry in part.payload:
        if part.sub_payload_control & TOU_BASED:
            if entry.tier_block_id > tiers and entry.tier_block_id not in CPP:
                return Status.INVALID_FIELD
        elif entry.tier_block_id >> 4 > tiers or entry.tier_block_id & 0x0F > blocks:
            return Status.INVALID_FIELD
    return Status.SUCCESS


def _rising(values: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(values))


def _thresholds(frame: Frame) -> Status:
    assert isinstance(frame, Price.PublishBlockThresholds)
    return Status.SUCCESS if all(_rising(entry.block_threshold) for entry in frame.payload) else Status.INVALID_FIELD


def _thresholds_fit(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Price.PublishTariffInformation)
    assert isinstance(part, Price.PublishBlockThresholds)
    for entry in part.payload:
        tier, count = divmod(entry.tier_number_of_block_thresholds, 0x10)
        if tier > head.number_of_price_tiers_in_use or count > head.number_of_block_thresholds_in_use:
            return Status.INVALID_FIELD
    return Status.SUCCESS


def _labels(frame: Frame) -> Status:
    assert isinstance(frame, Price.PublishTierLabels)
    return Status.SUCCESS if all(1 <= each.tier_id <= TIERS for each in frame.tier_labels_payload) else Status.INVALID_FIELD


def _labels_fit(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Price.PublishTariffInformation)
    assert isinstance(part, Price.PublishTierLabels)
    tiers = head.number_of_price_tiers_in_use
    return Status.SUCCESS if all(each.tier_id <= tiers for each in part.tier_labels_payload) else Status.INVALID_FIELD


_type = limits(tariff_type=(0, TARIFF_TYPES))
_period_type = limits(billing_period_duration_type=(0, 0x23))
_in_pieces = ("command_index", "number_of_commands")

ROWS: Final = (
    Row(Price.PublishPrice, Price.GetScheduledPrices,
        start="start_time", length=minutes("duration_in_minutes"), kept=DAY_OF_PRICES, most=DAY_OF_PRICES,
        check=limits(extended_price_tier=(0, TIERS))),
    Row(Price.PublishBlockPeriod, Price.GetBlockPeriods,
        about=("tariff_type",), masks=TYPE,
        start="block_period_start_time", length=period("block_period_duration", "block_period_duration_type"), kept=4,
        check=both(_type, limits(block_period_duration_type=(0, 0x23)))),
    Row(Price.PublishConversionFactor, Price.GetConversionFactor, start="start_time"),
    Row(Price.PublishCalorificValue, Price.GetCalorificValue, start="start_time", check=limits(calorific_value_unit=(1, 2))),
    Row(Price.PublishTariffInformation, Price.GetTariffInformation,
        about=("provider_id", "tariff_type_charging_scheme"), masks={"tariff_type_charging_scheme": 0x0F},
        start="start_time", most=4,
        check=both(limits(number_of_price_tiers_in_use=(0, TIERS), number_of_block_thresholds_in_use=(0, 15)), _information)),
    Row(Price.PublishPriceMatrix, Price.GetPriceMatrix,
        about=("issuer_tariff_id",), start="start_time", pieces=_in_pieces,
        of=Price.PublishTariffInformation, by="issuer_tariff_id", check=_matrix, fits=_matrix_fits),
    Row(Price.PublishBlockThresholds, Price.GetBlockThresholds,
        about=("issuer_tariff_id",), start="start_time", pieces=_in_pieces,
        of=Price.PublishTariffInformation, by="issuer_tariff_id", check=_thresholds, fits=_thresholds_fit),
    Row(Price.PublishCO2Value, Price.GetCO2Value,
        about=("provider_id", "tariff_type"), masks=TYPE, start="start_time", check=_type),
    Row(Price.PublishTierLabels, Price.GetTierLabels,
        about=("issuer_tariff_id",), pieces=_in_pieces,
        of=Price.PublishTariffInformation, by="issuer_tariff_id", check=_labels, fits=_labels_fit),
    Row(Price.PublishBillingPeriod, Price.GetBillingPeriod,
        about=("provider_id", "tariff_type"), masks=TYPE,
        start="billing_period_start_time", length=period("billing_period_duration", "billing_period_duration_type"), past=1,
        check=both(_type, _period_type)),
    Row(Price.PublishConsolidatedBill, Price.GetConsolidatedBill,
        about=("provider_id", "tariff_type"), masks=TYPE,
        start="billing_period_start_time", length=period("billing_period_duration", "billing_period_duration_type"), past=12,
        check=both(_type, _period_type)),
    Row(Price.PublishCppEvent,
        start="start_time", length=minutes("duration_in_minutes"), kept=4, revised="cpp_auth",
        check=both(_type, limits(cpp_price_tier=(0, 1), cpp_auth=(0, 3), duration_in_minutes=(1, 1440)))),
    Row(Price.PublishCreditPayment, Price.GetCreditPayment,
        start="credit_payment_date", newest_first=True, most=5, check=limits(credit_payment_status=(0, 4))),
    Row(Price.PublishCurrencyConversion, Price.GetCurrencyConversionCommand, about=("provider_id",), start="start_time"),
    Row(Price.CancelTariff, Price.GetTariffCancellation,
        by="issuer_tariff_id", cancels=Price.PublishTariffInformation, check=_type),
)  # fmt: skip
