"""Availability, time between failures, latency, and how long flash and cells last, against what was done to a home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.nvm import Nvm
from tools.bench.figures import ENDURANCE, YEAR, Figures
from tools.cli.main import run as meterbench

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
PREMISES = """
[wan]
latency_ms = 100
[[home]]
[[home.device]]
kind = "hub"
reserve_s = 240
[[home.device]]
kind = "esme"
at = [0.3, 0]
hold_up_s = 1
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = {}
"""


@pytest.fixture
def measured(build):
    """A home that is measured from its first instant, settled once it stands."""

    def make(wake_minutes=30):
        kept = []
        home = build(PREMISES.format(wake_minutes), before=lambda run: kept.append(Figures(run)))
        kept[0].settled()
        return home, kept[0]

    return make


def of(figures, name):
    return next(each for each in figures.devices() if each.name == f"home1/{name}")


@pytest.mark.req("S-050")
def test_availability_and_time_between_failures_are_those_of_the_faults_put_in(measured):
    home, figures = measured()
    assert {(each.availability, each.failures, each.mtbf_h) for each in figures.devices()} == {(1.0, 0, None)}
    home.mains.off(10 * MIN)
    home.run(for_=HOUR)
    home.hub.hang()
    home.run(for_=HOUR)
    life = home.now / S
    esme, hub, gsme = (of(figures, name) for name in ("esme", "hub", "gsme"))
    assert (esme.failures, esme.mttr_s) == (1, pytest.approx(600 - 1))
    assert (gsme.failures, gsme.availability) == (0, 1.0)
    assert hub.failures == 2
    down = hub.mttr_s * 2
    assert down == pytest.approx(600 - 240 + 180, abs=30)  # the watchdog needs three minutes
    assert hub.availability == pytest.approx(1 - down / life)
    assert hub.mtbf_h == pytest.approx((life - down) / 2 / 3600)
    share, between = figures.system()
    assert share == pytest.approx((esme.availability + hub.availability + 1) / 3)
    assert between == pytest.approx((3 * life - esme.mttr_s - down) / 3 / 3600, rel=1e-3)


@pytest.mark.req("S-050")
def test_latency_is_by_kind_of_request_and_by_where_it_goes(measured):
    home, figures = measured()
    for _ in range(3):
        home.head_end.meter("gsme").register("7-0:3.0.0")
    home.head_end.meter("esme").register("1-0:1.8.0")
    home.net.partition("dcc", "home1/hub")
    with pytest.raises(Exception, match=r"no answer|timed out"):
        home.head_end.meter("gsme").register("7-0:3.0.0")
    rows = {(each.target, each.request): each for each in figures.latencies()}
    gas = rows["gas (mirror)", "GetRequestNormal"]
    assert set(gas.ms.values()) == {200.0}  # there and back
    tunnel = rows["electricity (tunnel)", "GetRequestNormal"]
    assert 200.0 < tunnel.ms[50] < 1000.0  # and over the air
    opened = rows["gas (mirror)", "AARQ"]
    assert opened.asked == opened.answered + 1  # nobody answered the last one


@pytest.mark.req("S-050")
def test_flash_lasts_as_long_as_its_erase_cycles_at_this_use(measured):
    home, figures = measured()
    home.run(for_=HOUR)
    hub = home.hub
    before, settled = hub.flash.operations, of(figures, "hub").flash_years
    for number in range(200):
        hub.nvm.put({"worn": bytes(1000) + number.to_bytes(2, "big")})
    worn = of(figures, "hub").flash_years
    days = 1 / 24
    written = hub.flash.operations - before
    assert 1 / worn - 1 / settled == pytest.approx(written / days / (2 * hub.flash.bank_size) * YEAR / ENDURANCE)
    assert worn < settled / 2


def test_a_bank_is_erased_each_time_that_it_is_full():
    class Counting(Flash):
        erased = 0

        def erase(self, bank: int) -> None:
            self.erased += 1
            super().erase(bank)

    flash = Counting(4 * KIB)
    nvm = Nvm(flash)
    for number in range(2000):
        nvm.put({f"k{number % 5}": number.to_bytes(20, "big")})
    assert flash.erased == pytest.approx(flash.operations / (4 * KIB), rel=0.1)


@pytest.mark.req("S-050")
def test_a_cell_lasts_shorter_where_the_meter_wakes_more_often(measured):
    years = []
    for minutes in (30, 5):
        home, figures = measured(minutes)
        home.run(for_=HOUR)
        years.append(of(figures, "gsme").battery_years)
        assert of(figures, "hub").battery_years is None
    assert 5 < years[1] < years[0] - 0.5 < 20


@pytest.mark.req("S-050")
def test_a_command_prints_them(capsys):
    assert meterbench(["report", str(BENCHES / "reads.toml"), "--until", "65m", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["availability"], told["mtbf_hours"], told["design_life_years"]) == (1.0, None, 20)
    assert {each["name"] for each in told["devices"]} == {"home1/hub", "home1/esme", "home1/gsme"}
    assert all(row["answered"] == row["asked"] for row in told["latency"])
    assert meterbench(["report", str(BENCHES / "reads.toml"), "--until", "65m", "--endurance", "10"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("home1/")}
    assert lines["home1/hub"].endswith("no")  # ten erase cycles are soon used up
    assert lines["home1/gsme"].endswith("with another cell") or lines["home1/gsme"].endswith("no")
