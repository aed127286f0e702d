"""The head end and the gas meter's account: read as an electricity meter's is; what is ordered it does at its wake."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.translation_account import CALLS, CELLS, activations
from hubfw.translation_logs import LOGS as METER_LOGS
from hubfw.translation_objects import PENDING
from hubfw.translation_payments import LOGS
from hubfw.translation_refused import REFUSED
from hubfw.translation_rows import ROWS
from hubfw.translation_samples import SAMPLES
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.token import TokenStatus
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.gbcs import utrn
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.zcl.cluster import SERVER
from protocols.zigbee.zcl.status import Status

HOME = """
start = 2026-01-14T00:00:00Z
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
[[home.device]]
kind = "esme"
at = [1, 1]
[[home.device]]
kind = "ppmid"
at = [1, 2]
"""
WAKE = 11 * MIN
POUND = 100_000
ACCOUNT, NEXT, GATEWAY = "0-0:19.0.0", "0-1:19.0.0", "0-0:19.40.0"
BALANCE, EMERGENCY = "0-0:19.10.0", "0-0:19.10.1"
TARIFF, TIME_DEBT, PAYMENT_DEBT, STANDING = "0-0:19.20.0", "0-0:19.20.1", "0-0:19.20.3", "0-0:19.20.4"
NOT_THE_METERS = {(TARIFF, 5), (STANDING, 5), ("0-0:94.44.2.10", 3), ("0-0:94.44.2.20", 3)}
"""Prices, which the hub has, and units, which the meter says elsewhere."""


class Proxy:
    """What the head end knows of a gas meter, and the meter's own account behind it."""

    def __init__(self, home):
        self.home = home
        self.writer = home.head_end.meter("gsme", writes=True)
        self.sold = 0

    def read(self, name, kind, number):
        return self.writer.get(name, kind, number).python

    def wake(self):
        self.home.run(for_=WAKE)

    @property
    def account(self):
        return self.home.gsme.firmware.payments.account

    def own(self, cell):
        """The attribute of the meter's own object; of the account to come, its account's."""
        account = self.account
        objects = {thing.name: thing for thing in (*account.objects, *account._limits.values())}
        objects[Obis(NEXT)] = objects[Obis(ACCOUNT)]
        return objects[cell.name].read(cell.member.number).python

    def sell(self, pence, number=None):
        self.sold += 1
        config = self.home.gsme.firmware.config
        code = utrn.make(
            config.utrn_secret, config.utrn_originator, self.home.gsme.eui64, self.sold if number is None else number, pence
        )
        return axdr.octets(code.encode())

    def enter(self, token):
        self.writer.action(GATEWAY, 115, 1, token)

    @property
    def status(self):
        return TokenStatus(self.read(GATEWAY, 115, 6)[0])


@pytest.fixture(scope="module")
def gas():
    from tests.sim.told import Told
    from tools.bench import config
    from tools.bench.commissioning import commission

    home = Told(config.loads(HOME))
    commission(home)
    home.run_until(HOUR)
    return Proxy(home)


ORDERS = (
    ("set", NEXT, 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1))), ("action", NEXT, 111, 1, axdr.i8(0)),
    ("set", ACCOUNT, 111, 18, axdr.u16(60_000)), ("action", BALANCE, 112, 2, axdr.i32(8 * POUND)),
    ("action", BALANCE, 112, 1, axdr.i32(2 * POUND)), ("action", BALANCE, 112, 1, axdr.i32(-POUND)),
    ("set", BALANCE, 112, 5, axdr.i32(3 * POUND)), ("set", BALANCE, 112, 6, axdr.i32(-5)),
    ("set", EMERGENCY, 112, 9, axdr.i32(6 * POUND)), ("set", EMERGENCY, 112, 10, axdr.i32(2 * POUND)),
    ("set", "0-0:94.44.2.10", 9000, 2, axdr.i32(40 * POUND)), ("set", "0-0:94.44.2.20", 9000, 2, axdr.i32(90 * POUND)),
    ("action", TIME_DEBT, 113, 5, axdr.i32(7 * POUND)), ("set", TIME_DEBT, 113, 8, axdr.u32(604_800)),
    ("action", TIME_DEBT, 113, 1, axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(1_000))])),
    ("action", TIME_DEBT, 113, 2, axdr.i8(0)),
    ("action", PAYMENT_DEBT, 113, 5, axdr.i32(POUND)), ("set", PAYMENT_DEBT, 113, 13, axdr.u16(2_500)),
)  # fmt: skip


