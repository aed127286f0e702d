"""`meterbench chart`: the paper's three scenarios, as lines, as JSON and as a drawing."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"


@pytest.fixture(scope="module")
def course():
    """What became of a scenario: samples in the order of their time."""
    from click.testing import CliRunner

    from tools.cli.chart import command

    def run(number):
        done = CliRunner().invoke(command, [str(BENCHES / f"prepay-scenario-{number}.toml"), "--json"])
        assert done.exit_code == 0
        return json.loads(done.output)

    return run


def at(samples, hours):
    return [sample for sample in samples if sample["hours"] <= hours][-1]


def closings(samples):
    return [
        round(now["hours"], 1)
        for before, now in pairwise(samples)
        if before["open"] and not now["open"]
    ]  # fmt: skip


@pytest.mark.req("S-150", "S-151", part=True)
def test_scenario_1_gas_goes_on_beyond_the_cut_off_until_the_time_out_ends(course) -> None:
    samples = course(1)
    beyond = [each for each in samples if each["open"] and each["volume_m3"] > (each["cut_off_m3"] or 1e9)]
    assert beyond
    assert all(each["left_hours"] > 0 for each in beyond[:-1])
    (closed,) = closings(samples)
    assert closed == pytest.approx(6 + 48, abs=0.6)
    assert at(samples, closed + 1)["left_hours"] == 0


@pytest.mark.req("S-152", part=True)
def test_scenario_2_the_consumer_notices_nothing(course) -> None:
    samples = course(2)
    assert closings(samples) == []
    assert at(samples, 29)["left_hours"] == pytest.approx(48 - 23, abs=1)
    assert at(samples, 31)["left_hours"] == 48
    assert at(samples, 29)["balance_pounds"] > at(samples, 31)["balance_pounds"]  # what was used meanwhile


@pytest.mark.req("S-153", "S-154", part=True)
def test_scenario_3_the_time_out_is_used_once_until_there_is_credit(course) -> None:
    samples = course(3)
    first, second = closings(samples)
    assert first < 30
    assert at(samples, 29.9)["left_hours"] == 12  # closed, in contact: nothing is counted
    assert second == pytest.approx(30 + 12, abs=0.6)
    assert not at(samples, 59)["open"]  # contact is back, the button was pressed again, and there is no credit
    assert at(samples, 59)["left_hours"] == 0
    assert at(samples, 59)["balance_pounds"] < 0
    assert at(samples, 61)["open"]
    assert at(samples, 61)["left_hours"] == 12


def test_lines_and_a_drawing_show_the_same(meterbench, tmp_path: Path) -> None:
    code, out, err = meterbench("chart", BENCHES / "prepay-scenario-3.toml", "--svg", tmp_path / "c.svg")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split(",")[0].split("|")[0].strip() for line in lines[:5]] == [
        "balance", "volume", "to cut-off", "time-out left", "valve open",
    ]  # fmt: skip
    valve = lines[4].split("|")[1]
    assert [bool(run.strip()) for run in (valve[:9], valve[11:29], valve[31:40], valve[43:58], valve[61:])] == [
        True, False, True, False, True,
    ]  # fmt: skip
    drawing = ElementTree.parse(tmp_path / "c.svg").getroot()
    names = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"balance, £", "valve open", "72 h"} <= set(names)
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}polyline"))) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BENCHES / "home.toml", "--until", "1m"), "nothing to draw"),
        (("nothing.toml",), "no such file"),
        ((BENCHES / "prepay-scenario-3.toml", "--until", "1h", "--svg", "/nowhere/c.svg"), "no such file"),
    ],
)
def test_bad_use_is_one_line(meterbench, arguments: tuple[object, ...], message: str) -> None:
    code, _, err = meterbench("chart", *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
