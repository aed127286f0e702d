"""What a battery meter's mirror and its notification flags mean (SE 1.4 annex D.3, "mirrored BOMD").

The meter reports into its mirror; the answer to the last report of a set carries one word of flags for each
notification attribute of the scheme agreed with ConfigureMirror, and by them the meter learns what waits for it.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

MIRROR_REFUSED = 0xFFFF
"""RequestMirrorResponse: no endpoint for you."""


class ReportingStatus(IntEnum):
    """Values of `Cluster.attribute_reporting_status`, the last attribute of a set of reports."""

    PENDING = 0
    COMPLETE = 1


class Scheme(IntEnum):
    """Notification schemes; the number of flag words differs."""

    A = 1
    """Functional flags only."""
    B = 2
    """Functional flags, then notification flags 2 to 5."""


FLAG_WORDS = {Scheme.A: 1, Scheme.B: 5}


class Functional(IntFlag):
    """Bits of `Metering.functional_notification_flags`."""

    NEW_OTA_FIRMWARE = 1 << 0
    CBKE_UPDATE_REQUEST = 1 << 1
    TIME_SYNC = 1 << 2
    STAY_AWAKE_REQUEST_HAN = 1 << 4
    STAY_AWAKE_REQUEST_WAN = 1 << 5
    PUSH_HISTORICAL_METERING_DATA = 0b111 << 6
    PUSH_HISTORICAL_PREPAYMENT_DATA = 0b111 << 9
    PUSH_STATIC_BASIC = 1 << 12
    PUSH_STATIC_METERING = 1 << 13
    PUSH_STATIC_PREPAYMENT = 1 << 14
    NETWORK_KEY_ACTIVE = 1 << 15
    DISPLAY_MESSAGE = 1 << 16
    CANCEL_ALL_MESSAGES = 1 << 17
    CHANGE_SUPPLY = 1 << 18
    LOCAL_CHANGE_SUPPLY = 1 << 19
    SET_UNCONTROLLED_FLOW_THRESHOLD = 1 << 20
    TUNNEL_MESSAGE_PENDING = 1 << 21
    GET_SNAPSHOT = 1 << 22
    GET_SAMPLED_DATA = 1 << 23
    NEW_SUB_GHZ_CHANNEL_MASKS_AVAILABLE = 1 << 24
    ENERGY_SCAN_PENDING = 1 << 25
    CHANNEL_CHANGE_PENDING = 1 << 26


class PriceCommand(IntFlag):
    """Bits of `Metering.notification_flags_2`."""

    PUBLISH_PRICE = 1 << 0
    PUBLISH_BLOCK_PERIOD = 1 << 1
    PUBLISH_TARIFF_INFORMATION = 1 << 2
    PUBLISH_CONVERSION_FACTOR = 1 << 3
    PUBLISH_CALORIFIC_VALUE = 1 << 4
    PUBLISH_CO2_VALUE = 1 << 5
    PUBLISH_BILLING_PERIOD = 1 << 6
    PUBLISH_CONSOLIDATED_BILL = 1 << 7
    PUBLISH_PRICE_MATRIX = 1 << 8
    PUBLISH_BLOCK_THRESHOLDS = 1 << 9
    PUBLISH_CURRENCY_CONVERSION = 1 << 10
    PUBLISH_CREDIT_PAYMENT_INFO = 1 << 12
    PUBLISH_CPP_EVENT = 1 << 13
    PUBLISH_TIER_LABELS = 1 << 14
    CANCEL_TARIFF = 1 << 15


class CalendarCommand(IntFlag):
    """Bits of `Metering.notification_flags_3`."""

    PUBLISH_CALENDAR = 1 << 0
    PUBLISH_SPECIAL_DAYS = 1 << 1
    PUBLISH_SEASONS = 1 << 2
    PUBLISH_WEEK = 1 << 3
    PUBLISH_DAY = 1 << 4
    CANCEL_CALENDAR = 1 << 5


class PrepaymentCommand(IntFlag):
    """Bits of `Metering.notification_flags_4`."""

    SELECT_AVAILABLE_EMERGENCY_CREDIT = 1 << 0
    CHANGE_DEBT = 1 << 1
    EMERGENCY_CREDIT_SETUP = 1 << 2
    CONSUMER_TOP_UP = 1 << 3
    CREDIT_ADJUSTMENT = 1 << 4
    CHANGE_PAYMENT_MODE = 1 << 5
    GET_PREPAY_SNAPSHOT = 1 << 6
    GET_TOP_UP_LOG = 1 << 7
    SET_LOW_CREDIT_WARNING_LEVEL = 1 << 8
    GET_DEBT_REPAYMENT_LOG = 1 << 9
    SET_MAXIMUM_CREDIT_LIMIT = 1 << 10
    SET_OVERALL_DEBT_CAP = 1 << 11


class ManagementCommand(IntFlag):
    """Bits of `Metering.notification_flags_5`: Device Management's commands."""

    PUBLISH_CHANGE_OF_TENANCY = 1 << 0
    PUBLISH_CHANGE_OF_SUPPLIER = 1 << 1
    REQUEST_NEW_PASSWORD_1_RESPONSE = 1 << 2
    REQUEST_NEW_PASSWORD_2_RESPONSE = 1 << 3
    REQUEST_NEW_PASSWORD_3_RESPONSE = 1 << 4
    REQUEST_NEW_PASSWORD_4_RESPONSE = 1 << 5
    UPDATE_SITE_ID = 1 << 6
    RESET_BATTERY_COUNTER = 1 << 7
    UPDATE_CIN = 1 << 8


Flag = Functional | PriceCommand | CalendarCommand | PrepaymentCommand | ManagementCommand
WORD: dict[type[IntFlag], int] = {
    Functional: 0, PriceCommand: 1, CalendarCommand: 2, PrepaymentCommand: 3, ManagementCommand: 4,
}  # fmt: skip
"""Which notification attribute a flag is in: the attribute's identifier, and its place in the answer of scheme B."""
