"""Two stacks that know nothing of each other, and layers of ZigBee of which none needs one above: what each loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

STACKS = ("dlms", "zigbee")
NETWORK = {"network", "nwk", "security", "sealing", "routing", "neighbours", "zdo", "aps", "trust_centre"}
APPLICATION = {"clusters", "zcl", "metering", "price", "tunneling"}


Loads = Callable[..., set[str]]


@pytest.fixture
def loads(root: Path) -> Loads:
    """The modules of `protocols` that loading these brings along, in a process of its own."""

    def ask(*modules: str) -> set[str]:
        code = f"import sys, {', '.join(modules)}\nprint(*(name for name in sys.modules if name.startswith('protocols.')))"
        found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60)
        return set(found.stdout.split())

    return ask


def modules_of(root: Path, stack: str) -> list[str]:
    files = (root / "protocols" / stack).rglob("*.py")
    return sorted(".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for file in files)


@pytest.mark.req("S-082")
@pytest.mark.parametrize(("stack", "other"), [STACKS, STACKS[::-1]])
def test_all_of_a_stack_loads_without_the_other(root: Path, loads: Loads, stack: str, other: str) -> None:
    everything = modules_of(root, stack)
    assert len(everything) > 50
    loaded = loads(*everything)
    assert loaded >= set(everything)
    assert not {name for name in loaded if name.split(".")[1] not in ("core", stack)}
    assert not [name for name in everything if name.split(".")[1] == other]


@pytest.mark.req("S-083")
@pytest.mark.parametrize(
    ("layer", "beginning", "own", "above"),
    [
        ("radio", ["mac"], ["test_mac.py", "test_energy.py"], NETWORK | APPLICATION),
        ("network", ["network", "zdo", "trust_centre"], ["test_mesh.py", "test_trust_centre.py"], APPLICATION),
        ("application", ["clusters.metering", "zcl.foundation"], ["clusters", "zcl"], set()),
    ],
)
def test_a_layer_of_zigbee_needs_none_above_it_and_has_tests_of_its_own(
    root: Path, loads: Loads, layer: str, beginning: list[str], own: list[str], above: set[str]
) -> None:
    loaded = {name.split(".")[2] for name in loads(*(f"protocols.zigbee.{name}" for name in beginning)) if "zigbee." in name}
    assert loaded >= {name.split(".")[0] for name in beginning}
    assert not loaded & above
    for tests in own:
        path = root / "tests" / "protocols" / "zigbee" / tests
        files = [path] if path.is_file() else list(path.glob("test_*.py"))
        assert any("def test_" in file.read_text(encoding="utf-8") for file in files), layer
