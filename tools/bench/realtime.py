"""The real-time driver: runs a kernel by the wall clock and lets the outside in.

It sleeps until the next event is due or octets come in, then runs the kernel up to now. The monotonic clock alone counts:
a host clock that steps changes nothing, and a machine that was suspended goes on where it was and reports the gap (bad
inputs I4). Events that come late run late and are reported as overrun; none is skipped. What the driver says about itself
is a note in the event log, outside the digest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial

from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import MS, Kernel, S
from tools.bench.bridges import ExitBridge, Slot
from tools.errors import LinkDown
from tools.links.channel import Channel, Server
from tools.links.registry import dial
from tools.links.spec import LinkSpec

OVERRUN = 100 * MS
"""Lateness in wall time that is reported."""
GAP = 1 * S
"""Disagreement of wall clock and monotonic clock that is reported."""
VISIT = 15.0
"""Seconds of silence on a line without hang-up (pty, serial) after which its visitor counts as gone."""
DIAL_TIME = 3.0
"""Seconds that a connection to the outside may take."""
_LONGEST_SLEEP = 1.0


class Driver:
    """Runs `inputs.kernel` at `pace` virtual seconds a second, from where it stands when `run` is called."""

    def __init__(self, inputs: Inputs, pace: float = 1.0) -> None:
        self.overruns = 0
        self.worst_ns = 0
        self._inputs = inputs
        self._kernel: Kernel = inputs.kernel
        self._pace = pace
        self._wake = asyncio.Event()
        self._stopped = False
        self._zero = (0, 0)
        self._running = False
        self._dialled: list[Channel] = []

    @property
    def now(self) -> int:
        """Virtual time by the wall clock, in ns; the kernel's own while the driver does not run."""
        if not self._running:
            return self._kernel.now
        wall, virtual = self._zero
        return max(self._kernel.now, virtual + int((time.monotonic_ns() - wall) * self._pace))

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def feed(self, endpoint: str, happening: Happening, data: bytes = b"") -> None:
        """Something came from outside, now."""
        self._inputs.feed(endpoint, happening, data, at=self.now)
        self._wake.set()

    def align(self, now: int) -> None:
        """It is `now` ns by another driver's clock: go on from there. Time that has run already stands still until then."""
        self._zero = (time.monotonic_ns(), now)
        self._wake.set()

    def stop(self) -> None:
        """Let `run` return, after what is due now."""
        self._stopped = True
        self._wake.set()

    async def run(self, until: int | None = None) -> None:
        """Run until `stop`, or virtual time `until`. Exceptions of the kernel's events leave from here."""
        self._zero = (time.monotonic_ns(), self._kernel.now)
        self._running = True
        offset = time.time_ns() - time.monotonic_ns()
        try:
            while not self._stopped:
                self._wake.clear()
                target = self.now if until is None else min(self.now, until)
                self._note_lateness(target)
                self._kernel.run_until(target)
                offset = self._note_gap(offset)
                if target == until:
                    return
                await self._sleep(until)
        finally:
            self._running = False

    async def _sleep(self, until: int | None) -> None:
        due = self._kernel.next_due()
        times = [each for each in (due, until) if each is not None]
        wait = min([(min(times) - self.now) / S / self._pace, _LONGEST_SLEEP]) if times else _LONGEST_SLEEP
        if wait <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return

    def _note_lateness(self, target: int) -> None:
        due = self._kernel.next_due()
        late = 0 if due is None else int((target - due) / self._pace)
        if late > OVERRUN:
            self.overruns += 1
            self.worst_ns = max(self.worst_ns, late)
            self._kernel.log.note("driver", "overrun", {"late_ms": late // MS})

    def _note_gap(self, before: int) -> int:
        offset = time.time_ns() - time.monotonic_ns()
        if abs(offset - before) <= GAP:
            return before
        self._kernel.log.note("driver", "clock.gap", {"seconds": round((offset - before) / S, 1)})
        return offset

    # --- the outside ---

    async def serve(self, server: Server, slots: Iterable[Slot], *, hangs_up: bool) -> None:
        """Open a served link onto an endpoint's slots. `hangs_up`: its channels end when a client goes (TCP)."""
        pool = list(slots)
        opened: Callable[[Channel], None] = partial(self._take if hangs_up else self._take_line, pool)
        await server.start(opened)

    def dial_out(self, bridge: ExitBridge, spec: LinkSpec) -> None:
        """Connect each stream that leaves by `bridge` to `spec`."""
        waiting: set[asyncio.Task[None]] = set()

        def on_dial(slot: Slot) -> None:
            backlog: list[bytes] = []
            ended: list[str] = []
            slot.on_output, slot.on_end = backlog.append, ended.append  # before the next virtual event, which may be data
            task = asyncio.ensure_future(self._connect(slot, spec, backlog, ended))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

        bridge.on_dial = on_dial

    def _take(self, pool: list[Slot], channel: Channel) -> None:
        """A channel that is one visit from its opening to its end."""
        slot = next((each for each in pool if not each.taken), None)
        if slot is None:
            channel.close()
            return
        self._join(slot, channel)
        self.feed(slot.endpoint, Happening.OPEN)

    def hang_up(self) -> None:
        """Close what was dialled and is open still."""
        while self._dialled:
            self._dialled.pop().close()

    def _join(self, slot: Slot, channel: Channel) -> None:
        def on_close(reason: str) -> None:
            self._forget(channel)
            _free(slot)
            self.feed(slot.endpoint, Happening.CLOSE)

        def on_end(reason: str) -> None:
            self._forget(channel)
            _free(slot)
            channel.close()

        slot.taken = True
        slot.on_output, slot.on_end, slot.on_rate = channel.send, on_end, channel.set_rate
        channel.on_data = partial(self.feed, slot.endpoint, Happening.DATA)
        channel.on_close = on_close

    def _take_line(self, pool: list[Slot], channel: Channel) -> None:
        """A channel that visitors come to and leave unseen."""
        _Line(self, pool, channel)

    def _forget(self, channel: Channel) -> None:
        if channel in self._dialled:
            self._dialled.remove(channel)

    async def _connect(self, slot: Slot, spec: LinkSpec, backlog: list[bytes], ended: list[str]) -> None:
        try:
            channel = await dial(spec, DIAL_TIME)
        except LinkDown as down:
            self._kernel.log.note("driver", "dial.failed", {"link": str(spec), "reason": str(down)})
            if not ended:
                _free(slot)
                self.feed(slot.endpoint, Happening.CLOSE)
            return
        if not ended:
            self._dialled.append(channel)
            self._join(slot, channel)
            self.feed(slot.endpoint, Happening.OPEN)
        for data in backlog:
            channel.send(data)
        if ended:  # the slot may be another stream's by now
            channel.close()


class _Line:
    """Visits on a line that never hangs up: the first octet opens one, `VISIT` seconds of silence close it."""

    def __init__(self, driver: Driver, pool: list[Slot], channel: Channel) -> None:
        self._driver = driver
        self._pool = pool
        self._channel = channel
        self._slot: Slot | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        channel.on_data = self._data
        channel.on_close = self._closed

    def _data(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if self._slot is None:
            slot = next((each for each in self._pool if not each.taken), None)
            if slot is None:
                return
            self._slot = slot
            slot.taken = True
            slot.on_output, slot.on_end, slot.on_rate = self._output, self._ended, self._channel.set_rate
            self._driver.feed(slot.endpoint, Happening.OPEN)
            self._timer = loop.call_later(VISIT, self._watch)
        self._driver.feed(self._slot.endpoint, Happening.DATA, data)

    def _output(self, data: bytes) -> None:
        self._last = asyncio.get_running_loop().time()
        self._channel.send(data)

    def _ended(self, reason: str) -> None:
        """Refused or unplugged from the device's side: the visitor talks to a port that does not answer."""
        self._leave()

    def _closed(self, reason: str) -> None:
        slot = self._leave()
        if slot is not None:
            self._driver.feed(slot.endpoint, Happening.CLOSE)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._last + VISIT - loop.time()
        if left <= 0:
            self._closed("silence")
        else:
            self._timer = loop.call_later(left, self._watch)

    def _leave(self) -> Slot | None:
        slot, self._slot = self._slot, None
        if self._timer is not None:
            self._timer.cancel()
        if slot is not None:
            _free(slot)
        return slot


def _free(slot: Slot) -> None:
    slot.taken = False
    slot.on_output = slot.on_end = slot.on_rate = None
