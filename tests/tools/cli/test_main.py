"""How every command ends: help with an example, exit codes, one-line errors, internal errors that are ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from tools.cli import main
from tools.cli.main import COMMANDS, INTERNAL_ERROR, run
from tools.errors import BadInput, CheckFailed, MissingEnvironment

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = main.cli.get_command(click.Context(main.cli), name)
    below = [[name, each] for each in command.commands] if isinstance(command, click.Group) else [[name]]
    for words in below:
        assert run([*words, "--help"]) == 0
        out = capsys.readouterr().out
        assert f"Example: meterbench {' '.join(words)}" in out
        assert "--json" in out


def test_the_group_lists_its_commands_without_importing_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)
    program = (
        "import sys; from tools.cli.main import run; run(['--help']);"
        "sys.exit(any(name.startswith('tools.cli.') and name != 'tools.cli.main' for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0


def test_an_unknown_command_is_wrong_use_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["decod"]) == 2
    assert 'no command "decod", did you mean "decode"?' in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        ("run", "meterbench run: Missing argument 'BENCH.toml' (see meterbench run --help)\n"),
        (
            "run x.toml --untill 3h",
            "meterbench run: No such option '--untill'. Did you mean '--until'? (see meterbench run --help)\n",
        ),
        ("decode --xml --json 00", "meterbench decode: --xml and --json: one of them (see meterbench decode --help)\n"),
    ],
)
def test_wrong_use_is_one_line_that_says_where_right_use_is_told(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split()) == 2
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "error, code, said",
    [
        (BadInput("bench.toml:3: no"), 2, "meterbench: bench.toml:3: no\n"),
        (MissingEnvironment("no broker"), 3, "meterbench: no broker\n"),
        (CheckFailed("2 of 3"), 1, "meterbench: 2 of 3\n"),
        (click.Abort(), 130, "interrupted\n"),
    ],
)
def test_errors_are_one_line_with_their_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    assert run([]) == code
    assert capsys.readouterr().err == said


def test_an_internal_error_is_our_fault_and_says_where_it_happened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        error = ZeroDivisionError("division by zero")
        error.add_note("seed 7")
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    assert run([]) == INTERNAL_ERROR == 70
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: division by zero (seed 7)" in err
    assert "this is our fault" in err
    assert "Traceback" not in err
