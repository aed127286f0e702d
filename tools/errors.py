"""What the command line says when it cannot go on: one line each, with the exit code of the command.

These are for people at a terminal. Protocol errors live in protocols.core.errors and never end a command by themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class ToolError(Exception):
    """A command ends with one line of text (the message) and `exit_code`."""

    exit_code: ClassVar[int] = 1


class CheckFailed(ToolError):
    """The command ran; what it was asked to check did not hold."""


class BadInput(ToolError):
    """What the user gave (argument, link spelling, file) cannot be used."""

    exit_code = 2


class MissingEnvironment(ToolError):
    """Something outside is missing or not reachable: a program, a device file, a peer."""

    exit_code = 3


class LinkDown(MissingEnvironment):
    """A link could not be opened, or ended: refused, unplugged, closed by the peer."""


def suggest(word: str, choices: Iterable[str]) -> str:
    """`, did you mean "x"?` for the nearest of `choices`, or nothing when none is near."""
    known = {each.lower(): each for each in choices}
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f', did you mean "{known[near[0]]}"?' if near else ""
