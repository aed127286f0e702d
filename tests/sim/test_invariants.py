"""Each rule of `invariants` can fail: a seeded fault in the firmware of a device, or in what a home is, that it names.

What evidence holds is never edited: a device does wrong, and the rule of that number sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest

import hubfw
from devices.esme import supply
from devices.esme.orders import Orders
from devices.gsme.messages import Messages
from devices.hht.carrier import Carrier
from devices.parts.ota import VERSION
from devices.parts.watch import Watch
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.nvm import Counter, Nvm
from hubfw import outage
from hubfw.device_log import DeviceLog
from hubfw.gas_mirror import GasMirror
from hubfw.han import mailbox
from hubfw.han.coordinator import Coordinator
from hubfw.han.mirrors import Mirrors
from hubfw.image_intake import Intake
from hubfw.supply_watch import SupplyWatch
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.session import Session
from protocols.zigbee.clusters.metering import Metering, Status
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.freshness import Freshness
from protocols.zigbee.mirror.queue import Queue
from protocols.zigbee.ota import client
from tests.sim.cutting import HOME
from tests.sim.evidence import Evidence
from tests.sim.invariants import INVARIANTS, breaches
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.firmware import file

LISTED = {13, 15, *range(19, 32), 33, 37, 38, 39, 40, 41}
TERMINAL = """[[home.device]]
kind = "hht"
at = [1, 1]
"""
STREET = """
[[home]]
name = "home{number}"
[[home.device]]
kind = "hub"
restart_spread_s = 50
[[home.device]]
kind = "esme"
at = [0.3, 0]
"""
_SNAPSHOT = (Metering.id, Metering.reading_snapshot_time.id)
_VOLUME = (Metering.id, Metering.current_summation_delivered.id)
Faulty = Callable[[Evidence, pytest.MonkeyPatch], object]
FAULTS: list[tuple[int, Faulty]] = []


def breaks(number: int) -> Callable[[Faulty], Faulty]:
    """A story with a faulty device, which the rule of this number is to see."""
    return lambda fault: FAULTS.append((number, fault)) or fault


@pytest.fixture
def seen(build):
    home = build(HOME)
    home.run(for_=10 * MIN)
    return Evidence(home)


def _outage(seen, seconds=200, volts=None):
    home = seen.run
    home.mains.off()
    seen.live(seconds * S)
    home.mains.on(volts)
    seen.live(5 * MIN)


def _order(seen, what):
    return seen.run.head_end.settle(what)


def _switch_off(seen, after):
    """The hub orders the electricity meter to switch off later, and to tell it."""
    run = seen.run
    han, at = run.hub.firmware.han, run.kernel.utc + after
    seen.orders.append(run.now + seconds(at) * S - seconds(run.kernel.utc) * S)
    change = Metering.ChangeSupply(1, len(seen.orders), 0, seconds(at), 0, 1)
    find = han.find(run.esme.eui64)
    run.kernel.spawn(_tell(han, find, change), who=run.hub.name)
    seen.live(after + 2 * MIN)


async def _tell(han, find, change):
    await han.tell(await find, 1, change)


def test_every_invariant_has_a_fault_that_a_device_commits():
    assert set(INVARIANTS) == LISTED
    assert {number for number, _ in FAULTS} == LISTED
    assert len({rule for _, rule in INVARIANTS.values()}) == len(INVARIANTS)
    assert all(words for words, _ in INVARIANTS.values())


@pytest.mark.parametrize(("number", "fault"), FAULTS, ids=lambda each: str(each) if isinstance(each, int) else each.__name__)
def test_the_rule_sees_the_fault(seen, monkeypatch, number, fault):
    found = fault(seen, monkeypatch) or seen
    assert INVARIANTS[number].rule(found) != []


def test_a_home_without_a_fault_breaks_none(seen):
    _outage(seen)
    _outage(seen, 100)
    seen.live(HOUR)
    for number in range(3):
        seen.post(b"message %d" % number)
    seen.live(S)
    seen.run.hub.cut(off_for=5 * S)
    seen.live(30 * MIN)
    seen.run.head_end.meter("esme").objects()
    seen.change_password("hub", b"another-word")
    _switch_off(seen, 5 * MIN)
    _order(seen, seen.run.head_end.unpair("ihd"))
    seen.run.hub.firmware.coordinator.replace_network_key()
    seen.live(31 * MIN)
    seen.replay()
    assert breaches(seen) == []
    assert len(seen.restored) == 2
    assert sum(len(said) for said in seen.talk.values()) > 4
    assert len(seen.recorded) > 3
    assert seen.mirrored > 60
    assert len(seen.shown) > 30
    assert seen.given == [b"message 0", b"message 1", b"message 2"]
    assert len(seen.alerts) == len(seen.used) - 1 == len(seen.capture.gone) == 1


@breaks(13)
def counter_not_reserved_ahead(seen, monkeypatch):
    begin = Counter.__init__

    def forgetful(counter, nvm, key, step):
        begin(counter, nvm, key, step)
        counter._next = max(1, counter._next - step)

    monkeypatch.setattr(Counter, "__init__", forgetful)
    seen.live(5 * MIN)
    seen.run.ihd.cut(off_for=S)
    seen.live(5 * MIN)


@breaks(15)
def counters_heard_are_forgotten_in_a_restart(seen, monkeypatch):
    monkeypatch.setattr(Freshness, "give", lambda freshness, stored: None)
    seen.live(5 * MIN)
    seen.run.hub.cut()  # so that nothing new is heard
    seen.run.esme.cut()
    seen.run.ihd.cut(off_for=S)
    seen.run.run(for_=S)
    seen.replay("ihd")
    seen.run.hub.power_on()
    seen.run.run(for_=MIN)


def _mirrored(monkeypatch, change):
    """A hub that changes a set as it becomes complete: `change(values, those before, utc)`."""
    report = GasMirror.report

    def changed(mirror, cluster, values, now, utc):
        before = {} if mirror.reading is None else mirror.reading.values
        done = report(mirror, cluster, values, now, utc)
        if done:
            mirror.reading = replace(mirror.reading, values=change(dict(mirror.reading.values), before, utc))
        return done

    monkeypatch.setattr(GasMirror, "report", changed)


@breaks(19)
def hub_that_makes_up_the_time(seen, monkeypatch):
    _mirrored(monkeypatch, lambda values, before, utc: values | {_SNAPSHOT: seconds(utc) - 7})
    seen.live(35 * MIN)


@breaks(19)
def hub_whose_mirror_is_ahead_of_the_meter(seen, monkeypatch):
    _mirrored(monkeypatch, lambda values, before, utc: values | {_SNAPSHOT: seconds(utc) + 3600})
    seen.live(35 * MIN)


@breaks(20)
def hub_that_lost_a_piece_and_keeps_the_old_one(seen, monkeypatch):
    _mirrored(monkeypatch, lambda values, before, utc: values | {key: before[key] for key in [_VOLUME] if key in before})
    seen.live(65 * MIN)


@breaks(20)
def hub_that_drops_an_attribute(seen, monkeypatch):
    _mirrored(monkeypatch, lambda values, before, utc: {key: value for key, value in values.items() if key != _VOLUME})
    seen.live(35 * MIN)


@breaks(21)
def display_that_shows_the_gas_as_new(seen, monkeypatch):
    get = Watch.get

    def younger(watch, attribute):
        value = get(watch, attribute)
        return value + 60 if value is not None and attribute is Metering.reading_snapshot_time else value

    monkeypatch.setattr(Watch, "get", younger)
    seen.live(5 * MIN)


@breaks(22)
def hub_that_strikes_nobody_off(seen, monkeypatch):
    monkeypatch.setattr(DeviceLog, "remove", lambda *line: None)
    _order(seen, seen.run.head_end.unpair("ihd"))


@breaks(22)
def hub_that_forgets_a_line_in_a_restart(seen, monkeypatch):
    begin, ihd = DeviceLog.__init__, seen.run.ihd.eui64

    def forgetful(log, *told):
        begin(log, *told)
        del log._devices[ihd]

    monkeypatch.setattr(DeviceLog, "__init__", forgetful)
    seen.run.hub.cut(off_for=S)
    seen.live(MIN)


@breaks(22)
def hub_with_more_lines_than_it_may_have(seen, monkeypatch):
    for module in ("hubfw.device_log", "protocols.zigbee.trust_centre"):
        monkeypatch.setattr(f"{module}.LOG_SIZE", 32)
    code = seen.run.only.identities["ihd"].install_code
    for number in range(14):
        entry = hubfw.Entry(0x1000 + number, code, "ihd")
        seen.run.hub.firmware.coordinator.register(entry)
        seen.listed.add(entry.eui64)


@breaks(22)
def hub_that_goes_on_talking_to_whom_it_struck_off(seen, monkeypatch):
    _keeps_on_the_network(seen, monkeypatch)
    _order(seen, seen.run.head_end.unpair("ihd"))
    seen.live(5 * MIN)
    assert seen.capture.outside


@breaks(23)
def hub_that_gives_the_new_key_to_whom_it_struck_off(seen, monkeypatch):
    _keeps_on_the_network(seen, monkeypatch)
    _order(seen, seen.run.head_end.unpair("ihd"))
    seen.run.hub.firmware.coordinator.replace_network_key()
    seen.live(5 * MIN)
    assert seen.holders


def _keeps_on_the_network(seen, monkeypatch):
    """A hub that strikes off in its log alone, and serves who is not in it."""
    monkeypatch.setattr(Coordinator, "unregister", lambda coordinator, eui64: coordinator._log.remove(eui64))
    monkeypatch.setattr(Coordinator, "_listed", lambda coordinator, message: True)
    seen.run.hub.cut(off_for=S)
    seen.live(2 * MIN)


@breaks(24)
def threshold_too_short(seen, monkeypatch):
    seen.run.hub.firmware.supply_watch.threshold = 150 * S
    _outage(seen, 170)


@breaks(24)
def threshold_too_long(seen, monkeypatch):
    seen.run.hub.firmware.supply_watch.threshold = 300 * S
    _outage(seen, 250)


@breaks(25)
def two_notices_for_one(seen, monkeypatch):
    tell = SupplyWatch._tell
    monkeypatch.setattr(SupplyWatch, "_tell", lambda *told: (tell(*told), tell(*told)))
    _outage(seen)


@breaks(26)
def meter_that_does_not_judge_the_voltage(seen, monkeypatch):
    monkeypatch.setattr(supply.Supply, "judge", lambda self: (setattr(self, "lost", False), self._report()))
    monkeypatch.setattr(SupplyWatch, "reported", _believing(SupplyWatch.reported))
    _outage(seen, volts=190.0)


def _believing(reported):
    """A hub that does not look at the quality."""
    return lambda watch, eui64, endpoint, status: reported(watch, eui64, endpoint, status & ~Status.POWER_QUALITY)


@breaks(27)
def long_interruption_called_a_short_one(seen, monkeypatch):
    monkeypatch.setattr(supply, "LONG", HOUR)
    _outage(seen)


def _street(build):
    run = build("".join(STREET.format(number=number) for number in range(8)), seed=11)
    for home in run.homes.values():
        home.mains.off(10 * MIN)
    run.run(for_=15 * MIN)
    assert len(run.head_end.received) == 16
    return SimpleNamespace(run=run)


def test_28_a_street_does_not_talk_at_once(build):
    assert INVARIANTS[28].rule(_street(build)) == []


@breaks(28)
def hubs_that_all_draw_the_same_number(seen, monkeypatch):
    rng = Board.rng
    monkeypatch.setattr(Board, "rng", lambda board, purpose: Random(1) if purpose == "restart spread" else rng(board, purpose))
    return _street(_build)


def _build(text, seed):
    run = Told(config.loads(text), seed)
    commission(run)
    return run


def _answers(monkeypatch, change):
    """Meters and hubs whose answers are changed by `change(answers)`."""
    receive = Session.receive
    monkeypatch.setattr(Session, "receive", lambda session, data, now: change(receive(session, data, now)))


def _ask(seen):
    with suppress(RemoteProtocolError):
        seen.run.head_end.meter("hub").objects()
    seen.live(MIN)


@breaks(29)
def hub_that_answers_twice(seen, monkeypatch):
    _answers(monkeypatch, lambda answers: answers * 2 if answers and answers[0][0] == 0xC4 else answers)
    _ask(seen)


@breaks(29)
def meter_that_tells_of_an_order_twice(seen, monkeypatch):
    tell = Orders._tell

    async def twice(*told):
        await tell(*told)
        await tell(*told)

    monkeypatch.setattr(Orders, "_tell", twice)
    _switch_off(seen, 5 * MIN)


@breaks(29)
def meter_that_carries_an_order_out_and_tells_nobody(seen, monkeypatch):
    monkeypatch.setattr(Orders, "_tell", _silent)
    _switch_off(seen, 5 * MIN)


async def _silent(*told):
    pass


@breaks(30)
def hub_that_answers_another_invoke_id(seen, monkeypatch):
    _answers(monkeypatch, lambda answers: [
        answer[:2] + bytes([answer[2] ^ 1]) + answer[3:] if answer[0] == 0xC4 else answer for answer in answers
    ])  # fmt: skip
    _ask(seen)


def _posted(seen):
    for number in range(3):
        seen.post(b"message %d" % number)
    seen.live(HOUR)


@breaks(31)
def hub_that_gives_the_newest_first(seen, monkeypatch):
    monkeypatch.setattr(Queue, "head", property(lambda queue: next(reversed(queue._waiting.values()), None)))
    _posted(seen)


@breaks(31)
def hub_that_forgets_what_waits_in_a_restart(seen, monkeypatch):
    monkeypatch.setattr(mailbox, "_record", lambda eui64, waiting: {})
    seen.post(b"message")
    seen.live(S)
    seen.run.hub.cut(off_for=S)
    seen.live(HOUR)


@breaks(31)
def meter_that_takes_a_repeated_message(seen, monkeypatch):
    monkeypatch.setattr(Messages, "_keep", lambda messages, taken, waiting: None)
    monkeypatch.setattr(Queue, "done", lambda queue, number: False)
    _posted(seen)


def _handed_in(seen, kind):
    octets = file(seen.run.only, kind, 0x02000000, bytes(600))
    _order(seen, seen.run.head_end.firmware.hand_in(kind, octets))
    seen.live(5 * MIN)


@breaks(33)
def display_that_does_not_wait_for_the_word(seen, monkeypatch):
    monkeypatch.setitem(client._RULES, (client.State.END, Ota.UpgradeEndResponse), lambda it, answer, now: it._activate())
    _handed_in(seen, "ihd")


@breaks(33)
def hub_that_runs_what_is_verified(seen, monkeypatch):
    monkeypatch.setattr(Intake, "_refuse", lambda intake, head: intake._board.nvm.put({VERSION: head.file_version}))
    _handed_in(seen, "hub")


@breaks(31)
def meter_that_acts_and_notes_apart(seen, monkeypatch):
    monkeypatch.setattr(Nvm, "together", lambda nvm: nullcontext())
    _cut_within(seen)


def test_31_a_meter_that_loses_its_power_while_it_acts_acts_once(seen):
    _cut_within(seen)
    assert INVARIANTS[31].rule(seen) == []
    assert seen.given == [b"message"]


def _cut_within(seen):
    """The gas meter's power goes at the first write after it has acted on a message."""
    seen.post(b"message")
    inbox, done = seen.gas.firmware.inbox, []
    act = inbox.act

    def cut(message):
        done.append(act(message))
        seen.gas.cut_at_flash_operation(0, off_for=10 * S)
        return []

    inbox.act = cut
    seen.live(70 * MIN)
    assert done
    assert [event["state"] for event in seen.run.events("power", seen.gas.name)][-2:] == ["off", "on"]


