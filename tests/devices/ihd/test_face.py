"""What the in-home display shows: fresh, with its age, or not at all."""

from __future__ import annotations

from functools import partial

import pytest

from devices import gsme, ihd
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH


@pytest.fixture
def display(premises, scripted_meter, install_code):
    config = ihd.Config(install_code)
    return premises.put("ihd", partial(ihd.Firmware, config=config), 3, buttons=("ok",))


@pytest.fixture
def gas_meter(premises, scripted_hub, install_code):
    config = gsme.Config(install_code, wake_offset=5 * S)
    return premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)


def shown(board, label):
    """The value on the line that begins with a label."""
    (line,) = [line for line in board.display.lines if line.startswith(label)]
    return line[len(label) :].strip()


def test_before_it_knows_anything_it_says_so(premises, display):
    premises.run(S // 2)
    assert display.display.lines == (
        "                   --:--",
        "ELECTRICITY         ----",
        "cost now            ----",
        "total               ----",
        "price               ----",
        "GAS                 ----",
        "read                ----",
        "                        ",
    )


def test_the_face_of_a_home(premises, display, gas_meter):
    premises.run(12 * MIN)
    assert display.display.lines == (
        "Thu 01 Jan 2026    00:11",
        "ELECTRICITY     0.432 kW",
        "cost now        11.7 p/h",  # 0.432 kW at 27.10 p
        "total      12345.678 kWh",
        "price        27.10 p/kWh",
        "GAS          1234.567 m3",
        "read          11 min ago",
        "                        ",
    )


def test_power_is_never_older_than_ten_seconds(premises, display, scripted_meter):
    premises.run(MIN)
    for power in (2000, 3500, 7):
        scripted_meter.firmware.metering[Metering.instantaneous_demand] = power
        premises.run(10 * S + 10**8)
        assert shown(display, "ELECTRICITY") == f"{power / 1000:.3f} kW"


def test_a_poll_is_one_question(premises, display, scripted_meter):
    premises.run(10 * MIN)
    scripted_meter.firmware.polls.clear()
    premises.frames.clear()
    premises.run(50 * MIN)
    assert len(scripted_meter.firmware.polls[Metering.id]) == 300
    assert list(scripted_meter.firmware.polls) == [Metering.id]
    assert premises.frames["ihd"] < 2 * 300 + 30  # question and acknowledgement of the answer; gas, link status


def test_gas_carries_its_age(premises, display, gas_meter):
    premises.run(HOUR + 25 * MIN)
    assert shown(display, "read") in ("24 min ago", "25 min ago")
    gas_meter.supply.remove()
    premises.run(4 * HOUR)
    litres = gas_meter.nvm.get("gas/register")["total"]
    assert shown(display, "GAS") == f"{litres / 1000:.3f} m3"
    assert shown(display, "read") == "4 h ago"


def test_without_a_gas_report_there_is_no_gas(premises, display):
    premises.run(10 * MIN)
    assert shown(display, "GAS") == "----"
    assert shown(display, "read") == "----"


# --- who is not there ---


def test_a_meter_that_is_gone_is_not_shown_and_is_found_again(premises, display, scripted_meter):
    premises.run(MIN)
    scripted_meter.cut(off_for=10 * MIN)
    premises.run(20 * S)
    assert shown(display, "total") == "12345.678 kWh"
    premises.run(25 * S)
    assert shown(display, "ELECTRICITY") == shown(display, "total") == shown(display, "cost now") == "----"
    premises.run(8 * MIN)
    asked = premises.frames["ihd"]
    premises.run(55 * S)
    assert premises.frames["ihd"] - asked < 15  # further and further apart
    premises.run(2 * MIN)
    assert shown(display, "ELECTRICITY") == "0.432 kW"


def test_it_carries_on_when_the_hub_was_gone(premises, display, scripted_hub, gas_meter):
    premises.run(6 * MIN)
    scripted_hub.cut(off_for=MIN)
    premises.run(3 * MIN)
    assert shown(display, "ELECTRICITY") == "0.432 kW"
    premises.run(2 * HOUR)
    assert shown(display, "GAS").endswith("m3")


def test_after_its_own_restart_it_shows_all_again(premises, display, gas_meter):
    premises.run(6 * MIN)
    display.cut(off_for=MIN)
    premises.run(70 * S)
    assert shown(display, "ELECTRICITY") == "0.432 kW"
    assert shown(display, "price") == "27.10 p/kWh"
    assert shown(display, "GAS").endswith("m3")


def test_a_meter_that_lost_its_keys_gets_a_new_one(premises, display, scripted_meter):
    premises.run(MIN)
    address = scripted_meter.firmware.han.stack.short
    scripted_meter.firmware.han.stack._delivery.link_keys.pop(display.eui64)
    premises.run(MIN)
    assert shown(display, "ELECTRICITY") == "----"
    premises.run(5 * MIN)
    assert scripted_meter.firmware.han.stack.short == address
    assert shown(display, "ELECTRICITY") == "0.432 kW"


def test_it_finds_its_meter_even_when_that_comes_last(premises, scripted_hub, install_code):
    display = premises.put("ihd", partial(ihd.Firmware, config=ihd.Config(install_code)), 3)
    premises.run(20 * MIN)
    assert not display.firmware.commissioned
    premises.put("esme", type(premises).meter, 1)
    premises.run(90 * S)
    assert display.firmware.commissioned
    assert shown(display, "ELECTRICITY") == "0.432 kW"


def test_a_display_that_was_sent_away_comes_back_when_it_may(premises, display, scripted_hub, install_code):
    premises.run(MIN)
    hub = scripted_hub.firmware.han
    hub.apply(hub.stack.remove(display.eui64, hub.now))
    premises.run(2 * MIN)
    assert shown(display, "ELECTRICITY") == "----"
    hub.stack.trust_centre.add(display.eui64, install_code)
    premises.run(20 * MIN)
    assert shown(display, "ELECTRICITY") == "0.432 kW"


# --- values that are none ---


@pytest.mark.parametrize("attribute", [Metering.divisor, Metering.multiplier], ids=["divisor", "multiplier"])
def test_a_divisor_of_nought_is_no_value(premises, display, scripted_meter, attribute):
    premises.run(S // 2)
    scripted_meter.firmware.metering[attribute] = 0
    premises.run(MIN)
    assert shown(display, "ELECTRICITY") == shown(display, "total") == shown(display, "cost now") == "no value"


def test_a_unit_nobody_knows_is_no_value(premises, display, scripted_meter):
    premises.run(S // 2)
    scripted_meter.firmware.metering[Metering.unit_of_measure] = 0x7E
    premises.run(MIN)
    assert shown(display, "ELECTRICITY") == "no value"


def test_an_invalid_demand_is_not_a_number(premises, display, scripted_meter):
    premises.run(MIN)
    scripted_meter.firmware.metering[Metering.instantaneous_demand] = None
    premises.run(11 * S)
    assert shown(display, "ELECTRICITY") == "----"
    assert shown(display, "total") == "12345.678 kWh"


def test_export_costs_nothing(premises, display, scripted_meter):
    premises.run(MIN)
    scripted_meter.firmware.metering[Metering.instantaneous_demand] = -1500
    premises.run(11 * S)
    assert shown(display, "EXPORTING") == "1.500 kW"
    assert shown(display, "cost now") == "0.0 p/h"


# --- price ---


def publish(price, event=1, start=0, minutes=0xFFFF, digits=4, unit=0, currency=826):
    return Price.PublishPrice(
        0, b"x", event, 0, unit, currency, digits << 4 | 1, 0x11, start, minutes, price, 0xFF, 0xFFFFFFFF, 0xFF
    )


def tell(board, command):
    """The meter sends the display a command."""
    han = board.firmware.han
    address = next(device.short for device in han.stack._devices if device.eui64 & 0xF == 3)
    han.command(address, 1, command)


def test_the_hub_tells_the_price_where_the_meter_does_not(premises, display, scripted_meter):
    premises.run(S // 2)
    scripted_meter.firmware.price = None
    premises.run(MIN)
    assert shown(display, "price") == "24.50 p/kWh"


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (publish(3000, event=2), "30.00 p/kWh"),
        (publish(3000, event=0), "27.10 p/kWh"),  # older than what is known
        (publish(3000, event=2, start=0x7000_0000), "27.10 p/kWh"),  # for a time to come
        (publish(0xFFFFFFFF, event=2), "----"),
        (publish(30, event=2, digits=2, currency=978), "30.00 c/kWh"),
        (publish(3000, event=2, unit=1), "no value"),
        (publish(3000, event=2, digits=15), "0.00 p/kWh"),
    ],
)
def test_prices_that_are_published(premises, display, scripted_meter, published, expected):
    premises.run(MIN)
    tell(scripted_meter, published)
    premises.run(S)
    assert shown(display, "price") == expected


def test_a_price_that_has_run_out_is_not_shown(premises, display, scripted_meter):
    premises.run(MIN)
    now = premises.kernel.utc // S - EPOCH
    tell(scripted_meter, publish(3000, event=2, start=now - 60, minutes=10))
    premises.run(5 * MIN)
    assert shown(display, "price") == "30.00 p/kWh"
    premises.run(5 * MIN)
    assert shown(display, "price") == "----"


# --- messages ---


def last_line(board):
    return board.display.lines[7].strip()


def message(text, *, number=7, control=0, start=0, minutes=0xFFFF):
    return Messaging.DisplayMessage(number, control, start, minutes, text)


def test_a_message_that_waited_is_shown_and_confirmed(premises, display, scripted_hub):
    premises.run(S // 2)
    scripted_hub.firmware.message = message(b"Visit at 3", control=0x80)
    premises.run(MIN)
    assert last_line(display) == "> Visit at 3 Press OK."
    display.buttons.press("ok")
    premises.run(S)
    assert last_line(display) == "> Visit at 3"
    (confirmed,) = scripted_hub.firmware.confirmed
    assert confirmed.message_id == 7
    display.buttons.press("ok")
    premises.run(S)
    assert len(scripted_hub.firmware.confirmed) == 1


def test_a_long_message_turns_its_pages(premises, display, scripted_meter):
    premises.run(MIN)
    words = "We will change your electricity meter on Tuesday between nine and twelve"
    tell(scripted_meter, message(words.encode()))
    seen = []
    for _ in range(8):
        premises.run(10 * S)
        seen.append(display.display.lines[7])
    assert all(word in " ".join(seen) for word in words.split())
    assert {line[:2] for line in seen} == {"> ", "  "}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ""),
        (b"x" * 117, ""),
        (b"cut \xe2\x82 here", "> cut � here"),
        (b"a\x1b[2Jb\nc", "> a�[2Jb�c"),
        ("Grüße".encode(), "> Grüße"),
    ],
)
def test_texts_that_are_not_as_they_should_be(premises, display, scripted_meter, text, expected):
    premises.run(MIN)
    tell(scripted_meter, message(text))
    premises.run(S)
    assert last_line(display) == expected


