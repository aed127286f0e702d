"""Prepayment with the accounts in the hub: the paper's rules and its three scenarios, in a living home (paper B, appendix C)."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from devices.parts import swap_client
from devices.parts.node import NoAnswer, Refused
from devices.parts.swap_client import Order
from devices.runtime.kernel import DAY, HOUR, MIN, S
from hubfw.prepay.account import PENNY
from hubfw.prepay.face import pounds
from protocols.dlms import axdr
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.cluster import NEVER, HubPrepayment, Valve
from protocols.zigbee.hub_prepayment.codes import TopUp
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.foundation import ReadAttributes, ReadAttributesResponse
from protocols.zigbee.zcl.status import Status
from tools.bench.fitting import fit
from tools.headend.notices import GasMeterHeard, GasMeterSilent, GasTimeOutEnded

BENCH = """
[[home]]
[[home.device]]
kind = "hub"
prepay = {{ opening_pounds = {pounds}, time_out_hours = {hours}, emergency_pounds = 5, gas = {{ rates = {rates} }} }}
[[home.device]]
kind = "prepay-gas"
[[home.device]]
kind = "ihd"
"""
DEAR = "[{ pence = [600] }]"
"""Pence a kilowatt-hour: a home on it uses pounds an hour, so that stories are short."""
CHEAP = "[{ pence = [0.5] }]"
TWO = '[{ pence = [1] }, { at = "04:00", pence = [900] }]'


@pytest.fixture
def prepaid(build):
    """A home with so many pounds, hours of time-out, and rates."""

    def make(pounds=10, hours=120, rates=DEAR, **options):
        return build(BENCH.format(pounds=pounds, hours=hours, rates=rates), **options)

    return make


def gas(home):
    return home.hub.firmware.prepay.gas


def meter(home):
    return home.board("prepay-gas").firmware


def token(home, pence, counter, *, electricity=False):
    key = gas(home)._config.code_key if gas(home) is not None else home.hub.firmware.prepay.electricity._config.code_key
    return codes.token(key, home.hub.eui64, TopUp(pence, counter, electricity))


def type_in(home, board, digits):
    for digit in digits:
        press(home, board, digit)
    press(home, board, "ok")


def press(home, board, button):
    board.buttons.press(button)
    home.run(for_=S // 5)


def states(home, kind="prepay.meter"):
    return list(home.events(kind))


def closed(home):
    return meter(home).rules.valve is Valve.CLOSED


@pytest.mark.req("S-134", "S-135", "S-140")
def test_the_cut_off_is_written_at_each_half_hours_report(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(6 * HOUR)
    reports = [event for event in states(home, "prepay.gas") if event["what"] == "report"]
    assert len(reports) >= 12
    assert "low credit" not in {event["what"] for event in states(home, "prepay.gas")}
    rules, account = meter(home).rules, gas(home).account
    assert rules.cut_off == gas(home).volume + account.affordable()
    assert rules.left == gas(home).contact.left == 240
    cost = Decimal(50 * 100 * PENNY - account.balance) / PENNY
    litres = gas(home).volume
    assert float(cost) == pytest.approx(litres * 39.5 * 1.02264 / 3.6 / 1000 * 0.5, rel=0.001)


@pytest.mark.req("S-136", "S-137", "S-138")
def test_credit_runs_out_is_warned_of_and_a_token_opens_the_valve(prepaid, build) -> None:
    home = prepaid(pounds=20)
    home.until(lambda: closed(home), within=2 * DAY)
    at = meter(home).volume
    assert at == meter(home).rules.cut_off
    assert any("Gas credit is low" in line for line in (" ".join(home.screen("ihd")),))
    home.run(for_=2 * HOUR)
    assert meter(home).volume == at
    assert gas(home).valve is Valve.CLOSED
    type_in(home, home.hub, token(home, 2_000, 1))
    assert closed(home)  # the meter sleeps
    home.run(for_=31 * MIN)
    assert not closed(home)
    home.run(for_=12 * HOUR)
    assert meter(home).volume > at


@pytest.mark.req("S-138", part=True)
def test_somebody_at_the_meter_need_not_wait_for_the_half_hour(prepaid) -> None:
    home = prepaid(pounds=20)
    home.until(lambda: closed(home), within=2 * DAY)
    type_in(home, home.hub, token(home, 2_000, 1))
    home.board("prepay-gas").buttons.press("wake")
    home.run(for_=5 * S)
    assert not closed(home)


@pytest.mark.req("S-138", part=True)
def test_emergency_credit_is_lent_once(prepaid) -> None:
    home = prepaid(pounds=20)
    home.until(lambda: closed(home), within=2 * DAY)
    home.run(for_=31 * MIN)
    press(home, home.hub, "emergency")
    home.run(for_=31 * MIN)
    assert not closed(home)
    assert gas(home).account.lent == 500 * PENNY
    home.until(lambda: closed(home), within=2 * DAY)
    home.run(for_=31 * MIN)
    press(home, home.hub, "emergency")
    assert any("none to be had" in line for line in home.screen("hub"))


@pytest.mark.req("S-136", part=True)
def test_in_friendly_hours_nobody_is_cut_off(build) -> None:
    text = BENCH.format(pounds=5, hours=120, rates=DEAR).replace(
        "opening_pounds", 'friendly = [["00:00", "12:00"]], opening_pounds'
    )
    home = build(text)
    home.run_until(10 * HOUR)
    assert gas(home).account.balance < 0
    assert not closed(home)
    assert meter(home).rules.cut_off == NEVER
    home.run_until(12 * HOUR + 35 * MIN)
    assert closed(home)


@pytest.mark.req("S-144", part=True)
def test_another_rate_is_another_cut_off_within_half_an_hour(prepaid) -> None:
    home = prepaid(pounds=30, rates=TWO)
    home.run_until(3 * HOUR + 50 * MIN)
    before = meter(home).rules.cut_off - meter(home).volume
    home.run_until(4 * HOUR + 31 * MIN)
    after = meter(home).rules.cut_off - meter(home).volume
    assert before > 500 * max(after, 1)


@pytest.mark.req("S-144", part=True)
def test_gas_of_before_the_change_is_not_charged_at_the_new_rate(prepaid) -> None:
    home = prepaid(pounds=50, rates=TWO)
    home.run_until(3 * HOUR + 45 * MIN)
    told = reports(home)
    home.run_until(4 * HOUR + 3 * MIN)
    first, before, after = told[0], told[-1], reports(home)[-1]
    assert len(reports(home)) == len(told) + 1
    used = (after["volume"] - before["volume"]) * KWH_A_LITRE
    assert used > 0.02
    late = home.board("prepay-gas").eui64 % 60 / 1800  # of the half hour, by which the meter reports after it
    paid = (before["balance"] - after["balance"]) / PENNY
    assert paid == pytest.approx(used * (1 - late) + used * late * 900, abs=1)
    assert paid < 0.1 * used * 900
    assert 0 < (first["balance"] - before["balance"]) / PENNY < 1


@pytest.mark.req("S-141")
def test_the_meter_takes_six_messages_and_no_other(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    received = {command.__name__ for command in meter(home).han.endpoints[1].server(HubPrepayment).handlers}
    assert received == {"ReadVolume", "ReadCutOff", "ReadPrepayStatus", "WriteCutOff", "OpenValve", "CloseValve"}
    hub = home.hub.firmware
    meters = hub.han.stack.address_of(home.board("prepay-gas").eui64)
    heard = []
    home.log.subscribe(lambda now, who, kind, data: heard.append(data), ["zcl.rejected"])
    for identifier in range(6, 256, 25):
        frame = bytes([foundation.CLUSTER_SPECIFIC, 200, identifier])
        hub.han.send(meters, 1, HubPrepayment.id, frame)
        home.board("prepay-gas").buttons.press("wake")
        home.run(for_=10 * S)
    assert {event["status"] for event in heard} == {"UNSUP_CLUSTER_COMMAND"}
    assert len(heard) == 10
    assert not closed(home)


@pytest.mark.req("S-141", part=True)
def test_what_is_no_message_of_the_cluster_is_refused_too(prepaid) -> None:
    """Attributes to read or to write, and the commands by which other gas meters are spoken to."""
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(5 * MIN)
    state, hub, board = meter(home).rules.plain(), home.hub.firmware, home.board("prepay-gas")
    address, refused = hub.han.stack.address_of(board.eui64), []
    home.log.subscribe(lambda now, who, kind, data: refused.append(data["status"]) if who == board.name else None, ["zcl.rejected"])
    shut = foundation.cluster(1, Metering.ChangeSupply(1, 1, 0, 0, 0, 0))
    credit = foundation.cluster(2, Prepayment.CreditAdjustment(1, 0, 0, 100_000))
    for cluster, frame in ((Metering.id, shut), (Prepayment.id, credit)):
        hub.han.send(address, 1, cluster, frame)
        board.buttons.press("wake")
        home.run(for_=10 * S)
    assert refused == ["UNSUPPORTED_CLUSTER"] * 2
    question = ReadAttributes(list(range(4)))
    task = hub.spawn(hub.han.ask(address, 1, HubPrepayment, question, ReadAttributesResponse))
    board.buttons.press("wake")
    home.until(lambda: task.done, within=MIN)
    assert [record.status for record in task.result().records] == [Status.UNSUPPORTED_ATTRIBUTE] * 4
    assert meter(home).rules.plain() == {**state, "cut_off": meter(home).rules.cut_off}


@pytest.mark.req("S-141", part=True)
def test_the_head_end_has_the_meter_asked_each_of_the_three_questions(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(HOUR + 5 * MIN)
    proxy, answers = home.head_end.meter("prepay-gas", writes=True), []
    assert proxy.get("0-0:128.52.7", 1, 2).python is None
    with pytest.raises(Exception, match="scope-of-access-violated"):
        proxy.set("0-0:128.52.6", 1, 2, axdr.u8(4))
    for question in (1, 2, 3):
        proxy.set("0-0:128.52.6", 1, 2, axdr.u8(question))
        home.board("prepay-gas").buttons.press("wake")
        home.run(for_=10 * S)
        assert proxy.get("0-0:128.52.6", 1, 2).value == 0
        answers.append(proxy.get("0-0:128.52.7", 1, 2).python[1:])
    volume, rules = meter(home).volume, meter(home).rules
    assert volume == pytest.approx(answers[0][0], abs=3) == answers[2][0]
    assert answers == [
        [answers[0][0], None, None, None], [None, rules.cut_off, rules.left, None],
        [answers[2][0], rules.cut_off, None, Valve.OPEN],
    ]  # fmt: skip


@pytest.mark.req("S-141", part=True)
def test_the_head_end_orders_the_valve_at_the_next_report(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(HOUR + 5 * MIN)
    proxy = home.head_end.meter("prepay-gas", writes=True)
    proxy.action("0-0:96.3.10", 70, 1, axdr.i8(0))
    assert not closed(home)
    home.run(for_=31 * MIN)
    assert closed(home)
    home.run(for_=2 * HOUR)
    assert closed(home)
    home.hub.cut(MIN)
    home.run(for_=5 * MIN)
    type_in(home, home.hub, token(home, 1_000, 1))
    home.run(for_=35 * MIN)
    assert closed(home)  # neither a restart nor money takes the order back
    proxy = home.head_end.meter("prepay-gas", writes=True)
    proxy.action("0-0:96.3.10", 70, 2, axdr.i8(0))
    home.run(for_=31 * MIN)
    assert not closed(home)
    ordered = [event["what"] for event in states(home) if event["what"].startswith("ordered")]
    assert ordered == ["ordered closed by the hub", "ordered open by the hub"]


async def _status(asking, answers):
    try:
        await asking
    except Refused as refused:
        answers.append(refused.status)


@pytest.mark.req("S-141", part=True)
def test_nobody_but_the_meter_reports_and_nobody_but_the_hub_orders(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(HOUR + 5 * MIN)
    display, hub, state = home.ihd.firmware.han, home.hub.firmware.han, gas(home).account.plain()
    answers = []
    for command in (HubPrepayment.Report(10**6, 0), HubPrepayment.LowCredit(1, 2)):
        home.ihd.firmware.spawn(_status(display.confirm(0, 1, command), answers))
        home.run(for_=10 * S)
    assert answers == [Status.NOT_AUTHORIZED] * 2
    assert gas(home).account.plain() | {"utc": 0} == state | {"utc": 0}
    assert not any("credit is low" in line for line in home.screen("ihd"))
    rules = meter(home).rules.plain()
    for command in (HubPrepayment.CloseValve(), HubPrepayment.WriteCutOff(0, 0)):
        meters, frame = hub.stack.address_of(home.board("prepay-gas").eui64), foundation.cluster(7, command)
        with pytest.raises(NoAnswer, match="no link key"):
            display.send(meters, 1, HubPrepayment.id, frame)
        display.apply(display.stack.send(meters, 0x0109, HubPrepayment.id, 1, 1, frame, link_key=False, now=home.now)[1])
        home.run(for_=S)
        home.board("prepay-gas").buttons.press("wake")
        home.run(for_=10 * S)
    assert not closed(home)
    assert meter(home).rules.plain() | {"cut_off": 0} == rules | {"cut_off": 0}
    assert meter(home).rules.cut_off > 0


@pytest.mark.req("S-148", "S-154", part=True)
def test_a_report_on_lent_credit_gives_no_half_hour_back(prepaid) -> None:
    home = prepaid(pounds=20, hours=6)
    home.until(lambda: closed(home), within=2 * DAY)
    home.run(for_=31 * MIN)
    press(home, home.hub, "emergency")
    home.run(for_=31 * MIN)
    assert not closed(home)
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=70 * MIN)
    left = gas(home).contact.left
    assert left < 12
    home.shield("prepay-gas", "hub", "ihd", loss=0.0)
    home.run(for_=HOUR)
    assert gas(home).account.balance < 0 < gas(home).account.lent
    assert meter(home).rules.left == gas(home).contact.left <= left


@pytest.mark.req("S-139", "S-154", part=True)
def test_a_meter_that_restarts_without_contact_goes_on_counting(prepaid) -> None:
    """Nor does pressing buttons stop the count, nor do half hours without its battery."""
    home = prepaid(pounds=30, hours=6)
    home.run_until(HOUR + 10 * MIN)
    board = home.board("prepay-gas")
    home.shield("prepay-gas", "hub", "ihd")
    home.run_until(2 * HOUR + 10 * MIN)
    assert meter(home).rules.left == 10
    board.cut(off_for=S)
    home.run_until(3 * HOUR + S)
    press(home, board, "emergency")
    home.run_until(3 * HOUR + 10 * MIN)
    assert meter(home).rules.left == 8
    board.cut(off_for=80 * MIN)
    home.run_until(5 * HOUR + 10 * MIN)
    assert meter(home).rules.left == gas(home).contact.left == 4
    home.until(lambda: closed(home), within=3 * HOUR)
    assert home.now == pytest.approx(7 * HOUR, abs=5 * MIN)


@pytest.mark.req("S-154", part=True)
def test_who_switches_the_hub_off_wins_no_gas(prepaid) -> None:
    """Without the hub the meter counts, and the hub has counted the same when it is back."""
    home = prepaid(pounds=20, hours=6)
    home.until(lambda: closed(home), within=2 * DAY)
    gas(home).account.top_up(-100 * PENNY)
    home.run(for_=31 * MIN)
    for _ in range(2):
        home.mains.off()
        home.run(for_=110 * MIN)
        home.mains.on()
        home.run(for_=40 * MIN)
    rules = meter(home).rules
    assert abs(rules.left - gas(home).contact.left) <= 1
    assert rules.left <= 12 - 2 * 3
    assert gas(home).account.balance < 0
    assert closed(home)


@pytest.mark.req("S-149", "S-154", part=True)
def test_the_meters_emergency_button_is_used_once_until_there_is_credit(prepaid) -> None:
    """Though half hours are left, a restart of the meter forgets nothing, and contact comes and goes."""
    home = prepaid(pounds=20, hours=12)
    home.until(lambda: closed(home), within=2 * DAY)
    board, opened = home.board("prepay-gas"), []

    def out_of_contact():
        home.shield("prepay-gas", "hub", "ihd")
        home.run(for_=40 * MIN)
        press(home, board, "emergency")
        opened.append(not closed(home))
        home.shield("prepay-gas", "hub", "ihd", loss=0.0)
        home.run(for_=40 * MIN)
        assert closed(home) is (gas(home).account.balance <= 0)

    out_of_contact()
    board.cut(off_for=S)
    home.run(for_=5 * MIN)
    out_of_contact()
    assert meter(home).rules.left > 0
    assert opened == [True, False]
    type_in(home, home.hub, token(home, 2_000, 1))
    home.until(lambda: not closed(home), within=HOUR)
    home.until(lambda: closed(home), within=2 * DAY)
    out_of_contact()
    assert opened == [True, False, True]


@pytest.mark.req("S-139", part=True)
def test_the_head_end_programs_the_time_out(prepaid) -> None:
    """From the next report on at both ends; a restart of the hub changes nothing of it."""
    home = prepaid(pounds=50, rates=CHEAP, hours=12)
    home.run_until(HOUR + 5 * MIN)
    proxy, limit = home.head_end.meter("prepay-gas", writes=True), "0-0:128.52.8"
    assert proxy.get(limit, 1, 2).value == meter(home).rules.left == 24
    for delay in (0, 1_441):
        with pytest.raises(Exception, match="scope-of-access-violated"):
            proxy.set(limit, 1, 2, axdr.u16(delay))
    for delay in (5, 9):
        proxy.set(limit, 1, 2, axdr.u16(delay))
        home.board("prepay-gas").buttons.press("wake")
        home.run(for_=10 * S)
        assert gas(home).contact.left == meter(home).rules.left == delay
    home.hub.restart()
    assert gas(home).contact.delay == home.head_end.meter("prepay-gas").get(limit, 1, 2).value == 9
    home.shield("prepay-gas", "hub")
    home.until(lambda: meter(home).rules.left == 0, within=5 * HOUR + 5 * MIN)
    home.run(for_=40 * MIN)
    assert [type(notice) for notice in home.head_end.received] == [GasMeterSilent, GasTimeOutEnded]


# --- the three scenarios ---


@pytest.mark.req("S-148", "S-150", "S-151", "S-139")
def test_scenario_1_contact_is_lost_for_good(prepaid) -> None:
    home = prepaid(pounds=60, hours=12)
    home.run_until(2 * HOUR + 10 * MIN)
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=50 * MIN)
    assert [type(notice) for notice in home.head_end.received] == [GasMeterSilent]
    assert any("Gas meter out of" in line for line in home.screen("ihd"))
    left = home.head_end.meter("prepay-gas").get("0-0:128.52.4", 1, 2).value
    assert left == gas(home).contact.left == meter(home).rules.left == 23
    home.run(for_=30 * MIN)
    assert home.head_end.meter("prepay-gas").get("0-0:128.52.4", 1, 2).value == meter(home).rules.left == 22
    home.until(lambda: meter(home).rules.reached(meter(home).volume), within=DAY)
    assert meter(home).rules.left > 0
    assert not closed(home)  # the cut-off came first: gas goes on
    home.until(lambda: closed(home), within=DAY)
    assert meter(home).rules.left == 0
    home.run(for_=40 * MIN)
    assert [type(notice) for notice in home.head_end.received] == [GasMeterSilent, GasTimeOutEnded]
    assert "Gas may stop" in " ".join(home.screen("ihd"))


@pytest.mark.req("S-152", "S-140")
def test_scenario_2_contact_is_lost_and_found_before_the_cut_off(prepaid) -> None:
    home = prepaid(pounds=500, hours=12, rates=CHEAP)
    home.run_until(2 * HOUR + 10 * MIN)
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=3 * HOUR)
    assert not closed(home)
    home.shield("prepay-gas", "hub", "ihd", loss=0.0)
    home.run(for_=HOUR)
    assert [type(notice) for notice in home.head_end.received] == [GasMeterSilent, GasMeterHeard]
    assert not closed(home)
    assert gas(home).volume == pytest.approx(meter(home).volume, abs=2_000)
    assert meter(home).rules.left == gas(home).contact.left == 24  # in credit: the whole time-out again


@pytest.mark.req("S-152", part=True)
def test_scenario_2_a_dearer_rate_meanwhile_cuts_off_at_restoration(prepaid) -> None:
    home = prepaid(pounds=30, hours=48, rates=TWO)
    home.run_until(3 * HOUR + 40 * MIN)
    home.shield("prepay-gas", "hub", "ihd")
    home.run_until(12 * HOUR)
    assert not closed(home)
    home.shield("prepay-gas", "hub", "ihd", loss=0.0)
    home.run(for_=HOUR)
    assert gas(home).account.balance < 0
    assert closed(home)


@pytest.mark.req("S-153", "S-154", "S-149", "S-147")
def test_scenario_3_contact_is_lost_after_the_valve_has_closed(prepaid) -> None:
    home = prepaid(pounds=20, hours=6)
    home.until(lambda: closed(home), within=2 * DAY)
    home.run(for_=3 * HOUR)
    assert meter(home).rules.left == gas(home).contact.left == 12  # in contact nothing is counted
    board = home.board("prepay-gas")
    press(home, board, "emergency")
    assert closed(home)  # contact holds
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=HOUR)
    assert meter(home).rules.left in (10, 11)
    press(home, board, "emergency")
    assert not closed(home)
    home.until(lambda: closed(home), within=7 * HOUR)
    assert meter(home).rules.left == 0
    press(home, board, "emergency")
    assert closed(home)
    home.shield("prepay-gas", "hub", "ihd", loss=0.0)
    home.run(for_=HOUR)
    assert closed(home)
    assert gas(home).account.balance < 0
    assert gas(home).volume == meter(home).volume  # the account is right again
    assert meter(home).rules.left == gas(home).contact.left == 0  # no credit, no time-out: jamming gives no gas
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=2 * HOUR)
    press(home, board, "emergency")
    assert closed(home)
    home.shield("prepay-gas", "hub", "ihd", loss=0.0)
    type_in(home, home.hub, token(home, 100_00, 5))
    home.run(for_=HOUR)
    assert not closed(home)
    assert meter(home).rules.left == gas(home).contact.left == 12


# --- people without a network ---


@pytest.mark.req("S-155")
def test_a_reading_carried_by_hand_gives_a_code_that_opens_the_valve_once(prepaid) -> None:
    home = prepaid(pounds=20, hours=1)
    home.until(lambda: closed(home), within=2 * DAY)
    home.run(for_=31 * MIN)
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=2 * HOUR)
    assert closed(home)
    shown = next(line for line in home.screen("prepay-gas") if line.startswith("reading")).split()[1:]
    type_in(home, home.hub, "".join(shown))
    assert any("no credit" in line for line in home.screen("hub"))
    type_in(home, home.hub, token(home, 50_00 * 3, 1))
    type_in(home, home.hub, "".join(shown)[:-1] + str((int(shown[1][-1]) + 1) % 10))
    assert any("check digits" in line for line in home.screen("hub"))
    type_in(home, home.hub, "".join(shown))
    code = next(line for line in home.screen("hub") if line.startswith("code")).split()[1]
    board = home.board("prepay-gas")
    type_in(home, board, code[:-1] + str((int(code[-1]) + 1) % 10))
    assert closed(home)
    type_in(home, board, code)
    assert not closed(home)
    granted = meter(home).rules.cut_off - meter(home).volume
    assert 0 < granted <= int(code[:3]) * 1000
    home.until(lambda: closed(home), within=3 * DAY)
    type_in(home, board, code)
    assert closed(home)  # good once


@pytest.mark.req("S-155", part=True)
def test_what_a_carried_reading_tells_is_charged_and_what_cannot_be_is_refused(prepaid) -> None:
    home = prepaid(pounds=30, hours=2)
    home.run_until(HOUR + 5 * MIN)
    home.shield("prepay-gas", "hub", "ihd")
    home.until(lambda: closed(home), within=2 * DAY)
    account, key, board = gas(home).account, gas(home)._config.code_key, home.board("prepay-gas")
    known, volume, exchange = gas(home).volume, meter(home).volume, meter(home).exchange
    before, litres = account.balance, volume - known
    assert litres > 100
    for wrong, why in (
        (codes.reading(key, volume, exchange + 2), "check digits"), (codes.reading(key, known - 1, exchange), "below the last"),
        ("123456789012", "check digits"), ("12345678901", "11 digits mean nothing"),
    ):  # fmt: skip
        type_in(home, home.hub, wrong)
        assert any(why in line for line in home.screen("hub")), why
    assert (account.balance, gas(home).volume) == (before, known)
    type_in(home, home.hub, token(home, 200_00, 1))
    type_in(home, home.hub, codes.reading(key, volume, exchange))
    assert gas(home).volume == volume
    paid = (before + 200_00 * PENNY - account.balance) / PENNY
    assert paid == pytest.approx(litres * KWH_A_LITRE * 600, abs=1)
    code = next(line for line in home.screen("hub") if line.startswith("code")).split()[1]
    for wrong in (code[::-1], code[:-1], "0" * 10):
        type_in(home, board, wrong)
        assert closed(home)
    type_in(home, board, code)
    assert not closed(home)
    assert meter(home).exchange == exchange + 1  # so this code and this reading are good no more
    home.head_end.meter("prepay-gas", writes=True).action("0-0:96.3.10", 70, 1, axdr.i8(0))
    type_in(home, home.hub, codes.reading(key, meter(home).volume, meter(home).exchange))
    assert any("closed by the supplier" in line for line in home.screen("hub"))  # what the head end closed stays closed


BLOCK_KWH, KWH_A_LITRE = 3, 39.5 * 1.02264 / 3.6 / 1000


def reports(home):
    return [event for event in states(home, "prepay.gas") if event["what"] == "report"]


@pytest.mark.req("S-145")
def test_the_next_block_is_in_the_value_that_the_meter_keeps_and_is_charged_at_the_next_report(prepaid) -> None:
    """A block begins between two contacts. The cut-off of before has its price already; the account follows at the half hour."""
    home = prepaid(pounds=20, rates=f"[{{ pence = [10, 600] }}], blocks_kwh = [{BLOCK_KWH}]")
    home.until(lambda: gas(home).account.used_today > 1_000 * BLOCK_KWH, within=DAY)
    first, before, after = reports(home)[0], reports(home)[-2], reports(home)[-1]
    used = (before["volume"] - first["volume"]) * KWH_A_LITRE
    beyond = (after["volume"] - first["volume"]) * KWH_A_LITRE - BLOCK_KWH
    assert used < BLOCK_KWH < BLOCK_KWH + beyond
    pounds = before["balance"] / PENNY / 100
    room = BLOCK_KWH - used + (pounds - 0.10 * (BLOCK_KWH - used)) / 6.00
    assert before["cut_off"] - before["volume"] == pytest.approx(room / KWH_A_LITRE, abs=3)
    assert after["cut_off"] == pytest.approx(before["cut_off"], abs=3)  # nothing had to change at the half hour
    paid = (before["balance"] - after["balance"]) / PENNY / 100
    assert paid == pytest.approx(0.10 * (BLOCK_KWH - used) + 6.00 * beyond, abs=0.02)
    home.until(lambda: closed(home), within=2 * DAY)
    assert meter(home).volume == pytest.approx(before["cut_off"], abs=5)


@pytest.mark.req("S-145")
def test_or_data_are_pushed_and_nobody_waits_for_the_half_hour(prepaid) -> None:
    home = prepaid(pounds=20, rates=f"[{{ pence = [10, 600] }}], blocks_kwh = [{BLOCK_KWH}]")
    home.until(lambda: (meter(home).volume - reports(home)[0]["volume"]) * KWH_A_LITRE > BLOCK_KWH, within=DAY)
    home.run_until((home.now // (30 * MIN) + 1) * 30 * MIN + 10 * MIN)  # well between two contacts
    told = len(reports(home))
    balance = gas(home).account.balance
    press(home, home.board("prepay-gas"), "wake")
    home.run(for_=10 * S)
    assert len(reports(home)) == told + 1
    assert gas(home).account.balance < balance


@pytest.mark.req("S-146")
def test_the_hub_shows_all_and_takes_tokens_with_the_wan_down(prepaid) -> None:
    home = prepaid(pounds=10, rates=CHEAP)
    home.run_until(HOUR)
    home.net.partition("dcc", home.hub.name)
    home.net.partition(home.hub.name, "dcc")
    before = gas(home).account.balance
    type_in(home, home.hub, token(home, 1_234, 77))
    assert gas(home).account.balance == before + 1_234 * PENNY
    shown = [line.split() for line in home.screen("hub")]
    assert ["credited"] in shown
    rules, account = meter(home).rules, gas(home).account
    assert pages(home) == {
        "gas": pounds(account.balance), "gas used": f"{gas(home).volume / 1000:.3f} m3", "valve": "open",
        "cut-off at": f"{gas(home).cut_off / 1000:.3f} m3", "time-out": f"{rules.left / 2:g} h left",
        "gas silent for": "0 h", "gas emergency": "£0.00", "gas kWh": "0.50 p", "gas a day": "0.00 p",
    }  # fmt: skip
    press(home, home.hub, "ok")
    press(home, home.hub, "clear")
    assert home.screen("hub")[0].startswith("gas  ")


def pages(home):
    """All that the hub's display shows, page after page: what it is called, and its value."""
    shown = {}
    while True:
        page = dict(re.split("  +", each.strip()) for each in home.screen("hub")[:6] if each.strip())
        if next(iter(page)) in shown:
            return shown
        shown |= page
        press(home, home.hub, "ok")
        home.run(for_=5 * S)


