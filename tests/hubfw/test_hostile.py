"""Whatever comes in, from the WAN, from a joined device or out of a tunnel, the hub goes on serving the others."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.dlms import wrapper
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.metering import Metering

REAL = [bytes.fromhex(octets) for octets in (
    "601DA109060760857405080101BE10040E01000000065F1F0400001E9D1000",  # AARQ of client 16
    "C001C1000F0000280000FF0200",  # GET object list
    "C001C100040700030000FF0200",  # GET gas volume
    "C001C100110000290000FF0200",  # GET directory
    "C101C1002800001909 00FF0300 0203160009046E6F7065 1600".replace(" ", ""),  # SET push destination
    "C301C1004600006003 0AFF01010F00".replace(" ", ""),  # ACTION disconnect
    "6200",
)]  # fmt: skip
CLUSTERS = (0x0000, 0x000A, 0x0700, 0x0702, 0x0703, 0x0704, 0x0705)


def mangled(octets: bytes) -> st.SearchStrategy[bytes]:
    """These octets with one changed, or cut short, or as they are."""
    places = st.integers(0, len(octets) - 1)
    changed = st.tuples(places, st.integers(0, 255)).map(lambda at: octets[: at[0]] + bytes((at[1],)) + octets[at[0] + 1 :])
    return st.one_of(st.just(octets), changed, places.map(lambda at: octets[:at] or b"\0"))


apdus = st.one_of(st.sampled_from(REAL).flatmap(mangled), st.binary(min_size=1, max_size=40))
lasting = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the fixture is a class


def commissioned(home):
    premises = home("esme", "gsme", "ihd")
    premises.commission()
    return premises


def still_serves(premises):
    line = premises.head_end.connect(2, 1, b"12345678")
    line.associate()
    assert line.get("7-0:3.0.0", 4, 2).value == 12_345
    line.close()


@lasting
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([16, 17, 99]), apdus), max_size=8))
def test_any_apdu_to_any_device(home, requests):
    premises = commissioned(home)
    line = premises.head_end.connect(1)
    for sap, client, apdu in requests:
        line.stream.send(wrapper.wrap(client, sap, apdu))
    premises.run(5)
    line.stream.close()
    premises.run(15)
    still_serves(premises)


@lasting
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_octets_on_a_connection(home, pieces):
    premises = commissioned(home)
    line = premises.head_end.connect(1)
    for piece in pieces:
        line.stream.send(piece)
    premises.run(2)
    line.stream.close()
    still_serves(premises)


headers = st.tuples(st.sampled_from([0x00, 0x01, 0x08, 0x09, 0x18, 0x19]), st.integers(0, 255), st.integers(0, 0x12))


@lasting
@given(st.lists(st.tuples(st.sampled_from([1, 0x10]), st.sampled_from(CLUSTERS), headers, st.binary(max_size=40)), max_size=6))
def test_any_frame_of_a_joined_device(home, frames):
    premises = commissioned(home)
    han = premises.ihd.firmware.han
    for endpoint, cluster, header, payload in frames:
        han.send(0, endpoint, cluster, bytes(header) + payload)
        premises.run(0.2)
    premises.run(3)
    assert premises.hub.firmware.mirrors.of(premises.gsme.eui64) is not None
    still_serves(premises)


@lasting
@given(st.lists(st.one_of(
    st.binary(max_size=60),
    st.tuples(st.integers(0, 3), st.sampled_from([1, 16]), st.binary(min_size=1, max_size=30)).map(lambda pdu: wrapper.wrap(*pdu)),
), max_size=5))  # fmt: skip
def test_anything_out_of_a_tunnel(home, transfers):
    premises = commissioned(home)
    meter = premises.esme.firmware
    line = premises.head_end.connect(3)
    line.stream.send(wrapper.wrap(16, 3, REAL[0]))
    for data in transfers:
        meter.tunnels.send(meter.tunnel, data)
        premises.run(0.2)
    premises.run(1)
    line.close()
    premises.run(15)
    still_serves(premises)  # what a lying meter does to its own clients is its own affair


def test_a_gas_meter_that_reports_nonsense_gets_errors_and_no_more(home):
    premises = home("gsme")
    premises.commission()
    gas = premises.gsme.firmware
    metering = gas.endpoint.server(Metering)
    nonsense = {
        Metering.current_summation_delivered: (1 << 48) - 2, Metering.multiplier: 0xFFFFFE, Metering.divisor: 0,
        Metering.supply_status: 77, Metering.unit_of_measure: 200, Metering.metering_device_type: 250,
    }  # fmt: skip
    for attribute, value in nonsense.items():
        metering[attribute] = value
    metering[Metering.attribute_reporting_status] = 1
    premises.task(gas.han.confirm(0, gas.mirror, Metering.ConfigureMirror(2, 1800, True, 2)))
    premises.task(gas.han.report(0, gas.mirror, Metering, [*nonsense, Metering.attribute_reporting_status]))
    line = premises.head_end.connect(2)
    line.associate()
    for name, kind, attribute in (("7-0:3.0.0", 4, 2), ("0-0:96.3.10", 70, 3)):
        with pytest.raises(AccessError):
            line.get(name, kind, attribute)
    assert line.get("7-0:3.0.0", 4, 3).python == [0, 254]
