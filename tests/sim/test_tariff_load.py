"""What critical peaks and real-time prices cost the home network: the same home with and without them, frame by frame."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.metrics import WAN, Metrics
from tools.bench.run import Run
from tools.bench.wan_prices import REQUESTER

HOME = """
seed = 7
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.device]]
kind = "ppmid"
at = [5, -4]
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{ label = "All day", pence = [24.5] }]
peak_pence = 90
"""
PEAK = '[[home.publish]]\nkind = "critical-peak"\nafter_s = 3600\nstarts_s = 3600\nminutes = 60\nask = true\n'
SPOT = '[[home.publish]]\nkind = "real-time-prices"\nafter_s = 3600\npence = {}\nacknowledge = true\n'


class Load(NamedTuple):
    """Frames and octets (PSDU) on the air, acknowledgements of 802.15.4 included; answers of displays that the hub had; and on the
    WAN messages and octets."""

    frames: int
    octets: int
    answers: int = 0
    messages: int = 0
    wan: int = 0


def load(text: str, *, answer: bool = False) -> Load:
    """From just before the publications to two hours later."""
    run = Run(config.loads(text))
    commission(run)
    run.run_until(HOUR - MIN)
    heard: list[int] = []
    answers: list[str] = []
    run.log.subscribe(lambda now, who, kind, data: heard.append(len(OnAir.unpack(data).psdu)), ["air.frame"])
    run.log.subscribe(lambda now, who, kind, data: answers.append(who), ["hub.price-acknowledged", "hub.cpp-response"])
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(HOUR + 2 * MIN)
    if answer:
        run.ihd.buttons.press("ok")
    run.run_until(3 * HOUR)
    wan = dict(metrics.totals()).get(WAN)
    crossed = (0, 0) if wan is None else (wan.messages, wan.octets)
    booked = run.head_end.traffic.get(REQUESTER)
    assert crossed == ((0, 0) if booked is None else (booked.messages, booked.octets))
    return Load(len(heard), sum(heard), len(answers), *crossed)


@pytest.fixture(scope="module")
def quiet() -> Load:
    return load(HOME)


def beyond(with_them: Load, without: Load) -> Load:
    assert (without.messages, without.wan) == (0, 0)
    return with_them._replace(frames=with_them.frames - without.frames, octets=with_them.octets - without.octets)


@pytest.mark.req("S-055")
def test_a_critical_peak_with_its_answer(quiet: Load) -> None:
    """Displays found, told, one answers, told how it stands: 40 frames and 1,315 octets when this was written."""
    cost = beyond(load(HOME + PEAK, answer=True), quiet)
    assert cost.answers == 1
    assert 25 < cost.frames < 60
    assert 800 < cost.octets < 2200
    over_the_wan = beyond(load(HOME + PEAK + "wan = true\n", answer=True), quiet)
    assert over_the_wan.answers == 1
    assert abs(over_the_wan.frames - cost.frames) < 8  # the same for the home
    assert over_the_wan.messages == 6  # an association, the peak, the release, and their answers: 197 octets
    assert 150 < over_the_wan.wan < 250


@pytest.mark.req("S-056")
def test_a_day_of_half_hourly_prices(quiet: Load) -> None:
    """48 prices to two displays, each acknowledged: 778 frames and 29,226 octets, some 8 and 300 for one price and display."""
    cost = beyond(load(HOME + SPOT.format([20 + n for n in range(48)])), quiet)
    assert cost.answers == 2 * 48
    assert 6 * 96 < cost.frames < 11 * 96
    assert 220 * 96 < cost.octets < 420 * 96


@pytest.mark.req("S-056")
def test_prices_over_the_wan_a_day_at_once_or_one_by_one(quiet: Load) -> None:
    """48 in a message: 1,328 octets, 28 each; one in a message: 200, most of them for the association and the release."""
    at_once, alone = (
        beyond(load(HOME + SPOT.format([20 + n for n in range(count)]).replace("acknowledge", "wan")), quiet) for count in (48, 1)
    )
    assert 24 * 48 < at_once.wan < 32 * 48
    assert 150 < alone.wan < 250
    assert at_once.messages == alone.messages == 6
    assert alone.frames < 40 < 3 * 96 < at_once.frames
