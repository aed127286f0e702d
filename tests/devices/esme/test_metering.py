"""Commands of Metering at a living meter, over the air: profiles, history, fast poll mode, snapshots, sampling."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms.cosem import date_time
from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import INVALID, Channel, Period, Status
from protocols.zigbee.metering.schedules import Outcome, Point, Unit
from protocols.zigbee.metering.snapshots import ANY_CAUSE, Assembly, Cause, PayloadType, Registers
from protocols.zigbee.zcl.status import Status as ZclStatus

HALF_HOUR = 1800
ALWAYS = 0, 0xFFFFFFFE


@pytest.fixture
def ask(meter):
    return meter.command


def seconds(meter):
    return meter.board.rtc.read() // S - EPOCH


def to(meter, of_day):
    """Let time pass until this time of the day (ns) on the meter's clock."""
    now = meter.board.rtc.read()
    meter.run((of_day - now) % DAY)


# --- profiles and history ---


@pytest.mark.req("S-088", part=True)
def test_a_profile_is_cosems_half_hour_log(meter, ask):
    meter.run(9 * HOUR)
    answer = ask(Metering.GetProfile(Channel.DELIVERED, 0, 10), Metering.GetProfileResponse)
    rows = meter.direct().get("0-0:99.1.0", 7, 2).value
    cosem = [(date_time.instant(row.value[0].value) // S - EPOCH, row.value[2].value) for row in rows][::-1]
    assert (answer.status, answer.profile_interval_period, answer.end_time) == (Status.SUCCESS, Period.MINUTES_30, cosem[0][0])
    assert answer.intervals == [newer - older for (_, newer), (_, older) in pairwise(cosem[:11])]
    assert sum(answer.intervals) > 0


def test_an_older_profile_ends_at_or_before_the_time_asked_for(meter, ask):
    meter.run(9 * HOUR)
    newest = ask(Metering.GetProfile(0, 0, 8), Metering.GetProfileResponse)
    older = ask(Metering.GetProfile(0, newest.end_time - HALF_HOUR - 7, 4), Metering.GetProfileResponse)
    assert older.end_time == newest.end_time - 2 * HALF_HOUR
    assert older.intervals == newest.intervals[2:6]
    later = ask(Metering.GetProfile(0, newest.end_time + 3600, 8), Metering.GetProfileResponse)
    assert later == newest


def test_an_hour_without_power_is_no_consumption_and_not_doubled(meter, ask):
    to(meter, 6 * HOUR + 10 * MIN)
    meter.mains.off(HOUR + 10 * MIN)
    meter.run(3 * HOUR)
    answer = ask(Metering.GetProfile(0, 0, 6), Metering.GetProfileResponse)
    # those that ended at 9:00, 8:30 and 8:00; of the others one end was missed, at 7:00 or 6:30
    assert [each == INVALID for each in answer.intervals] == [False, False, False, True, True, True]


STATUSES = [
    ((7, 0, 4), Status.UNDEFINED_CHANNEL),
    ((0, 1, 4), Status.NO_INTERVALS),
    ((0, 0xFFFFFFFF, 4), Status.INVALID_END_TIME),
    ((0, 0, 25), Status.TOO_MANY_PERIODS),
]


@pytest.mark.parametrize(("asked", "status"), STATUSES)
def test_profiles_that_cannot_be(meter, ask, asked, status):
    meter.run(14 * HOUR)
    answer = ask(Metering.GetProfile(*asked), Metering.GetProfileResponse)
    assert answer.status == status
    assert len(answer.intervals) == (24 if status is Status.TOO_MANY_PERIODS else 0)


def test_history_is_what_the_daily_log_says(meter, ask):
    to(meter, 0)
    begins = []
    for _ in range(9):
        begins.append(meter.meter.import_wh)
        meter.run(DAY)
    meter.run(5 * HOUR)
    used = [later - sooner for sooner, later in pairwise(begins)]
    today = meter.read(Metering, Metering.current_day_consumption_delivered)
    assert today == meter.meter.import_wh - meter.meter.days.last.total
    days = [Metering.previous_day_consumption_delivered, *Metering.previous_days_consumption_delivered]
    assert [meter.read(Metering, each) for each in days] == [meter.meter.days.last.total - begins[-1], *used[::-1][:7]]
    cosem = [row.value[2].value for row in meter.direct().get("0-0:99.1.3", 7, 2).value]
    assert meter.read(Metering, Metering.dft_summation) == cosem[-1]
    assert meter.read(Metering, days[1]) == cosem[-2] - cosem[-3]


def test_a_period_whose_begin_was_missed_is_not_known(meter):
    to(meter, DAY - 10 * MIN)
    meter.run(DAY)
    assert meter.read(Metering, Metering.current_day_consumption_delivered) is not None
    meter.mains.off(HOUR)  # over midnight
    meter.run(2 * HOUR)
    assert meter.read(Metering, Metering.current_day_consumption_delivered) is None
    assert meter.read(Metering, Metering.previous_day_consumption_delivered) is None
    assert meter.read(Metering, Metering.current_partial_profile_interval_value_delivered) >= 0


# --- fast poll mode ---


def test_fast_poll_mode_has_an_end_that_nobody_puts_off(meter, ask):
    first = ask(Metering.RequestFastPollMode(1, 200), Metering.RequestFastPollModeResponse)
    assert first.applied_update_period == meter.read(Metering, Metering.fast_poll_update_period) == 2
    assert first.fast_poll_mode_endtime - seconds(meter) in (899, 900)
    meter.run(10 * MIN)
    again = ask(Metering.RequestFastPollMode(30, 15), Metering.RequestFastPollModeResponse)
    assert again == first
    meter.run(6 * MIN)
    assert meter.firmware.commands.fast_poll.period(meter.kernel.now) == 10
    renewed = ask(Metering.RequestFastPollMode(5, 3), Metering.RequestFastPollModeResponse)
    assert renewed.applied_update_period == 5
    assert renewed.fast_poll_mode_endtime - seconds(meter) in (179, 180)


# --- snapshots ---


def whole(part):
    taken = Assembly().add(part)
    return taken, Registers.parse(taken.payload)


def test_a_snapshot_on_request_stays_over_a_power_cut(meter, ask):
    meter.run(HOUR)
    total = meter.meter.import_wh
    answer = ask(Metering.TakeSnapshot(Cause.GENERAL), Metering.TakeSnapshotResponse)
    assert answer.snapshot_confirmation == 0
    meter.board.cut(off_for=MIN)
    meter.run(HOUR)
    part = ask(Metering.GetSnapshot(*ALWAYS, 0, Cause.MANUALLY_TRIGGERED), Metering.PublishSnapshot)
    taken, registers = whole(part)
    assert (taken.id, part.total_snapshots_found, part.total_commands) == (answer.snapshot_id, 1, 1)
    assert taken.cause == Cause.GENERAL | Cause.MANUALLY_TRIGGERED
    assert 0 <= registers.summation - total <= 1
    assert registers.tiers == [registers.summation]


def test_a_cause_that_is_none(meter, ask):
    answer = ask(Metering.TakeSnapshot(1 << 30), Metering.TakeSnapshotResponse)
    assert (answer.snapshot_id, answer.snapshot_confirmation) == (0, 1)


def test_the_snapshots_of_midnights_are_the_daily_log(meter, ask):
    to(meter, 0)
    meter.run(3 * DAY)
    rows = meter.meter.days.rows()
    for offset, row in enumerate(rows):
        part = ask(Metering.GetSnapshot(*ALWAYS, offset, Cause.GENERAL), Metering.PublishSnapshot)
        taken, registers = whole(part)
        assert (taken.time, registers.summation, part.total_snapshots_found) == (row.at // S - EPOCH, row.total, len(rows))
    assert ask(Metering.GetSnapshot(*ALWAYS, len(rows), Cause.GENERAL), Metering.PublishSnapshot) == ZclStatus.NOT_FOUND


def test_a_schedule_takes_its_snapshots_and_outlives_the_power(meter, ask):
    to(meter, 12 * HOUR)
    published = []
    meter.hub.firmware.han.endpoints[1].client(Metering).on(Metering.PublishSnapshot, lambda part, request: published.append(part))
    kind, daily = PayloadType.TIERS_DELIVERED_NO_BILLING, Point.START << 22 | Unit.DAY << 20 | 1
    schedules = [
        SnapshotSchedule(1, 0, daily, kind, Cause.GENERAL),
        SnapshotSchedule(2, 0, daily, PayloadType.BLOCKS_DELIVERED, Cause.GENERAL),
        SnapshotSchedule(3, 0, daily, kind, 1 << 30),
        SnapshotSchedule(4, 0, daily & ~1, kind, Cause.GENERAL),
    ]
    answer = ask(Metering.ScheduleSnapshot(9, 0, 1, schedules), Metering.ScheduleSnapshotResponse)
    outcomes = [each.snapshot_schedule_confirmation for each in answer.snapshot_response_payload]
    assert outcomes == [Outcome.ACCEPTED, Outcome.TYPE_NOT_SUPPORTED, Outcome.CAUSE_NOT_SUPPORTED, Outcome.NOT_AVAILABLE]
    meter.board.cut(off_for=MIN)
    meter.run(2 * DAY)
    midnights = [row for row in meter.meter.days.rows() if row.at > meter.board.rtc.read() - 2 * DAY]
    assert [whole(part)[0].time for part in published] == [row.at // S - EPOCH for row in midnights]
    assert [whole(part)[1].summation for part in published] == [row.total for row in midnights]
    assert all(part.snapshot_cause == Cause.GENERAL | Cause.SCHEDULED for part in published)


def test_a_billing_day_and_a_new_price_have_their_snapshots(meter, ask):
    meter.run(HOUR)
    manager = meter.manager()
    manager.action("0-0:98.1.0", 7, 2)
    manager.action("0-0:13.0.0", 20, 1)
    billed = whole(ask(Metering.GetSnapshot(*ALWAYS, 0, Cause.END_OF_BILLING_PERIOD), Metering.PublishSnapshot))
    (row,) = manager.get("0-0:98.1.0", 7, 2).value
    assert billed[1].summation == row.value[1].value
    _, registers = whole(ask(Metering.GetSnapshot(*ALWAYS, 0, Cause.CHANGE_OF_CALENDAR), Metering.PublishSnapshot))
    assert registers.summation == billed[1].summation
    both = ask(Metering.GetSnapshot(*ALWAYS, 0, ANY_CAUSE), Metering.PublishSnapshot)
    assert both.total_snapshots_found >= 2


# --- sampling ---


def test_samples_are_what_the_register_counted(meter, ask):
    start = seconds(meter) + 100
    answer = ask(Metering.StartSampling(5, start, 0, 60, 50), Metering.StartSamplingResponse)
    assert answer.sample_id == 1
    meter.run(100 * S)
    before = meter.meter.import_wh
    meter.run(HOUR)
    first = ask(Metering.GetSampledData(1, 0, 0, 100), Metering.GetSampledDataResponse)
    assert (first.sample_start_time, first.sample_request_interval, first.number_of_samples) == (start, 60, 36)
    rest = ask(Metering.GetSampledData(1, start + 36 * 60, 0, 100), Metering.GetSampledDataResponse)
    assert (rest.sample_start_time, rest.number_of_samples) == (start + 36 * 60, 14)
    assert INVALID not in first.samples + rest.samples
    assert 0 < sum(first.samples + rest.samples) <= meter.meter.import_wh - before + 1


def test_samples_over_a_power_cut_are_invalid_where_nobody_read(meter, ask):
    start = seconds(meter)
    ask(Metering.StartSampling(5, 0, 0, 600, 12), Metering.StartSamplingResponse)
    meter.run(25 * MIN)
    meter.board.cut(off_for=30 * MIN)
    meter.run(2 * HOUR)
    answer = ask(Metering.GetSampledData(1, 0, 0, 12), Metering.GetSampledDataResponse)
    assert answer.sample_start_time - start in (0, 1)
    assert [each == INVALID for each in answer.samples] == [False] * 2 + [True] * 4 + [False] * 6


BAD_SAMPLING = [
    (Metering.StartSampling(5, 0, 0, 0, 5), ZclStatus.INVALID_FIELD),
    (Metering.StartSampling(5, 0, 0, 5, 0), ZclStatus.INVALID_FIELD),
    (Metering.StartSampling(5, 0, 9, 5, 5), ZclStatus.INVALID_FIELD),
    (Metering.StartSampling(5, 77, 0, 5, 5), ZclStatus.INVALID_VALUE),
    (Metering.StartSampling(5, 0xFFFFFFF0, 0, 60, 5), ZclStatus.INVALID_VALUE),
    (Metering.StartSampling(5, 0xFFFFFFFF, 0, 5, 5), ZclStatus.NOT_FOUND),
    (Metering.GetSampledData(1, 0, 0, 5), ZclStatus.NOT_FOUND),
    (Metering.GetProfile(0, 0, 0), ZclStatus.INVALID_FIELD),
    (Metering.GetSnapshot(5, 4, 0, ANY_CAUSE), ZclStatus.INVALID_FIELD),
    (Metering.ScheduleSnapshot(5, 0, 1, []), ZclStatus.INVALID_FIELD),
]


@pytest.mark.parametrize(("command", "status"), BAD_SAMPLING)
def test_commands_that_make_no_sense(meter, ask, command, status):
    assert ask(command) == status


def test_a_log_of_samples_is_begun_once_and_may_be_cancelled(meter, ask):
    start = Metering.StartSampling(5, 0, 0, 60, 5)
    assert ask(start, Metering.StartSamplingResponse).sample_id == 1
    assert ask(start, Metering.StartSamplingResponse) == ZclStatus.DUPLICATE_EXISTS
    ids = [ask(Metering.StartSampling(6 + n, 0, 0, 60, 5), Metering.StartSamplingResponse).sample_id for n in range(4)]
    assert ids == [2, 3, 4, 0xFFFF]
    ask(Metering.StartSampling(7, 0xFFFFFFFF, 0, 60, 5))
    assert ask(Metering.StartSampling(11, 0, 0, 60, 5), Metering.StartSamplingResponse).sample_id == 3
    meter.run(HOUR)  # all full: the oldest makes room
    assert ask(Metering.StartSampling(12, 0, 0, 60, 5), Metering.StartSamplingResponse).sample_id == 1
