"""What of a gas meter's Smart Energy has no word in COSEM here, and by which result whoever asks for it is refused.

`items`: attributes and commands that the meter serves or reports. Nothing of it is guessed from something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from protocols.core.codec import Frame
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.events import Events
from protocols.zigbee.clusters.key_establishment import KeyEstablishment
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl.cluster import Attribute, Cluster

Item = Attribute[Any] | type[Frame]

UNDEFINED, SCOPE = DataAccessResult.OBJECT_UNDEFINED, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@dataclass(frozen=True, slots=True)
class Refused:
    """`items` of a cluster, all of it where there are none: `why`, and the `result` that a question for it gets."""

    what: str
    cluster: type[Cluster]
    why: str
    items: tuple[Item, ...] = ()
    result: DataAccessResult = UNDEFINED


REFUSED: Final[tuple[Refused, ...]] = (
    Refused("completeness of a set", Metering, "of the mirror's own making; readers see complete sets only",
            (Metering.attribute_reporting_status,)),
    Refused("scale of the uncontrolled flow threshold", Metering, "in the threshold's own row",
            (Metering.uncontrolled_flow_threshold_unit_of_measure, Metering.uncontrolled_flow_threshold_multiplier,
             Metering.uncontrolled_flow_threshold_divisor, Metering.flow_stabilization_period, Metering.flow_measurement_period)),
    Refused("battery in percent", Metering, "in no set of the meter's: days are", (Metering.remaining_battery_life,)),
    Refused("voltage and percentage of the battery", PowerConfiguration, "in no set of the meter's: days are"),
    Refused("mirror", Metering, "between meter and hub", (
        Metering.RequestMirror, Metering.RemoveMirror, Metering.ConfigureMirror, Metering.MirrorReportAttributeResponse,
        Metering.GetNotifiedMessage, Metering.MirrorRemoved, Metering.RequestMirrorResponse,
    )),
    Refused("a hand at a display", Metering, "who pays stands there; the head end arms", (Metering.LocalChangeSupply,)),
    Refused("supply switched on", Metering, "a hand opens the valve: class 70 arms", (Metering.ChangeSupply,)),
    Refused("labels of debts, how and when they are collected", Prepayment, "in no set of the meter's",
            (*Prepayment.debt_label, *Prepayment.debt_recovery_method)),
    Refused("frequency and amount of the payment debt, shares of time debts", Prepayment, "nothing: each debt has its own way", (
        Prepayment.debt_recovery_frequency[3], Prepayment.debt_recovery_amount[3],
        Prepayment.debt_recovery_top_up_percentage[1], Prepayment.debt_recovery_top_up_percentage[2],
    )),
    Refused("friendly credit", Prepayment, "in no set of the meter's; its calendar is published by the supplier",
            (Prepayment.friendly_credit_warning, Prepayment.remaining_friendly_credit_time,
             Prepayment.next_friendly_credit_period)),
    Refused("a display's own warning level", Prepayment, "the display's", (Prepayment.ihd_low_credit_warning_level,)),
    Refused("older top-ups", Prepayment, "in the log of top-ups", tuple(
        item for number in range(2, 6) for item in (
            Prepayment.top_up_date_time[number], Prepayment.top_up_amount[number],
            Prepayment.top_up_originating_device[number], Prepayment.top_up_code[number],
        )
    )),
    Refused("event log", Events, "no notification flag asks for it; what happens is told, and is in event reports"),
    Refused("files", Ota, "the hub's image transfer (class 18) takes them for the meters"),
    Refused("keys", KeyEstablishment, "between meter and hub"),
    Refused("messages", Tunneling, "they pass, sealed from end to end"),
    Refused("tenancy and supplier", DeviceManagement, "come from the supplier (`[[home.publish]]`)",
            (DeviceManagement.PublishChangeOfTenancy, DeviceManagement.PublishChangeOfSupplier)),
    Refused("critical peaks", Price, "are of electricity: the hub's `0-0:128.71.1`", (Price.PublishCppEvent,)),
    Refused("thresholds of each tier's own", Price, "one list holds for all", (Price.PublishBlockThresholds,), SCOPE),
)  # fmt: skip