@pytest.mark.req("S-157")
def test_a_display_with_a_card_or_keys_tops_up_and_the_meter_has_not_heard_of_it(build) -> None:
    home = build(BENCH.format(pounds=10, hours=120, rates=CHEAP) + '[[home.device]]\nkind = "ppmid"\n')
    home.run_until(HOUR)
    before, display, told = gas(home).account.balance, home.ppmid.firmware, []
    for digits in (token(home, 700, 5), token(home, 700, 5), "1" * 20):
        display.top_up(digits)
        home.run(for_=5 * S)
        told.append(home.events("ppmid.answer")[-1]["text"])
    assert told == ["top-up accepted", "code was used already", "code refused"]
    assert gas(home).account.balance == pytest.approx(before + 700 * PENNY, abs=PENNY)
    served = [cluster for endpoint in meter(home).han.endpoints.values() for cluster, _ in endpoint.instances]
    assert served
    assert Prepayment.id not in served  # the meter's firmware knows nothing of top-ups


@pytest.mark.req("S-157", part=True)
@pytest.mark.req("S-156")
def test_a_token_counts_once_whatever_way_it_comes(prepaid) -> None:
    home = prepaid(pounds=10, rates=CHEAP)
    home.run_until(HOUR)
    digits = token(home, 1_000, 9)
    before = gas(home).account.balance
    proxy = home.head_end.meter("prepay-gas", writes=True)
    proxy.action("0-0:19.40.0", 115, 1, axdr.octets(digits.encode()))
    assert gas(home).account.balance == before + 1_000 * PENNY
    type_in(home, home.hub, digits)
    with pytest.raises(Exception, match="other-reason"):
        proxy.action("0-0:19.40.0", 115, 1, axdr.octets(digits.encode()))
    with pytest.raises(Exception, match="object-undefined"):
        proxy.get("0-0:19.0.0", 111, 2)  # the meter has no account that could be translated
    home.hub.cut(MIN)
    home.run(for_=5 * MIN)
    type_in(home, home.hub, digits)
    assert any("used already" in line for line in home.screen("hub"))
    other_way = home.hub.firmware.prepay.purse.enter(token(home, 500, 8))  # a card terminal, say: an older number, never used
    assert other_way.value == "credited"
    assert [event["outcome"] for event in home.events("prepay.token")] == ["credited", *["used already"] * 3, "credited"]


