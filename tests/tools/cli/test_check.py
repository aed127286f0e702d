"""`meterbench check`: a hub whose WAN part comes off passes, and one whose part is built in does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.cli.check import command

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"


def check(bench: str, *options: str) -> tuple[object, str]:
    done = CliRunner().invoke(command, [str(BENCHES / f"{bench}.toml"), *options])
    return done.exception, done.output


@pytest.mark.req("S-021")
@pytest.mark.req("S-020", part=True)
def test_a_module_in_a_slot_passes() -> None:
    failed, output = check("wan-module", "--json")
    assert failed is None
    assert [json.loads(line)["passed"] for line in output.splitlines()] == [True, True, True]


@pytest.mark.req("S-020")
def test_a_radio_in_a_slot_passes() -> None:
    """The head end is answered while it is out, and the meters are read once another one is in."""
    failed, output = check("han-module")
    assert failed is None
    assert [line.partition("home1/hub  ")[2] for line in output.splitlines()[3:]] == [
        "the radio comes off", "supply and devices stay on meanwhile", "the head end reaches it meanwhile",
        "it runs on, and reads its meters afterwards",
    ]  # fmt: skip
    assert "FAIL" not in output


@pytest.mark.req("S-021")
def test_a_fixed_wan_part_fails() -> None:
    failed, output = check("home")
    assert str(failed) == "1 of 1 checks failed"
    assert output == "FAIL  home1/hub  the WAN part comes off: it is built in\n"
