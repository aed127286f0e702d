"""Logs of the gas meter: what the meter says of half hours, midnights and fast samples is read, over the whole range."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.translation import Gas
from hubfw.translation_logs import DELIVERED, HALF_HOURS, MIDNIGHTS, PROFILE, REGISTER, SAMPLE, Logs
from hubfw.translation_samples import NEWEST, SAMPLES, FastSamples
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Clock, date_time
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Scheme
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.snapshots import Cause, PayloadType, Registers

NOW, S = 800_000_000, 1_000_000_000
INVALID = (1 << 24) - 1
LITRES = st.integers(0, INVALID) | st.sampled_from([0, INVALID - 1, INVALID])
CLOCK = Clock("0-0:1.0.0", time=bytes(12))


class Board:
    """Of a hub that knows the time."""

    def __init__(self):
        self.nvm = type("Nvm", (dict,), {"put": dict.update})()
        self.rtc = SimpleNamespace(valid=True, read=lambda: (NOW + EPOCH) * S)

    def log(self, kind, data):
        pass


class Mirrors:
    """Of a meter that fetches orders; those that it was given."""

    def __init__(self):
        self.commands = []

    def of(self, eui64):
        return SimpleNamespace(gas=SimpleNamespace(reading=None), scheme=Scheme.B)

    def hold(self, eui64, flag, command):
        self.commands.append(command)

    def held(self, eui64):
        return self.commands


def gas():
    return Gas(Board(), 1, Mirrors(), None)


def read(part, name):
    (thing,) = [each for each in part.objects if each.name == Obis(name)]
    return Data.parse(thing.read(2).build()).python


def over_the_air(command):
    return type(command).parse(command.build())


def rows(start, interval, samples):
    """As a profile has them: the time at which each period ended, and litres, or null where the meter has none."""
    return [
        [date_time.encode((start + number * interval + EPOCH) * S), None if litres == INVALID else litres]
        for number, litres in enumerate(samples, 1)
    ]


@given(st.lists(LITRES, min_size=1, max_size=30), st.integers(0, 0xFFFF_FFFF - 1_801 * 30))
def test_half_hours_are_what_the_meter_said(samples, start):
    logs = Logs(gas(), CLOCK)
    said = Metering.GetSampledDataResponse(PROFILE, start, DELIVERED, 1800, len(samples), samples)
    for _ in range(2):  # the same again adds nothing
        logs.answered(over_the_air(said))
    wanted = rows(start, 1800, samples)
    assert read(logs, HALF_HOURS) == wanted
    assert read(logs, SAMPLE) == wanted[-1][1]


@given(st.integers(0, (1 << 48) - 1) | st.sampled_from([0, (1 << 48) - 2, (1 << 48) - 1]), st.integers(0, 0xFFFF_FFFE))
def test_a_midnight_is_what_the_register_was(total, at):
    logs = Logs(gas(), CLOCK)
    payload = Registers(total, 0, []).build()
    logs.answered(over_the_air(Metering.PublishSnapshot(1, at, 1, 0, 1, Cause.GENERAL, PayloadType.TIERS_DELIVERED, payload)))
    said = None if total == (1 << 48) - 1 else total  # as ZigBee says that there is none
    assert read(logs, MIDNIGHTS) == [[date_time.encode((at + EPOCH) * S), said]]
    assert read(logs, REGISTER) == said


@given(st.lists(LITRES, min_size=1, max_size=30), st.sampled_from([60, 61, 300, 3_600]))
def test_fast_samples_begin_as_written_and_are_what_the_meter_said(samples, period):
    proxy = gas()
    fast = FastSamples(proxy, CLOCK)
    fast.profile.write(4, axdr.u32(period))
    (order,) = proxy.pending
    assert (over_the_air(order).sample_request_interval, fast.profile.read(4).value) == (period, period)
    fast.answered(Metering.StartSamplingResponse(7))
    fast.answered(over_the_air(Metering.GetSampledDataResponse(7, NOW, DELIVERED, period, len(samples), samples)))
    wanted = rows(NOW, period, samples)
    assert read(fast, SAMPLES) == wanted
    assert read(fast, NEWEST) == wanted[-1][1]


@pytest.mark.parametrize("period", [0, 59, 3_601, 0xFFFFFFFF])
def test_other_periods_are_out_of_scope_and_nothing_waits(period):
    proxy = gas()
    with pytest.raises(AccessError) as refused:
        FastSamples(proxy, CLOCK).profile.write(4, axdr.u32(period))
    assert (refused.value.result, proxy.pending) == (DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, [])


@pytest.mark.parametrize(("part", "names"), [(Logs, (SAMPLE, REGISTER)), (FastSamples, (NEWEST,))])
def test_before_the_meter_answered_the_newest_is_unavailable(part, names):
    made = part(gas(), CLOCK)
    for name in names:
        with pytest.raises(AccessError) as refused:
            read(made, name)
        assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
