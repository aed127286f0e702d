"""Parts of a bench in processes of their own: what they share, and what tells benches apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.runtime.kernel import S
from tools.bench import config
from tools.bench.part import Choice, Part
from tools.bench.run import bench

HOME = Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "home.toml"


@pytest.fixture
def declared() -> config.Bench:
    return config.load(HOME)


def test_a_part_has_the_identity_that_its_device_has_in_the_whole(declared):
    with bench(declared) as home:
        for kind in ("hub", "esme", "gsme", "ihd", "ppmid"):
            choice = Choice(declared, kind, None, None)
            assert choice.eui64 == home.board(kind).eui64
            assert choice.node == home.board(kind).name


def test_the_hub_has_a_seat_for_every_device_with_a_radio(declared):
    part = Part(Choice(declared, "hub", None, None), start_ns=0, now=0, number=1)
    expected = {Choice(declared, kind, None, None).eui64 for kind in ("esme", "gsme", "ihd", "ppmid")}
    assert part.seats.keys() == expected
    assert part.radio is None
    assert not part.commissioned


def test_another_part_begins_when_the_medium_says(declared):
    part = Part(Choice(declared, "esme", "home1/esme", None), start_ns=5 * S, now=90 * S, number=1)
    assert part.kernel.utc == 95 * S
    assert part.board.firmware is None
    part.kernel.run_until(91 * S)
    assert part.board.firmware is not None
    assert part.radio is not None
    assert part.seats == {}


def test_the_digest_tells_benches_and_seeds_apart(declared):
    one = Choice(declared, "esme", None, None).digest
    assert Choice(declared, "hub", None, 7).digest == one, "the file's own seed is 7"
    assert Choice(declared, "esme", None, 8).digest != one
    other = config.loads(HOME.read_text().replace("latency_ms = 40", "latency_ms = 41"))
    assert Choice(other, "esme", None, None).digest != one
    assert Choice(config.loads(HOME.read_text() + "\n# a remark\n"), "esme", None, None).digest == one


def test_a_device_opens_its_own_links_only(declared):
    assert [endpoint for endpoint, _ in Choice(declared, "hub", None, None).links()] == ["home1/hub.wan"] * 2
    assert [endpoint for endpoint, _ in Choice(declared, "esme", None, None).links()] == ["home1/esme.optical"] * 2
    assert list(Choice(declared, "ihd", None, None).links()) == []
