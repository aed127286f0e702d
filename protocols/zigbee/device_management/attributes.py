"""The Device Management server's attributes as what is published makes them (SE 1.4 clause D.10.2.2).

The supplier in force is the one whose change has come about; the proposed one, and a change of tenancy, are to come.
"""

from __future__ import annotations

from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.cluster import Attribute

Values = dict[Attribute[object], object]
Rows = tuple[tuple[Attribute[object], str], ...]

SUPPLIER, TENANCY = DeviceManagement.PublishChangeOfSupplier, DeviceManagement.PublishChangeOfTenancy
DELIVERED, RECEIVED = 0, 1
BOTH: Final = 2

_SUPPLIERS: Final[tuple[tuple[Rows, Rows], ...]] = (
    (
        (
            (DeviceManagement.provider_id, "proposed_provider_id"),
            (DeviceManagement.provider_name, "proposed_provider_name"),
            (DeviceManagement.provider_contact_details, "proposed_provider_contact_details"),
        ),
        (
            (DeviceManagement.proposed_provider_id, "proposed_provider_id"),
            (DeviceManagement.proposed_provider_name, "proposed_provider_name"),
            (DeviceManagement.proposed_provider_change_date_time, "provider_change_implementation_time"),
            (DeviceManagement.proposed_provider_change_control, "provider_change_control"),
        ),
    ),
    (
        (
            (DeviceManagement.received_provider_id, "proposed_provider_id"),
            (DeviceManagement.received_provider_name, "proposed_provider_name"),
            (DeviceManagement.received_provider_contact_details, "proposed_provider_contact_details"),
        ),
        (
            (DeviceManagement.received_proposed_provider_id, "proposed_provider_id"),
            (DeviceManagement.received_proposed_provider_name, "proposed_provider_name"),
            (DeviceManagement.received_proposed_provider_change_date_time, "provider_change_implementation_time"),
            (DeviceManagement.received_proposed_provider_change_control, "provider_change_control"),
        ),
    ),
)
"""For delivered and for received energy: of the change that has come about, and of the one to come."""
_TENANCY: Final[Rows] = (
    (DeviceManagement.change_of_tenancy_update_date_time, "implementation_date_time"),
    (DeviceManagement.proposed_tenancy_change_control, "proposed_tenancy_change_control"),
)


def attributes(store: Store, now: int) -> Values:
    """All that have a value now."""
    values: Values = {}
    for entry in store.entries(SUPPLIER):
        frame = entry.first
        assert isinstance(frame, SUPPLIER)
        for side in (DELIVERED, RECEIVED):
            if frame.tariff_type in (side, BOTH):
                values |= _of(frame, _SUPPLIERS[side][entry.start > now])
    for entry in store.entries(TENANCY):
        if entry.start > now:
            values |= _of(entry.first, _TENANCY)
    return values


def _of(frame: Frame, rows: Rows) -> Values:
    return {attribute: getattr(frame, field) for attribute, field in rows}
