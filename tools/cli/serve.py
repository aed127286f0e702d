"""`meterbench serve`: a bench in real time, for other people's programs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from devices.runtime.kernel import HOUR, MIN
from tools.bench import config
from tools.bench.commissioning import commissioning
from tools.bench.realtime import Driver
from tools.bench.run import Run
from tools.bench.served import Served
from tools.bench.tally import Tally
from tools.capture.observer import stream_zep
from tools.capture.zep import Sender
from tools.cli.duration import duration
from tools.cli.kept import closing, keeping, kept_options, write_keys
from tools.cli.timeline import Timeline
from tools.links import parse

SLICE = MIN
"""Virtual time that passes at once before the links open, between two looks at signals."""


@click.command(
    epilog="Example: meterbench serve fixtures/benches/home.toml --ready-json",
    short_help="Run a bench file in real time, its links open to other programs.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option("--ready-json", "--json", "quiet", is_flag=True, help="Print the ready line and nothing else.")
@click.option("--pace", type=click.FloatRange(0.01, 1000), default=1.0, show_default=True, help="Virtual seconds in a second.")
@click.option(
    "--after", type=duration, metavar="TIME", help="Virtual time before the links open.  [default: 2h; 0 where no home has a hub]"
)
@click.option("--zep", is_flag=True, help="Send every radio frame to a sniffer on this machine, too: ZEP on UDP port 17754.")
@kept_options
def command(
    bench: Path,
    quiet: bool,
    pace: float,
    after: int | None,
    zep: bool,
    seed: int | None,
    capture: Path | None,
    keys: Path | None,
    journal: Path | None,
) -> None:
    """Run the homes of BENCH.toml in real time, with its links open, until SIGTERM or Ctrl-C.

    First, in virtual time, every device joins, the gas mirror fills, and --after has passed, so that there is something to
    read; a home without a hub waits for nobody. Then the links open, and the first line of output says where, as JSON:

    \b
    {"ready": true, "endpoints": {"hub.wan": "tcp:127.0.0.1:40001",
     "esme.optical": "pty:/dev/pts/3", ...}}
    """
    declared = config.load(bench)
    if after is None:
        after = 0 if all(home.foreign for home in declared.home) else 2 * HOUR
    run = Run(declared, seed, time.time_ns() - after if declared.start_ns is None else None)
    served, tally, voice = Served(run), Tally(run.kernel), Voice(quiet)
    Timeline(run, voice.line)
    started = time.perf_counter()
    with keeping(run, f"meterbench serve {bench.name}", capture=capture, keys=keys, journal=journal), ExitStack() as stack:

        def ready(endpoints: dict[str, str]) -> None:
            if keys is not None:
                write_keys(keys, run.zigbee_keys())
            if zep:
                stream_zep(run.kernel, stack.enter_context(Sender(parse("zep:127.0.0.1"))))
            voice.ready(endpoints)

        asyncio.run(_serve(run, served, pace, after, ready))
    for line in closing(run, tally, time.perf_counter() - started, fast=False):
        voice.line(line)


async def _serve(run: Run, served: Served, pace: float, after: int, ready: Callable[[dict[str, str]], object]) -> None:
    driver = Driver(run.inputs, pace)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, driver.stop)
    for _ in _prelude(run, after):
        await asyncio.sleep(0)  # for signals
        if driver.stopped:
            return
    try:
        ready(await served.open(driver))
        await driver.run()
    finally:
        await served.close()
    run.run_until(run.now)  # what came in while the links were being closed


def _prelude(run: Run, after: int) -> Iterator[None]:
    """What passes in virtual time before anybody outside may look."""
    yield from commissioning(run)
    for at in [*range(run.now + SLICE, after, SLICE), after]:
        if at > run.now:
            run.run_until(at)
            yield


class Voice:
    """Standard output: the ready line first, everything else after it, nothing else when `quiet`.

    A reader that has gone is no reason to end: the rest is not said.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._held: list[str] | None = []

    def ready(self, endpoints: dict[str, str]) -> None:
        """The ready line, what it says for people, and what was held back."""
        self._print(json.dumps({"ready": True, "endpoints": endpoints}))
        held, self._held = self._held or [], None
        width = max(map(len, endpoints), default=0)
        for line in [*held, *(f"{name.ljust(width)}  {spelling}" for name, spelling in endpoints.items())]:
            self.line(line)

    def line(self, text: str) -> None:
        """A line for people."""
        if self._quiet:
            return
        if self._held is not None:
            self._held.append(text)
        else:
            self._print(text)

    def _print(self, text: str) -> None:
        try:
            click.echo(text)
        except BrokenPipeError:
            self._quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
