"""`[home.exchange]`: what is refused, and how an exchange that fails is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN
from hubfw.retired import Retired
from tools.bench.config import loads
from tools.bench.run import Run
from tools.errors import BadInput

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
TEXT = (BENCHES / "hub-swap.toml").read_text(encoding="utf-8")
EXCHANGE = "[home.exchange]\nat_h = 0.5\n"
SMALL = f'[[home]]\n{EXCHANGE}[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SMALL.replace("at_h", "at_hours"), 'no field "at_hours", did you mean "at_h"?'),
        (SMALL.replace("0.5", "0"), "expected `float` >= 0.1"),
        (SMALL.replace('"hub"', '"rcp"'), "`exchange` needs a device of kind hub"),
        (SMALL.replace('"hub"', '"hub"\nwan_application = "gooo"'), "`exchange` goes by DLMS"),
        (SMALL + '[[home.device]]\nkind = "mbus-gas"\n', '"mbus-gas" hangs on it'),
        (SMALL.replace("at_h", 'by = "terminal"\nat_h'), "needs a device of kind hht"),
        (SMALL.replace("at_h", 'by = "terminals"\nat_h'), 'did you mean "terminal"?'),
        (SMALL.replace('"esme"', '"esme"\nname = "hub2"'), '`exchange` calls the new hub "hub2"'),
        (SMALL.replace(EXCHANGE, EXCHANGE + "[home.air.sub_ghz]\n"), "it has `sub_ghz`"),
    ],
)
def test_benches_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        loads(text)
    assert reason in str(refused.value)


@pytest.mark.req("S-026", part=True)
def test_by_terminal_the_backup_goes_in_the_engineers_hand() -> None:
    """No octet of it crosses the WAN, and none stays in the terminal."""
    run = Run(loads(SMALL.replace("at_h", 'by = "terminal"\nat_h') + '[[home.device]]\nkind = "hht"\n'))
    crossed, steps = bytearray(), list[str]()
    run.log.subscribe(lambda now, who, kind, data: crossed.extend(data if isinstance(data, bytes) else b""), ["net.data"])

    def hear(now: int, who: str, kind: str, data: bytes | Mapping[str, object]) -> None:
        if isinstance(data, Mapping):
            steps.append(str(data["step"]))

    run.log.subscribe(hear, ["exchange"])
    run.run_until(HOUR)
    assert run.exchanges["home1"].outcome == "complete"
    assert run.commissioned
    assert b"MBHU" not in crossed
    assert "carried" not in run.board("hht").nvm
    assert [step for step in steps if "terminal" in step] == [
        next(step for step in steps if step.endswith("its backup is in the terminal, sealed")),
        "nothing of it is left in the terminal",
    ]
    assert steps[-1].endswith("is erased and taken away")


def test_an_exchange_that_nobody_can_order_is_told_and_nothing_is_touched() -> None:
    run = Run(loads(SMALL))
    run.run(for_=20 * MIN)
    old = run.hub
    run.net.partition(old.name, "dcc")
    assert run.exchanges["home1"].outcome == "still to come"
    run.run_until(HOUR)
    record = run.exchanges["home1"].record
    assert record is not None
    assert "no answer" in record.failure
    assert run.exchanges["home1"].outcome.startswith("failed: ")
    assert (run.hub, record.new) == (old, "")
    assert not isinstance(old.firmware, Retired)


@pytest.mark.parametrize("by", ["head-end", "terminal"])
@pytest.mark.parametrize("begin_s", [1801, 1818, 1830])
def test_an_exchange_outlives_a_power_cut_in_its_midst(by: str, begin_s: int) -> None:
    """Of the premises, for seven minutes from when the old hub hands over, the new one is there, or the backup is in it."""
    text = f'[[outage]]\nfeeder = "lane"\nat_h = {begin_s / 3600:.6f}\nfor_s = 420\n' + SMALL.replace(
        EXCHANGE, f'feeder = "lane"\n{EXCHANGE}by = "{by}"\n'
    )
    run = Run(loads(text + '[[home.device]]\nkind = "hht"\n'))
    run.run_until(HOUR)
    assert run.exchanges["home1"].outcome == "complete"
    assert run.commissioned
    assert run.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_an_exchange_outlives_answers_that_are_lost() -> None:
    """Restoring and erasing are ordered again where no answer came, and not done twice."""
    run, steps = Run(loads(SMALL)), list[str]()
    successor = "home1/hub2"

    def hear(now: int, who: str, kind: str, data: bytes | Mapping[str, object]) -> None:
        if kind == "hub.restored" or (kind == "hub.erased"):
            steps.append(kind)
            run.net.partition(who, "dcc")
            run.kernel.at(now + 3 * MIN, lambda: run.net.heal(who, "dcc"), who="test")

    run.log.subscribe(hear, ["hub.restored", "hub.erased"])
    run.run_until(HOUR)
    assert run.hub.name == successor
    assert run.exchanges["home1"].outcome == "complete"
    assert steps == ["hub.restored", "hub.erased"]


def test_who_reads_on_schedule_reads_on_through_the_new_hub() -> None:
    """The central company looks up where a device is reached when it asks; its device estate follows the new hub's log."""
    read = '[[read]]\nrequester = "volt"\ndevice = "esme"\nfirst_min = 5\nevery_min = 20\n'
    run, told = Run(loads(read + SMALL)), list[Mapping[str, object]]()
    run.log.subscribe(lambda now, who, kind, data: told.append(data) if isinstance(data, Mapping) else None, ["headend.read"])
    run.run_until(HOUR)
    assert run.exchanges["home1"].outcome == "complete"
    assert len(told) == 3
    assert not [each for each in told if "failure" in each]
    assert run.central.estate.find("esme") in [entry for entry in run.central.estate if entry.in_service]


def test_what_is_published_later_goes_to_the_hub_that_is_there_then() -> None:
    publish = '[[home.publish]]\nkind = "calorific-value"\nafter_s = 2700\nmegajoules = 40\n'
    run = Run(loads(SMALL.replace("[[home.device]]", publish + "[[home.device]]", 1)))
    run.run_until(HOUR)
    assert run.exchanges["home1"].outcome == "complete"
    assert run.hub.name == "home1/hub2"
    assert run.hub.nvm.keys("published/")
