"""What no tracked file may hold, and what every module must begin with."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("git")

# In pieces, so that this file passes its own test.
REGISTRIES = ["pypi" + ".org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian", "security." + "debian"]
MACHINE_PATHS = ["/wo" + "rk/", "/ro" + "ot/", "/tm" + "p/", "/ho" + "me/"]
PACKAGES = ("protocols", "devices", "hubfw", "tools")


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def test_no_file_names_a_package_registry(tracked: list[Path]) -> None:
    found = [f"{path.name}: {host}" for path in tracked for host in REGISTRIES if host in text_of(path)]
    assert not found


def test_no_file_names_a_path_of_one_machine(tracked: list[Path]) -> None:
    pattern = re.compile(rf"(?<![\w.~}}-])(?:{'|'.join(map(re.escape, MACHINE_PATHS))})\w")
    found = [f"{path.name}: {match.group()}" for path in tracked for match in pattern.finditer(text_of(path))]
    assert not found


def test_links_between_documents_lead_somewhere(tracked: list[Path]) -> None:
    broken = []
    for path in tracked:
        if path.suffix != ".md":
            continue
        prose = re.sub(r"```.*?```", "", text_of(path), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.partition("#")[0]).exists():
                broken.append(f"{path.name}: {target}")
    assert not broken


def test_modules_are_under_500_lines(tracked: list[Path], root: Path) -> None:
    product = [p for p in tracked if p.suffix == ".py" and p.relative_to(root).parts[0] in PACKAGES]
    long = {str(p.relative_to(root)): n for p in product if (n := text_of(p).count("\n")) > 500}
    assert not long


def test_every_module_says_what_it_is(tracked: list[Path], root: Path) -> None:
    silent = []
    for path in tracked:
        if path.suffix == ".py" and path.relative_to(root).parts[0] in PACKAGES:
            tree = ast.parse(text_of(path))
            future = any(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in tree.body)
            if not ast.get_docstring(tree) or (len(tree.body) > 1 and not future):
                silent.append(str(path.relative_to(root)))
    assert not silent


@pytest.mark.parametrize("name", ["utils", "common", "helpers", "misc", "manager"])
def test_no_module_has_a_name_that_says_nothing(name: str, tracked: list[Path]) -> None:
    assert not [path for path in tracked if path.stem == name]
