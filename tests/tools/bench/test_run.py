"""A run of a bench: the user's lines, names, time, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from tools.bench.commissioning import commission
from tools.bench.config import load, loads
from tools.bench.run import Run, bench
from tools.errors import BadInput

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
TWO = '[[home]]\nname = "one"\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\n'
TWO += TWO.replace('"one"', '"two"')


def test_ten_lines_of_a_user(capsys):
    with bench(BENCHES / "home.toml", seed=7) as home:
        home.run(for_=2 * HOUR)
        meter = home.head_end.meter("esme")
        print(meter.register("1-0:1.8.0"), meter.profile("0-0:99.1.0").rows(since=home.start))
    printed = capsys.readouterr().out
    assert "Wh" in printed
    rows = meter.profile("0-0:99.1.0").rows(since=home.start)
    assert [row[0] for row in rows] == [home.start + timedelta(minutes=30 * n) for n in (1, 2, 3, 4)]
    energy = [row[-1].value for row in rows]
    assert energy == sorted(energy)
    assert energy[-1] <= meter.register("1-0:1.8.0").value


def test_a_run_begins_at_the_benchs_date_and_goes_as_far_as_it_is_told():
    run = Run(loads("start = 2026-03-01T12:00:00Z\n" + TWO))
    assert run.start == run.utc == datetime(2026, 3, 1, 12, tzinfo=UTC)
    run.run(for_=90 * S)
    run.run(for_=30 * S)
    assert run.now == 2 * MIN
    run.run_until(HOUR)
    assert run.utc == run.start + timedelta(hours=1)


def test_now_is_a_date_of_today():
    before = datetime.now(UTC)
    run = Run(loads('start = "now"\n' + TWO))
    assert before <= run.start + timedelta(seconds=1)
    assert run.start <= datetime.now(UTC)


def test_the_seed_given_is_above_the_files():
    declared = load(BENCHES / "home.toml")
    assert Run(declared).kernel.seed == 7
    assert Run(declared, 8).kernel.seed == 8
    assert {identity.eui64 for identity in Run(declared).only.identities.values()}.isdisjoint(
        identity.eui64 for identity in Run(declared, 8).only.identities.values()
    )


def test_devices_by_name():
    run = Run(load(BENCHES / "home.toml"))
    assert [board.name for board in (run.hub, run.esme, run.gsme, run.ihd, run.ppmid)] == [
        f"home1/{kind}" for kind in ("hub", "esme", "gsme", "ihd", "ppmid")
    ]
    assert run.board("home1/hht") is run.board("hht")
    assert set(run.names().values()) == {"hub", "esme", "gsme", "ihd", "ppmid", "hht"}


@pytest.mark.parametrize("name, reason", [("esm", 'did you mean "esme"'), ("home2/esme", 'did you mean "home1"')])
def test_a_name_that_is_not_there_is_met_with_the_nearest(name, reason):
    with pytest.raises(BadInput, match=reason):
        Run(load(BENCHES / "home.toml")).board(name)


def test_where_there_are_two_homes_one_has_to_be_named():
    run = Run(loads(TWO))
    for ask in (lambda: run.mains, lambda: run.esme, lambda: run.screen("esme"), lambda: run.head_end.meter("esme")):
        with pytest.raises(BadInput, match="2"):
            ask()
    commission(run)
    assert sorted(set(run.names().values())) == ["one/esme", "one/hub", "two/esme", "two/hub"]
    readings = []
    for home in ("one", "two"):
        meter = run.head_end.meter(f"{home}/esme")
        assert meter.logical_device_name().endswith(f"{run.board(f'{home}/esme').eui64:016X}"[3:].encode())
        run.run(for_=HOUR)
        readings.append(meter.register("1-0:1.8.0").value)
    assert readings[0] != readings[1]
    run.homes["one"].mains.off(4 * MIN)
    run.run(for_=10 * MIN)
    (hub,) = {notice.hub for notice in run.head_end.received}
    assert hub.endswith(f"{run.board('one/hub').eui64:016X}"[3:].encode())


def test_a_bench_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="no such file"), bench(tmp_path / "none.toml"):
        pass


def test_what_a_bench_means_is_the_same_whatever_its_layout():
    plain = loads(TWO)
    assert Run(loads("# a comment\n\n" + TWO.replace(" = ", "=")), 1).meaning == Run(plain, 1).meaning
    assert Run(loads(TWO.replace('"two"', '"three"')), 1).meaning != Run(plain, 1).meaning


def test_an_endpoint_with_two_links_is_bound_once_and_nothing_is_opened():
    run = Run(load(BENCHES / "home.toml"))
    assert list(run.endpoints) == ["home1/hub.wan", "home1/hub.wan.udp", "home1/esme.optical"]
    assert len(list(run.links())) == 4
    assert run.exit is None


def test_a_device_that_runs_elsewhere_is_known_to_the_hub_and_not_built():
    device = '[[home.device]]\nkind = "{}"\n'
    text = "[[home]]\n" + device.format("hub") + device.format("esme") + "elsewhere = true\n"
    run = Run(loads(text + '[links]\n"hub.wan" = "tcp-listen:0"\n"esme.optical" = "pty:"\n'))
    assert run.commissioned
    assert list(run.endpoints) == ["home1/hub.wan"]
    run.run(for_=10 * S)
    assert list(run.only.boards) == ["hub"]
    assert [device.kind for device in run.hub.firmware.coordinator.missing] == ["esme"]


def test_a_home_without_a_hub_waits_for_nobody():
    run = Run(load(BENCHES / "foreign-coordinator.toml"))
    assert run.commissioned
    with pytest.raises(BadInput, match="home1 has no hub"):
        run.head_end.meter("esme")
    run.run(for_=10 * S)
    assert run.esme.firmware.running