def test_what_is_ordered_is_the_meters_after_its_next_wake_and_read_as_the_meter_has_it(gas):
    for method, *order in ORDERS:
        getattr(gas.writer, method)(*order)
    assert len(gas.read(PENDING, 1, 2)) == 10  # settings of one command are put together
    assert gas.account is None
    gas.wake()
    assert gas.read(PENDING, 1, 2) == []
    same = 0
    for cell in CELLS:
        if (str(cell.name).removesuffix(".255"), cell.member.number) in NOT_THE_METERS:
            continue
        assert gas.read(str(cell.name), cell.kind.class_id, cell.member.number) == gas.own(cell), cell
        same += 1
    assert same == len(CELLS) - len(NOT_THE_METERS)
    assert gas.read(ACCOUNT, 111, 2) == [2, 2]
    assert 9 * POUND - 1_000 < gas.read(BALANCE, 112, 2) <= 9 * POUND
    assert gas.read(TIME_DEBT, 113, 5)[2] == [[b"", 1_000]]


def test_prices_of_the_account_are_those_that_are_published(gas):
    with pytest.raises(AccessError) as refused:
        gas.read(TARIFF, 113, 5)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    gas.writer.set("7-0:130.3.1", 1, 2, axdr.structure(axdr.u32(53_350), axdr.u32(6_040)))
    assert gas.read(TARIFF, 113, 5) == [[3, -5], [0, bytes(6), 0], [[b"", 6_040]]]
    assert gas.read(STANDING, 113, 5) == [[0, -4], [0, bytes(6), 0], [[b"", 5_335]]]
    gas.wake()
    gas.wake()
    assert gas.account._priced[2:] == [6_040, 53_350]


@pytest.mark.req("S-117", part=True)
def test_a_token_is_credited_once_and_refused_twice_and_limits_hold(gas):
    before = gas.account.face.log.added
    token = gas.sell(2_000)
    for outcome in (TokenStatus.EXECUTION_OK, TokenStatus.VALIDATION_FAILURE, TokenStatus.VALIDATION_FAILURE):
        gas.enter(token)
        assert gas.status is TokenStatus.NOT_PROCESSED
        gas.wake()
        assert gas.status is outcome
    assert gas.account.face.log.added == before + 20 * POUND
    assert gas.read("7-0:129.0.32", 4, 2) == gas.account.face.log.added
    assert gas.read("7-0:129.1.3", 1, 2) == token.value
    too_large = gas.sell(4_001)
    gas.enter(too_large)
    with pytest.raises(AccessError) as refused:
        gas.enter(too_large)  # it waits already
    assert refused.value.result == DataAccessResult.OTHER_REASON
    gas.wake()
    assert gas.status is TokenStatus.EXECUTION_FAILURE
    assert gas.read(GATEWAY, 115, 4) == [b"maximum credit"]
    assert gas.account.face.log.added == before + 20 * POUND


def test_two_tokens_wait_together_and_both_count(gas):
    before = gas.account.face.log.added
    for pence in (100, 250):
        gas.enter(gas.sell(pence))
    gas.wake()
    assert gas.account.face.log.added == before + 350_000
    assert gas.status is TokenStatus.EXECUTION_OK


def test_logs_are_the_meters_after_they_were_asked_for(gas):
    for log in LOGS:
        gas.writer.action(log.name, 7, 2, axdr.i8(0))
    gas.wake()
    gas.wake()
    log, rows = gas.account.face.log, {each.name: gas.read(each.name, 7, 2) for each in LOGS}
    assert sorted(row[1:] for row in rows["7-0:99.98.8"]) == sorted([amount, code] for code, amount, _, _ in log.top_ups)
    assert [[amount, debt + 1, left] for _, amount, debt, left in log.repayments] == [row[1:] for row in rows["7-0:99.98.10"][::-1]]
    ((_, cause, credit, emergency, accumulated, *debts),) = rows["7-0:99.98.7"]
    assert (cause, accumulated, debts[1]) == (0x0004_0000, 0, 0)
    assert credit > 0
    assert emergency == 6 * POUND


