"""A run by the wall clock, until a time or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal

from tools.bench.realtime import Driver
from tools.bench.run import Run


def paced(run: Run, speed: float, until: int) -> None:
    """Run at `speed` virtual seconds a second."""
    asyncio.run(_paced(run, speed, until))


async def _paced(run: Run, speed: float, until: int) -> None:
    driver = Driver(run.inputs, speed)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, driver.stop)
    await driver.run(until)
