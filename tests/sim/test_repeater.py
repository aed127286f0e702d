"""The repeater by itself: what it tells on its display, that it is a range extender to whoever asks, and when it has to go."""

from __future__ import annotations

from devices.runtime.kernel import MIN
from protocols.zigbee.clusters.basic import Basic

WALL = "{ from = [6, -20], to = [6, 20], db = 15 }"
HOME = f"""
[[home]]
air = {{ range_m = 30, walls = [{WALL}] }}
device = [
    {{ kind = "hub" }}, {{ kind = "esme", at = [0.3, 0] }}, {{ kind = "repeater", at = [7, 0] }}, {{ kind = "ihd", at = [18, 2] }},
]
"""


def test_it_tells_of_its_network_and_its_children(build):
    home = build(HOME)
    home.run(for_=MIN)
    network, children = home.screen("repeater")[:2]
    assert network.endswith("yes")
    assert children.endswith("1")
    assert home.board("repeater").firmware.commissioned
    home.ihd.radio.move(0.0, 3.0)
    home.run(for_=20 * MIN)
    assert home.screen("ihd")[1].endswith("kW")


def test_it_offers_one_endpoint_of_a_range_extender(build):
    home = build(HOME)
    endpoint = home.board("repeater").firmware.han.endpoints[1]
    descriptor = endpoint.descriptor
    assert (descriptor.profile, descriptor.device_id) == (0x0109, 0x0008)
    assert endpoint.server(Basic)[Basic.model_identifier] == "repeater"


def test_struck_off_the_log_it_goes_and_stays_out(build):
    home = build(HOME)
    hub, repeater = home.hub.firmware, home.board("repeater")
    hub.coordinator.unregister(repeater.eui64)
    home.run(for_=5 * MIN)
    assert home.screen("repeater")[0].endswith("no")
