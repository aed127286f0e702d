"""Bad inputs G6, G7 and H11 of Metering on a living home: divisors of zero, and every command with what makes no sense in it.

The hub is trusted and mistaken. After each the meter answers the next good frame, its registers and switch are as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.parts.screen import NO_VALUE
from devices.runtime.kernel import MIN, S
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import Status as ProfileStatus
from protocols.zigbee.metering.schedules import Outcome
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER, command_of
from protocols.zigbee.zcl.foundation import DefaultResponse
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
NEVER = 0xFFFFFFFF
PAST = 1000


class Live:
    """A commissioned home whose hub says anything to its electricity meter."""

    def __init__(self) -> None:
        self.run = Run(load(BENCH))
        commission(self.run)
        self.run.run(for_=2 * 3600 * S)
        self.han = self.run.hub.firmware.han
        self.heard: list[bytes] = []
        self.restarts: list[object] = []
        self.sequence = 0
        self.run.log.subscribe(lambda now, who, kind, data: self.restarts.append((who, data)), ["power"])
        self.han.on(Message, lambda message: self.heard.append(message.payload) if message.cluster == Metering.id else None)

    @property
    def now(self) -> int:
        return self.run.esme.rtc.read() // S - EPOCH

    def say(self, command: int, payload: bytes) -> bytes:
        """The meter's answer, without its sequence number."""
        self.sequence = (self.sequence + 1) & 0xFF
        self.heard.clear()
        address = self.han.stack.address_of(self.run.esme.eui64)
        assert address is not None
        self.han.send(address, 1, Metering.id, bytes((0x01, self.sequence, command)) + payload)
        self.run.run(for_=3 * S)
        (answer,) = [each for each in self.heard if each[1] == self.sequence and each[0] & 0x08]
        return answer

    def ask(self, frame: Frame) -> Frame | int:
        """The meter's answer: a command, or the status of a Default Response."""
        answer = self.say(command_of(type(frame)).id, frame.build())
        if answer[0] & 3 == 0:
            assert answer[2] == foundation.GENERAL_IDS[DefaultResponse]
            return DefaultResponse.parse(answer[3:]).status
        return Metering.commands[command_of(type(frame)).to.other][answer[2]].parse(answer[3:])


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture(autouse=True)
def as_it_was(live: Live) -> Iterator[None]:
    meter = live.run.esme.firmware.meter
    before = meter.switch.state
    yield
    assert (meter.switch.state, live.restarts) == (before, [])
    profile = live.ask(Metering.GetProfile(0, 0, 2))
    assert isinstance(profile, Metering.GetProfileResponse)
    assert profile.status == 0
    assert sum(profile.intervals) == meter.half_hours.last.total - meter.half_hours.rows(3)[0].total


RECEIVED = [kind for kind in Metering.commands[SERVER].values() if kind is not Metering.MirrorReportAttributeResponse]
HANDLED = [
    kind for kind in RECEIVED
    if kind not in (Metering.RequestMirrorResponse, Metering.MirrorRemoved, Metering.SetUncontrolledFlowThreshold)
]  # fmt: skip


@pytest.mark.parametrize("kind", HANDLED, ids=lambda kind: kind.__name__)
def test_g1_every_command_that_is_cut_is_malformed(live: Live, kind: type[Frame]) -> None:
    """At every length: none is taken for a shorter command."""
    least = next(size for size in range(40) if _reads(kind, bytes(size)))
    for size in range(least):
        answer = live.say(command_of(kind).id, bytes(size))
        assert (answer[2], answer[4]) == (0x0B, Status.MALFORMED_COMMAND), size


def _reads(kind: type[Frame], octets: bytes) -> bool:
    try:
        kind.parse(octets)
    except RemoteProtocolError:
        return False
    return True


def test_what_an_electricity_meter_has_no_use_for_is_unsupported(live: Live) -> None:
    assert live.ask(Metering.SetUncontrolledFlowThreshold(1, 1, 5, 1, 1, 0, 1, 1)) == Status.UNSUP_CLUSTER_COMMAND
    assert live.ask(Metering.RequestMirrorResponse(5)) == Status.UNSUP_CLUSTER_COMMAND


SENSELESS = {
    "a profile of no periods": (Metering.GetProfile(0, 0, 0), Status.INVALID_FIELD),
    "a snapshot that ends before it begins": (Metering.GetSnapshot(2, 1, 0, NEVER), Status.INVALID_FIELD),
    "a snapshot before there were any": (Metering.GetSnapshot(0, PAST, 0, NEVER), Status.NOT_FOUND),
    "an offset beyond them all": (Metering.GetSnapshot(0, NEVER, 255, NEVER), Status.NOT_FOUND),
    "no schedule": (Metering.ScheduleSnapshot(1, 0, 1, []), Status.INVALID_FIELD),
    "a part behind the last": (Metering.ScheduleSnapshot(1, 3, 1, [SnapshotSchedule(1, 0, 1, 4, 1)]), Status.INVALID_FIELD),
    "samples of nothing": (Metering.StartSampling(1, 0, 77, 60, 5), Status.INVALID_FIELD),
    "samples in no time": (Metering.StartSampling(1, 0, 0, 0, 5), Status.INVALID_FIELD),
    "no samples": (Metering.StartSampling(1, 0, 0, 60, 0), Status.INVALID_FIELD),
    "samples of the past": (Metering.StartSampling(1, PAST, 0, 60, 5), Status.INVALID_VALUE),
    "samples beyond the end of time": (Metering.StartSampling(1, NEVER - 5, 0, 0xFFFF, 0xFFFF), Status.INVALID_VALUE),
    "samples taken back that nobody ordered": (Metering.StartSampling(77, NEVER, 0, 60, 5), Status.NOT_FOUND),
    "data of a log that is not there": (Metering.GetSampledData(0xFFFF, 0, 0, 5), Status.NOT_FOUND),
    "a supply of the past": (Metering.ChangeSupply(1, 99, 0, PAST, SupplyStatus.OFF, 0), Status.INVALID_VALUE),
    "a supply that is none": (Metering.ChangeSupply(1, 99, 0, 0, 3, 0), Status.INVALID_FIELD),
    "an order taken back that nobody gave": (Metering.ChangeSupply(1, 99, 0, NEVER, SupplyStatus.OFF, 0), Status.NOT_FOUND),
    "a local supply that is none": (Metering.LocalChangeSupply(0), Status.INVALID_FIELD),
    "a local supply that is on": (Metering.LocalChangeSupply(SupplyStatus.ON), Status.NOT_AUTHORIZED),
    "a state that is none": (Metering.SetSupplyStatus(1, 0, 4, 0, 0), Status.INVALID_FIELD),
}


