"""Two processes' worth of kernels in one: a medium with a hub, devices with remote radios, and a carrier with delay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from devices.parts.han import Han
from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import MS, Kernel
from devices.runtime.supply import Mains, MainsSupply
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint
from tools.air.remote import RemoteRadio
from tools.air.seat import Seat

HUB_EUI = 0x00DB_1234_5678_9A00
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC
BENCH = bytes(range(16))
STEP = MS


class Hub(Firmware):
    """Forms a network, lets the devices in, serves time."""

    devices: tuple[int, ...] = tuple(HUB_EUI + n for n in range(1, 5))

    def boot(self, why: Reset) -> None:
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR))
        esi = Endpoint(1, 0x0500)
        esi.serve(Time, {Time.time: 753_000_000})
        esi.use(Metering)
        self.han.add(esi)
        for eui64 in self.devices:
            self.han.stack.trust_centre.add(eui64, INSTALL_CODE)
        self.han.form()
        self.han.apply(self.han.stack.permit(254, self.now))


class Meter(Firmware):
    """A meter of any node type."""

    type = NodeType.ROUTER

    def boot(self, why: Reset) -> None:
        self.joined: object = None
        self.han = Han(self, NodeConfig(self.board.eui64, self.type, install_code=INSTALL_CODE))
        endpoint = Endpoint(1, 0x0501)
        endpoint.serve(Basic, {Basic.manufacturer_name: "bench"})
        endpoint.serve(Metering, {Metering.site_id: b"1234567890123", Metering.status: 0})
        endpoint.use(Time)
        self.han.add(endpoint)
        self.spawn(self.run())

    async def run(self) -> None:
        self.joined = await self.han.join()


class Sleeper(Meter):
    type = NodeType.SLEEPY_END_DEVICE


class Listener(Firmware):
    """No stack: keeps what its radio tells."""

    def boot(self, why: Reset) -> None:
        self.heard: list[bytes] = []
        self.confirms: list[tuple[int, str, bool]] = []
        self.board.radio.on_receive = lambda psdu, lqi: self.heard.append(psdu)
        self.board.radio.on_confirm = lambda handle, status, pending: self.confirms.append((handle, status.value, pending))


@dataclass
class Process:
    """One kernel with a board whose radio is remote."""

    kernel: Kernel
    inputs: Inputs
    radio: RemoteRadio
    board: Board


@dataclass
class World:
    """The hub's process and the others, 1 ms of each in turn; messages take `delay` ns."""

    delay: int = 2 * MS
    kernel: Kernel = field(default_factory=lambda: Kernel(7))
    seats: dict[int, Seat] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    lose: Callable[[bytes], bool] = lambda message: False
    """Which messages the carrier loses."""

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.kernel)
        self.air = Air(self.kernel, "home1/air")
        self.hub = Board(
            self.kernel, "home1/hub", firmware=Hub, supply=MainsSupply(Mains(self.kernel)), eui64=HUB_EUI,
            radio=self.air.radio("home1/hub"),
        )  # fmt: skip

    def seat(self, eui64: int) -> Seat:
        """The place of a device on the air."""
        name = f"home1/{eui64:016x}"
        seat = self.seats[eui64] = Seat(self.inputs, f"{name}.air", self.air.radio(name), bench=BENCH, run=5)
        return seat

    def device(self, firmware: type[Firmware], *, number: int = 1, bench: bytes = BENCH) -> Process:
        """A device in a process of its own, and its seat; they are not connected yet."""
        eui64 = HUB_EUI + number
        kernel = Kernel(7)
        kernel.run_until(self.kernel.now)
        inputs = Inputs(kernel)
        radio = RemoteRadio(inputs, "air", eui64=eui64, bench=bench, life=0)
        board = Board(kernel, f"home1/{number}", firmware=firmware, supply=MainsSupply(Mains(kernel)), eui64=eui64, radio=radio)
        process = Process(kernel, inputs, radio, board)
        self.processes.append(process)
        seat = self.seats.get(eui64) or self.seat(eui64)
        radio.slot.on_output = lambda data: self._carry(kernel, self.inputs, seat.slot.endpoint, data)
        seat.slot.on_output = lambda data: self._carry(self.kernel, inputs, "air", data)
        return process

    def connect(self, process: Process) -> None:
        """The carrier is there."""
        self.inputs.feed(self._seat(process).slot.endpoint, Happening.OPEN)
        process.inputs.feed("air", Happening.OPEN)

    def cut(self, process: Process) -> None:
        """The carrier is gone, and both ends learn it."""
        self.inputs.feed(self._seat(process).slot.endpoint, Happening.CLOSE)
        process.inputs.feed("air", Happening.CLOSE)

    def run(self, for_: int) -> None:
        """Let time pass everywhere."""
        for _ in range(for_ // STEP):
            until = self.kernel.now + STEP
            for kernel in (self.kernel, *(process.kernel for process in self.processes)):
                kernel.run_until(until)

    def result(self, process: Process, coro: object, within: int) -> object:
        """What a task of a device gives."""
        task = process.kernel.spawn(coro, who="test")  # type: ignore[arg-type]  # a coroutine, of whatever it gives
        end = self.kernel.now + within
        while not task.done and self.kernel.now < end:
            self.run(10 * STEP)
        return task.result()

    def _seat(self, process: Process) -> Seat:
        return self.seats[process.board.eui64]

    def _carry(self, source: Kernel, inputs: Inputs, endpoint: str, data: bytes) -> None:
        if not self.lose(data):
            inputs.feed(endpoint, Happening.DATA, data, at=source.now + self.delay)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def firmwares() -> dict[str, type[Firmware]]:
    """The firmwares that tests put into processes, by name."""
    return {"meter": Meter, "sleeper": Sleeper, "listener": Listener}
