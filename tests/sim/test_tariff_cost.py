"""A home in which nothing is published has nothing of it: no module, no cluster, no record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
from devices.runtime.kernel import HOUR
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run
run = Run(load(Path("fixtures/benches/home.toml")))
commission(run)
run.run(for_=2 * HOUR)
print(any(list(each.nvm.keys("published")) for each in (run.hub, run.ihd, run.ppmid, run.gsme)))
print(sorted(run.hub.firmware.han.endpoints))
print([name for name in sys.modules if ".publication" in name and name.startswith("protocols") or "clusters.calendar" in name])
"""


def test_a_home_without_publications_has_none_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=True, timeout=120)
    assert done.stdout.splitlines() == ["False", "[1, 16]", "[]"]
