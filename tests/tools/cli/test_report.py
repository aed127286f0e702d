"""`meterbench report`, called as a user does: what it says beside the figures of `tests/sim/test_figures.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HOMES = '[[home]]\nname = "a"\n{}\n[[home]]\nname = "b"\n{}\n[[home]]\nname = "c"\n{}\n'
HUB = '[[home.device]]\nkind = "hub"\n{}\n[[home.device]]\nkind = "esme"\n'


@pytest.mark.req("S-008")
def test_a_report_says_what_it_costs_the_hubs_of_a_bench(meterbench, tmp_path: Path):
    """Those that tell outages: one of these is told to tell none, and one is outside the central company."""
    bench = tmp_path / "three.toml"
    for others, hubs in ((("", ""), 3), (("outage_reports = []", "central = false"), 1)):
        bench.write_text(HOMES.format(*(HUB.format(each) for each in ("", *others))))
        code, out, _ = meterbench("report", bench, "--until", "1m")
        said = out.splitlines()
        assert code == 0
        assert f"outage detection: {hubs} hub{'s' if hubs > 1 else ''}, {hubs}.00 pounds a year (paper A, question 31)" in said
        (cost,) = json.loads(meterbench("report", bench, "--until", "1m", "--json")[1])["costs"]
        assert (cost["units"], cost["pounds_a_year"]) == (hubs, hubs)