def test_emergency_credit_is_selected_by_cosem(gas):
    gas.writer.action(BALANCE, 112, 2, axdr.i32(-5))
    gas.wake()
    assert gas.home.gsme.firmware.valve.status is SupplyStatus.OFF
    assert gas.read(ACCOUNT, 111, 4) == "01010010"
    gas.writer.action(EMERGENCY, 112, 3, axdr.i8(0))
    gas.wake()
    assert gas.read(ACCOUNT, 111, 3) == 2
    assert gas.read(ACCOUNT, 111, 5) == gas.read(EMERGENCY, 112, 2) == 6 * POUND
    assert gas.read("0-0:96.3.10", 70, 3) == 2


def test_nobody_without_a_password_pays_or_orders(gas):
    reader = gas.home.head_end.meter("gsme")
    for ask in (
        lambda: reader.action(GATEWAY, 115, 1, gas.sell(1)),
        lambda: reader.action(BALANCE, 112, 2, axdr.i32(1)),
        lambda: reader.set(BALANCE, 112, 5, axdr.i32(1)),
    ):
        with pytest.raises(AccessError) as refused:
            ask()
        assert refused.value.result == DataAccessResult.READ_WRITE_DENIED
    assert gas.read(PENDING, 1, 2) == []


def test_what_waits_outlives_a_restart_of_the_hub_and_a_path_counts_one_translation(gas):
    gas.writer.action(BALANCE, 112, 1, axdr.i32(7))
    gas.writer.action(BALANCE, 112, 1, axdr.i32(8))
    told = gas.home.events("hub.translated")
    assert [each["command"] for each in told[-2:]] == ["CreditAdjustment"] * 2
    before = gas.account.credit(Obis(BALANCE)).amount
    gas.home.hub.restart()
    gas.home.run(for_=3 * MIN)
    gas.wake()
    assert gas.account.credit(Obis(BALANCE)).amount == before + 15
    assert len(gas.home.events("hub.translated")) == len(told)


def test_one_client_reads_both_fuels_alike(gas):
    """Every object of the account is an electricity meter's, too, of the same class."""
    objects = {(thing.class_id, bytes(thing.name)) for thing in gas.home.head_end.meter("esme").objects()}
    ours = {(cell.kind.class_id, bytes(cell.name)) for cell in CELLS} | {(115, bytes(Obis(GATEWAY)))}
    assert ours <= objects


def test_whatever_the_meter_serves_is_in_the_table_or_refused_with_a_reason(gas):
    translated = {(row.cluster.id, row.attribute) for row in ROWS}
    translated |= {(Prepayment.id, item) for cell in CELLS for item in cell.items} | {(Metering.id, Metering.supply_status)}
    carried = {command for row in ROWS if row.order for command in row.order.commands}
    carried |= {command for cell in CELLS for command in cell.commands} | {command for call in CALLS for command in call.commands}
    carried |= {type(log.question) for log in LOGS} | {log.question for log in METER_LOGS}
    carried |= {Prepayment.ConsumerTopUp, Metering.ChangeSupply, Metering.StartSampling}
    carried |= {command for _, _, _, command, _ in activations()}
    whole = {row.cluster.id for row in REFUSED if not row.items}
    refused = {item for row in REFUSED for item in row.items}
    endpoint, missing = gas.home.gsme.firmware.han.endpoints[1], []
    for (cluster, side), instance in endpoint.instances.items():
        if cluster in whole or side is not SERVER:
            continue
        missing += [(cluster, each) for each in instance.values if instance.cluster.attributes[SERVER][each] not in refused
                    and (cluster, instance.cluster.attributes[SERVER][each]) not in translated]  # fmt: skip
        missing += [command for command in instance.handlers if command not in carried | refused]
    assert missing == []
    reader, asked = gas.home.head_end.meter("gsme"), 0
    for row in REFUSED:
        for item in row.items if row.result == DataAccessResult.OBJECT_UNDEFINED else ():
            rule = {Metering.id: 128, Prepayment.id: 129}.get(row.cluster.id)
            if rule is not None and not isinstance(item, type) and item.id < 0x10000 and item.id >> 8 < 0x80:
                with pytest.raises(AccessError) as error:
                    reader.get(f"7-0:{rule}.{item.id >> 8}.{item.id & 0xFF}", 1, 2)
                assert error.value.result == row.result
                asked += 1
    assert asked >= 30


