"""One device in one process, in real time: the hub with the medium, or another device with a remote radio or a dongle.

A device waits for its medium, takes over its clock, and runs. When the medium goes away it says so and runs on with nobody
to hear it; when it is back, the radio attaches again. A medium that is another run has forgotten everything: then the device
starts anew as well. The hub's process says what time it is each second. A device with a dongle has a clock of its own, and runs
whether the dongle is there or not.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from devices.runtime.journal import Happening
from devices.runtime.log import Data
from protocols.core.errors import RemoteProtocolError
from tools.air import messages
from tools.air.carriers import Seats, User, device_carrier, medium_carrier
from tools.air.messages import Attach, Now, Refusal, Refuse, Welcome
from tools.air.seat import Seat
from tools.bench import config
from tools.bench.bridges import Slot, door
from tools.bench.part import AIR, HUB, WIRED, Choice, Part
from tools.bench.realtime import Driver
from tools.bench.served import WORDS, plugged_in
from tools.errors import BadInput, LinkDown
from tools.links import parse, server
from tools.links.broker import embedded
from tools.links.channel import Server
from tools.links.spec import LinkSpec
from tools.links.tcp import Dialer

Report = Callable[[dict[str, object]], None]
"""Told what happens; the first key says what."""

BEAT = 1.0
"""Seconds between announcements of the time, and between looks at what has changed."""
SILENCE = 10.0
"""Seconds without a word after which a medium counts as gone."""
GRACE = 0.5
"""Seconds before it is worth saying that there is no medium: mostly it is there at once."""
CLOSE_ENOUGH = 2_000_000
"""ns by which two processes' clocks may differ before one is moved."""
_SAMPLES = 8
_FINAL = [place for place, refusal in enumerate(messages.REFUSALS) if refusal is not Refusal.NOT_ATTACHED]
"""Refusals that asking again does not change."""
_HANGING_UP = ("tcp-listen", "udp-listen", "serial")


@dataclass(slots=True)
class Links:
    """What a device opens besides its radio: (endpoint, link) pairs, and the wired meter interface."""

    air: LinkSpec
    ports: list[tuple[str, LinkSpec]] = field(default_factory=list)
    wired: LinkSpec | None = None
    broker: bool = False
    """Run the MQTT broker of `air` here."""
    screen: bool = False
    """Report each face of the display."""


async def run(choice: Choice, links: Links, report: Report, stop: asyncio.Event) -> None:
    """Run one device until `stop` is set. Raises BadInput, LinkDown, and whatever leaves the kernel."""
    number = int.from_bytes(os.urandom(4), "big")
    if choice.device.kind == HUB:
        await _until(stop, _hub(choice, links, report, number))
    elif links.air.scheme == "spinel":
        await _until(stop, _plugged(choice, links, report, number))
    else:
        await _until(stop, _Device(choice, links, report, number).run())


async def _hub(choice: Choice, links: Links, report: Report, number: int) -> None:
    start = choice.bench.start_ns
    part = Part(choice, start_ns=time.time_ns() if start is None else start, now=0, number=number)
    driver = Driver(part.inputs)

    def on_change(seat: Seat, here: bool) -> None:
        report({"attached" if here else "detached": seat.slot.endpoint.removesuffix(f".{AIR}")})

    seats = Seats(part.seats, driver.feed, on_change)
    medium = medium_carrier(_rooted(links.air, choice), seats)
    async with AsyncExitStack() as stack:
        if links.broker:
            await stack.enter_async_context(embedded(links.air))
        if part.exit is not None and choice.bench.notifications.to != config.HEAD_END:
            driver.dial_out(part.exit, parse(choice.bench.notifications.to))
        endpoints = await _open(part, driver, links, report, stack)
        await medium.start()
        stack.push_async_callback(medium.stop)
        report({"ready": True, "device": choice.node, "air": medium.spelling, "endpoints": endpoints})

        async def beat() -> None:
            complete = False
            while True:
                for seat in part.seats.values():
                    seat.announce(driver.now)
                if part.commissioned is not complete:
                    complete = not complete
                    report({"commissioned": complete})
                await asyncio.sleep(BEAT)

        await _all(driver.run(), beat())