def test_messages_end_begin_and_are_withdrawn(premises, display, scripted_meter):
    premises.run(MIN)
    now = premises.kernel.utc // S - EPOCH
    tell(scripted_meter, message(b"soon", start=now + 120, minutes=3))
    premises.run(MIN)
    assert last_line(display) == ""
    premises.run(90 * S)
    assert last_line(display) == "> soon"
    premises.run(3 * MIN)
    assert last_line(display) == ""
    tell(scripted_meter, message(b"now", number=8, minutes=2))
    premises.run(S)
    assert last_line(display) == "> now"
    premises.run(3 * MIN)
    assert last_line(display) == ""
    tell(scripted_meter, message(b"stays", number=9))
    premises.run(S)
    tell(scripted_meter, Messaging.CancelMessage(8, 0))
    premises.run(S)
    assert last_line(display) == "> stays"
    tell(scripted_meter, Messaging.CancelMessage(9, 0))
    premises.run(S)
    assert last_line(display) == ""


def test_time_that_the_hub_does_not_know_is_not_shown(premises, display, scripted_hub):
    premises.run(S // 2)
    scripted_hub.firmware.time_status = 0
    premises.run(5 * MIN)
    assert display.display.lines[0].strip() == "--:--"
    scripted_hub.firmware.time_status = 3
    scripted_hub.firmware.clock_off = 0
    premises.run(65 * MIN)
    assert display.display.lines[0].startswith("Thu 01 Jan 2026")
