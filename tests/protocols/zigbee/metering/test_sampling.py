"""Logs of samples against a register that is a plain function of time, over steps of the clock and power cuts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.metering.profile import INVALID
from protocols.zigbee.metering.sampling import LOGS, MOST, NO_ROOM, Sampler
from protocols.zigbee.zcl.status import Status

START = 1_000_000


class Bench:
    """A sampler on a clock, with what it put in flash. The register counts `rate` a second of true time."""

    def __init__(self, rate=3):
        self.rate = rate
        self.true = 0
        self.clock = START
        self.stored = {}
        self.registers = {0: lambda: self.rate * self.true}
        self.sampler = Sampler(self.registers)
        self.readings = {}

    def save(self):
        changed, gone = self.sampler.changes()
        self.stored.update(changed)
        for key in gone:
            self.stored.pop(key, None)

    def start(self, issuer=1, start=0, interval=60, most=20):
        answer = self.sampler.start(Metering.StartSampling(issuer, start, 0, interval, most), self.clock)
        self.save()
        return answer

    def run(self, seconds, powered=True):
        """Let time pass; the sampler is called at its deadlines, when there is power."""
        end = self.true + seconds
        while powered and (due := self.sampler.deadline) is not None and self.true + max(due - self.clock, 0) <= end:
            wait = max(due - self.clock, 0)
            self.true, self.clock = self.true + wait, self.clock + wait
            self.readings.setdefault(self.clock, self.rate * self.true)
            self.sampler.expire(self.clock)
            self.save()
        self.clock += end - self.true
        self.true = end

    def cut(self, seconds):
        self.run(seconds, powered=False)
        self.sampler = Sampler(self.registers, self.stored)
        self.sampler.expire(self.clock)
        self.save()

    def all(self, log=1):
        """Every sample, by the time at which its interval began."""
        samples, since = {}, 0
        while True:
            answer = self.sampler.sampled(Metering.GetSampledData(log, since, 0, 0xFFFF))
            if answer is Status.NOT_FOUND:
                return samples
            (answer,) = answer
            for number, sample in enumerate(answer.samples):
                time = answer.sample_start_time + number * answer.sample_request_interval
                assert time not in samples
                samples[time] = sample
            since = answer.sample_start_time + len(answer.samples) * answer.sample_request_interval


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 700)),
        st.tuples(st.just("cut"), st.integers(1, 400)),
        st.tuples(st.just("clock"), st.integers(-400, 400)),
    ),
    max_size=12,
)


@given(STEPS, st.integers(1, 130), st.integers(1, 100))
def test_no_interval_is_lost_or_doubled(steps, interval, most):
    bench = Bench()
    bench.start(interval=interval, most=most)
    for step, seconds in steps:
        if step == "clock":
            bench.clock = max(START, bench.clock + seconds)
            bench.sampler.expire(bench.clock)
            bench.save()
        else:
            getattr(bench, step)(seconds)
    samples = bench.all()
    times = sorted(samples)
    assert times == [START + number * interval for number in range(len(times))]
    assert len(times) <= most
    assert sum(sample for sample in samples.values() if sample != INVALID) <= bench.rate * bench.true
    assert Sampler(bench.registers, bench.stored).deadline == bench.sampler.deadline


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 300)), max_size=6))
def test_without_steps_of_the_clock_a_sample_is_known_where_both_its_ends_were_seen(cuts):
    bench = Bench()
    bench.start(most=200)
    dark = []
    for run, off in cuts:
        bench.run(run)
        dark.append((bench.clock, bench.clock + off))
        bench.cut(off)
    bench.run(300)
    for begin, sample in bench.all().items():
        # what is due in the second in which the power goes, or comes back, has been read
        missed = any(off < end < on for end in (begin, begin + 60) for off, on in dark)
        assert sample == (INVALID if missed else 60 * bench.rate)


def test_logs_are_bounded():
    bench = Bench()
    assert bench.start(most=MOST + 1).sample_id == NO_ROOM
    assert [bench.start(issuer=n).sample_id for n in range(1, LOGS + 2)] == [1, 2, 3, 4, NO_ROOM]
    bench.run(3600)
    assert bench.start(issuer=9).sample_id == 1
    assert len([key for key in bench.stored if "." not in key]) == LOGS


def test_a_log_begins_when_it_is_told_to():
    bench = Bench()
    bench.start(start=START + 90, interval=30, most=4)
    assert bench.sampler.sampled(Metering.GetSampledData(1, 0, 0, 9)) is Status.NOT_FOUND
    bench.run(500)
    assert bench.all() == {START + 90 + 30 * number: 90 for number in range(4)}
