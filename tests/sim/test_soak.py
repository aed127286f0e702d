"""Days of a home on a bad radio: everybody is there in the end, nothing was used twice, nothing old was believed, and again.

Three virtual days by default; METERBENCH_SOAK_DAYS=30 is what `make soak` runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devices.runtime.kernel import DAY, MIN
from tests.sim.bad_radio import AWAKE, BadRadio

DAYS = int(os.environ.get("METERBENCH_SOAK_DAYS", "3"))
AGAIN = max(1, DAYS // 10)
"""Days that are lived a second time."""


@pytest.mark.timeout(3600)
def test_days_of_a_bad_radio() -> None:
    command = [sys.executable, "-m", "tests.sim.bad_radio", str(AGAIN)]
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as other:
        home = BadRadio()
        home.live(AGAIN)
        digest = home.run.digest()
        home.live(DAYS - AGAIN)
        said, _ = other.communicate()
    assert said.strip() == digest, "the same days, in another process"
    home.calm()

    run, ears = home.run, home.ears
    assert run.now > DAYS * DAY
    assert run.commissioned
    assert all(run.board(name).firmware.han.stack.joined for name in (*AWAKE, "gsme"))
    assert run.screen("ihd")[1].endswith("kW")
    mirror = run.hub.firmware.mirrors.of(run.gsme.eui64)
    assert run.kernel.utc - mirror.gas.reading.at < 31 * MIN
    assert ears.opened_nwk > DAYS * 50_000
    assert ears.opened_aps > DAYS * 20_000
    assert ears.closed == []
    assert ears.reused == []
    assert home.replayed > DAYS * 100
    assert home.taken == []
    print(f"{DAYS} days: {ears.frames:,} frames, {ears.opened_nwk:,} secured, {ears.opened_aps:,} of them twice; {digest=}")
