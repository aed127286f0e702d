"""`meterbench device`: what it refuses before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HOME, TWO = BENCHES / "home.toml", BENCHES / "two-electricity-meters.toml"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["toaster", "--config", HOME, "--air", "tcp:127.0.0.1:1"], "'toaster' is not one of"),
        (["ihd", "--config", HOME, "--air", "tcq:127.0.0.1:1"], 'did you mean "tcp"?'),
        (["ihd", "--config", HOME, "--air", "pty:"], 'link "pty:" cannot reach a medium; these can: tcp, mqtt'),
        (["hub", "--config", HOME, "--air", "tcp:127.0.0.1:1"], "cannot serve a medium; these can: tcp-listen, mqtt"),
        (["ihd", "--config", HOME, "--air", "tcp:127.0.0.1:1", "--name", "ihf"], 'no ihd "ihf" on this bench, did you mean "ihd"?'),
        (["esme", "--config", TWO, "--air", "tcp:127.0.0.1:1"], "2 devices of kind esme: say which with --name (there are: home1/"),
        (["gsme", "--config", TWO, "--air", "tcp:127.0.0.1:1", "--name", "none"], 'no gsme "none"'),
        (["ihd", "--config", HOME, "--air", "tcp:127.0.0.1:1", "--wired", "pty:w"], "home1/ihd has no wired meter interface"),
        (["ihd", "--config", HOME, "--air", "tcp:127.0.0.1:1", "--optical", "pty:"], "home1/ihd has no optical port"),
        (["ihd", "--config", HOME, "--air", "mqtt://127.0.0.1/x", "--broker"], "--broker is for the hub's process"),
        (["hub", "--config", HOME, "--air", "tcp-listen:0", "--broker"], "the built-in broker serves mqtt:// on this machine only"),
        (["hub", "--config", HOME, "--air", "tcp-listen:0.0.0.0:0"], "clients need no password"),
        (["hub", "--config", BENCHES / "none.toml", "--air", "tcp-listen:0"], "none.toml: no such file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(meterbench, arguments, said):
    code, out, error = meterbench("device", *arguments)
    assert code == 2
    assert said in error
    assert out == ""
