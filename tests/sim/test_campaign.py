"""A security retrofit over installed homes: who is reached, who is tried again, who is left, and what devices then hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.client import AssociationRefused, Client
from protocols.dlms.reading import logical_device_name
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.cli.main import run as meterbench
from tools.headend.campaign import Campaign

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
HOME = """
[[home]]
name = "{}"
device = [{{ kind = "hub" }}, {{ kind = "esme", at = [0.3, 0] }}, {{ kind = "gsme", at = [6, 2] }}]
"""
HOMES = ("number-1", "number-3", "number-5")
TEXT = "seed = 7\n" + "".join(HOME.format(name) for name in HOMES)
OLD = b"12345678"
SET = bytes.fromhex("c101")


@pytest.fixture
def street():
    run = Told(config.loads(TEXT))
    commission(run)
    return run


def takes(run, name, password):
    """Whether a device takes a password of client 1."""
    home = run.place(name)[0]
    client = Client(1, run.head_end.settle(run.head_end.find(name)), password)
    try:
        run.head_end.settle(run.head_end.ask_as(client, home.hub.name, logical_device_name))
    except AssociationRefused:
        return False
    return True


def outcomes(campaign):
    return {line.device: (line.outcome, line.attempts) for line in campaign.lines}


@pytest.mark.req("S-049")
def test_every_device_has_a_credential_of_its_own_and_the_old_one_opens_nothing(street):
    campaign = Campaign(street.head_end, street.homes, "password", at_once=2)
    assert {line.outcome for line in campaign.lines} == {"waiting"}
    street.head_end.settle(campaign.run())
    names = [f"{home}/{device}" for home in HOMES for device in ("hub", "esme", "gsme")]
    assert outcomes(campaign) == dict.fromkeys(names, ("done", 1))
    assert len(set(street.head_end.secrets.values())) == len(names)
    assert not any(takes(street, name, OLD) for name in names)
    street.board("number-1/hub").cut(MIN)
    street.run(for_=10 * MIN)
    assert not takes(street, "number-1/gsme", OLD)  # nor after a power cut
    with street.head_end.meter("number-1/esme", writes=True) as meter:  # the head end goes on with the new ones
        assert meter.register("1-0:1.8.0").value > 0


@pytest.mark.req("S-049")
def test_homes_that_are_silent_are_tried_again_and_told_when_they_stay_so(street):
    street.net.partition("dcc", "number-3/hub")
    street.net.partition("dcc", "number-5/hub")
    campaign = Campaign(street.head_end, street.homes, "password", attempts=3, retry=20 * MIN)
    task = street.kernel.spawn(campaign.run(), who="dcc")
    street.run(for_=10 * MIN)
    assert dict(campaign.progress()) == {"number-1": {"done": 3}, "number-3": {"waiting": 3}, "number-5": {"waiting": 3}}
    street.net.heal("dcc", "number-3/hub")
    street.run(for_=2 * HOUR)
    assert task.done
    assert campaign.over
    assert {home: dict(counts) for home, counts in campaign.progress()} == {
        "number-1": {"done": 3}, "number-3": {"done": 3}, "number-5": {"unreachable": 3},
    }  # fmt: skip
    left = [line for line in campaign.lines if line.outcome == "unreachable"]
    assert all(line.attempts == 3 and line.detail for line in left)
    street.net.heal("dcc", "number-5/hub")
    assert takes(street, "number-5/esme", OLD)  # nothing was half done


@pytest.mark.req("S-049")
def test_what_was_done_though_its_answer_was_lost_is_found_and_not_done_twice(street):
    campaign = Campaign(street.head_end, {"number-1": street.home("number-1")}, "password", attempts=3, retry=5 * MIN)
    task = street.kernel.spawn(campaign.run(), who="dcc")
    street.until(lambda: sent(street, campaign))
    street.net.partition("number-1/hub", "dcc")  # the order arrives, its answer does not
    street.run(for_=3 * MIN)
    street.net.heal("number-1/hub", "dcc")
    street.run(for_=HOUR)
    assert task.done
    assert outcomes(campaign)["number-1/hub"] == ("done", 2)
    assert len([octets for octets in street.events("net.data") if octets[8:10] == SET and octets[4:6] == b"\0\1"]) == 1


def sent(run, campaign):
    """Whether the new password has left for the first device."""
    orders = (octets for octets in run.events("net.data") if octets[8:10] == SET)
    return campaign.lines[0].attempts == 1 and any(octets for octets in orders)


@pytest.mark.req("S-049")
def test_new_firmware_reaches_every_electricity_meter_though_a_home_was_away(street):
    campaign = Campaign(street.head_end, street.homes, "firmware", retry=10 * MIN)
    street.kernel.spawn(campaign.run(), who="dcc")
    street.run(for_=1_500_000_000)
    street.net.partition("dcc", "number-3/hub")
    street.run(for_=5 * MIN)
    street.net.heal("dcc", "number-3/hub")
    street.run(for_=40 * MIN)
    found = outcomes(campaign)
    assert {name: outcome for name, (outcome, _) in found.items()} == {f"{home}/esme": "done" for home in HOMES}
    assert found["number-3/esme"][1] > found["number-1/esme"][1] == 1
    versions = {street.head_end.settle(street.head_end.firmware.version(name)) for name in found}
    assert versions == {"02000000"}


@pytest.mark.req("S-049")
def test_a_command_says_how_each_home_goes_on_and_who_is_left(capsys, tmp_path):
    bench = tmp_path / "street.toml"
    bench.write_text(
        'seed = 7\n[[outage]]\nfeeder = "lane"\nat_h = 0.2\nfor_s = 3600\n'
        + HOME.format("number-1")
        + HOME.format("number-3").replace("device =", 'feeder = "lane"\ndevice =')
    )
    arguments = ["campaign", str(bench), "--after", "30m", "--retry", "10m", "--at-once", "1"]
    assert meterbench([*arguments, "--attempts", "2"]) == 1
    told = capsys.readouterr()
    assert "password  number-1: 3 done" in told.out
    assert "number-3: 3 unreachable" in told.out
    assert "3 of 6 devices are not done" in told.err
    assert meterbench([*arguments, "--attempts", "9", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["done"] == 6
    assert [each["attempts"] > 1 for each in plain["devices"]] == [False] * 3 + [True] * 3


def test_a_device_that_refuses_is_not_asked_again(street):
    campaign = Campaign(street.head_end, {"number-1": street.home("number-1")}, "password", attempts=3, retry=5 * MIN)
    street.head_end.secrets["number-1/hub", 2] = b"wrong"
    street.head_end.settle(campaign.run())
    found = outcomes(campaign)
    assert found["number-1/gsme"][0] in ("refused", "unreachable")
    assert found["number-1/esme"] == ("done", 1)
    with pytest.raises(RemoteProtocolError):
        street.head_end.meter("number-1/gsme", writes=True).names()
