"""DLMS and Smart Energy show one set of values."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms.client import Client
from protocols.dlms.cosem import date_time
from protocols.dlms.meter import Meter
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH

SUPPLY = {0: SupplyStatus.OFF, 1: SupplyStatus.ON, 2: SupplyStatus.OFF_ARMED}


def seconds(octets):
    instant = date_time.instant(octets)
    return None if instant is None else instant // S - EPOCH


SAME = [
    ("0-0:96.1.0", 1, 2, Metering.meter_serial_number, lambda value: value),
    ("0-0:94.44.34.11", 1, 2, Metering.site_id, lambda value: value),
    ("1-0:1.8.0", 3, 2, Metering.current_summation_delivered, lambda value: value),
    ("0-0:94.44.34.10", 1, 2, Metering.current_summation_delivered, lambda value: value[0]),
    ("1-0:2.8.0", 3, 2, Metering.current_summation_received, lambda value: value),
    ("1-0:1.7.0", 3, 2, Metering.instantaneous_demand, lambda value: value),
    ("0-0:94.44.34.20", 1, 2, Metering.instantaneous_demand, lambda value: value[0]),
    ("1-0:1.6.0", 4, 2, Metering.current_max_demand_delivered, lambda value: value),
    ("1-0:1.6.0", 4, 5, Metering.current_max_demand_delivered_time, seconds),
    ("0-0:96.3.10", 70, 3, Metering.supply_status, SUPPLY.get),
]


@pytest.mark.req("S-088")
@pytest.mark.parametrize("obis, class_id, number, attribute, plain", SAME)
def test_every_value_that_both_faces_have_is_equal_on_both(meter, obis, class_id, number, attribute, plain):
    client = meter.direct()
    seen = set()
    for _ in range(12):
        meter.run(37 * MIN + 7 * S)
        value = plain(client.get(obis, class_id, number).python)
        assert value == meter.read(Metering, attribute), meter.kernel.now
        seen.add(value)
    changing = attribute in (Metering.current_summation_delivered, Metering.instantaneous_demand)
    assert len(seen) > (5 if changing else 0)


@pytest.mark.req("S-088")
def test_the_switch_moved_over_dlms_shows_on_the_home_network(meter):
    client, hub = meter.manager(), meter.hub.firmware
    address = hub.han.stack.address_of(meter.board.eui64)

    def over_the_air():
        wanted = [Metering.supply_status, Metering.status, Metering.current_summation_delivered, Metering.instantaneous_demand]
        task = hub.spawn(hub.han.read(address, 1, Metering, wanted))
        meter.premises.until(lambda: task.done)
        return task.result()

    meter.run(HOUR)
    before = over_the_air()
    assert before[Metering.supply_status] == SupplyStatus.ON
    assert before[Metering.instantaneous_demand] > 0
    client.action("0-0:96.3.10", 70, 1)
    values = over_the_air()
    assert values[Metering.supply_status] == SupplyStatus.OFF
    assert values[Metering.status] == 0x40
    assert values[Metering.instantaneous_demand] == 0
    tunnel = Meter(meter.tunnel().exchange(16), Client())
    tunnel.associate()
    assert values[Metering.current_summation_delivered] == tunnel.register("1-0:1.8.0").value
    assert str(tunnel.register("1-0:1.7.0")) == "0 W"


def test_the_numbers_mean_the_same_on_both_faces(meter):
    meter.run(HOUR)
    quantity = meter.direct().register("1-0:1.8.0")
    wanted = Metering.current_summation_delivered, Metering.multiplier, Metering.divisor
    summation, multiplier, divisor = (meter.read(Metering, attribute) for attribute in wanted)
    assert float(quantity.value) / 1000 == summation * multiplier / divisor
    assert str(quantity).endswith(" Wh")


def test_the_price_in_force_is_told(meter):
    hub = meter.hub.firmware
    address = hub.han.stack.address_of(meter.board.eui64)
    task = hub.spawn(hub.han.request(address, 1, Price.GetCurrentPrice(0), Price.PublishPrice))
    meter.premises.until(lambda: task.done)
    price = task.result()
    assert (price.price, price.price_trailing_digit_and_price_tier >> 4, price.currency) == (2450, 4, 826)
    assert abs(price.current_time + EPOCH - meter.kernel.utc // S) <= 1
    assert meter.read(Basic, Basic.power_source) == 1
