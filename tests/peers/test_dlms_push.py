"""What a hub pushes, heard and understood by third-party programs: the last gasp of an outage, and the first breath after it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.runtime.kernel import MIN, S
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.realtime import Driver
from tools.bench.run import Run
from tools.bench.served import Served

pytestmark = pytest.mark.needs("peers")

LISTENER = Path(__file__).resolve().parent / "judges" / "listener.py"
START = datetime(2026, 1, 14, tzinfo=UTC)
LOSS, LENGTH = 5 * MIN, 181 * S
LAST_GASP, FIRST_BREATH = 1, 2
PUSHED = [[1, "0.0.42.0.0.255", 2], [1, "0.0.96.11.0.255", 2], [1, "0.0.96.7.10.255", 2], [1, "0.0.96.7.15.255", 2]]
"""The push object list: who, what event, since when, how long (s)."""
HUB_EUI64 = "00DB1234567890A0"
BENCH = f"""
[notifications]
to = "tcp:127.0.0.1:PORT"
[[home]]
[[home.device]]
kind = "hub"
eui64 = "{HUB_EUI64}"
[[home.device]]
kind = "esme"
"""
PATIENCE = 60.0


async def heard(judge: str, python: Path) -> list[Any]:
    """What the judge says of the two notices of one outage."""
    program = await asyncio.create_subprocess_exec(
        str(python), str(LISTENER), judge, json.dumps(PUSHED), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    port = int(await program.stdout.readline())
    run = Run(loads(BENCH.replace("PORT", str(port))))
    commission(run)
    run.kernel.at(LOSS, run.mains.off, LENGTH, who="test")
    run.run_until(LOSS + LENGTH - 10 * S)
    driver, served, told = Driver(run.inputs, pace=20), Served(run), []

    async def listen() -> None:
        assert program.stdout is not None
        while len(told) < 2 and (line := await program.stdout.readline()):
            told.append(json.loads(line))
        driver.stop()

    listening = asyncio.ensure_future(listen())
    await served.open(driver)
    await driver.run(LOSS + 60 * MIN)  # ends when both were heard, however slow this machine is
    await served.close()
    program.stdin.close()
    await program.wait()
    await listening
    return told


@pytest.mark.dlms("server push", "server DataNotification")
@pytest.mark.parametrize("judge", ["gurux", "pydlms"])
def test_an_outage_is_understood(peers_python: Path, judge: str) -> None:
    last_gasp, first_breath = asyncio.run(asyncio.wait_for(heard(judge, peers_python), PATIENCE))
    name = f"MBE{HUB_EUI64[3:]}".encode().hex()
    for notice, event in ((last_gasp, LAST_GASP), (first_breath, FIRST_BREATH)):
        assert notice[:2] == [name, event]
        lost = bytes.fromhex(notice[2])
        moment = datetime(int.from_bytes(lost[:2], "big"), lost[2], lost[3], *lost[5:8], tzinfo=UTC)
        assert abs(moment - START - timedelta(seconds=LOSS // S)) <= timedelta(seconds=2)
    assert first_breath[3] in range(LENGTH // S, LENGTH // S + 30)
