"""A meter and a gateway: the window after the meter's own telegram, repeats, refusals, replays, loss."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.wmbus import gateway as gw
from protocols.wmbus.coding import C2, MODES, SECOND, T2, Mode
from protocols.wmbus.framing import Format
from protocols.wmbus.gateway import Done, Failed, Gateway, Reported, TransmitAt
from protocols.wmbus.link import Address, DeviceType
from protocols.wmbus.meter import Asked, Command, Dropped, Listen, Meter, Transmit
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Key, Profile

GAS = Address("MBT", 12345678, 1, DeviceType.GAS)
HUB = Address("MBT", 1, 1, DeviceType.GATEWAY)
KEY = bytes(range(16))
OPEN = Record.of(Quantity.CONTROL, 1, Coding.I8)
CLOSE = Record.of(Quantity.CONTROL, 0, Coding.I8)
HALF_HOUR = 1800 * SECOND


def volume(litres: int) -> Record:
    return Record.of(Quantity.VOLUME, litres, Coding.BCD8, -3)


class Pair:
    """Both ends over an air that loses what `lost()` says. The meter carries out every command unless `willing` is False."""

    def __init__(
        self, profile: Profile = Profile.B, mode: Mode = T2, form: Format = Format.A, lost: Callable[[], bool] = bool
    ) -> None:
        key = Key(profile, KEY if profile is not Profile.NONE else b"")
        self.mode = mode
        self.meter = Meter(GAS, key, mode, form, count=itertools.count(1).__next__)
        self.hub = Gateway(HUB, mode, form, count=itertools.count(1).__next__)
        self.hub.introduce(GAS, key)
        self.lost = lost
        self.willing = True
        self.now = 0
        self.carried_out: list[tuple[Record, ...]] = []
        self.told: list[Effect] = []
        self.to_meter: list[bytes] = []

    def report(self, litres: int) -> None:
        """The meter speaks, and everything that follows from it."""
        self.now += HALF_HOUR
        self._from_meter(self.meter.report([volume(litres)], self.now))
        for machine in (self.meter, self.hub):
            if machine.deadline is not None:
                self.now = max(self.now, machine.deadline)
                self.told += machine.expire(self.now)
        assert self.meter.deadline is None

    def _from_meter(self, effects: list[Effect]) -> None:
        sent = [effect for effect in effects if isinstance(effect, Transmit)]
        window = next((effect for effect in effects if isinstance(effect, Listen)), None)
        for effect in sent:
            end = self.now + self.mode.from_meter.airtime(effect.chips)
            if self.lost():
                continue
            self.now = end
            for answer in self.hub.feed(effect.chips, self.now):
                if isinstance(answer, TransmitAt):
                    assert window is not None
                    assert window.opens <= answer.when <= window.closes
                    self.to_meter.append(answer.chips)
                    if not self.lost():
                        self.now = answer.when + self.mode.to_meter.airtime(answer.chips)
                        self._to_meter(answer.chips)
                else:
                    self.told.append(answer)

    def _to_meter(self, chips: bytes) -> None:
        for effect in (effects := self.meter.feed(chips, self.now)):
            if isinstance(effect, Command):
                if self.willing:
                    self.carried_out.append(effect.records)
                self._from_meter(self.meter.reply(self.now, done=self.willing))
            elif isinstance(effect, Asked):
                self._from_meter(self.meter.reply(self.now, [volume(7)]))
        if any(isinstance(effect, Transmit) for effect in effects):
            self._from_meter(effects)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize("form", Format)
def test_commands_reach_the_meter_after_it_has_spoken(profile: Profile, mode: Mode, form: Format) -> None:
    pair = Pair(profile, mode, form)
    first, second, third = pair.hub.command(GAS, [CLOSE]), pair.hub.command(GAS, [OPEN]), pair.hub.ask(GAS)
    assert pair.to_meter == []
    pair.report(1234)
    assert pair.carried_out == [(CLOSE,), (OPEN,)]
    reported, *rest = pair.told
    assert isinstance(reported, Reported)
    assert (reported.meter, reported.records) == (GAS, (volume(1234),))
    assert rest == [Done(first), Done(second), Done(third, (volume(7),))]
    assert pair.hub.waiting(GAS) == 0
    assert len(pair.to_meter) == 4  # two commands, a question, good night


def test_nothing_is_sent_to_a_meter_without_need() -> None:
    pair = Pair()
    pair.report(1)
    assert pair.to_meter == []


def test_a_refused_command_is_told_and_the_next_one_goes_on() -> None:
    pair = Pair()
    pair.willing = False
    first = pair.hub.command(GAS, [OPEN])
    pair.report(1)
    assert pair.told[1:] == [Failed(first, "refused")]
    assert pair.carried_out == []


def test_a_lost_answer_is_asked_for_again_and_the_command_carried_out_once() -> None:
    losses = iter([False, False, True])  # report, command arrive; the answer does not
    pair = Pair(lost=lambda: next(losses, False))
    number = pair.hub.command(GAS, [CLOSE])
    pair.report(1)
    assert pair.carried_out == [(CLOSE,)]
    assert Done(number) not in pair.told
    pair.report(2)
    assert Done(number) in pair.told
    assert pair.carried_out == [(CLOSE,)]


def test_five_meetings_without_an_answer_give_a_command_up() -> None:
    pair = Pair()
    number = pair.hub.command(GAS, [CLOSE])
    for _ in range(gw.TRIES):
        pair.now += HALF_HOUR
        report = pair.meter.report([volume(1)], pair.now)[0]
        assert isinstance(report, Transmit)
        assert any(isinstance(effect, TransmitAt) for effect in pair.hub.feed(report.chips, pair.now))
        deadline = pair.hub.deadline
        assert deadline is not None
        pair.told += pair.hub.expire(deadline)
    assert pair.told == [Failed(number, "no answer to 5 attempts")]


@pytest.mark.parametrize("profile", [Profile.A, Profile.B])
def test_a_replayed_command_is_not_carried_out(profile: Profile) -> None:
    """Profile B for ever; profile A answers the last telegram again without acting, and has nothing against an older one."""
    pair = Pair(profile)
    pair.hub.command(GAS, [CLOSE])
    pair.report(1)
    replayed = pair.to_meter[0]
    pair.hub.command(GAS, [OPEN])
    pair.report(2)
    effects = pair.meter.feed(replayed, pair.now)
    assert (len(effects) == 1 and isinstance(effects[0], Dropped)) is (profile is Profile.B)


def test_a_replayed_report_is_dropped() -> None:
    pair = Pair()
    report = pair.meter.report([volume(5)], 0)[0]
    assert isinstance(report, Transmit)
    assert isinstance(pair.hub.feed(report.chips, 1)[0], Reported)
    assert isinstance(pair.hub.feed(report.chips, 2)[0], Dropped)


def test_strangers_are_not_heard_and_other_meters_telegrams_not_obeyed() -> None:
    pair = Pair()
    other = Meter(Address("MBT", 87654321, 1, DeviceType.GAS), Key(Profile.B, KEY), count=itertools.count(1).__next__)
    report = other.report([volume(5)], 0)[0]
    assert isinstance(report, Transmit)
    assert pair.hub.feed(report.chips, 1) == [Dropped("a meter nobody knows")]
    pair.hub.command(GAS, [CLOSE])
    pair.report(1)
    assert all(isinstance(effect, Dropped) for effect in other.feed(pair.to_meter[0], 2))


def test_queues_and_wrong_calls_are_bounded() -> None:
    pair = Pair()
    for _ in range(gw.MOST_COMMANDS):
        pair.hub.command(GAS, [OPEN])
    with pytest.raises(LocalProtocolError, match="wait for"):
        pair.hub.command(GAS, [OPEN])
    with pytest.raises(LocalProtocolError, match="not known"):
        pair.hub.ask(HUB)
    with pytest.raises(LocalProtocolError, match="reply to nothing"):
        pair.meter.reply(0)
    assert len(pair.hub.forget(GAS)) == gw.MOST_COMMANDS
    with pytest.raises(LocalProtocolError, match="message counter"):
        Meter(GAS, Key(Profile.B, KEY))


@given(st.integers(0, 2**32), st.sampled_from(list(MODES.values())), st.integers(1, 6))
def test_whatever_is_lost_each_command_is_carried_out_once_and_in_order(seed: int, mode: Mode, count: int) -> None:
    rng = Random(seed)
    pair = Pair(mode=mode, lost=lambda: rng.random() < 0.3)
    wanted = [(Record.of(Quantity.CONTROL, value, Coding.I8),) for value in range(count)]
    numbers = [pair.hub.command(GAS, list(records)) for records in wanted]
    for litres in range(60):
        pair.report(litres)
    carried_out = pair.carried_out
    assert [records for records in wanted if records in carried_out] == carried_out
    done = [effect.number for effect in pair.told if isinstance(effect, Done)]
    failed = [effect.number for effect in pair.told if isinstance(effect, Failed)]
    assert sorted(done + failed) == numbers
    assert all(wanted[numbers.index(number)] in carried_out for number in done)


@given(st.binary(max_size=300))
def test_noise_changes_nothing(noise: bytes) -> None:
    for mode in (T2, C2):
        pair = Pair(mode=mode)
        assert all(isinstance(effect, Dropped) for effect in pair.meter.feed(noise, 1))
        assert all(isinstance(effect, Dropped) for effect in pair.hub.feed(noise, 1))
        assert pair.meter.deadline is None
