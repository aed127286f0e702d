"""Who is let in, and for how long."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import S
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.messaging import LONGEST_MESSAGE, Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH, Time

STRANGER = 0x00DB_1234_5678_9A05
START = 1_767_225_600


def permitted(premises):
    return premises.hub.firmware.han.stack._parent.permitted


@pytest.mark.req("S-143", part=True)
def test_a_device_that_is_not_in_the_log_gets_no_key(home):
    premises = home("esme", "ihd", fitted=["esme"])
    stranger = premises.fit("ihd", STRANGER)
    premises.run(120)
    assert stranger.firmware.joined is None
    assert ("han.refused", STRANGER) in [(kind, data["eui64"]) for kind, data in premises.told("han.refused")]
    assert premises.esme.firmware.joined is not None


def test_joining_is_open_while_a_device_is_missing_and_no_longer(home):
    premises = home("esme", "ihd", fitted=["esme"])
    premises.run(3600)
    assert permitted(premises)
    premises.fit("ihd", premises.config.device_log[1].eui64)
    premises.run(3600)
    assert premises.ihd.firmware.joined is not None
    assert not permitted(premises)
    premises.hub.cut(S)
    premises.run(30)
    assert not permitted(premises)


def test_the_network_carries_the_proxys_identifier(home):
    premises = home("esme")
    premises.commission()
    assert premises.esme.firmware.joined.extended_pan_id == premises.config.gpf_eui64


@pytest.mark.req("S-143", part=True)
def test_a_display_reads_time_and_price(home):
    premises = home("ihd")
    premises.run(30)
    han = premises.ihd.firmware.han
    before = premises.kernel.now
    values = premises.task(han.read(0, 1, Time, [Time.time, Time.time_status, Time.time_zone]))
    assert START - EPOCH + before // S <= values[Time.time] <= START - EPOCH + premises.kernel.now // S
    assert values[Time.time_status] & 0x03 == 0x03
    price = premises.task(han.request(0, 1, Price.GetCurrentPrice(1), Price.PublishPrice))
    assert (price.price, price.price_trailing_digit_and_price_tier >> 4, price.currency) == (2450, 4, 826)
    assert price.rate_label == b"Standard"


@pytest.mark.req("S-143", part=True)
def test_a_message_reaches_the_display_and_waits_for_one_that_is_off(home):
    premises = home("ihd")
    premises.commission()
    premises.hub.firmware.display_message("Gas engineer on Tuesday")
    premises.run(10)
    assert premises.ihd.firmware.messages == [b"Gas engineer on Tuesday"]
    premises.ihd.cut()
    premises.hub.firmware.display_message("Prices change in April")
    premises.run(60)
    premises.hub.cut(S)
    premises.run(60)
    premises.ihd.power_on()
    premises.run(1800)
    assert premises.ihd.firmware.messages == [b"Prices change in April"]


def test_a_message_is_given_to_who_asks_for_as_long_as_it_is_in_force(home):
    premises = home("ihd")
    premises.commission()
    han = premises.ihd.firmware.han

    def ask():
        return premises.task(han.request(0, 1, Messaging.GetLastMessage(), Messaging.DisplayMessage))

    with pytest.raises(Refused):
        ask()
    first = premises.hub.firmware.display_message("x" * LONGEST_MESSAGE)
    second = premises.hub.firmware.display_message("é" * (LONGEST_MESSAGE // 2), minutes=5)
    assert second != first
    assert ask().message_id == second
    premises.run(301)
    with pytest.raises(Refused):
        ask()


@pytest.mark.parametrize("text", ["", "x" * (LONGEST_MESSAGE + 1), "é" * 59])
def test_a_message_that_is_empty_or_too_long_is_refused(home, text):
    premises = home()
    premises.run(1)
    with pytest.raises(Exception, match="octets"):
        premises.hub.firmware.display_message(text)


def test_a_device_struck_off_the_log_is_sent_away(home):
    premises = home("esme", "ihd")
    premises.commission()
    premises.config = type(premises.config)(premises.config.gpf_eui64, premises.config.device_log[:1])
    premises.hub.cut(S)
    premises.run(30)
    assert not premises.hub.firmware.han.stack.has_link_key(premises.ihd.eui64)
    assert premises.hub.firmware.log.get(premises.ihd.eui64) is None


def test_the_hub_says_what_it_is(home):
    premises = home("ihd")
    premises.commission()
    han = premises.ihd.firmware.han
    assert premises.task(han.read(0, 1, Basic, [Basic.model_identifier])) == {Basic.model_identifier: "hub"}
    assert premises.task(han.match([Metering.id], served=False, destination=0)) == [(0, 1)]


@pytest.mark.parametrize("policy", [True, False])
def test_the_network_has_a_new_key_after_a_device_was_struck_off_if_that_is_the_policy(home, policy):
    premises = home("esme", "ihd", new_key_after_removal=policy)
    premises.commission()
    gone = premises.ihd.firmware.han.stack.labelled_keys()
    premises.hub.firmware.coordinator.unregister(premises.ihd.eui64)
    premises.run(30)
    network = premises.hub.firmware.han.stack._network
    meter = premises.esme.firmware.han.stack._network
    assert (network.active_key, meter.active_key) == (int(policy), int(policy))
    assert (dict(gone)["network key 0"] == network.keys[network.active_key].key) is not policy
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get("1-0:1.8.0", 3, 2).value == 4711
