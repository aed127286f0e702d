"""The exchange: both ends get one key; each thing that may go wrong ends it with the status that says why (bad inputs F21, F22)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.key_establishment import KeyEstablishment as K
from protocols.zigbee.clusters.key_establishment import TerminateStatus
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, Suite, scalar
from protocols.zigbee.key_establishment.exchange import CONFIRM_TIME, EPHEMERAL_TIME, Established, Exchange, Failed, Say, State
from protocols.zigbee.node import S

HUB, METER, STRANGER = 0xA1, 0xB2, 0xC3
CHANCE = Random(9)
ISSUER = {
    suite: Authority(suite, 0x4D42_5445_5354_3000 + suite.bit, scalar(suite.curve, CHANCE.getrandbits))
    for suite in (SUITE_1, SUITE_2)
}
FOREIGN = Authority(SUITE_1, 0x464F_5245_4947_4E00, scalar(SUITE_1.curve, CHANCE.getrandbits))
HELD = {(suite, eui64): ISSUER[suite].issue(eui64, CHANCE.getrandbits) for suite in ISSUER for eui64 in (HUB, METER, STRANGER)}


def device(eui64: int, *suites: Suite) -> Exchange:
    return Exchange(eui64, [HELD[suite, eui64] for suite in suites or (SUITE_1,)], Random(eui64).getrandbits)


class Talk:
    """Two devices that hear each other; `change` may replace what one says."""

    def __init__(self, meter: Exchange, hub: Exchange) -> None:
        self.ends = {METER: meter, HUB: hub}
        self.results: dict[int, list[Effect]] = {METER: [], HUB: []}
        self.said: list[tuple[int, Frame]] = []

    def run(self, effects: list[Effect], speaker: int, change: dict[type[Frame], Frame] | None = None) -> None:
        for effect in effects:
            if not isinstance(effect, Say):
                self.results[speaker].append(effect)
                continue
            command = (change or {}).get(type(effect.command), effect.command)
            self.said.append((speaker, command))
            heard = type(command).parse(command.build())
            self.run(self.ends[effect.partner].receive(heard, speaker, 0), effect.partner, change)

    @property
    def statuses(self) -> list[int]:
        """Of every Terminate on the air."""
        kinds = (K.TerminateKeyEstablishmentByClient, K.TerminateKeyEstablishmentByServer)
        return [command.status_code for _, command in self.said if isinstance(command, kinds)]


def talk(change: dict[type[Frame], Frame] | None = None, *suites: Suite) -> Talk:
    both = Talk(device(METER, *suites), device(HUB, *suites))
    both.run(both.ends[METER].start(HUB, both.ends[HUB].suites, 0), METER, change)
    return both


@pytest.mark.parametrize("suites", [(SUITE_1,), (SUITE_2,), (SUITE_1, SUITE_2)], ids=str)
def test_both_ends_have_the_same_key(suites: tuple[Suite, ...]) -> None:
    both = talk(None, *suites)
    (at_meter,), (at_hub,) = both.results[METER], both.results[HUB]
    assert isinstance(at_meter, Established)
    assert isinstance(at_hub, Established)
    assert at_meter.key == at_hub.key
    assert (at_meter.partner, at_hub.partner) == (HUB, METER)
    first = both.said[0][1]
    assert isinstance(first, K.InitiateKeyEstablishmentRequest)
    assert first.key_establishment_suite == max(suite.bit for suite in suites)
    assert [end.state for end in both.ends.values()] == [State.IDLE] * 2
    assert [end.deadline for end in both.ends.values()] == [None] * 2
    assert at_meter.key.hex() not in repr(at_meter)


def test_every_exchange_gives_another_key() -> None:
    meter, hub = device(METER), device(HUB)
    keys = set()
    for _ in range(3):
        both = Talk(meter, hub)
        both.run(meter.start(HUB, 1, 0), METER)
        (result,) = both.results[HUB]
        assert isinstance(result, Established)
        keys.add(result.key)
    assert len(keys) == 3


def initiate(identity: bytes, suite: int = 1) -> K.InitiateKeyEstablishmentRequest:
    return K.InitiateKeyEstablishmentRequest(suite, EPHEMERAL_TIME, CONFIRM_TIME, identity)


def answer(identity: bytes, suite: int = 1) -> K.InitiateKeyEstablishmentResponse:
    return K.InitiateKeyEstablishmentResponse(suite, EPHEMERAL_TIME, CONFIRM_TIME, identity)


OWN = HELD[SUITE_1, METER].certificate
HUBS = HELD[SUITE_1, HUB].certificate
ELSEWHERE = FOREIGN.issue(METER, CHANCE.getrandbits).certificate
HUB_ELSEWHERE = FOREIGN.issue(HUB, CHANCE.getrandbits).certificate
NO_POINT = b"\x07" + OWN[1:]
TWO = b"\x02" + bytes(21)
"""A point of order two."""
WRONG = K.ConfirmKeyDataRequest(bytes(16)), K.ConfirmKeyDataResponse(bytes(16))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (initiate(OWN, suite=2), TerminateStatus.UNSUPPORTED_SUITE),
        (initiate(ELSEWHERE), TerminateStatus.UNKNOWN_ISSUER),
        (initiate(HELD[SUITE_1, STRANGER].certificate), TerminateStatus.INVALID_CERTIFICATE),
        (initiate(NO_POINT), TerminateStatus.INVALID_CERTIFICATE),
        (initiate(OWN[:-1]), TerminateStatus.BAD_MESSAGE),
        (initiate(b""), TerminateStatus.BAD_MESSAGE),
        (K.EphemeralDataRequest(TWO), TerminateStatus.BAD_MESSAGE),
        (K.EphemeralDataRequest(bytes(22)), TerminateStatus.BAD_MESSAGE),
        (K.EphemeralDataRequest(bytes(1)), TerminateStatus.BAD_MESSAGE),
        (WRONG[0], TerminateStatus.BAD_KEY_CONFIRM),
        (answer(HUBS, suite=2), TerminateStatus.UNSUPPORTED_SUITE),
        (answer(HUB_ELSEWHERE), TerminateStatus.UNKNOWN_ISSUER),
        (answer(OWN), TerminateStatus.INVALID_CERTIFICATE),
        (K.EphemeralDataResponse(TWO), TerminateStatus.BAD_MESSAGE),
        (WRONG[1], TerminateStatus.BAD_KEY_CONFIRM),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Frame) else value.name,
)
def test_f21_what_does_not_fit_ends_it_with_the_reason(change: Frame, status: TerminateStatus) -> None:
    both = talk({type(change): change})
    assert both.statuses == [status]
    failures = [result for results in both.results.values() for result in results if isinstance(result, Failed)]
    assert {failure.status for failure in failures} == {status}
    assert not any(isinstance(result, Established) for result in both.results[METER])
    if change is not WRONG[1]:  # there the responder had proof enough, and the next exchange replaces its key
        assert not any(isinstance(result, Established) for result in both.results[HUB])
    assert [end.state for end in both.ends.values()] == [State.IDLE] * 2
    again = Talk(both.ends[METER], both.ends[HUB])
    again.run(again.ends[METER].start(HUB, 1, 0), METER)
    assert [type(result) for result in again.results[METER] + again.results[HUB]] == [Established, Established]


def test_f21_a_second_partner_is_told_so_and_the_first_goes_on() -> None:
    meter, hub, stranger = device(METER), device(HUB), device(STRANGER)
    (first,) = meter.start(HUB, 1, 0)
    assert isinstance(first, Say)
    (offer,) = hub.receive(first.command, METER, 0)
    (other,) = stranger.start(HUB, 1, 0)
    assert isinstance(other, Say)
    (refusal,) = hub.receive(other.command, STRANGER, 0)
    assert isinstance(refusal, Say)
    assert refusal.partner == STRANGER
    assert isinstance(refusal.command, K.TerminateKeyEstablishmentByServer)
    assert refusal.command.status_code == TerminateStatus.NO_RESOURCES
    (result,) = stranger.receive(refusal.command, HUB, 0)
    assert result == Failed(HUB, TerminateStatus.NO_RESOURCES, by_partner=True, wait=refusal.command.wait_time)
    both = Talk(meter, hub)
    both.run([offer], HUB)
    assert [type(each) for each in both.results[METER] + both.results[HUB]] == [Established, Established]


def test_a_partner_that_begins_anew_is_believed() -> None:
    meter, hub = device(METER), device(HUB)
    (first,) = meter.start(HUB, 1, 0)
    assert isinstance(first, Say)
    hub.receive(first.command, METER, 0)
    both = Talk(device(METER), hub)
    both.run(both.ends[METER].start(HUB, 1, 0), METER)
    assert [type(each) for each in both.results[HUB]] == [Established]


def test_f21_out_of_order_is_a_bad_message() -> None:
    meter, hub = device(METER), device(HUB)
    (first,) = meter.start(HUB, 1, 0)
    assert isinstance(first, Say)
    hub.receive(first.command, METER, 0)
    said, failed = hub.receive(K.ConfirmKeyDataRequest(bytes(16)), METER, 0)
    assert isinstance(said, Say)
    assert isinstance(said.command, K.TerminateKeyEstablishmentByServer)
    assert said.command.status_code == TerminateStatus.BAD_MESSAGE
    assert failed == Failed(METER, TerminateStatus.BAD_MESSAGE)


@pytest.mark.parametrize(
    "command",
    [answer(HUBS), K.EphemeralDataResponse(bytes(22)), WRONG[1], K.TerminateKeyEstablishmentByServer(1, 0, 1),
     K.TerminateKeyEstablishmentByClient(1, 0, 1)],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
def test_answers_nobody_asked_for_are_ignored(command: Frame) -> None:
    idle = device(METER)
    assert idle.receive(command, HUB, 0) == []
    busy = device(METER)
    busy.start(HUB, 1, 0)
    assert busy.receive(command, STRANGER, 0) == []
    assert busy.state is State.INITIATE_RESPONSE


def test_requests_without_an_exchange_hear_so() -> None:
    for command in (K.EphemeralDataRequest(bytes(22)), K.ConfirmKeyDataRequest(bytes(16))):
        (said,) = device(HUB).receive(command, METER, 0)
        assert isinstance(said, Say)
        assert isinstance(said.command, K.TerminateKeyEstablishmentByServer)
        assert said.command.status_code == TerminateStatus.BAD_MESSAGE


def test_silence_ends_it_when_the_time_that_was_said_is_over() -> None:
    meter, hub = device(METER), device(HUB)
    (first,) = meter.start(HUB, 1, 0)
    assert isinstance(first, Say)
    assert meter.deadline == 10 * S
    hub.receive(first.command, METER, 5 * S)
    assert hub.deadline == (5 + EPHEMERAL_TIME + 10) * S
    assert meter.expire(10 * S - 1) == []
    assert meter.expire(10 * S) == [Failed(HUB, None)]
    assert hub.expire(hub.deadline) == [Failed(METER, None)]
    assert (meter.state, hub.state) == (State.IDLE, State.IDLE)
    assert meter.expire(60 * S) == []


def test_no_suite_in_common_is_said_at_once() -> None:
    assert device(METER, SUITE_1).start(HUB, 2, 0) == [Failed(HUB, TerminateStatus.UNSUPPORTED_SUITE)]
    assert device(METER).start(HUB, 0, 0) == [Failed(HUB, TerminateStatus.UNSUPPORTED_SUITE)]


def test_one_at_a_time() -> None:
    meter = device(METER)
    assert meter.start(HUB, 1, 0)
    assert meter.start(HUB, 1, 0) == []


COMMANDS = [frame for side in K.commands.values() for frame in side.values()]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(COMMANDS), st.binary(max_size=80), st.sampled_from([HUB, STRANGER])), max_size=6))
def test_rubbish_establishes_nothing(messages: list[tuple[type[Frame], bytes, int]]) -> None:
    meter = device(METER)
    meter.start(HUB, 1, 0)
    for frame, data, partner in messages:
        padded = (
            data.ljust(16, b"\0")[:16] if frame in (K.ConfirmKeyDataRequest, K.ConfirmKeyDataResponse) else data.ljust(4, b"\1")
        )
        command, _ = frame.parse_from(padded, 0)
        assert not any(isinstance(effect, Established) for effect in meter.receive(command, partner, 0))
