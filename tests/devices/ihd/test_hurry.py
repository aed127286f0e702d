"""The button `now`: a meter that has no fast poll mode, one that grants it, one that falls silent meanwhile."""

from __future__ import annotations

from functools import partial

import pytest

from devices import ihd
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH


@pytest.fixture
def display(premises, scripted_meter, install_code):
    return premises.put("ihd", partial(ihd.Firmware, config=ihd.Config(install_code)), 3, buttons=("ok", "now"))


def polls(scripted_meter, since):
    return len([at for at in scripted_meter.firmware.polls.get(Metering.id, []) if at >= since])


def granting(premises, period, minutes):
    end = (premises.kernel.utc // S - EPOCH) + 60 * minutes
    return lambda command, request: Metering.RequestFastPollModeResponse(period, end)


def test_a_meter_without_the_mode_is_read_as_before(premises, display, scripted_meter):
    premises.run(12 * MIN)
    display.buttons.press("now")
    start = premises.kernel.now
    premises.run(5 * MIN)
    assert 29 <= polls(scripted_meter, start) <= 33
    assert [kind for _, who, kind, _ in premises.events if kind == "ihd.no-fast-poll"]


def test_the_granted_period_is_kept_to_until_its_end(premises, display, scripted_meter):
    premises.run(12 * MIN)
    scripted_meter.firmware.metering.on(Metering.RequestFastPollMode, granting(premises, 5, 3))
    display.buttons.press("now")
    display.buttons.press("now")  # once is enough
    start = premises.kernel.now
    premises.run(3 * MIN)
    assert 50 <= polls(scripted_meter, start) <= 60  # every 5 s, and every 10 s as ever
    start = premises.kernel.now
    premises.run(3 * MIN)
    assert polls(scripted_meter, start) <= 20


@pytest.mark.parametrize(("period", "minutes"), [(0, 10_000), (2, -60)])
def test_a_meter_that_grants_nonsense_is_not_read_without_end(premises, display, scripted_meter, period, minutes):
    premises.run(12 * MIN)
    scripted_meter.firmware.metering.on(Metering.RequestFastPollMode, granting(premises, period, minutes))
    display.buttons.press("now")
    start = premises.kernel.now
    premises.run(30 * MIN)
    assert polls(scripted_meter, start) <= 30 * 6 + (15 * 60 if minutes > 0 else 2) + 5
    start = premises.kernel.now
    premises.run(5 * MIN)
    assert polls(scripted_meter, start) <= 33
