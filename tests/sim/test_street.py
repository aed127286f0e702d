"""A street for days: nothing is lost, queues are empty in the end, memory is flat, and the same days are lived again elsewhere.

Five homes for three days; METERBENCH_STREET=100x30 is what `make soak` runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim import street

HOMES, DAYS = map(int, os.environ.get("METERBENCH_STREET", "5x3").split("x"))


@pytest.mark.timeout(24 * 3600)
def test_days_of_a_street():
    command = [sys.executable, "-m", "tests.sim.street", "1", str(DAYS)]
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as other:
        lived = street.everybody(HOMES, DAYS)
        said, _ = other.communicate()
    assert {home.home: home.wrong for home in lived} == {number: [] for number in range(HOMES)}
    assert lived[0].digest[:16] in said, "the same days, in another process"
    assert sum(home.losses for home in lived) >= HOMES * DAYS * 2
    assert sum(home.notices for home in lived) >= HOMES * DAYS // 2
    assert sum(home.messages for home in lived) >= HOMES * (DAYS - 1) // 2
    assert len({home.digest for home in lived}) == HOMES
