"""The real-time driver and the bridges: real clients reach virtual ports and hosts, and a replay takes the same course."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from devices.runtime.journal import Happening, Inputs, Recorder, Replayer
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.net import Closed, Net, Stream
from devices.runtime.port import Port
from tools.bench import realtime
from tools.bench.bridges import EntryBridge, ExitBridge, PortBridge
from tools.bench.realtime import Driver
from tools.links import open_stream, parse, server


@dataclass
class Bench:
    """A meter's port that answers in capitals 5 ms later, a host that does, and one that calls out each second."""

    kernel: Kernel = field(default_factory=lambda: Kernel(7))
    plugs: list[bool] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        kernel = self.kernel
        self.inputs = Inputs(kernel)
        self.meter = Port(kernel, "home1/esme.optical")
        self.meter.on_receive = self._answer
        self.meter.on_plug = self.plugs.append
        self.port = PortBridge(self.inputs, "home1/esme.optical", self.meter)
        net = Net(kernel, latency=MS)
        net.host("hub").listen(4059, self._accept)
        self.entry = EntryBridge(self.inputs, "home1/hub.wan", net.host("outside"), "hub", lambda: 4059)
        self.exit = ExitBridge(self.inputs, "notifications", net.host("head-end"), 4061)
        self.net = net

    def call_out(self) -> None:
        stream = self.net.host("hub").connect("head-end", 4061)
        stream.on_data = self.heard.append
        stream.send(b"last gasp")

    def _answer(self, data: bytes) -> None:
        self.kernel.after(5 * MS, self.meter.write, data.upper(), who="home1/esme")

    def _accept(self, stream: Stream) -> None:
        stream.on_data = lambda data: stream.send(data.upper())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ask(spelling: str, *words: bytes) -> Iterator[bytes]:
    """What a client hears for each word."""
    with open_stream(parse(spelling)) as stream:
        for word in words:
            stream.write(word)
            heard = b""
            while len(heard) < len(word) and (more := stream.read(5.0)):
                heard += more
            yield heard


async def in_thread(spelling: str, *words: bytes) -> list[bytes]:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: list(ask(spelling, *words)))


def test_clients_on_tcp_and_pty_are_answered_and_the_replay_has_the_same_digest(run_async, bench: Bench) -> None:
    records: list[dict[str, object]] = []
    recorder = Recorder(bench.inputs, records.append, bench="test")

    async def story() -> None:
        driver = Driver(bench.inputs)
        wan, optical, pty = (server(parse(text)) for text in ("tcp-listen:0", "tcp-listen:0?framing=hdlc", "pty:"))
        await driver.serve(wan, bench.entry.slots, hangs_up=True)
        await driver.serve(optical, bench.port.slots, hangs_up=True)
        await driver.serve(pty, bench.port.slots, hangs_up=False)
        running = asyncio.ensure_future(driver.run())
        assert await in_thread(wan.spelling, b"one", b"two") == [b"ONE", b"TWO"]
        assert await asyncio.gather(*(in_thread(wan.spelling, b"many") for _ in range(5))) == [[b"MANY"]] * 5
        assert await in_thread(optical.spelling, b"hdlc") == [b"HDLC"]
        assert await in_thread(pty.spelling, b"pty") == [b"PTY"]
        driver.stop()
        await running
        for link in (wan, optical, pty):
            await link.stop()

    run_async(story())
    recorder.finish()

    again, replay = Bench(), Replayer(records)
    replay.load(again.inputs)
    again.kernel.run_until(replay.until)
    replay.check(again.kernel)
    assert again.plugs == bench.plugs


def test_a_port_that_somebody_occupies_refuses_the_outside_reader(run_async, bench: Bench) -> None:
    async def story() -> None:
        driver, link = Driver(bench.inputs), server(parse("tcp-listen:0"))
        await driver.serve(link, bench.port.slots, hangs_up=True)
        running = asyncio.ensure_future(driver.run())
        terminal = Port(bench.kernel, "home1/hht.optical")
        terminal.attach(bench.meter)
        spec = parse(link.spelling)
        reader, writer = await asyncio.open_connection(spec.host, spec.port)
        assert await reader.read() == b""
        writer.close()
        terminal.detach()
        assert await in_thread(link.spelling, b"free") == [b"FREE"]
        driver.stop()
        await running
        await link.stop()

    run_async(story())