@breaks(37)
def meter_that_forgets_a_password_in_a_restart(seen, monkeypatch):
    commit = Nvm.commit

    def forgetful(nvm, values, deleted=()):
        commit(nvm, {key: value for key, value in values.items() if not key.startswith("dlms/secret/")}, deleted)

    monkeypatch.setattr(Nvm, "commit", forgetful)
    seen.change_password("hub", b"another-word")
    seen.run.hub.cut(off_for=S)
    seen.live(MIN)


@breaks(38)
def hub_that_keeps_a_mirror(seen, monkeypatch):
    monkeypatch.setattr(Mirrors, "remove", lambda mirrors, eui64: None)
    _order(seen, seen.run.head_end.unpair("gsme"))
    seen.live(MIN)


@breaks(39)
def terminal_that_deletes_and_does_not_erase(seen, monkeypatch):
    def discard(carrier):
        carrier._board.nvm.delete("carried")
        carrier._board.log("hht.erased", {})

    monkeypatch.setattr(Carrier, "discard", discard)
    return _let_go()


def test_39_a_terminal_that_lets_go_has_nothing_left():
    seen = _let_go()
    assert seen.carried
    assert INVARIANTS[39].rule(seen) == []


def _let_go():
    """A terminal takes a backup of a hub, and its button lets go of it."""
    run = _build(HOME + TERMINAL, 7)
    seen = Evidence(run)
    visit = run.visit("esme")
    for button in ("fetch", "discard"):
        run.until(lambda: run.board("hht").powered and run.board("hht").firmware.report is not None)
        run.board("hht").firmware.errand = None
        run.board("hht").buttons.press(button)
        run.until(lambda: run.board("hht").firmware.errand is not None)
    visit.end()
    run.run(for_=S)
    assert seen.erased
    return seen


@breaks(40)
def notice_that_cannot_go(seen, monkeypatch):
    home = seen.run
    home.net.partition(home.hub.name, "dcc")
    home.mains.off(200 * S)
    seen.live(10 * MIN)


@breaks(41)
def meter_that_is_gone(seen, monkeypatch):
    seen.run.gsme.supply.remove()
    seen.live(HOUR)


def test_the_supervisor_waits_for_the_threshold():
    """24 again, for the boundary itself: the rules' table has one way to a last gasp."""
    ways = [key for key, (state, _) in outage.RULES.items() if state is outage.State.OUT and key[0] is not outage.State.OUT]
    assert ways == [(outage.State.DIP, outage.Event.HELD)]
