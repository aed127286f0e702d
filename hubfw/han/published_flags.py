"""By which notification flag a sleeping meter learns that something was published (SE 1.4 clauses D.3.2.3.1.3, .4, .6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.mirror import CalendarCommand, Flag, ManagementCommand, PriceCommand
from protocols.zigbee.clusters.price import Price

FLAGS: Final[Mapping[type[Frame], Flag]] = {
    Price.PublishBlockPeriod: PriceCommand.PUBLISH_BLOCK_PERIOD,
    Price.PublishTariffInformation: PriceCommand.PUBLISH_TARIFF_INFORMATION,
    Price.PublishConversionFactor: PriceCommand.PUBLISH_CONVERSION_FACTOR,
    Price.PublishCalorificValue: PriceCommand.PUBLISH_CALORIFIC_VALUE,
    Price.PublishCO2Value: PriceCommand.PUBLISH_CO2_VALUE,
    Price.PublishBillingPeriod: PriceCommand.PUBLISH_BILLING_PERIOD,
    Price.PublishPriceMatrix: PriceCommand.PUBLISH_PRICE_MATRIX,
    Price.PublishBlockThresholds: PriceCommand.PUBLISH_BLOCK_THRESHOLDS,
    Price.PublishTierLabels: PriceCommand.PUBLISH_TIER_LABELS,
    Price.CancelTariff: PriceCommand.CANCEL_TARIFF,
    Calendar.PublishCalendar: CalendarCommand.PUBLISH_CALENDAR,
    Calendar.PublishSpecialDays: CalendarCommand.PUBLISH_SPECIAL_DAYS,
    Calendar.PublishSeasons: CalendarCommand.PUBLISH_SEASONS,
    Calendar.PublishWeekProfile: CalendarCommand.PUBLISH_WEEK,
    Calendar.PublishDayProfile: CalendarCommand.PUBLISH_DAY,
    Calendar.CancelCalendar: CalendarCommand.CANCEL_CALENDAR,
    DeviceManagement.PublishChangeOfTenancy: ManagementCommand.PUBLISH_CHANGE_OF_TENANCY,
    DeviceManagement.PublishChangeOfSupplier: ManagementCommand.PUBLISH_CHANGE_OF_SUPPLIER,
    DeviceManagement.UpdateSiteId: ManagementCommand.UPDATE_SITE_ID,
    DeviceManagement.UpdateCIN: ManagementCommand.UPDATE_CIN,
}
"""Published command to flag."""
