"""Our four top-level names are generic: nobody else may provide them in the environment we run in."""

from __future__ import annotations

import importlib
import importlib.metadata
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["protocols", "devices", "hubfw", "tools"])
def test_nobody_else_provides_our_names(name: str, root: Path) -> None:
    providers = set(importlib.metadata.packages_distributions().get(name, []))
    assert providers <= {"meterbench"}
    module = importlib.import_module(name)
    assert [Path(place).resolve() for place in module.__path__] == [root / name]


def test_the_project_is_installed_with_its_command() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="meterbench")
    assert command.value == "tools.cli.main:main"
