"""What a gas meter does about its mirror's flags, in a living home: each acted on in the wake that told of it, and no other."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import (
    CalendarCommand,
    Functional,
    ManagementCommand,
    PrepaymentCommand,
    PriceCommand,
)
from protocols.zigbee.clusters.prepayment import Prepayment

GAS = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\nwake_minutes = 30\n'
WAKE = 30 * MIN


@pytest.fixture
def gas(build):
    home = build(GAS)
    home.run_until(HOUR + 10 * MIN)
    return home


@pytest.fixture
def cost():
    """Seconds of radio in the next wake, with these flags raised before it."""

    def measure(home, *flags):
        for flag in flags:
            home.hub.firmware.mirrors.notify(flag, home.gsme.eui64)
        before = home.gsme.firmware.radio_time.total
        home.run(for_=WAKE)
        return (home.gsme.firmware.radio_time.total - before) / S

    return measure


def words(home):
    return home.hub.firmware.mirrors.of(home.gsme.eui64).notifications.words[:5]


def test_nothing_waits_and_the_meter_sleeps_on(gas, cost):
    quiet = cost(gas)
    ignored = [ManagementCommand.PUBLISH_CHANGE_OF_TENANCY, ManagementCommand.RESET_BATTERY_COUNTER, Functional.DISPLAY_MESSAGE]
    assert cost(gas, *ignored) == pytest.approx(quiet, rel=0.05)
    assert gas.events("gsme.not-done") == []
    assert words(gas) == [0] * 5


@pytest.mark.parametrize("flag", [
    Functional.PUSH_HISTORICAL_METERING_DATA, Functional.PUSH_HISTORICAL_PREPAYMENT_DATA, Functional.PUSH_STATIC_BASIC,
    Functional.PUSH_STATIC_METERING, Functional.PUSH_STATIC_PREPAYMENT,
])  # fmt: skip
def test_what_is_to_be_pushed_comes_with_a_second_set_in_the_same_wake(gas, cost, flag):
    before = gas.times("mirror.complete")
    cost(gas, flag)
    first, second = gas.times("mirror.complete")[len(before) :]
    assert second - first < 10 * S
    assert words(gas) == [0] * 5


@pytest.mark.parametrize("flag", [Functional.STAY_AWAKE_REQUEST_HAN, Functional.STAY_AWAKE_REQUEST_WAN])
def test_it_stays_awake_until_the_hub_withdraws_the_wish_and_five_minutes_at_most(gas, cost, flag):
    mirrors = gas.hub.firmware.mirrors
    mirrors.notify(flag, gas.gsme.eui64)
    gas.until(lambda: len(gas.times("gsme.set-taken")) > 3 and gas.now - gas.times("gsme.set-taken")[-1] >= MIN, within=WAKE)
    before = gas.gsme.firmware.radio_time.total
    gas.run(for_=30 * S)
    awake = gas.gsme.firmware.radio_time.total - before
    mirrors.withdraw(flag, gas.gsme.eui64)
    gas.run(for_=30 * S)
    before = gas.gsme.firmware.radio_time.total
    gas.run(for_=5 * MIN)
    assert awake > 0
    assert gas.gsme.firmware.radio_time.total == before
    mirrors.notify(flag, gas.gsme.eui64)
    gas.run(for_=WAKE)
    before = gas.gsme.firmware.radio_time.total
    gas.run_until(gas.times("gsme.set-taken")[-1] + WAKE - MIN)
    assert gas.gsme.firmware.radio_time.total == before


def test_a_new_key_is_established_on_request(build, cost):
    home = build("home")
    home.run_until(HOUR + 10 * MIN)
    keys = [event for event in home.events("han.key-establishment", home.gsme.name) if event["outcome"] == "established"]
    partner = home.gsme.firmware.han.stack.trust_centre_eui64
    before = dict(home.gsme.firmware.han.stack.labelled_keys())
    cost(home, Functional.CBKE_UPDATE_REQUEST)
    after = [event for event in home.events("han.key-establishment", home.gsme.name) if event["outcome"] == "established"]
    assert len(after) == len(keys) + 1
    assert [event["eui64"] for event in after[len(keys) :]] == [partner]
    assert before != dict(home.gsme.firmware.han.stack.labelled_keys())
    litres = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    cost(home)
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.at > litres.at


FETCHED = {
    "snapshot": (Functional.GET_SNAPSHOT, Metering.GetSnapshot(0, 0xFFFFFFFF, 0, 0xFFFFFFFF)),
    "samples": (Functional.GET_SAMPLED_DATA, Metering.GetSampledData(1, 0, 0, 4)),
    "prepayment snapshot": (PrepaymentCommand.GET_PREPAY_SNAPSHOT, Prepayment.GetPrepaySnapshot(0, 0xFFFFFFFF, 0, 0xFFFFFFFF)),
    "top-up log": (PrepaymentCommand.GET_TOP_UP_LOG, Prepayment.GetTopUpLog(0xFFFFFFFF, 5)),
    "debt log": (PrepaymentCommand.GET_DEBT_REPAYMENT_LOG, Prepayment.GetDebtRepaymentLog(0xFFFFFFFF, 5, 0)),
}


@pytest.mark.parametrize(("flag", "command"), FETCHED.values(), ids=FETCHED.keys())
def test_a_command_that_the_hub_holds_is_fetched_and_meets_the_meters_cluster(gas, cost, flag, command):
    came = []
    server = gas.gsme.firmware.han.endpoints[1].server(Prepayment if isinstance(flag, PrepaymentCommand) else Metering)
    server.handlers[type(command)] = lambda got, request: came.append(got)
    gas.hub.firmware.mirrors.hold(gas.gsme.eui64, flag, command)
    cost(gas)
    assert came == [command]
    cost(gas)
    assert came == [command]
    assert words(gas) == [0] * 5


def test_flags_that_gb_keeps_for_messages_do_no_harm(gas, cost):
    cost(gas, PriceCommand.PUBLISH_PRICE, CalendarCommand.PUBLISH_CALENDAR, Functional.NETWORK_KEY_ACTIVE)
    cost(gas)
    assert words(gas)[0] == 0
    assert len(gas.times("gsme.set-taken")) >= 4