@pytest.mark.req("S-054", part=True)
def test_fast_samples_are_begun_by_cosem_kept_in_the_meter_and_sent_when_asked_for(gas):
    home, profile = gas.home, gas.writer.profile(SAMPLES)
    with pytest.raises(AccessError) as refused:
        gas.writer.action(SAMPLES, 7, 2, axdr.i8(0))
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    for period in (59, 3_601):
        with pytest.raises(AccessError) as refused:
            gas.writer.set(SAMPLES, 7, 4, axdr.u32(period))
        assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    gas.writer.set(SAMPLES, 7, 4, axdr.u32(300))
    gas.wake()
    assert gas.read(SAMPLES, 7, 4) == 300
    home.run(for_=2 * HOUR)
    assert profile.rows() == []  # kept local: nobody asked
    gas.writer.action(SAMPLES, 7, 2, axdr.i8(0))
    gas.writer.action("7-0:99.1.0", 7, 2, axdr.i8(0))  # another log's question waits beside it
    gas.wake()
    rows = profile.rows()
    assert 24 <= len(rows) <= 30
    assert {later[0] - row[0] for row, later in pairwise(rows)} == {timedelta(minutes=5)}
    assert gas.read("7-0:99.1.0", 7, 2)
    home.hub.restart()
    home.run(for_=3 * MIN)
    gas.writer.action(SAMPLES, 7, 2, axdr.i8(0))  # which log it is outlives the hub
    gas.wake()
    assert len(profile.rows()) > len(rows)


def test_somebody_at_a_display_pays_for_gas_and_takes_emergency_credit(gas):
    home, ppmid = gas.home, gas.home.ppmid

    def shown():
        home.run(for_=10 * S)
        return [line.strip() for line in ppmid.display.lines[3:7]]

    gas.writer.action(BALANCE, 112, 2, axdr.i32(-5))
    gas.wake()
    gas.wake()
    ppmid.buttons.press("gas-credit")
    assert "gas: when it wakes" in shown()
    gas.wake()
    assert gas.read(ACCOUNT, 111, 3) == 2  # emergency credit is in use
    before, last = gas.account.face.log.added, gas.status
    code = gas.sell(1_500).value.decode()
    ppmid.firmware.top_up(code, gas=True)
    assert "gas: when it wakes" in shown()
    gas.wake()
    assert gas.account.face.log.added == before + 15 * POUND
    assert gas.status is last  # the head end's own tokens are not mixed up with it
    ppmid.firmware.top_up(code, gas=True)
    gas.wake()
    assert gas.account.face.log.added == before + 15 * POUND
    mirror = home.hub.firmware.mirrors.of(home.gsme.eui64)
    stranger = SimpleNamespace(message=SimpleNamespace(source_eui64=home.esme.eui64))
    command = Prepayment.ConsumerTopUp(2, code.encode())
    assert mirror.servers[Prepayment.id].handlers[type(command)](command, stranger) is Status.NOT_AUTHORIZED
    gas.writer.set(NEXT, 111, 2, axdr.structure(axdr.enum(1), axdr.enum(1)))
    gas.writer.action(NEXT, 111, 1, axdr.i8(0))
    gas.wake()
    ppmid.firmware.top_up(gas.sell(100).value.decode(), gas=True)
    assert "gas: refused" in shown()  # nobody prepays
    assert gas.home.hub.firmware.mirrors.held(mirror.gas.meter) == []
