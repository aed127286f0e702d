"""Displays that miss their meter: the home is not asked for it for ever, and a meter that comes is found at once."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN
from protocols.zigbee import zdo


@pytest.fixture
def searches():
    """When the hub heard a Match_Desc_req to everybody."""

    def listen(home):
        heard = []
        requests = home.hub.firmware.han.stack._zdo._requests
        answer = requests[zdo.MATCH_DESCRIPTOR]

        def note(message):
            if message.broadcast:
                heard.append(home.now)
            return answer(message)

        requests[zdo.MATCH_DESCRIPTOR] = note
        return heard

    return listen


def test_where_there_is_no_meter_it_is_looked_for_less_and_less(build, searches):
    home = build("[[home]]\n[[home.device]]\nkind = 'hub'\n[[home.device]]\nkind = 'ihd'\n", commissioned=False)
    home.run(for_=MIN)
    heard = searches(home)
    home.run(for_=2 * HOUR)
    assert len(heard) < 20
    home.run(for_=DAY)
    last = [after - before for before, after in zip(heard[-4:], heard[-3:], strict=False)]
    assert all(3 * HOUR <= pause < 3 * HOUR + MIN for pause in last)


def test_a_meter_that_comes_later_is_found_when_it_announces_itself(build):
    home = build("home", commissioned=False, before=lambda run: run.shield("esme", loss=1.0))
    home.run(for_=DAY)
    assert home.screen("ihd")[1].split()[-1] != "kW"
    home.shield("esme", loss=0.0)
    home.until(lambda: home.esme.firmware.han.stack.joined, HOUR)
    home.run(for_=2 * MIN)
    assert home.screen("ihd")[1].endswith("kW")
    assert home.screen("ppmid")[1].endswith("supply ON")


def test_a_meter_that_was_away_is_asked_every_minute_where_it_was(home, searches):
    heard = searches(home)
    home.shield("esme", loss=1.0)
    home.run(for_=DAY)
    away = len(heard)
    assert away < 60  # two displays
    home.shield("esme", loss=0.0)
    home.run(for_=3 * MIN)
    assert home.screen("ihd")[1].endswith("kW")
