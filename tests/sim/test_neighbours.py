"""What neighbours, a kitchen and walls do to a home's radio network: numbers, from whole homes on one street."""

from __future__ import annotations

import pytest

from devices.runtime.contention import Service
from devices.runtime.kernel import HOUR, MIN, MS
from protocols.zigbee.node import TxStatus

DEVICES = {"hub": (0, 0), "esme": (0.3, 0), "gsme": (6, 2), "ihd": (5, -3), "ppmid": (3, -4)}
OVEN = "noise = [{ at = [5, -3], channels = [14, 15], db = 30, duty = 0.5 }]\n"


def home(number, channel, more=""):
    """One of a terrace of houses, 8 m wide."""
    devices = "".join(f'[[home.device]]\nkind = "{kind}"\nat = [{x}, {y}]\n' for kind, (x, y) in DEVICES.items())
    return f'[[home]]\nname = "home{number}"\nat = [{8 * (number - 1)}, 0]\n[home.air]\nchannel = {channel}\n{more}{devices}'


@pytest.fixture
def hour(build):
    """What radios get in an hour of every day's traffic, with so many neighbours on a channel: those on home1's channel.

    All of them together: whether one home's rhythm meets the others' is chance.
    """

    def measure(neighbours, channel=15, street="", more=""):
        homes = [home(1, 15, more), *(home(number, channel) for number in range(2, neighbours + 2))]
        run = build(f"seed = 7\n[neighbourhood]\n{street}" + "".join(homes))
        run.run_until(10 * MIN)
        count = neighbours + 1 if channel == 15 else 1
        before = sum([got for _, got in run.services()][:count], Service())
        run.run(for_=HOUR)
        got = sum([got for _, got in run.services()][:count], Service()) - before
        assert got.timed > 2000
        return got

    return measure


@pytest.mark.req("S-037")
def test_the_effect_of_neighbours_is_a_number(hour):
    """Delivered frames and the time from hand-over to confirm: nine homes on the channel cost a little, and elsewhere nothing."""
    alone, nine, apart = (hour(count, channel, street="range_m = 60\n") for count, channel in ((0, 15), (9, 15), (9, 20)))
    assert alone.delivery > 0.999
    assert apart.delivery > 0.999
    assert 0.98 < nine.delivery < min(alone.delivery, apart.delivery)
    assert nine.latency > max(alone.latency, apart.latency)
    assert nine.latency - alone.latency < 3 * MS


def test_an_oven_next_to_the_display(hour):
    quiet, noisy = hour(0), hour(0, more=OVEN)
    assert noisy.latency > quiet.latency + MS
    assert noisy.delivery < quiet.delivery
    assert noisy.ended[TxStatus.ACKED] > 1000


def test_what_a_street_does_is_the_seeds(build):
    text = "seed = 7\n[neighbourhood]\nwalls = [{ from = [7, -9], to = [7, 9], db = 8 }]\n" + home(1, 15) + home(2, 15)
    digests = []
    for _ in range(2):
        run = build(text)
        run.run_until(20 * MIN)
        digests.append(run.digest())
    assert digests[0] == digests[1]