def test_a_reader_who_has_finished_makes_room_and_one_who_has_not_does_not(run_async, bench: Bench) -> None:
    async def story() -> None:
        driver, first, second = Driver(bench.inputs), server(parse("pty:")), server(parse("tcp-listen:0"))
        await driver.serve(first, bench.port.slots, hangs_up=False)
        await driver.serve(second, bench.port.slots, hangs_up=True)
        running = asyncio.ensure_future(driver.run())
        assert await in_thread(first.spelling, b"hello") == [b"HELLO"]
        spec = parse(second.spelling)
        reader, writer = await asyncio.open_connection(spec.host, spec.port)
        assert await reader.read() == b""
        writer.close()
        bench.meter.resting = True  # the device's word that the first one has done
        assert await in_thread(second.spelling, b"next") == [b"NEXT"]
        assert await in_thread(first.spelling, b"back") == [b"BACK"]
        driver.stop()
        await running
        for link in (first, second):
            await link.stop()

    run_async(story())


def test_the_rate_that_a_device_sets_reaches_a_real_line(run_async, bench: Bench) -> None:
    """A served serial port (here the far end of a pty) follows the meter from 300 baud to 9600, and back to its own."""

    async def story() -> None:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        driver, link = Driver(bench.inputs), server(parse(f"serial:{os.ttyname(theirs)}?baud=300"))
        await driver.serve(link, bench.port.slots, hangs_up=False)
        running = asyncio.ensure_future(driver.run())
        rates = []
        for baud in (9600, None):
            bench.meter.on_receive = lambda data, baud=baud: (setattr(bench.meter, "baud", baud), bench.meter.write(b"ok"))
            rates.append(termios.tcgetattr(theirs)[4])
            os.write(ours, b"x")
            assert await asyncio.get_running_loop().run_in_executor(None, os.read, ours, 10) == b"ok"
        rates.append(termios.tcgetattr(theirs)[4])
        assert rates == [termios.B300, termios.B9600, termios.B300]
        driver.stop()
        await running
        await link.stop()
        os.close(ours)
        os.close(theirs)

    run_async(story())


def test_a_silent_visitor_on_a_pty_is_taken_for_gone(run_async, bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(realtime, "VISIT", 0.05)

    async def story() -> None:
        driver, link = Driver(bench.inputs), server(parse("pty:"))
        await driver.serve(link, bench.port.slots, hangs_up=False)
        left = asyncio.Event()

        def on_plug(occupied: bool) -> None:
            bench.plugs.append(occupied)
            if not occupied:
                left.set()

        bench.meter.on_plug = on_plug
        running = asyncio.ensure_future(driver.run())
        fd = os.open(link.spelling.removeprefix("pty:"), os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"hello")
        await asyncio.wait_for(left.wait(), 10)
        assert bench.plugs == [True, False]
        os.close(fd)
        driver.stop()
        await running
        await link.stop()

    run_async(story())


def test_a_virtual_client_reaches_a_real_server(run_async, bench: Bench) -> None:
    async def story() -> None:
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        done = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.set_result(await reader.readexactly(9))
            writer.write(b"thanks")
            await writer.drain()
            await done.wait()
            writer.close()

        head_end = await asyncio.start_server(serve, "127.0.0.1", 0)
        driver = Driver(bench.inputs)
        driver.dial_out(bench.exit, parse(f"tcp:127.0.0.1:{head_end.sockets[0].getsockname()[1]}"))
        bench.kernel.at(MS, bench.call_out, who="home1/hub")
        running = asyncio.ensure_future(driver.run())
        assert await got == b"last gasp"
        bench.heard.clear()
        while not bench.heard:
            await asyncio.sleep(0)
        assert bench.heard == [b"thanks"]
        done.set()
        driver.stop()
        await running
        head_end.close()
        await head_end.wait_closed()

    run_async(story())


def test_a_listener_that_is_not_there_resets_the_virtual_stream(run_async, bench: Bench, free_port: int) -> None:
    async def story() -> None:
        ended: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

        def call() -> None:
            stream = bench.net.host("hub").connect("head-end", 4061)
            stream.on_close = ended.set_result
            stream.send(b"last gasp")

        driver = Driver(bench.inputs)
        driver.dial_out(bench.exit, parse(f"tcp:127.0.0.1:{free_port}"))
        bench.kernel.at(MS, call, who="home1/hub")
        running = asyncio.ensure_future(driver.run())
        assert await asyncio.wait_for(ended, 10) is Closed.RESET
        driver.stop()
        await running

    run_async(story())


@pytest.mark.parametrize("closes_after_ms", [0, 500])
def test_what_a_virtual_client_says_before_it_closes_arrives(run_async, bench: Bench, closes_after_ms: int) -> None:
    """Whether it closes while the connection is being made, or holds only its own end closed until the listener ends."""

    async def story() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def call() -> None:
            stream = bench.net.host("hub").connect("head-end", 4061)
            stream.send(b"last gasp")
            stream.finish()
            bench.kernel.after(closes_after_ms * MS, stream.close, who="home1/hub")

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.read())
            writer.close()

        head_end = await asyncio.start_server(listen, "127.0.0.1", 0)
        driver = Driver(bench.inputs)
        driver.dial_out(bench.exit, parse(f"tcp:127.0.0.1:{head_end.sockets[0].getsockname()[1]}"))
        bench.kernel.at(MS, call, who="home1/hub")
        running = asyncio.ensure_future(driver.run())
        assert await asyncio.wait_for(heard, 10) == b"last gasp"
        driver.stop()
        await running
        head_end.close()
        await head_end.wait_closed()

    run_async(story())


