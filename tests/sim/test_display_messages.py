"""Messages of a supplier on the displays of a home: for now and for later, withdrawn, missed, confirmed; and bad ones (G15)."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.han.messages import Importance
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.time import EPOCH
from tools.bench.metrics import Metrics, prometheus


def shown(home, name="ihd"):
    return home.board(name).display.lines[7].strip()


def zcl(home, after=0):
    return home.hub.rtc.read() // S - EPOCH + after


def say(home, command):
    """Send a command to the display as the hub would; the status that comes back."""
    han = home.hub.firmware.han
    address = han.stack.address_of(home.ihd.eui64)
    found = []

    async def tell():
        try:
            await han.confirm(address, 1, command)
        except Refused as refused:
            found.append(refused.status)
        else:
            found.append(0)

    home.kernel.spawn(tell(), who="test")
    home.run(for_=5 * S)
    return found[0]


def test_one_for_later_does_not_displace_the_one_in_force(home):
    messages = home.hub.firmware.messages
    messages.display("now")
    messages.display("later", start=home.hub.rtc.read() + HOUR, minutes=10)
    home.run(for_=2 * MIN)
    assert shown(home) == "> now"
    home.run(for_=HOUR)
    assert shown(home) == "> later"
    assert shown(home, "ppmid") == "> later"
    home.run(for_=10 * MIN)
    assert shown(home) == ""


def test_withdrawn_by_number_and_all_at_a_time(home):
    messages = home.hub.firmware.messages
    first = messages.display("first")
    home.run(for_=MIN)
    messages.cancel(first)
    home.run(for_=MIN)
    assert shown(home) == shown(home, "ppmid") == ""
    with pytest.raises(LocalProtocolError):
        messages.cancel(first)
    messages.display("second")
    home.run(for_=MIN)
    messages.cancel_all(home.hub.rtc.read() + 30 * MIN)
    home.run(for_=20 * MIN)
    assert shown(home) == "> second"
    home.run(for_=12 * MIN)
    assert shown(home) == shown(home, "ppmid") == ""
    assert messages.in_force is None


def test_a_cancellation_that_was_missed_is_asked_for(home):
    messages = home.hub.firmware.messages
    number = messages.display("going")
    home.run(for_=MIN)
    home.shield("ihd")
    messages.cancel(number)
    home.run(for_=MIN)
    assert shown(home) == "> going"
    for other in home.only.air.radios:
        home.only.air.set_loss(other, "home1/ihd", 0)
        home.only.air.set_loss("home1/ihd", other, 0)
    home.run(for_=90 * MIN)
    assert shown(home) == ""


def test_a_question_is_answered_with_yes_or_no(home):
    messages = home.hub.firmware.messages
    number = messages.display("Come on Monday?", ask=True, importance=Importance.HIGH)
    home.run(for_=MIN)
    assert shown(home).startswith("> ! Come on Monday?")
    home.ihd.buttons.press("no")
    home.ppmid.buttons.press("ok")
    home.run(for_=MIN)
    answers = {given.by: given.yes for given in messages.confirmations[number]}
    assert answers == {home.ihd.eui64: False, home.ppmid.eui64: True}
    home.ihd.buttons.press("ok")
    home.run(for_=MIN)
    assert len(messages.confirmations[number]) == 2


def test_messages_and_what_was_told_outlive_the_hubs_power(home):
    messages = home.hub.firmware.messages
    messages.display("stays")
    later = messages.display("comes", start=home.hub.rtc.read() + HOUR)
    home.run(for_=MIN)
    home.hub.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    assert home.hub.firmware.messages.in_force.message == b"stays"
    home.run(for_=HOUR)
    assert home.hub.firmware.messages.in_force.message_id == later
    assert shown(home) == "> comes"


def test_a_hub_keeps_so_many(home):
    messages = home.hub.firmware.messages
    for hours in range(1, 4):
        messages.display("x", start=home.hub.rtc.read() + hours * HOUR)
    messages.display("now")
    with pytest.raises(LocalProtocolError):
        messages.display("x", start=home.hub.rtc.read() + HOUR // 2)
    home.run(for_=2 * HOUR + MIN)
    assert home.hub.firmware.messages.in_force.message == b"x"


# --- G15 ---

BAD = {
    "empty": (b"", 0x85, ""),
    "absent": (None, 0x85, ""),
    "117 characters": (b"x" * 117, 0x85, ""),
    "not UTF-8": (b"\xff\xfeHi\xc3", 0x00, "> \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}Hi\N{REPLACEMENT CHARACTER}"),
    "control characters": (b"a\x1b[2Jb\x00", 0x00, "> a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}"),
}


@pytest.mark.parametrize(("text", "status", "expected"), BAD.values(), ids=BAD.keys())
def test_g15_bad_texts_are_shown_safely_or_refused(home, text, status, expected):
    assert say(home, Messaging.DisplayMessage(7, 0, zcl(home), 0xFFFF, text)) == status
    assert shown(home) == expected
    assert say(home, Messaging.DisplayMessage(8, 0, zcl(home), 0xFFFF, b"good")) == 0
    assert shown(home) == "> good"


def test_g15_cancelling_what_is_not_known_leaves_what_is_shown(home):
    assert say(home, Messaging.DisplayMessage(7, 0, zcl(home), 0xFFFF, b"stays")) == 0
    assert say(home, Messaging.CancelMessage(8, 0)) == 0x8B
    assert shown(home) == "> stays"


def test_g15_a_message_of_116_octets_is_shown_page_by_page(home):
    assert say(home, Messaging.DisplayMessage(7, 0, zcl(home), 0xFFFF, b"word " * 23 + b"x")) == 0
    assert shown(home).removeprefix("> ").startswith("word word")


@pytest.mark.req("S-051", part=True)
def test_messages_for_a_display_out_of_reach_are_lost_and_counted(home):
    """Top-up notices of ten minutes: what the carried-away display missed is counted, what it still came for is not."""
    metrics = Metrics(home.kernel, home.zigbee_keys)
    messages = home.hub.firmware.messages
    messages.display("credit 5.00", minutes=10)
    home.run(for_=40 * MIN)
    assert metrics.lost == {}
    home.ihd.radio.move(400.0, 0.0)
    for _ in range(3):
        messages.display("credit 4.00", minutes=10)
        home.run(for_=40 * MIN)
    assert metrics.lost == {("home1/hub", home.ihd.eui64): 3}
    assert shown(home, "ppmid") == ""
    messages.display("credit 3.00", minutes=120)
    home.run(for_=5 * MIN)
    home.ihd.radio.move(5.0, 0.0)
    home.run(for_=3 * HOUR)
    assert metrics.lost == {("home1/hub", home.ihd.eui64): 3}
    line = f'meterbench_lost_messages_total{{hub="home1/hub",display="{home.ihd.eui64:016X}"}} 3'
    assert line in list(prometheus(metrics, home.now))
