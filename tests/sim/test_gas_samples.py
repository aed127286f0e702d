"""Fast samples of gas meters: kept in the meter they cost the WAN nothing but the order, sent they cost what `metrics` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN
from tools.bench import config
from tools.bench.metrics import Metrics
from tools.cli.main import run as meterbench
from tools.errors import BadInput

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "gas-samples.toml"
TEXT = BENCH.read_text(encoding="utf-8")
SENT, KEPT = "samples-sent", "samples-kept"


@pytest.mark.req("S-054")
def test_kept_samples_cost_the_wan_an_order_and_sent_ones_what_they_weigh(build):
    home = build(TEXT, commissioned=False)
    metrics = Metrics(home.kernel, home.zigbee_keys)
    home.run_until(5 * HOUR)
    booked = home.head_end.traffic
    order = booked[KEPT].octets
    assert booked[SENT].octets == order > 0  # so far both were told to begin, and nothing else
    home.run_until(7 * HOUR + 15 * MIN)
    (told,) = home.events("headend.samples")
    assert (told["requester"], told["device"]) == (SENT, "sent/gsme")
    assert 70 <= told["rows"] <= 78  # six hours of five minutes
    assert booked[KEPT].octets == order
    cost = booked[SENT].octets - order
    assert cost > 14 * told["rows"]  # a time of twelve octets and a number each, and the questions
    legs = dict(metrics.totals())
    assert legs["WAN"].octets == booked[SENT].octets + booked[KEPT].octets
    sampled = home.homes["kept"]["gsme"].firmware._commands._sampler
    assert sampled is not None  # it is all there, in the meter


@pytest.mark.req("S-054")
def test_metrics_prints_what_either_costs(capsys):
    assert meterbench(["metrics", str(BENCH), "--until", "435m", "--json"]) == 0
    rows = {row["requester"]: row["octets"] for row in json.loads(capsys.readouterr().out)["requesters"]}
    assert rows[SENT] > 5 * rows[KEPT] > 0


@pytest.mark.parametrize(("wrong", "said"), [
    ("every_s = 59", "every_s"), ("sent_every_hours = 25", "sent_every_hours"), ('device = "gsne"', "gsme"),
])  # fmt: skip
def test_a_table_that_makes_no_sense_is_one_line(wrong, said):
    text = f'[[sample]]\n{wrong}\n[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'
    with pytest.raises(BadInput, match=said) as bad:
        config.loads(text)
    assert "\n" not in str(bad.value)


def test_an_order_that_fails_is_told_and_tried_again(build):
    home = build(TEXT, commissioned=False)
    home.run_until(29 * MIN)
    home.net.partition("dcc", "kept/hub")
    home.run_until(32 * MIN)
    home.net.heal("dcc", "kept/hub")
    home.run_until(HOUR + 10 * MIN)
    (told,) = home.events("headend.samples")
    assert told["device"] == "kept/gsme"
    assert "failure" in told
    assert home.head_end.traffic[KEPT].octets > 0
