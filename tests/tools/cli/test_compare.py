"""`meterbench compare`, called as a user does."""

from __future__ import annotations

import json
from pathlib import Path

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
FLAG, GAS_FIRST = BENCHES / "wired-flag.toml", BENCHES / "gas-first.toml"


def test_a_table_with_a_column_a_bench_and_json(meterbench) -> None:
    code, out, err = meterbench("compare", FLAG, GAS_FIRST, "--hours", "1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["wired-flag", "gas-first"]
    assert [line.split()[-2:] for line in lines if line.startswith("electricity read")] == [["yes", "-"]]
    assert "  meter wire                      electricity read, electricity shown" in lines
    flag, gas_first = json.loads(meterbench("compare", FLAG, GAS_FIRST, "--hours", "1", "--json")[1])
    assert flag["services"] == ["electricity read", "electricity shown", "gas read", "gas shown"]
    assert flag["failures"]["meter wire"] == ["electricity read", "electricity shown"]
    assert flag["hours"] == 1
    assert gas_first["electricity_s"] is None
    assert f"{flag['running']['WAN']['messages']:,} / {flag['running']['WAN']['octets']:,}" in out


def test_a_home_without_a_hub_has_nothing_to_compare(meterbench) -> None:
    code, out, err = meterbench("compare", BENCHES / "foreign-coordinator.toml")
    assert (code, out) == (2, "")
    assert "what is compared is one home with a hub" in err


def test_a_home_that_the_wan_never_reaches_is_one_line(meterbench) -> None:
    code, out, err = meterbench("compare", BENCHES / "installation.toml", "--hours", "1")
    assert (code, out) == (2, "")
    assert err.startswith("meterbench: installation: what is compared is a home that the WAN reaches: ")
    assert err.count("\n") == 1
