"""Fixtures and markers for every test: Hypothesis profiles, published vectors, `needs`, `req`, `dlms`."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # xdist has no types

from protocols.zigbee.key_establishment.curves import Curve

ROOT = Path(__file__).resolve().parent.parent
STRICT = os.environ.get("CI") == "true" or os.environ.get("METERBENCH_REQUIRE_ALL") == "1"

settings.register_profile("dev", max_examples=100, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True, database=None)
settings.register_profile("soak", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev"))

# Hundreds of homes have the same seed and so the same keys: a worker multiplies a point by a number once.
Curve.times = lru_cache(maxsize=4096)(Curve.times)  # type: ignore[method-assign]

# What `needs(...)` may name: the probe, and the command that installs it.
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
TOOLS: dict[str, tuple[Callable[[], object], str]] = {
    "tshark": (lambda: shutil.which("tshark"), "apt-get install --no-install-recommends tshark"),
    "mosquitto": (
        lambda: shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin"),
        "apt-get install --no-install-recommends mosquitto",
    ),
    "socat": (lambda: shutil.which("socat"), "apt-get install --no-install-recommends socat"),
    "openssl": (lambda: shutil.which("openssl"), "apt-get install --no-install-recommends openssl"),
    "git": (lambda: shutil.which("git"), "apt-get install --no-install-recommends git"),
    "make": (lambda: shutil.which("make"), "apt-get install --no-install-recommends make"),
    "peers": (PEERS_PYTHON.exists, "make peers"),
    "amqtt": (lambda: find_spec("amqtt"), "pip install 'meterbench[broker]'"),
}


MACHINE = (
    "tests/tools/air",
    "tests/tools/bench",
    "tests/tools/cli",
    "tests/tools/links",
    "tests/peers",
    "tests/repository/test_readme.py",
)
"""Tests with sockets, processes and the wall clock: one after another, so that none takes another's port or processor."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # so its base is Any
    """The tests of a file on one worker, so that its homes are built once; all of MACHINE on one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "machine" if path.startswith(MACHINE) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in ("req", "dlms"):
        for mark in item.iter_markers(name):
            # user_properties travel from xdist's workers to the controller with each report; see traceability.py
            item.user_properties.append((name, {"ids": list(mark.args), "part": bool(mark.kwargs.get("part", False))}))
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            present, command = TOOLS[name]
            if not present():
                word = f"needs {name}, which is not here: {command}"
                if STRICT:
                    pytest.fail(word, pytrace=False)
                pytest.skip(word)


def _shared(folder: str, name: str) -> Any:
    """A file of published material, parsed: in $METERBENCH_SHARED, or in `shared` beside the checkout.

    It is optional, so absent is a skip, but a failure where the variable names a folder that does not have it.
    """
    named = os.environ.get("METERBENCH_SHARED")
    path = Path(named or ROOT.parent / "shared") / folder / f"{name.removesuffix('.json')}.json"
    if not path.is_file():
        word = f"{folder}/{path.name} is not here: METERBENCH_SHARED names the folder of {folder}/"
        if named:
            pytest.fail(word, pytrace=False)
        pytest.skip(word)
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def shared_vectors() -> Callable[[str], Any]:
    """Read a published vector file: `shared_vectors("dlms")` gives the parsed JSON of vectors/dlms.json."""
    return partial(_shared, "vectors")


@pytest.fixture(scope="session")
def cluster_facts() -> Any:
    """The table of Smart Energy clusters made from public sources, with `zcl_types`, `structs` and `gb_profile`, and `by_id`."""
    facts = _shared("facts", "se-clusters")
    facts["by_id"] = {int(row["id"], 16): row for row in facts["clusters"]}
    return facts


@pytest.fixture(scope="session")
def peers_python() -> Path:
    """The interpreter of the third-party judges (`make peers`); mark the test `needs("peers")`."""
    return PEERS_PYTHON


PATIENCE = 60.0


class Program:
    """A `meterbench` command in a process of its own, from its first line of output on (`wait` False: from its start)."""

    def __init__(self, *arguments: object, wait: bool = True) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tools.cli.main import main; main()", *map(str, arguments)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE if wait else 0)
        self.first_line = self._process.stdout.readline().decode() if ready else ""

    @property
    def endpoints(self) -> dict[str, str]:
        """What the ready line of `serve` says."""
        endpoints: dict[str, str] = json.loads(self.first_line or f'{{"no ready line": {self.stop()!r}}}')["endpoints"]
        return endpoints

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    @property
    def memory(self) -> int:
        """KiB it has in memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def deafen(self) -> None:
        """Close our end of its output."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end: its exit code, the rest of its output, its errors."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
        return self._process.returncode, out.decode(), err.decode()


@pytest.fixture(scope="module")
def start_program() -> Iterator[Callable[..., Program]]:
    """`start_program("serve", bench, "--ready-json")`: a running command; what still runs after the module's tests is stopped."""
    running: list[Program] = []

    def start(*arguments: object, wait: bool = True) -> Program:
        running.append(Program(*arguments, wait=wait))
        return running[-1]

    yield start
    for program in running:
        program.stop()
