"""Commands of Metering that the mirror holds for a sleeping gas meter: snapshots of midnights, the profile, samples."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import INVALID
from protocols.zigbee.metering.snapshots import Cause, Registers
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run

GAS_ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'


class Story:
    """A home with a gas meter; `told` are the hub's events about it."""

    def __init__(self):
        self.run = Run(loads(GAS_ALONE))
        self.told = []
        self.run.log.subscribe(lambda now, who, kind, data: self.told.append((kind, data)), ["meter.snapshot", "meter.samples"])
        commission(self.run)

    @property
    def meter(self):
        return self.run.gsme.firmware

    def seconds(self):
        return self.run.gsme.rtc.read() // S - EPOCH

    def hold(self, flag, command):
        """Have a command wait, and the meter fetch it at its next wake."""
        self.told.clear()
        self.run.hub.firmware.mirrors.hold(self.run.gsme.eui64, flag, command)
        self.run.run(for_=32 * MIN)

    def direct(self, command):
        """What the meter would answer in this instant."""
        endpoint = self.meter.han.endpoints[1].server(Metering)
        return endpoint.handlers[type(command)](command, None)


@pytest.fixture
def story():
    return Story()


def test_a_snapshot_of_midnight_is_the_half_hour_logs_row(story):
    story.run.run(for_=2 * DAY)
    midnights = [row for row in story.meter.log.rows() if row.at % DAY == 0]
    story.hold(Functional.GET_SNAPSHOT, Metering.GetSnapshot(0, 0xFFFFFFFF, len(midnights) - 1, Cause.GENERAL))
    ((kind, told),) = story.told
    registers = Registers.parse(told["payload"])
    assert (kind, told["time"], told["found"]) == ("meter.snapshot", midnights[-1].at // S - EPOCH, len(midnights))
    assert (registers.summation, registers.tiers) == (midnights[-1].total, [midnights[-1].total])


def test_the_profile_comes_in_parts_and_adds_up(story):
    story.run.run(for_=DAY)
    story.hold(Functional.GET_SAMPLED_DATA, Metering.GetSampledData(1, 0, 0, 0xFFFF))
    rows = story.meter.log.rows()
    parts = sorted((told["start"], told["samples"]) for _, told in story.told)  # a short one may overtake a long one
    samples = [sample for _, part in parts for sample in part]
    assert len(parts) > 1
    assert [start for start, _ in parts] == [rows[0].at // S - EPOCH + 36 * 1800 * number for number in range(len(parts))]
    assert INVALID not in samples
    assert sum(samples) == rows[len(samples)].total - rows[0].total > 0


@pytest.mark.req("S-054", part=True)
def test_fast_samples_cost_the_radio_nothing_until_they_are_sent(story):
    """A day of six-minute samples: kept, and then sent, in octets and in time of the radio."""
    story.run.run(for_=HOUR)
    plain = story.meter.radio_time.total
    story.run.run(for_=DAY)
    plain = story.meter.radio_time.total - plain
    ((started),) = [story.direct(Metering.StartSampling(1, 0, 0, 360, 240))]
    assert started.sample_id == 2
    kept = story.meter.radio_time.total
    story.run.run(for_=DAY)
    kept = story.meter.radio_time.total - kept
    assert abs(kept - plain) < plain // 20  # kept local: the day's rhythm and no more
    before = story.meter.radio_time.total
    story.hold(Functional.GET_SAMPLED_DATA, Metering.GetSampledData(2, 0, 0, 240))
    sent = story.meter.radio_time.total - before
    samples = [sample for _, told in story.told for sample in told["samples"]]
    octets = sum(11 + 3 * len(told["samples"]) for _, told in story.told)
    assert len(samples) == 240
    assert INVALID not in samples
    assert octets == 7 * 11 + 240 * 3  # 797 octets of ZCL payload for the hub, and for the WAN behind it
    assert plain // 48 < sent < plain  # one wake that sends them, against the 48 of a day


def test_samples_survive_a_change_of_the_cell_and_never_fall(story):
    story.direct(Metering.StartSampling(1, 0, 0, 600, 20))
    story.run.run(for_=HOUR)
    story.run.gsme.cut(off_for=25 * MIN)
    story.run.run(for_=3 * HOUR)
    parts = story.direct(Metering.GetSampledData(2, 0, 0, 0xFFFF))
    (part,) = parts
    assert part.number_of_samples == 20
    assert 0 < sum(each == INVALID for each in part.samples) <= 4


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (Metering.GetSampledData(9, 0, 0, 5), 0x8B),
        (Metering.GetSampledData(1, 0, 3, 5), 0x8B),
        (Metering.GetSampledData(1, 0, 0, 0), 0x85),
        (Metering.GetSnapshot(0, 0xFFFFFFFF, 0, Cause.END_OF_BILLING_PERIOD), 0x8B),
        (Metering.StartSampling(1, 7, 0, 60, 5), 0x87),
    ],
)
def test_commands_that_make_no_sense(story, command, status):
    story.run.run(for_=HOUR)
    assert story.direct(command) == status