@pytest.mark.req("S-156", part=True)
@pytest.mark.parametrize("operations", range(0, 1_400, 97))
def test_a_power_cut_in_the_middle_credits_a_token_once_or_not_yet(prepaid, operations) -> None:
    home = prepaid(pounds=10, rates=CHEAP)
    home.run_until(10 * MIN)
    digits = token(home, 1_000, 3)
    before = gas(home).account.balance
    home.hub.cut_at_flash_operation(operations, off_for=MIN)
    type_in(home, home.hub, digits)
    home.run(for_=5 * MIN)
    after = gas(home).account.balance
    outcome = home.hub.firmware.prepay.purse.enter(digits).value
    assert (after - before > 990 * PENNY) is (outcome == "used already")
    assert gas(home).account.balance - before > 990 * PENNY


@pytest.mark.parametrize("operations", range(0, 2_000, 173))
def test_a_power_cut_at_the_meter_loses_no_state(prepaid, operations) -> None:
    home = prepaid(pounds=20)
    home.run_until(HOUR + 20 * MIN)
    board = home.board("prepay-gas")
    volume = meter(home).volume
    board.cut_at_flash_operation(operations, off_for=MIN)
    home.until(lambda: board.powered and meter(home) is not None and closed(home), within=2 * DAY)
    assert meter(home).volume >= volume - 2_000
    home.run(for_=35 * MIN)
    assert gas(home).valve is Valve.CLOSED
    assert gas(home).account.balance < 50 * PENNY