async def _plugged(choice: Choice, links: Links, report: Report, number: int) -> None:
    """A device whose radio is a dongle."""
    start = choice.bench.start_ns
    part = Part(choice, start_ns=time.time_ns() if start is None else start, now=0, number=number, dongle=True)
    assert part.radio is not None
    driver = Driver(part.inputs)
    line = _line(parse(links.air.path))
    link: Server = Dialer(line) if line.scheme == "tcp" else server(line)
    async with AsyncExitStack() as stack:
        if links.screen:
            stack.callback(part.kernel.log.subscribe(partial(_face, report), ("display",)))
        endpoints = await _open(part, driver, links, report, stack)
        stack.push_async_callback(link.stop)
        wire = asyncio.ensure_future(_wire(link, driver, [part.radio.slot], report, "dongle"))
        stack.push_async_callback(_end, [wire])
        stack.callback(part.kernel.log.subscribe(partial(_joined, report), ("han.joined",)))
        report({"ready": True, "device": choice.node, "air": str(links.air), "endpoints": endpoints})
        await driver.run()


def _joined(report: Report, now: int, who: str, kind: str, data: Data) -> None:
    if not isinstance(data, bytes):
        report({"joined": f"{data['short']:#06x}"})


def _face(report: Report, now: int, who: str, kind: str, data: Data) -> None:
    if not isinstance(data, bytes):
        report({"screen": data["lines"]})


class _Device:
    """A device that is not the hub. Its process greets the medium with a life of its own, below those of the radio."""

    def __init__(self, choice: Choice, links: Links, report: Report, number: int) -> None:
        loop = asyncio.get_running_loop()
        self._choice = choice
        self._links = links
        self._report = report
        self._number = number
        self._carrier = device_carrier(_rooted(links.air, choice), choice.eui64)
        self._clock = _Clock()
        self._driver: Driver | None = None
        self._medium: Welcome | None = None
        """Of the run that this device is part of."""
        self._reached = False
        self._heard: float | None = None
        """When the medium last said something; None: it is not there."""
        self._welcomes: asyncio.Queue[Welcome] = asyncio.Queue()
        self._refused: asyncio.Future[None] = loop.create_future()
        self._reason = ""
        self._waiting: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Until cancelled. Raises BadInput when the medium does not want this device."""
        user = User(self._up, self._down, self._message)
        await _all(self._carrier.run(user), self._watch(), self._lives(), self._refused)

    async def _lives(self) -> None:
        while True:
            self._medium = await self._welcomes.get()
            await self._life(self._medium)
            self._driver = None
            self._report({"restarting": "the medium has started anew"})

    async def _life(self, welcome: Welcome) -> None:
        """The device, for as long as the medium is the same run."""
        part = Part(self._choice, start_ns=welcome.start, now=welcome.time, number=self._number)
        assert part.radio is not None
        part.radio.slot.on_output = self._carrier.send
        driver = Driver(part.inputs)
        async with AsyncExitStack() as stack:
            if self._links.screen:
                stack.callback(part.kernel.log.subscribe(partial(_face, self._report), ("display",)))
            endpoints = await _open(part, driver, self._links, self._report, stack)
            running = asyncio.ensure_future(driver.run())
            stack.push_async_callback(_end, [running])
            self._driver = driver
            if self._heard is not None:
                self._feed(Happening.OPEN)
            self._report({"ready": True, "device": self._choice.node, "air": str(self._links.air), "endpoints": endpoints})
            await running

    # --- the carrier's side ---

    def _up(self) -> None:
        self._reached = True
        self._greet()

    def _down(self, reason: str) -> None:
        self._reached = False
        self._gone(reason)

    def _greet(self) -> None:
        self._carrier.send(Attach(self._number, 0, self._choice.eui64, self._choice.digest).build())

    def _message(self, data: bytes) -> None:
        try:
            message = messages.indication(data)
        except RemoteProtocolError as wrong:
            self._wait_for(f"{self._links.air}: {wrong}")
            return
        if isinstance(message, Welcome) and message.life == self._number:
            self._met(message)
        elif isinstance(message, Refuse) and message.reason in _FINAL:
            self._refuse(messages.REFUSALS[message.reason].value)
        elif self._heard is not None:
            self._heard = asyncio.get_running_loop().time()
            if isinstance(message, Now):
                self._align(message.time)
            else:
                self._feed(Happening.DATA, data)

    def _met(self, welcome: Welcome) -> None:
        """The medium is there: for the first time, again, or as another one."""
        back, self._heard = self._heard is None, asyncio.get_running_loop().time()
        if self._waiting is not None:
            self._waiting.cancel()
        self._reason = ""
        if self._medium is None or welcome.run != self._medium.run:
            self._clock = _Clock()
            self._welcomes.put_nowait(welcome)
            if self._driver is not None:
                self._driver.stop()
        elif back and self._driver is not None:
            self._report({"back": str(self._links.air)})
            self._feed(Happening.OPEN)
        self._align(welcome.time)

    def _gone(self, reason: str) -> None:
        if self._heard is not None:
            self._heard = None
            self._feed(Happening.CLOSE)
        self._wait_for(reason)

    def _refuse(self, reason: str) -> None:
        if not self._refused.done():
            self._refused.set_exception(BadInput(f"{self._links.air}: {self._choice.node} is refused: {reason}"))

    def _wait_for(self, reason: str) -> None:
        """Say once what is waited for, unless it comes at once."""
        if reason != self._reason:
            self._reason = reason
            if self._waiting is not None:
                self._waiting.cancel()
            report = partial(self._report, {"waiting": reason})
            self._waiting = asyncio.get_running_loop().call_later(GRACE, report)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            if self._heard is not None and asyncio.get_running_loop().time() - self._heard > SILENCE:
                self._gone(f"{self._links.air}: the medium says nothing")
            if self._heard is None and self._reached:
                self._greet()

    # --- the run's side ---

    def _feed(self, happening: Happening, data: bytes = b"") -> None:
        if self._driver is not None:
            self._driver.feed(f"{self._choice.node}.{AIR}", happening, data)

    def _align(self, now: int) -> None:
        wanted = self._clock.heard(now)
        if self._driver is not None and abs(wanted - self._driver.now) > CLOSE_ENOUGH:
            self._driver.align(wanted)


class _Clock:
    """The medium's clock, from what it says. What it says is always a little late: of some sayings the earliest counts."""

    def __init__(self) -> None:
        self._ahead: deque[int] = deque(maxlen=_SAMPLES)

    def heard(self, now: int) -> int:
        """It was `now` ns when that was sent; what it is here and now."""
        here = time.monotonic_ns()
        self._ahead.append(now - here)
        return here + max(self._ahead)


