"""The meter's endpoint towards the home: Metering, Price and Basic, over the values that COSEM shows too.

Prepayment is `prepayment_face`'s.
"""

from __future__ import annotations

from typing import Final

from devices.esme.config import Config
from devices.esme.meter import Extreme, Meter
from devices.esme.metering import SUPPLY_STATES
from devices.esme.supply import Supply
from devices.parts.tariff import serve_price
from devices.runtime.board import Board
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering, Status, Unit
from protocols.zigbee.clusters.time import Time, seconds
from protocols.zigbee.zcl.endpoint import Endpoint

ENDPOINT: Final = 1
DEVICE: Final = 0x0501
"""Smart Energy: metering device."""
_MAINS: Final = 1
_WH_A_KWH: Final = 1000
_FORMAT: Final = 0b0_0110_011
"""Six digits before the decimal point and three behind it."""
_LARGEST_DEMAND: Final = 0x7FFFFF


def endpoint(board: Board, config: Config, meter: Meter, supply: Supply) -> Endpoint:
    """The endpoint."""
    made = Endpoint(ENDPOINT, DEVICE)
    made.serve(Basic, config.basic(_MAINS) | {Basic.hardware_version: 1})
    made.serve(Metering, {
        Metering.current_summation_delivered: lambda: meter.import_wh,
        Metering.current_summation_received: lambda: meter.export_wh,
        Metering.current_max_demand_delivered: lambda: meter.highest.watts or 0,
        Metering.current_max_demand_delivered_time: lambda: _time(meter.highest),
        Metering.instantaneous_demand: lambda: max(-_LARGEST_DEMAND, min(meter.watts, _LARGEST_DEMAND)),
        Metering.unit_of_measure: Unit.KILOWATT_HOURS,
        Metering.multiplier: 1,
        Metering.divisor: _WH_A_KWH,
        Metering.summation_formatting: _FORMAT,
        Metering.demand_formatting: _FORMAT,
        Metering.historical_consumption_formatting: _FORMAT,
        Metering.metering_device_type: DeviceType.ELECTRIC,
        Metering.status: lambda: _status(meter, supply),
        Metering.supply_status: lambda: SUPPLY_STATES[meter.switch.state],
        Metering.site_id: config.mpan,
        Metering.meter_serial_number: config.serial_number,
    })  # fmt: skip
    serve_price(made, config.tariff, board.rtc)
    made.use(Time)
    return made


def _time(extreme: Extreme) -> int | None:
    return None if extreme.at is None else seconds(extreme.at)


def _status(meter: Meter, supply: Supply) -> Status:
    status = Status(0)
    if supply.lost:
        status |= Status.POWER_FAILURE
    elif not meter.voltage.inside:
        status |= Status.POWER_QUALITY
    if not meter.tails.contact:
        status |= Status.SERVICE_DISCONNECT_OPEN
    return status