def test_what_the_meter_has_told_it_has_kept(prepaid) -> None:
    """The power goes as the answer to its report is written; there was a time when the next report told of less."""
    home = prepaid(pounds=50, rates=CHEAP)
    for operations in (0, 60, 120):
        home.run_until((home.now // (30 * MIN) + 1) * 30 * MIN - MIN)
        told = len(reports(home))
        home.until(lambda told=told: len(reports(home)) > told, within=3 * MIN)
        home.board("prepay-gas").cut_at_flash_operation(operations, off_for=MIN)
        home.run(for_=10 * MIN)
        assert meter(home).volume >= gas(home).volume
    home.run(for_=HOUR)
    assert not home.events("prepay.register-fell")
    assert not home.head_end.received


# --- another hub ---


def test_account_tokens_and_time_out_go_over_to_another_hub_which_has_a_keypad_too(prepaid) -> None:
    home = prepaid(pounds=50, rates=CHEAP)
    home.run_until(HOUR + 5 * MIN)
    old, key = home.hub, gas(home)._config.code_key
    type_in(home, old, token(home, 1_000, 3))
    home.shield("prepay-gas", "hub", "ihd")
    home.run(for_=HOUR)

    def ask(hub, question):
        return home.head_end.settle(home.head_end.ask(hub.name, 1, question, writes=True))

    before, volume = gas(home).account.balance, gas(home).volume
    left, cut_off = gas(home).contact.left, gas(home).cut_off
    assert left < 240
    ask(old, lambda client: swap_client.order(client, Order.HAND_OVER))
    home.run(for_=15 * S)
    sealed = ask(old, swap_client.last_backup)
    new = fit(home.only, "hub2")
    home.run(for_=5 * S)
    ask(new, lambda client: swap_client.restore(client, sealed))
    home.run(for_=20 * S)
    assert (gas(home).account.balance, gas(home).volume, gas(home).cut_off) == (before, volume, cut_off)
    assert gas(home).contact.left in (left, left - 1)
    for used, outcome in ((3, "used already"), (4, "credited")):
        type_in(home, new, codes.token(key, new.eui64, TopUp(1_000, used)))
        assert outcome in [shown.strip() for shown in home.screen("hub")]
    assert old.eui64 != new.eui64
    type_in(home, new, codes.token(key, old.eui64, TopUp(1_000, 5)))  # bought for the hub of before
    assert "not valid" in [shown.strip() for shown in home.screen("hub")]
    home.only.air.set_loss(home.board("prepay-gas").name, new.name, 0.0)
    home.run(for_=40 * MIN)
    assert meter(home).rules.cut_off == gas(home).volume + gas(home).account.affordable()
    assert gas(home).volume > volume


def test_a_bench_file_exchanges_a_hub_with_accounts_and_who_tops_up_does_so_at_the_new_one(build) -> None:
    text = BENCH.format(pounds=50, hours=120, rates=CHEAP).replace("[[home]]", "[[home]]\n[home.exchange]\nat_h = 0.5", 1)
    top_ups = "top_ups = [{ at_hours = 0.3, pounds = 1.15 }, { at_hours = 1.2, pounds = 10 }]"
    home = build(text.replace("opening_pounds", f"{top_ups}, opening_pounds"))
    home.run_until(2 * HOUR + 5 * MIN)
    assert home.hub.name.endswith("hub2")
    assert [event["outcome"] for event in home.events("prepay.token")] == ["credited"] * 2
    litres = gas(home).volume - reports(home)[0]["volume"]
    paid = (61_15 * PENNY - gas(home).account.balance) / PENNY
    assert paid == pytest.approx(litres * KWH_A_LITRE * 0.5, abs=0.01)
    assert meter(home).rules.cut_off == gas(home).volume + gas(home).account.affordable()


# --- electricity ---


WIRED = """
[[home]]
[[home.device]]
kind = "hub"
[home.device.prepay]
opening_pounds = {pounds}
emergency_pounds = 1
gas = {{ rates = [{{ pence = [6] }}], standing_pence = 25 }}
electricity = {{ rates = [{{ pence = [10, 20] }}, {{ at = "02:00", pence = [50, 100] }}], blocks_kwh = [2], standing_pence = 40.5 }}
friendly = {friendly}
[[home.device]]
kind = "esme"
interface = "wired"
[[home.device]]
kind = "prepay-gas"
"""


@pytest.fixture
def wired(build):
    """A home with both fuels prepaid, and a heater of a kilowatt."""

    def make(pounds=10, friendly="[]"):
        home = build(WIRED.format(pounds=pounds, friendly=friendly))
        home.only.mains.draw("heater", 1_000)
        return home

    return make


def electricity(home):
    return home.hub.firmware.prepay.electricity


def supplied(home):
    return home.esme.firmware.meter.switch.closed


@pytest.mark.req("S-158", part=True)
def test_each_watt_hour_of_electricity_costs_what_its_rate_and_block_say(wired) -> None:
    home = wired()
    home.run_until(29 * MIN)
    begun = home.esme.firmware.meter.import_wh
    opening, register = electricity(home).account.balance, electricity(home).account.register
    marks = []
    for at in (2 * HOUR, 3 * HOUR):
        home.run_until(at)
        marks.append(home.esme.firmware.meter.import_wh)
    home.run_until(3 * HOUR + MIN)
    night, day = marks[0] - register, marks[1] - marks[0]
    assert begun - register < 600 < 2_000 < night < 3_500
    paid = (opening - electricity(home).account.balance) / PENNY
    assert paid == pytest.approx((2_000 * 10 + (night - 2_000) * 20 + day * 100) / 1000, abs=2)
    assert electricity(home).account.present == (100 * PENNY, 2)


@pytest.mark.req("S-158", "S-146", part=True)
def test_the_hub_is_the_display_of_the_wired_meter_and_shows_both_fuels(wired) -> None:
    home = wired()
    home.run_until(2 * HOUR + 10 * MIN)
    before = pounds(electricity(home).account.balance)
    shown = pages(home)
    used, today = (float(shown.pop(f"el. {which}").removesuffix(" kWh")) for which in ("used", "today"))
    assert used == pytest.approx(home.esme.firmware.meter.import_wh / 1000, abs=0.05)  # read as the page was turned
    assert today == pytest.approx(electricity(home).account.today / 1000, abs=0.05)
    assert shown == {
        "gas": pounds(gas(home).account.balance), "electricity": before, "valve": "open", "time-out": "120 h left",
        "gas used": f"{gas(home).volume / 1000:.3f} m3", "cut-off at": f"{gas(home).cut_off / 1000:.3f} m3",
        "el. supply": "on", "gas silent for": "0 h", "gas emergency": "£0.00", "gas kWh": "6.00 p", "gas a day": "25.00 p",
        "el. emergency": "£0.00", "el. block 2": "100.00 p", "el. a day": "40.50 p",
    }  # fmt: skip


@pytest.mark.req("S-158", part=True)
def test_emergency_credit_and_a_token_of_its_own_bring_electricity_back(wired) -> None:
    home = wired(pounds=0.2)
    home.until(lambda: not supplied(home), within=5 * HOUR)
    assert electricity(home).account.balance <= 0 < gas(home).account.balance
    press(home, home.hub, "emergency")
    home.run(for_=MIN)
    press(home, home.esme, "b")
    assert supplied(home)
    assert (electricity(home).account.lent, gas(home).account.lent) == (100 * PENNY, 0)
    home.hub.cut(MIN)
    home.run(for_=3 * MIN)
    assert electricity(home).account.lent == 100 * PENNY
    home.until(lambda: not supplied(home), within=5 * HOUR)
    press(home, home.hub, "emergency")
    assert any("none to be had" in line for line in home.screen("hub"))
    type_in(home, home.hub, token(home, 50_00, 4))
    home.run(for_=MIN)
    press(home, home.esme, "b")
    assert not supplied(home)  # that one was for gas
    type_in(home, home.hub, token(home, 50_00, 4, electricity=True))  # each fuel counts its own
    home.run(for_=MIN)
    press(home, home.esme, "b")
    assert supplied(home)
    assert (electricity(home).account.lent, electricity(home).account.in_credit) == (0, True)


@pytest.mark.req("S-158", "S-136", part=True)
def test_friendly_hours_keep_what_is_on_and_bring_nothing_back(wired) -> None:
    home = wired(pounds=0.2, friendly='[["03:00", "05:00"]]')
    home.until(lambda: not supplied(home), within=5 * HOUR)
    assert home.now < 3 * HOUR
    gas(home).account.top_up(-gas(home).account.balance)
    home.until(lambda: closed(home), within=HOUR)
    home.run_until(4 * HOUR + 35 * MIN)
    press(home, home.esme, "b")
    assert closed(home)
    assert not supplied(home)
    lasting = wired(pounds=0.2, friendly='[["00:00", "05:00"]]')
    lasting.run_until(4 * HOUR + 35 * MIN)
    assert electricity(lasting).account.balance < 0
    assert supplied(lasting)
    lasting.run_until(5 * HOUR + 3 * MIN)
    assert not supplied(lasting)


@pytest.mark.req("S-158", "S-023")
@pytest.mark.req("S-146", part=True)
def test_electricity_is_accounted_in_the_hub_over_its_wire(build) -> None:
    home = build("hub-prepayment")
    home.run_until(2 * HOUR)
    account = home.hub.firmware.prepay.electricity.account
    assert account.register == pytest.approx(home.esme.firmware.meter.import_wh, abs=1_500)
    assert 0 < account.balance < 1_000 * PENNY
    account.balance = 0
    home.run_until(8 * HOUR + 31 * MIN)  # after the friendly hours
    assert not home.esme.firmware.meter.switch.closed
    assert home.hub.powered  # on the supply side of the switch
    key = home.hub.firmware.prepay.electricity._config.code_key
    type_in(home, home.hub, codes.token(key, home.hub.eui64, TopUp(20_00, 4, True)))
    home.run(for_=5 * MIN)
    assert not home.esme.firmware.meter.switch.closed  # armed: a hand at the meter closes it
    press(home, home.esme, "b")
    assert home.esme.firmware.meter.switch.closed
