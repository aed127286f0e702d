"""How fast the runtime is: kernel events, tasks, log events, flash transactions and frames on the air. Medians of repeated runs.

Run with `python -m tests.bench.kernel` or through `make bench`. Exit status 1 when the kernel is below its gate of 250,000
events a second.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter

from devices.runtime.air import Air
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import DAY, MS, Kernel, S
from devices.runtime.nvm import Nvm
from protocols.core.crc import append_kermit

GATE = 250_000
REPEATS = 5


def kernel_events() -> tuple[int, float]:
    """50 nodes that tick, each with a 3 s time-out that it cancels: the shape of a home."""
    kernel = Kernel(1)

    def tick(node: int) -> None:
        timeout = kernel.after(3 * S, print, who="time-out")
        kernel.after(10 * S + node, tick, node, who="node")
        kernel.after(5 * MS, timeout.cancel, who="answer")

    for node in range(50):
        tick(node)
    begin = perf_counter()
    events = kernel.run_until(DAY // 6)
    return events, perf_counter() - begin


def task_steps() -> tuple[int, float]:
    """Tasks that sleep."""
    kernel = Kernel(1)

    async def sleeper(period: int) -> None:
        while True:
            await kernel.sleep(period)

    for node in range(50):
        kernel.spawn(sleeper(10 * S + node), who="sleeper")
    begin = perf_counter()
    events = kernel.run_until(DAY // 3)
    return events, perf_counter() - begin


def log_events() -> tuple[int, float]:
    """Frames of 60 octets into the log, with one observer."""
    kernel = Kernel(1)
    kernel.log.subscribe(lambda now, who, kind, data: None)
    frame = bytes(60)
    begin = perf_counter()
    for _ in range(100_000):
        kernel.log.emit("home1/esme", "air.frame", frame)
    kernel.log.digest()
    return 100_000, perf_counter() - begin


def flash_puts() -> tuple[int, float]:
    """Transactions of two values, compactions included."""
    nvm = Nvm(Flash(64 * KIB))
    begin = perf_counter()
    for number in range(50_000):
        nvm.put({"import": number, f"profile/{number % 48}": [number, 0, 230]})
    return 50_000, perf_counter() - begin


def air_frames() -> tuple[int, float]:
    """Acknowledged unicast frames of 60 octets between two of five radios; a frame is counted with its acknowledgement."""
    kernel = Kernel(1)
    air = Air(kernel)
    radios = [air.radio(f"node{short}", x=short) for short in range(5)]
    for short, radio in enumerate(radios):
        radio.configure(channel=11, pan_id=0x1234, short=short, eui64=short + 1, rx_on_when_idle=True)
    frames = [append_kermit(b"\x61\x88" + bytes((number,)) + b"\x34\x12\x00\x00\x01\x00" + bytes(49)) for number in range(256)]
    sent = 0

    def send(*_: object) -> None:
        nonlocal sent
        sent += 1
        radios[1].transmit(sent, frames[sent & 0xFF])

    radios[1].on_confirm = send
    send()
    begin = perf_counter()
    kernel.run_until(200 * S)
    return sent, perf_counter() - begin


CASES: tuple[tuple[str, str, Callable[[], tuple[int, float]]], ...] = (
    ("kernel", "events", kernel_events),
    ("tasks", "steps", task_steps),
    ("log", "events", log_events),
    ("flash", "puts", flash_puts),
    ("air", "frames with ACK", air_frames),
)


def rate(case: Callable[[], tuple[int, float]]) -> float:
    """Median of things done a second."""
    rates = []
    for _ in range(REPEATS):
        done, seconds = case()
        rates.append(done / seconds)
    return statistics.median(rates)


def main() -> int:
    """Print one line a case."""
    show = partial(print, flush=True)
    kernel_rate = 0.0
    for name, unit, case in CASES:
        per_second = rate(case)
        kernel_rate = kernel_rate or per_second
        show(f"{name:8} {per_second:12,.0f} {unit} a second   {1e6 / per_second:6.2f} us each")
    if kernel_rate < GATE:
        show(f"kernel: below the gate of {GATE:,} events a second")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
