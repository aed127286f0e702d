"""The command line, called as a user does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tools.cli.main import run


@pytest.fixture
def meterbench(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`meterbench("decode", "c0")`: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
