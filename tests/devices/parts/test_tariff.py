"""The price as a device on the HAN is told it, and what cannot be told."""

from __future__ import annotations

import pytest

from devices.parts.tariff import Tariff, serve_price
from devices.runtime.kernel import Kernel, S
from devices.runtime.rtc import Rtc
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.endpoint import Endpoint, Reply
from protocols.zigbee.zcl.foundation import Header

NOW = 1_767_225_600  # 2026-01-01 00:00:00 UTC


def ask(tariff, rtc):
    endpoint = Endpoint(1, 0x0501)
    serve_price(endpoint, tariff, rtc)
    payload = foundation.cluster(7, Price.GetCurrentPrice(0))
    message = Message(0x1234, None, endpoint.profile, Price.id, 1, 1, payload, secured=True, broadcast=False)
    (reply,) = [effect for effect in endpoint.handle(message, 0) if isinstance(effect, Reply)]
    header, at = Header.parse_from(reply.payload, 0)
    assert header.sequence == 7
    return Price.PublishPrice.parse_from(reply.payload, at)[0]


@pytest.fixture
def rtc():
    return Rtc(Kernel())


def test_the_price_in_force(rtc):
    rtc.set(NOW * S)
    price = ask(Tariff("Night owl", 1234, 3, 978), rtc)
    assert (price.price, price.price_trailing_digit_and_price_tier >> 4, price.currency) == (1234, 3, 978)
    assert price.rate_label == b"Night owl"
    assert price.current_time + EPOCH == NOW
    assert (price.start_time, price.duration_in_minutes) == (0, 0xFFFF)  # from now, until changed


def test_a_clock_that_knows_no_time_says_so(rtc):
    assert ask(Tariff(), rtc).current_time == 0xFFFFFFFF


@pytest.mark.parametrize("label, told", [("Elf Zeichen", b"Elf Zeichen"), ("Économie dété", "Économie d".encode()), ("", b"")])
def test_a_label_is_cut_between_characters(rtc, label, told):
    assert ask(Tariff(label), rtc).rate_label == told
