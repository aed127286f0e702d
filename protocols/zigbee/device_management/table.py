"""The Device Management cluster's publications: the table that the hub and devices keep (SE 1.4 clause D.10.2.3).

Configurations of events are not asked for with a Get command of the client; they are in `events`.
"""

from __future__ import annotations

from typing import Final

from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.publication.table import Row, limits, minutes

PASSWORDS: Final = 4

_tariff_type = limits(tariff_type=(0, 2))

ROWS: Final = (
    Row(DeviceManagement.PublishChangeOfTenancy, DeviceManagement.GetChangeOfTenancy,
        about=("tariff_type",), start="implementation_date_time", check=_tariff_type),
    Row(DeviceManagement.PublishChangeOfSupplier, DeviceManagement.GetChangeOfSupplier,
        about=("tariff_type",), start="provider_change_implementation_time", check=_tariff_type),
    Row(DeviceManagement.RequestNewPasswordResponse, DeviceManagement.RequestNewPassword,
        about=("password_type",), start="implementation_date_time", length=minutes("duration_in_minutes"),
        check=limits(password_type=(1, PASSWORDS))),
    Row(DeviceManagement.UpdateSiteId, DeviceManagement.GetSiteId, about=("provider_id",), start="site_id_time"),
    Row(DeviceManagement.UpdateCIN, DeviceManagement.GetCIN, about=("provider_id",), start="implementation_time"),
    Row(DeviceManagement.SetEventConfiguration, start="start_date_time", kept=4, check=limits(configuration_control=(0, 3))),
)  # fmt: skip
