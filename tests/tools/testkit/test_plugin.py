"""The pytest plugin, as a project of somebody else uses it: found by its entry point, in a folder of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"


@pytest.fixture
def outsider(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs pytest over one test file in a folder of its own: its exit code and what it said."""

    def run(tests: str, *arguments: object) -> tuple[int, str]:
        (tmp_path / "test_meter.py").write_text(tests)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_commissioned_home_without_any_option(outsider) -> None:
    code, said = outsider(
        "from devices.runtime.kernel import MIN\n"
        "def test_reads(meterbench):\n"
        "    assert meterbench.commissioned\n"
        "    before = meterbench.head_end.meter('esme').register('1-0:1.8.0').value\n"
        "    meterbench.run(for_=31 * MIN)\n"
        "    assert meterbench.head_end.meter('esme').register('1-0:1.8.0').value > before\n"
    )
    assert code == 0, said
    assert "1 passed" in said


def test_the_bench_and_the_seed_are_chosen_on_the_command_line(outsider) -> None:
    tests = (
        "def test_bench(meterbench, meterbench_factory):\n"
        "    assert meterbench.declared.name == 'gas-first'\n"
        "    assert meterbench.kernel.seed == 11\n"
        "    assert meterbench_factory(seed=12, commissioned=False).kernel.seed == 12\n"
    )
    code, said = outsider(tests, "--meterbench", BENCHES / "gas-first.toml", "--meterbench-seed", 11)
    assert code == 0, said


def test_the_factory_takes_a_file_and_gives_the_same_run_for_the_same_seed(outsider) -> None:
    tests = (
        "import pytest\n"
        "from tools.errors import BadInput\n"
        "def test_factory(meterbench_factory):\n"
        f"    make = lambda seed: meterbench_factory({str(BENCHES / 'home.toml')!r}, seed=seed).digest()\n"
        "    assert make(3) == make(3) != make(4)\n"
        "    with pytest.raises(BadInput, match='no such file'):\n"
        "        meterbench_factory('nowhere.toml')\n"
    )
    code, said = outsider(tests)
    assert code == 0, said


def test_a_failure_tells_the_seed_that_repeats_it(outsider, tmp_path: Path) -> None:
    tests = "def test_wrong(meterbench_factory):\n    run = meterbench_factory(seed=5)\n    assert run.hub is None\n"
    code, said = outsider(tests, "--junit-xml", "report.xml")
    assert code == 1
    assert re.search(r"bench home, --meterbench-seed 5, stopped at 2026-01-14T00:0", said)
    properties = ElementTree.parse(tmp_path / "report.xml").iter("property")
    assert [(each.get("name"), each.get("value")) for each in properties] == [("meterbench", "bench home, seed 5")]


def test_tests_without_a_bench_import_nothing_of_it(outsider) -> None:
    tests = (
        "import sys\n"
        "def test_nothing():\n"
        "    ours = [name for name in sys.modules if name.partition('.')[0] in ('protocols', 'devices', 'hubfw', 'tools')]\n"
        "    assert ours == ['tools', 'tools.testkit', 'tools.testkit.plugin']\n"
    )
    code, said = outsider(tests)
    assert code == 0, said


def test_frames_are_drawn_from_their_declarations(outsider) -> None:
    tests = (
        "from hypothesis import given\n"
        "from protocols.dlms.xdlms import GetRequestNormal\n"
        "from tools.testkit.strategies import frames\n"
        "@given(frames(GetRequestNormal))\n"
        "def test_round_trip(frame):\n"
        "    assert GetRequestNormal.parse(frame.build()) == frame\n"
    )
    code, said = outsider(tests)
    assert code == 0, said
