"""A third-party client reads a gas meter that has no hub: the meter calls a third party's address, and is asked at its own."""

from __future__ import annotations

import asyncio
import json
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

GURUX = Path(__file__).resolve().parent / "judges" / "gurux.py"
CALL, CUBIC_METRES, SAP = 30 * MIN, 13, 1
BENCH = """
[notifications]
to = "tcp:127.0.0.1:PORT"
[links]
"wan-gas.wan" = "tcp-listen:0"
[[home]]
[[home.device]]
kind = "wan-gas"
"""


async def read(python: Path) -> tuple[list[Any], int]:
    """What Gurux's client reads as soon as the meter has called, and the litres that the meter held then."""
    called = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        called.set()
        writer.close()

    listener = await asyncio.start_server(hear, "127.0.0.1", 0)
    run = Run(loads(BENCH.replace("PORT", str(listener.sockets[0].getsockname()[1]))))
    commission(run)
    meter = run.board("wan-gas")
    run.run_until(CALL + meter.eui64 % 60 * S)  # the modem registers
    driver, served = Driver(run.inputs, pace=1), Served(run)
    endpoints = await served.open(driver)
    running = asyncio.ensure_future(driver.run())
    await called.wait()
    visit = {"link": endpoints["wan-gas.wan"], "framing": "wrapper", "client": 16, "server": SAP,
             "ask": [["extended", "7.0.3.0.0.255"], ["entries", "7.0.99.1.0.255", 1, 1]]}  # fmt: skip
    judge = await asyncio.create_subprocess_exec(
        str(python), str(GURUX), json.dumps([visit]), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await judge.communicate()
    driver.stop()
    await running
    await served.close()
    listener.close()
    assert judge.returncode == 0, err.decode()
    (answers,) = json.loads(out)
    return answers, meter.firmware.litres


@pytest.mark.dlms("server wrapper TCP", "class 4 attribute 2", "class 7 attribute 2")
@pytest.mark.req("S-035", part=True)
def test_gurux_reads_it_when_it_has_called(peers_python: Path) -> None:
    (volume, rows), litres = asyncio.run(asyncio.wait_for(read(peers_python), 60))
    assert volume["unit"] == CUBIC_METRES
    assert round(volume["value"] * 1000) == litres
    assert len(rows) == 1
    assert rows[0][-1] <= litres