@pytest.mark.parametrize(("command", "status"), SENSELESS.values(), ids=SENSELESS.keys())
def test_g7_what_makes_no_sense_is_refused(live: Live, command: Frame, status: Status) -> None:
    assert live.ask(command) == status


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ((4, 0, 5), ProfileStatus.UNDEFINED_CHANNEL),
        ((0xFF, 0, 5), ProfileStatus.UNDEFINED_CHANNEL),
        ((0, PAST, 5), ProfileStatus.NO_INTERVALS),
        ((0, NEVER, 5), ProfileStatus.INVALID_END_TIME),
    ],
)
def test_g7_a_profile_that_is_not_there_says_why(live: Live, asked: tuple[int, int, int], status: ProfileStatus) -> None:
    answer = live.ask(Metering.GetProfile(*asked))
    assert isinstance(answer, Metering.GetProfileResponse)
    assert (answer.status, answer.intervals) == (status, [])


def test_g7_schedules_are_refused_one_by_one(live: Live) -> None:
    payload = [
        SnapshotSchedule(0, 0, 1, 4, 1), SnapshotSchedule(255, 0, 1, 4, 1), SnapshotSchedule(1, 0, 1, 99, 1),
        SnapshotSchedule(1, 0, 1, 4, 1 << 31), SnapshotSchedule(1, 0, 0, 4, 1), SnapshotSchedule(1, 0, 1 | 3 << 20, 4, 1),
        SnapshotSchedule(1, NEVER, 1, 4, 1),
    ]  # fmt: skip
    answer = live.ask(Metering.ScheduleSnapshot(7, 0, 1, payload))
    assert isinstance(answer, Metering.ScheduleSnapshotResponse)
    confirmed = [each.snapshot_schedule_confirmation for each in answer.snapshot_response_payload]
    assert confirmed == [
        Outcome.NOT_AVAILABLE, Outcome.NOT_AVAILABLE, Outcome.TYPE_NOT_SUPPORTED, Outcome.CAUSE_NOT_SUPPORTED,
        Outcome.NOT_AVAILABLE, Outcome.NOT_AVAILABLE, Outcome.NOT_AVAILABLE,
    ]  # fmt: skip


def test_a_far_future_is_waited_for_and_taken_back(live: Live) -> None:
    far = NEVER - 1
    assert live.ask(Metering.ChangeSupply(1, 1000, 0, far, SupplyStatus.OFF, 0)) == Status.SUCCESS
    assert live.ask(Metering.ChangeSupply(1, 1000, 0, far, SupplyStatus.OFF, 0)) == Status.DUPLICATE_EXISTS
    assert live.ask(Metering.ChangeSupply(2, 1000, 0, NEVER, SupplyStatus.OFF, 0)) == Status.NOT_FOUND
    assert live.ask(Metering.ChangeSupply(1, 1000, 0, NEVER, SupplyStatus.OFF, 0)) == Status.SUCCESS


def test_fast_poll_mode_for_no_time_at_all(live: Live) -> None:
    answer = live.ask(Metering.RequestFastPollMode(0, 0))
    assert isinstance(answer, Metering.RequestFastPollModeResponse)
    assert live.now - answer.fast_poll_mode_endtime in range(10)


# --- G6 ---


@pytest.mark.parametrize("attribute", [Metering.divisor, Metering.multiplier], ids=lambda each: each.name)
def test_g6_zero_is_shown_as_no_value_and_nothing_is_divided(attribute) -> None:
    """By the display that finds such meters, and by the hub that translates the gas meter's readings."""
    run = Run(load(BENCH))
    commission(run)
    for name in ("esme", "gsme"):
        run.board(name).firmware.han.endpoints[1].server(Metering)[attribute] = 0
    run.run(for_=31 * MIN)
    run.ihd.cut(off_for=MIN)
    run.run(for_=10 * MIN)
    shown = {line[:12].strip(): line for line in run.ihd.display.lines}
    assert all(shown[label].endswith(NO_VALUE) for label in ("ELECTRICITY", "total", "GAS")), run.ihd.display.lines
    meter = run.head_end.meter("gsme")
    with pytest.raises(AccessError):
        meter.register("7-0:3.0.0")
    assert meter.get("0-0:94.44.34.11", 1, 2).value  # the rest of it is there
