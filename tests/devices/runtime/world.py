"""A small world on the runtime, run as a program: prints the digest of its event log.

Boards, radio with loss, sleepers, wires with a baud rate, streams, faults, power cuts and input from outside: everything whose
order could depend on anything but the seed. `python world.py SEED` runs it; test_determinism.py compares processes.
"""

from __future__ import annotations

import sys

from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.firmware import Firmware
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import MIN, MS, Kernel, S
from devices.runtime.net import Net, Stream
from devices.runtime.port import Port
from devices.runtime.rtc import Rtc
from devices.runtime.supply import Battery, Mains, MainsSupply
from protocols.core.crc import append_kermit

PAN = 0x1A62


def frame(control: int, sequence: int, destination: int, source: int, payload: bytes) -> bytes:
    words = (PAN, destination, source)
    return append_kermit(
        control.to_bytes(2, "little") + bytes((sequence & 0xFF,)) + b"".join(word.to_bytes(2, "little") for word in words) + payload
    )


class Hub(Firmware):
    """Answers every frame, holds answers for the sleeper, serves a port of the network."""

    def boot(self, why: Reset) -> None:
        board = self.board
        self.frames = board.nvm.counter("frames", step=16)
        self.streams: list[Stream] = []
        board.radio.configure(channel=15, pan_id=PAN, short=0, eui64=board.eui64, rx_on_when_idle=True)
        board.radio.on_receive = self.receive
        board.net.listen(4059, self.accept)

    def accept(self, stream: Stream) -> None:
        self.streams.append(stream)
        stream.on_data = lambda data: stream.send(data[::-1])

    def receive(self, psdu: bytes, lqi: int) -> None:
        source = int.from_bytes(psdu[7:9], "little")
        self.board.nvm.put({f"seen/{source}": psdu, "lqi": lqi})
        if psdu[0] & 7 == 1:
            number = self.frames.next()
            self.board.radio.transmit(number, frame(0x8861, number, source, 0, b"answer"), indirect=source == 3)
        for stream in self.streams:
            stream.send(psdu)

    def on_power_fail(self) -> None:
        for stream in self.streams:
            stream.send(b"last gasp")


class Meter(Firmware):
    """Reports at random intervals, and each minute of its own clock."""

    def boot(self, why: Reset) -> None:
        board = self.board
        self.short = 1 + board.eui64 % 3
        self.sleepy = self.short == 3
        board.radio.configure(channel=15, pan_id=PAN, short=self.short, eui64=board.eui64, rx_on_when_idle=not self.sleepy)
        board.uart("optical").on_receive = lambda data: board.uart("optical").write(b"echo " + data)
        self.every(MIN, lambda: self.report(b"minute"), align=True)
        self.spawn(self.run())

    def report(self, payload: bytes) -> None:
        number = self.board.nvm.counter("frames").next()
        self.board.radio.transmit(number, frame(0x8861, number, 0, self.short, payload))
        self.board.display.show([f"{number}", f"{self.board.rtc.read() // S}"])

    async def run(self) -> None:
        rng = self.board.rng("interval")
        while True:
            await self.sleep(rng.getrandbits(34))
            self.report(bytes(rng.getrandbits(8) for _ in range(rng.getrandbits(5))))
            if self.sleepy:
                await self.sleep(500 * MS)
                self.board.radio.transmit(0, frame(0x8863, 0, 0, self.short, b"\x04"))


def run(seed: int) -> str:
    """One hour; the digest."""
    kernel = Kernel(seed, start_ns=1_767_225_600 * S)
    mains = Mains(kernel)
    air = Air(kernel, loss=0.1)
    net = Net(kernel)
    Board(
        kernel, "home1/hub", firmware=Hub, supply=MainsSupply(mains, hold_up_ns=200 * S), eui64=0,
        radio=air.radio("home1/hub"), net=net.host("hub"),
    )  # fmt: skip
    meters = [
        Board(
            kernel, f"home1/meter{number}", firmware=Meter, eui64=3 + number, rtc=Rtc(kernel, ppm=20 * number),
            supply=Battery(kernel) if number == 2 else MainsSupply(mains, hold_up_ns=1 * S),
            radio=air.radio(f"home1/meter{number}", x=number),
        )
        for number in range(3)
    ]  # fmt: skip
    air.faults = Faults(kernel, "air", [
        Fault(Effect.CORRUPT, chance=0.05, amount=33), Fault(Effect.REORDER, chance=0.05, amount=40 * MS),
        Fault(Effect.DROP, sender="home1/hub", receiver="home1/meter1", since=5 * MIN, until=6 * MIN),
    ])  # fmt: skip
    net.faults = Faults(kernel, "net", [Fault(Effect.DROP, chance=0.1), Fault(Effect.DELAY, chance=0.1, amount=700 * MS)])
    head_end = net.host("head end").connect("hub", 4059)
    kernel.at(1 * MIN, head_end.send, b"read", who="head end")
    outside = Port(kernel, "outside")
    outside.attach(meters[0].uart("optical"), baud=9600)
    inputs = Inputs(kernel)
    inputs.bind("optical", lambda happening, data: outside.write(data))
    for minute in range(0, 60, 7):
        inputs.feed("optical", Happening.DATA, bytes(40 + minute), at=minute * MIN)
    kernel.at(10 * MIN, mains.off, 3 * MIN, who="scenario")
    kernel.at(20 * MIN, mains.off, 10 * MIN, who="scenario")
    kernel.at(40 * MIN, meters[1].cut_at_flash_operation, 70, 30 * S, who="scenario")
    kernel.break_at(2000, lambda: meters[2].cut(off_for=45 * S))
    kernel.run_until(60 * MIN)
    return f"{kernel.log.count} {kernel.log.digest()}"


if __name__ == "__main__":
    print(run(int(sys.argv[1])))
