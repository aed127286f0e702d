"""Others read through the head end, and what crosses the WAN for each is booked to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN
from protocols.dlms.reading import register
from tools.bench import config
from tools.bench.metrics import Metrics
from tools.cli.main import run as meterbench
from tools.errors import BadInput
from tools.headend.head_end import OWN

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "reads.toml"
TEXT = BENCH.read_text(encoding="utf-8")
PARTIES = ("price-comparison", "network-operator")


@pytest.mark.req("S-043")
def test_reads_on_request_and_by_schedule_are_answered_and_booked_to_who_asked(build):
    home = build(TEXT, commissioned=False)
    metrics = Metrics(home.kernel, home.zigbee_keys)
    home.run_until(2 * HOUR + MIN)
    read = [
        (at // MIN, event["requester"], "value" in event)
        for at, event in zip(home.times("headend.read"), home.events("headend.read"), strict=True)
    ]
    assert read == [(30, PARTIES[0], True), (45, PARTIES[1], True), *((at, PARTIES[0], True) for at in (60, 90, 120))]
    booked = home.head_end.traffic
    assert booked.keys() == set(PARTIES)
    wan = dict(metrics.totals())["WAN"]
    assert sum(each.messages for each in booked.values()) == wan.messages  # nothing is booked to nobody, nor twice
    assert sum(each.octets for each in booked.values()) == wan.octets
    one_read = booked[PARTIES[1]]
    assert booked[PARTIES[0]].messages > 3 * one_read.messages > 0


@pytest.mark.req("S-043")
def test_a_request_in_between_and_the_head_ends_own_are_kept_apart(build):
    home = build(TEXT)
    head_end = home.head_end
    answer = head_end.settle(head_end.request("supplier", "esme", lambda client: register(client, "1-0:1.8.0")))
    assert answer.value > 0
    before = head_end.traffic["supplier"].octets
    head_end.meter("esme").register("1-0:1.8.0")
    assert head_end.traffic.keys() == {"supplier", OWN}
    assert head_end.traffic["supplier"].octets == before
    reads = head_end.every(10 * MIN, "esme", lambda client: register(client, "1-0:1.8.0"), requester="scheduled")
    home.run(for_=25 * MIN)
    assert len(reads.answers) == 2
    assert head_end.traffic["scheduled"].messages > 0


def test_a_read_that_fails_is_told_and_the_next_one_comes(build):
    home = build(TEXT)
    home.run_until(59 * MIN)
    home.net.partition("dcc", "home1/hub")
    home.run_until(62 * MIN)
    home.net.heal("dcc", "home1/hub")
    home.run_until(95 * MIN)
    told = home.events("headend.read")
    assert ["failure" in event for event in told] == [False, False, True, False]


@pytest.mark.req("S-043", part=True)
def test_metrics_says_how_much_is_whose(capsys):
    assert meterbench(["metrics", str(BENCH), "--until", "2h", "--json"]) == 0
    rows = {row["requester"]: row["octets"] for row in json.loads(capsys.readouterr().out)["requesters"]}
    assert rows.keys() == set(PARTIES)
    assert meterbench(["metrics", str(BENCH), "--until", "2h"]) == 0
    table = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert meterbench(["metrics", str(BENCH), "--until", "2h", "--prometheus"]) == 0
    samples = capsys.readouterr().out.splitlines()
    for party, octets in rows.items():
        assert table[party][2] == f"{octets:,}"
        assert f'meterbench_requester_octets_total{{requester="{party}"}} {octets}' in samples


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('device = "gsme"', 'device = "gsm"', 'no device "gsm"'),
        ('"7-0:3.0.0"', '"7-0"', "not an OBIS code"),
        ("every_min", "evry_min", 'did you mean "every_min"'),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_a_line(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(TEXT.replace(old, new))
    assert said in str(error.value)
