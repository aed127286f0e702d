"""Hub prepayment in a bench file: what makes no sense is one line, and a run tells what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench import config
from tools.cli.main import run as meterbench
from tools.errors import BadInput

HOME = """
[[home]]
[[home.device]]
kind = "hub"
prepay = {{ {} }}
[[home.device]]
kind = "prepay-gas"
"""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("top_ups = [{ at_hours = 1, pounds = 0 }]", "expected `float` >= 0.01"),
        ("top_ups = [{ at_hours = 1, pounds = -5 }]", "expected `float` >= 0.01"),
        ("top_ups = [{ at_hours = 1, pounds = 1311 }]", "<= 1310"),
        ("top_ups = [{ at_hours = 1, pounds = 1.005 }]", "a top-up is in whole pence, and 1.005 pounds are not"),
        ('top_ups = [{ at_hours = 1, pounds = 5, fuel = "electricity" }]', "electricity, which is not prepaid"),
        ('top_ups = [{ at_hours = 1, pounds = 5, fuel = "gaz" }]', 'did you mean "gas"'),
        ('presses = [{ at_hours = 1, button = "emergncy" }]', 'did you mean "emergency"'),
        ('friendly = [["20:00", "20:00"]]', "friendly hours from 20:00 to 20:00 are none"),
        ('friendly = [["20:00", "24:00"]]', "a time of day"),
        ("gas = { rates = [{ pence = [1, 2] }] }", "one price for each block"),
        ('gas = { rates = [{ at = "07:00", pence = [1] }] }', "the first one at 0"),
        ("time_out_hours = 0", "expected `float` >= 0.5"),
        ("emergency_pound = 5", 'did you mean "emergency_pounds"'),
    ],
)
def test_what_makes_no_sense_is_one_line(wrong: str, said: str) -> None:
    with pytest.raises(BadInput) as bad:
        config.loads(HOME.format(wrong))
    assert said in str(bad.value)
    assert "\n" not in str(bad.value)


def test_pence_are_pence() -> None:
    """1.15 times 100 is 114.99 to a computer."""
    (home,) = config.loads(HOME.format("top_ups = [{ at_hours = 1, pounds = 1.15 }], gas = { rates = [{ pence = [9.95] }] }")).home
    made = home.device[0].prepay
    assert made.top_ups[0].pence == 115
    assert made.gas.tariff().rates[0].prices == (9_950_000,)


def test_a_run_tells_what_becomes_of_tokens_buttons_and_valve(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bench = tmp_path / "prepaid.toml"
    bench.write_text(HOME.format(
        'opening_pounds = 0.01, emergency_pounds = 0, gas = { rates = [{ pence = [60] }] },'
        " top_ups = [{ at_hours = 2, pounds = 5 }], presses = [{ at_hours = 1.5 }]"
    ))  # fmt: skip
    assert meterbench(["run", str(bench), "--until", "3h"]) == 0
    out = capsys.readouterr().out
    for told in (
        "is warned that gas credit is low", "closed at the cut-off", "does nothing at the emergency button, contact holds",
        "is given a token: credited (gas 500)", "opened by credit",
    ):  # fmt: skip
        assert told in out, told
