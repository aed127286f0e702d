"""A feeder fails, and the head end tells from what it hears, and does not, whose fault is whose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from tools.bench import config
from tools.cli.main import run as meterbench
from tools.errors import BadInput

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "feeder-outage.toml"
TEXT = BENCH.read_text(encoding="utf-8")
NEIGHBOURS = ("number-1", "number-3", "number-7")


@pytest.mark.req("S-005")
def test_who_stays_dark_while_the_neighbours_are_back_has_likely_a_fault_of_his_own(build):
    home = build(TEXT, commissioned=False)
    home.run_until(HOUR // 2 + 5 * MIN)
    (during,) = home.head_end.outages()
    assert (during.restored, during.secondary) == ((), ())  # nobody is back: nobody is special
    assert set(during.silent) == {*NEIGHBOURS, "number-5"}
    home.run_until(HOUR // 2 + 10 * MIN + 30 * S)
    (soon,) = home.head_end.outages()
    assert set(soon.restored) == set(NEIGHBOURS)
    assert (soon.silent, soon.secondary) == (("number-5",), ())  # it may only be slow
    home.run_until(HOUR)
    (found,) = home.head_end.outages()
    assert (found.feeder, found.silent, found.secondary, found.unheard) == ("high-street", ("number-5",), ("number-5",), ())
    assert abs(found.began - home.kernel.start_ns - HOUR // 2) < S
    home.home("number-5").mains.on()
    home.run(for_=MIN)
    (mended,) = home.head_end.outages()
    assert set(mended.restored) == {*NEIGHBOURS, "number-5"}
    assert mended.secondary == ()


@pytest.mark.req("S-005")
def test_a_home_of_another_feeder_is_another_outage(build):
    home = build(TEXT, commissioned=False)
    home.kernel.at(HOUR // 2, home.home("mill-lane-2").mains.off, who="test")
    home.run_until(HOUR)
    by_feeder = {outage.feeder: outage for outage in home.head_end.outages()}
    assert by_feeder.keys() == {"high-street", "mill-lane"}
    assert by_feeder["mill-lane"].silent == ("mill-lane-2",)
    assert by_feeder["mill-lane"].secondary == ()  # no neighbour is back: the feeder itself


def test_a_hub_that_could_not_tell_is_unheard(build):
    home = build(TEXT, commissioned=False)
    home.net.partition("number-5/hub", "dcc")
    home.run_until(HOUR)
    (found,) = home.head_end.outages()
    assert (found.silent, found.unheard) == ((), ("number-5",))


def test_losses_far_apart_are_outages_of_their_own(build):
    home = build(TEXT.replace('stay_dark = ["number-5"]', ""), commissioned=False)
    home.kernel.at(HOUR, home.home("number-1").mains.off, 5 * MIN, who="test")
    home.run_until(2 * HOUR)
    first, second = home.head_end.outages()
    assert len(first.restored) == 4
    assert second.restored == ("number-1",)


@pytest.mark.req("S-005", part=True)
def test_a_run_tells_it(capsys):
    assert meterbench(["run", str(BENCH), "--until", "1h"]) == 0
    said = capsys.readouterr().out
    assert "outage of high-street: 3 of 4 restored; silent: number-5; likely a fault of its own: number-5\n" in said
    assert meterbench(["run", str(BENCH), "--until", "1h", "--json"]) == 0
    (outage,) = json.loads(capsys.readouterr().out)["outages"]
    assert outage["secondary"] == ["number-5"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '[[outage]]\nfeeder = "high-street"',
            '[[outage]]\nfeeder = "hig-street"',
            'on a feeder "hig-street", did you mean "high-street"',
        ),
        ('["number-5"]', '["mill-lane-2"]', 'no home "mill-lane-2" on feeder "high-street"'),
        ("for_s = 600", "for = 600", 'no field "for", did you mean "for_s"'),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_a_line(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(TEXT.replace(old, new))
    assert said in str(error.value)