def test_events_run_at_their_time_and_never_before(run_async) -> None:
    async def story() -> None:
        kernel = Kernel(1)
        driver = Driver(Inputs(kernel))
        loop = asyncio.get_running_loop()
        ran: list[float] = []
        began = loop.time()
        for number in range(1, 6):
            kernel.at(number * 20 * MS, lambda: ran.append(loop.time() - began), who="test")
        await driver.run(until=110 * MS)
        assert kernel.now == 110 * MS
        assert [time * 1000 // 20 >= number for number, time in enumerate(ran, 1)] == [True] * 5

    run_async(story())


def test_late_events_run_in_order_and_are_reported_outside_the_digest(run_async, monkeypatch) -> None:
    monkeypatch.setattr(realtime, "OVERRUN", MS)

    async def story() -> None:
        kernel, plain = Kernel(1), Kernel(1)
        order: list[int] = []
        notes: list[str] = []
        kernel.log.subscribe(lambda now, who, kind, data: notes.append(kind), ["overrun"])
        driver = Driver(Inputs(kernel), pace=1000.0)

        def slow(number: int) -> None:
            order.append(number)
            kernel.log.emit("test", "event", bytes([number]))
            sum(range(2_000_000))

        for number in range(10):
            kernel.at(number * S, slow, number, who="test")
            plain.at(number * S, plain.log.emit, "test", "event", bytes([number]), who="test")
        await driver.run(until=10 * S)
        plain.run_until(10 * S)
        assert order == list(range(10))
        assert driver.overruns == len(notes) > 0
        assert driver.worst_ns > MS
        assert kernel.log.digest() == plain.log.digest()

    run_async(story())


def test_a_stepped_wall_clock_changes_nothing_and_is_reported(run_async, monkeypatch) -> None:
    async def story() -> None:
        kernel = Kernel(1)
        notes: list[object] = []
        kernel.log.subscribe(lambda now, who, kind, data: notes.append(data), ["clock.gap"])
        real, step = realtime.time.time_ns, [0]
        monkeypatch.setattr(realtime.time, "time_ns", lambda: real() + step[0])
        kernel.at(5 * MS, lambda: step.__setitem__(0, -3600 * S), who="test")
        await Driver(Inputs(kernel)).run(until=20 * MS)
        assert kernel.now == 20 * MS
        assert notes == [{"seconds": -3600.0}]

    run_async(story())


def test_an_error_of_the_run_leaves_the_driver(run_async) -> None:
    async def story() -> None:
        kernel = Kernel(1)
        kernel.at(MS, lambda: 1 // 0, who="home1/esme")
        await Driver(Inputs(kernel)).run()

    with pytest.raises(ZeroDivisionError):
        run_async(story())


def test_a_clock_is_moved_forward_and_never_back(run_async, bench: Bench) -> None:
    """Devices in other processes follow the medium's clock."""

    async def story() -> None:
        driver = Driver(bench.inputs)
        running = asyncio.ensure_future(driver.run())
        await asyncio.sleep(0)
        driver.align(1_000 * S)
        while bench.kernel.now < 1_000 * S:
            await asyncio.sleep(0)
        driver.align(10 * S)
        assert driver.now >= 1_000 * S
        ran = bench.kernel.now
        driver.feed("home1/esme.optical#0", Happening.OPEN)
        while not bench.plugs:
            await asyncio.sleep(0)
        assert bench.kernel.now == ran, "it stands still, and what comes in is taken"
        driver.stop()
        await running

    run_async(story())