# --- links ---


def _rooted(air: LinkSpec, choice: Choice) -> LinkSpec:
    """Below the topic of an MQTT link, each home of each bench has a root of its own."""
    return replace(air, path=f"{air.path}/1/{choice.bench.name}/{choice.home.name}") if air.scheme == "mqtt" else air


async def _open(part: Part, driver: Driver, links: Links, report: Report, stack: AsyncExitStack) -> dict[str, str]:
    """Open a device's ports to the outside; the spellings that reach them, by endpoint."""
    opened: dict[str, str] = {}
    for endpoint, spec in links.ports:
        link = server(spec, protected=part.choice.bench.access.protected)
        stays = spec.scheme in _HANGING_UP or plugged_in(endpoint, [each for each, _ in links.ports])
        await driver.serve(link, part.slots(door(endpoint, spec.scheme)), hangs_up=stays)
        stack.push_async_callback(link.stop)
        name = endpoint.partition("/")[2]
        opened[f"{name}.{WORDS[spec.scheme]}" if name in opened and spec.scheme in WORDS else name] = link.spelling
    if links.wired is not None:
        link, slots = server(_line(links.wired)), part.slots(f"{part.choice.node}.{WIRED}")[:1]
        wire = asyncio.ensure_future(_wire(link, driver, slots, report))
        stack.push_async_callback(link.stop)
        stack.push_async_callback(_end, [wire])
    return opened


def _line(spec: LinkSpec) -> LinkSpec:
    """A terminal that is there is a line to open; `pty:NAME` otherwise makes one."""
    there = spec.scheme == "pty" and spec.path and Path(spec.path).exists() and stat.S_ISCHR(Path(spec.path).stat().st_mode)
    return parse(f"serial:{spec.path}") if there else spec


async def _wire(link: Server, driver: Driver, slots: list[Slot], report: Report, word: str = "wired") -> None:
    """Plug a line in, as soon as the other end is there."""
    said = ""
    while True:
        try:
            await driver.serve(link, slots, hangs_up=True)
        except LinkDown as down:
            if str(down) != said:
                said = str(down)
                report({"waiting": said})
            await asyncio.sleep(BEAT)
        else:
            report({word: link.spelling})
            return


# --- tasks ---


async def _all(*parts: Awaitable[None]) -> None:
    """Run all until one ends, then end the others."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _end(tasks)


async def _until(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Run work until `stop` is set, then end it."""

    async def wait() -> None:
        await stop.wait()

    await _all(wait(), work)


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel, and again whoever has missed it while something of its own failed."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=BEAT)
    await asyncio.gather(*tasks, return_exceptions=True)
