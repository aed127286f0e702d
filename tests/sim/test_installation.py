"""The day a hub is put in: what must hold before, and what becomes of it where there is no WAN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.installer import Outcome
from tools.cli.main import run as meterbench
from tools.errors import BadInput, CheckFailed
from tools.headend.head_end import NoAnswer

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "installation.toml"
TEXT = BENCH.read_text(encoding="utf-8")
ABORT = TEXT.replace('without_wan = "complete"', 'without_wan = "abort"')


def outcomes(home):
    return [visit.outcome for visit in home.installers["home1"].record]


@pytest.mark.req("S-031")
def test_without_wan_it_is_complete_as_no_wan_and_a_repeat_visit_completes_it(build):
    home = build(TEXT)
    home.run(for_=HOUR)
    assert outcomes(home) == [Outcome.NO_WAN]
    assert home.commissioned  # the home network is
    with pytest.raises(NoAnswer):
        home.head_end.meter("hub").names()
    clocks = [board.rtc for board in home.only.boards.values()]
    home.run_until(10 * HOUR - MIN)
    assert not any(clock.valid for clock in clocks)  # the time comes by the WAN
    assert home.esme.firmware.meter.half_hours.rows() == []  # and rows need one
    home.run(for_=3 * MIN)
    assert all(clock.valid and abs(clock.read() - home.kernel.utc) < S for clock in clocks)
    home.run_until(25 * HOUR)
    first, second = home.installers["home1"].record
    assert (second.visit, second.outcome, second.reason) == (2, Outcome.COMPLETE, "")
    assert "no answer" in first.reason
    assert second.began - first.ended == DAY
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert len(home.times("power", "home1/hub")) == 1  # it stayed in place
    home.run(for_=2 * DAY)
    assert len(outcomes(home)) == 2


@pytest.mark.req("S-031")
def test_or_it_is_aborted_and_all_is_taken_away_until_the_next_visit(build):
    home = build(ABORT, commissioned=False)
    home.run_until(HOUR)
    assert outcomes(home) == [Outcome.ABORTED]
    assert "no WAN" in home.installers["home1"].record[0].reason
    assert not any(board.powered for board in home.only.boards.values())
    home.run_until(25 * HOUR)
    assert outcomes(home) == [Outcome.ABORTED, Outcome.COMPLETE]
    assert home.commissioned
    assert home.head_end.meter("gsme").objects()


def test_visits_end_where_the_wan_never_comes(build):
    home = build(TEXT.replace("wan_from_h = 10", "wan_from_h = 8_000\nvisits = 2"))
    home.run_until(50 * HOUR)
    assert outcomes(home) == [Outcome.NO_WAN] * 2


def test_with_wan_one_visit_does(build):
    home = build(TEXT.replace("wan_from_h = 10", ""))
    home.run(for_=10 * S)
    assert outcomes(home) == [Outcome.COMPLETE]


def test_a_home_whose_network_does_not_come_together_is_aborted(build):
    home = build(TEXT.replace("at = [0.3, 0]", "at = [400, 0]"), commissioned=False)
    home.run_until(HOUR + MIN)
    (visit,) = home.installers["home1"].record
    assert (visit.outcome, visit.reason) == (Outcome.ABORTED, "home1: esme has not joined")


REFUSALS = (
    ("authorised = true", "authorised = false", "connected ahead of the meter, and this installer is not authorised"),
    ('feed = "ahead-of-meter"', 'feed = "consumer-side"', "a secure feed from ahead of the meter, and this one is consumer-side"),
)


@pytest.mark.req("S-033")
@pytest.mark.parametrize(("right", "wrong", "said"), REFUSALS)
def test_a_stand_alone_hub_is_refused_without_authority_or_a_secure_feed(build, right, wrong, said):
    home = build(TEXT.replace(right, wrong), commissioned=False)
    with pytest.raises(CheckFailed) as failed:
        commission(home)
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)
    home.run_until(3 * DAY)
    assert outcomes(home) == [Outcome.REFUSED]  # and nobody comes again
    assert home.events("power") == []  # nothing was ever connected


@pytest.mark.req("S-033")
def test_a_hub_that_its_meter_feeds_needs_neither(build):
    wired = (BENCH.parent / "wired.toml").read_text(encoding="utf-8")
    table = '[home.installation]\nauthorised = false\nfeed = "consumer-side"\n\n[[home.device]]'
    home = build(wired.replace("[[home.device]]", table, 1))
    home.run(for_=10 * S)
    assert outcomes(home) == [Outcome.COMPLETE]


@pytest.mark.req("S-031", "S-033", part=True)
def test_a_run_tells_it(tmp_path, capsys):
    assert meterbench(["run", str(BENCH), "--until", "25h"]) == 0
    said = capsys.readouterr().out
    assert "installer  visit 1: complete, no WAN: home1/hub SAP 1: no answer in 30 s\n" in said
    assert "installer  visit 2: complete\n" in said
    assert "home1: installation complete, visits: 2" in said
    refused = tmp_path / "refused.toml"
    refused.write_text(TEXT.replace("authorised = true", "authorised = false"))
    assert meterbench(["run", str(refused), "--until", "1m", "--json"]) == 0
    (visit,) = json.loads(capsys.readouterr().out)["installations"]["home1"]
    assert visit["outcome"] == "refused"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('feed = "ahead-of-meter"', 'fed = "ahead-of-meter"', 'no field "fed", did you mean "feed"'),
        ('feed = "ahead-of-meter"\n', "", "feed"),
        ('feed = "ahead-of-meter"', 'feed = "lamp post"', "lamp post"),
        ('kind = "hub"', 'kind = "rcp"', "needs a device of kind hub"),
        ('kind = "hub"', 'kind = "hub"\nwan_application = "gateway"', "ends with a read by DLMS"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_a_line(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(TEXT.replace(old, new))
    assert said in str(error.value)
