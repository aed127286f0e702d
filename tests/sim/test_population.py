"""Homes as they are met in the field: how many prepay, where 2.4 GHz fails, and who answers for it."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import MIN
from tests.sim.told import Told
from tools.bench import field
from tools.bench.device_config import PrepayGas
from tools.bench.field import TRIALS, run_trial
from tools.bench.population import FAILING, population, prepays
from tools.cli.main import run as meterbench
from tools.errors import BadInput
from tools.headend.fault_report import PROVIDER, faults

FAR_HOME = """
[[home]]
[[home.device]]
kind = "hub"
supplier = "volt"
owner = "{}"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [90, 0]
"""


@pytest.mark.req("S-159")
@pytest.mark.parametrize(("homes", "prepaying"), [(20, 3), (100, 15), (200, 30)])
def test_85_homes_of_100_do_not_prepay_unless_somebody_says_else(homes, prepaying):
    bench = population(homes)
    assert sum(prepays(home) for home in bench.home) == prepaying
    assert all(prepays(home) == any(isinstance(device, PrepayGas) for device in home.device) for home in bench.home)
    assert sum(prepays(home) for home in population(homes, prepayment=0.5).home) == homes // 2


def test_the_same_seed_has_the_same_homes():
    assert population(50, seed=3) == population(50, seed=3)
    assert [prepays(home) for home in population(50, seed=3).home] != [prepays(home) for home in population(50, seed=4).home]


@pytest.mark.parametrize("wrong", [{"homes": 0}, {"homes": 257}, {"homes": 10, "prepayment": 1.5}, {"homes": 10, "failing": -0.1}])
def test_a_population_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadInput):
        population(**wrong)


@pytest.mark.req("S-159")
def test_a_population_lives_and_both_kinds_of_homes_have_their_gas():
    run = Told(population(7))
    run.run_until(MIN)
    assert run.commissioned
    accounts = [home.hub.firmware.prepay is not None for home in run.homes.values()]
    assert accounts == [prepays(home) for home in run.declared.home]
    assert sum(accounts) == 1


@pytest.mark.req("S-093")
def test_in_three_homes_of_ten_2_4_ghz_fails_and_below_1_ghz_it_does_not():
    run = Told(population(10, prepayment=0, failing=FAILING))
    run.run_until(2 * MIN)
    found = faults(run)
    assert [(fault.leg, fault.what) for fault in found] == [("HAN", "gsme has not joined")] * 3
    alike = Told(population(10, prepayment=0, failing=FAILING, dual_band=True))
    alike.run_until(2 * MIN)
    assert faults(alike) == []


@pytest.mark.req("S-094", part=True)
def test_faults_of_the_wan_are_told_from_those_of_the_home_network():
    run = Told(population(3, prepayment=0))
    run.run_until(MIN)
    for name in ("home2", "home3"):
        run.net.partition("dcc", f"{name}/hub")
    assert [(fault.home, fault.leg, fault.answers) for fault in faults(run)] == [
        ("home2", "WAN", PROVIDER), ("home3", "WAN", PROVIDER),
    ]  # fmt: skip


@pytest.mark.req("S-101")
@pytest.mark.req("S-044", part=True)
@pytest.mark.parametrize(("owner", "answers"), [("provider", PROVIDER), ("supplier", "supplier volt")])
def test_a_fault_of_the_home_network_is_its_hubs_owners_and_the_wans_the_providers(build, owner, answers, tmp_path, capsys):
    home = build(FAR_HOME.format(owner), commissioned=False)
    home.run_until(10 * MIN)
    (fault,) = faults(home)
    assert (fault.leg, fault.answers) == ("HAN", answers)
    home.net.partition("dcc", "home1/hub")
    assert {(fault.leg, fault.answers) for fault in faults(home)} == {("HAN", answers), ("WAN", PROVIDER)}
    bench = tmp_path / "far.toml"
    bench.write_text(FAR_HOME.format(owner))
    assert meterbench(["run", str(bench), "--until", "10m"]) == 0
    assert f"home1: HAN fault, the {answers} answers for it: gsme has not joined\n" in capsys.readouterr().out


@pytest.mark.req("S-094")
def test_a_trial_is_run_at_a_scale_and_its_faults_are_told_apart_and_reckoned_up():
    outcome = run_trial("edrp", 4, wan_failing=0.5, han_failing=0.25)
    assert (outcome.size, outcome.homes) == (1_000, 4)
    assert outcome.faults == {"WAN": 2, "HAN": 1}
    assert outcome.scaled == {"WAN": 500, "HAN": 250}
    assert outcome.agrees
    assert {(fault.leg, fault.answers) for fault in outcome.found} == {("WAN", PROVIDER), ("HAN", PROVIDER)}
    assert TRIALS["2.4-ghz"].homes == 5_000


@pytest.mark.req("S-094")
def test_a_command_says_whether_faults_lie_where_the_fields_did(capsys):
    assert meterbench(["field", "2.4-ghz", "--homes", "2", "--wan-failing", "0.5"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert ": WAN fault" in told[0]
    assert "2 of about 5,000 homes on 2.4 GHz" in told[2]
    assert [line.split()[-1] for line in told[3:5]] == ["2,500", "0"]
    assert told[5].endswith("as here")
    assert meterbench(["field", "2.4-ghz", "--homes", "2", "--wan-failing", "0", "--han-failing", "0.5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("not as here")


def test_batches_add_up_to_the_share_of_the_whole(monkeypatch):
    monkeypatch.setattr(field, "BATCH", 1)
    outcome = run_trial("edrp", 3, wan_failing=0.34)
    assert outcome.faults == {"WAN": 1, "HAN": 0}


@pytest.mark.parametrize(("trial", "homes"), [("erdp", 4), ("edrp", 0), ("edrp", 1001)])
def test_a_trial_that_cannot_be_is_refused(trial, homes):
    with pytest.raises(BadInput):
        run_trial(trial, homes)
