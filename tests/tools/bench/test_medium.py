"""The radio medium of a bench file: which kind of air it makes, where radios stand, and what is refused."""

from __future__ import annotations

import pytest

from devices.runtime.air import Air
from devices.runtime.contention import ContendedAir
from devices.runtime.kernel import MIN
from tools.bench.config import loads
from tools.bench.part import Choice
from tools.bench.run import Run
from tools.errors import BadInput

HOME = '[[home]]\nname = "home{}"\n{}[home.air]\n{}\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "ihd"\nat = [4, 3]\n'
WALL = "walls = [{ from = [2, -5], to = [2, 5], db = 7 }]"
OVEN = "noise = [{ at = [1, 1], channels = [15], db = 25 }]"


def home(number=1, air="", at=""):
    return HOME.format(number, at, air)


def lqi(run, sender, receiver):
    air = next(iter(run.homes.values())).air
    return air.link(air.radios[sender], air.radios[receiver]).lqi


def test_nothing_said_is_the_serial_air_with_link_quality_by_distance():
    run = Run(loads(home()))
    air = run.only.air
    assert type(air) is Air
    assert lqi(run, "home1/hub", "home1/ihd") == 255 - 200 * 5 // 30
    assert list(run.services()) == []


def test_a_wall_weakens_what_goes_through_it():
    clear, walled = (
        Run(loads(home(air=f"range_m = 12\nwalls = [{{ from = [{x}, -5], to = [{x}, 5], db = 7 }}]"))) for x in (-2, 2)
    )
    assert type(walled.only.air) is Air
    assert 0 < lqi(walled, "home1/hub", "home1/ihd") < lqi(clear, "home1/hub", "home1/ihd")


def test_a_home_with_contention_counts_what_its_radios_got():
    run = Run(loads(home(air=f"contention = true\n{OVEN}")))
    run.run_until(5 * MIN)
    assert isinstance(run.only.air, ContendedAir)
    ((name, got),) = run.services()
    assert name == "home1"
    assert 0 < got.delivery < 1
    assert got.ended.total() > 20


def test_homes_of_a_neighbourhood_share_a_medium_and_bring_their_walls_and_noise():
    text = f"[neighbourhood]\nrange_m = 40\n{OVEN}\n" + home(1) + home(2, f"{WALL}\n{OVEN}", "at = [10, 20]\n")
    run = Run(loads(text))
    first, second = run.homes.values()
    air = first.air
    assert air is second.air
    assert isinstance(air, ContendedAir)
    ihd = air.radios["home2/ihd"]
    assert (ihd.x, ihd.y) == (14, 23)
    assert [(wall.start, wall.end) for wall in air.path.walls] == [((12, 15), (12, 25))]
    assert [noise.place for noise in air.noise] == [(1, 1), (11, 21)]
    assert lqi(run, "home1/hub", "home2/hub") > 0


@pytest.mark.parametrize(("text", "message"), [
    (home(air=OVEN), "`noise` of home1 needs `contention = true`"),
    (home(at="at = [3, 0]\n"), "`at` of home1 says where it stands in a neighbourhood"),
    ("[neighbourhood]\n" + home(air="loss = 0.5"), "in a neighbourhood they are the neighbourhood's"),
    (home(air="walls = [{ frm = [0, 0], to = [1, 1] }]"), 'no field "frm", did you mean "from"?'),
    (home(air="walls = [{ from = [0, 0], to = [1, 1], db = -3 }]"), "expected `float` >= 0.0"),
    (home(air="contention = true\nnoise = [{ channels = [27] }]"), "expected `int` <= 26"),
    ("[neighborhood]\n" + home(), 'no field "neighborhood", did you mean "neighbourhood"?'),
    ("[neighbourhood]\nrnge_m = 3\n" + home(), 'no field "rnge_m", did you mean "range_m"?'),
])  # fmt: skip
def test_what_cannot_be_is_refused(text, message):
    with pytest.raises(BadInput) as refused:
        loads(text)
    assert message in str(refused.value)


def test_one_process_of_a_neighbourhood_is_refused():
    with pytest.raises(BadInput, match="homes of one neighbourhood share a medium"):
        Choice(loads("[neighbourhood]\n" + home()), "hub", None, None)
