"""The WAN over links of the real world: the same reading, the same application octets."""

from __future__ import annotations

import asyncio
import os
import tty

import pytest

from devices.runtime.kernel import MIN, S
from protocols.dlms import wrapper
from protocols.dlms.client import Client, adrive
from protocols.zigbee import gateway
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.realtime import Driver
from tools.bench.run import Run
from tools.bench.served import Served
from tools.links import parse, udp
from tools.links.mqtt import Session
from tools.links.mqtt_server import Ear

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\n[links]\n'
CLIENT = 16
QUESTIONS = ((1, "0-0:96.1.0", 1, 2), (3, "0-0:42.0.0", 1, 2))


class Mqtt:
    """A client of the broker."""

    def __init__(self, spelling: str) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._up = asyncio.Event()
        self._session = Session(parse(spelling), "dcc", lambda up: self._up.set() if up else None)
        self._session.subscribe("hub/from/dcc", lambda topic, payload: self.received.put_nowait(payload), records=True)

    async def open(self) -> None:
        self._task = asyncio.ensure_future(self._session.run())
        await asyncio.wait_for(self._up.wait(), 10)

    def send(self, data: bytes) -> None:
        self._session.post("hub/to/dcc", data)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Terminal:
    """Whoever opens the pty."""

    def __init__(self, spelling: str) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._path = parse(spelling).path

    async def open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._file)
        asyncio.get_running_loop().add_reader(self._file, lambda: self.received.put_nowait(os.read(self._file, 4096)))

    def send(self, data: bytes) -> None:
        os.write(self._file, data)

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._file)
        os.close(self._file)


class Tcp:
    """An ordinary client."""

    def __init__(self, spelling: str) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._spec = parse(spelling)

    async def open(self) -> None:
        reader, self._writer = await asyncio.open_connection(self._spec.host, self._spec.port)

        async def take() -> None:
            while data := await reader.read(4096):
                self.received.put_nowait(data)

        self._task = asyncio.ensure_future(take())

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def close(self) -> None:
        self._writer.close()
        await self._task


async def conversation(carrier: Mqtt | Terminal | Tcp) -> list[tuple[int, bytes, bytes]]:
    said: list[tuple[int, bytes, bytes]] = []
    splitter = wrapper.Splitter()
    for sap, obis, class_id, attribute in QUESTIONS:

        async def exchange(apdu: bytes, sap: int = sap) -> bytes:
            carrier.send(wrapper.wrap(CLIENT, sap, apdu))
            found: list[wrapper.Pdu] = []
            while not found:
                found = splitter.feed(await asyncio.wait_for(carrier.received.get(), 20))
            said.append((sap, apdu, found[0].apdu))
            return found[0].apdu

        client = Client(CLIENT, sap)
        await adrive(client.associate(), exchange)
        await adrive(client.get(obis, class_id, attribute), exchange)
        await adrive(client.release(), exchange)
    return said


def read(run_async, link: str, endpoint: str, kind: type[Mqtt | Terminal | Tcp]) -> list[tuple[int, bytes, bytes]]:
    run = Run(loads(f'{HOME}"{endpoint}" = "{link}"\n'))
    commission(run)

    async def story() -> list[tuple[int, bytes, bytes]]:
        driver, served = Driver(run.inputs, pace=10), Served(run)
        spellings = await served.open(driver)
        running = asyncio.ensure_future(driver.run())
        carrier = kind(spellings[endpoint])
        await carrier.open()
        try:
            return await conversation(carrier)
        finally:
            await carrier.close()
            driver.stop()
            await running
            await served.close()

    found: list[tuple[int, bytes, bytes]] = run_async(story())
    return found


@pytest.mark.req("S-009", part=True)
def test_a_link_to_the_wan_leads_to_the_layer_that_is_active(run_async) -> None:
    """A gateway's login from outside; then a change to DLMS, and what connects afterwards finds that."""
    run = Run(loads(HOME.replace('kind = "hub"', 'kind = "hub"\nwan_application = "gateway"') + '"hub.wan" = "tcp-listen:0"\n'))
    commission(run)

    async def story() -> None:
        driver, served = Driver(run.inputs, pace=10), Served(run)
        spellings = await served.open(driver)
        running = asyncio.ensure_future(driver.run())
        splitter, said = gateway.Splitter(), []
        head_end = Tcp(spellings["hub.wan"])
        await head_end.open()
        for request in (gateway.Login(1, b"12345678"), gateway.GetApplication(2), gateway.SetApplication(3, b"dlms")):
            head_end.send(gateway.framed(request))
            while len(said) < request.transaction:
                said += splitter.feed(await asyncio.wait_for(head_end.received.get(), 20))
        answers = [gateway.Result.parse(octets) for octets in said]
        assert [(each.transaction, each.status, each.text) for each in answers] == [(1, 0, b""), (2, 0, b"gateway"), (3, 0, b"")]
        while run.hub.firmware.application.active != "dlms":
            await asyncio.sleep(0.02)
        await head_end.close()
        client = Tcp(spellings["hub.wan"])
        await client.open()
        assert len(await conversation(client)) == 3 * len(QUESTIONS)
        await client.close()
        driver.stop()
        await running
        await served.close()

    run_async(story())


BENCH = '[notifications]\nto = "TO"\n[[home]]\n[[home.device]]\nkind = "hub"\nnotices = "BY"\n[[home.device]]\nkind = "esme"\n'
LOSS, LENGTH = 5 * MIN, 200 * S


def outage(run: Run) -> Run:
    commission(run)
    run.kernel.at(LOSS, run.mains.off, LENGTH, who="test")
    return run


def in_the_run() -> bytes:
    """What leaves the hub for the bench's own head end."""
    run, sent = Run(loads(BENCH.replace("TO", "head-end").replace("BY", "tcp"))), bytearray()
    run.log.subscribe(lambda now, who, kind, data: sent.extend(data), ["net.data"])
    outage(run).run_until(LOSS + LENGTH + 10 * MIN)
    assert len(run.head_end.received) == 2
    return bytes(sent)


async def notices(run: Run, wanted: int, heard: bytearray, ready) -> None:
    """Live through the outage until so many octets have left. `ready(spellings)` begins to listen."""
    run.run_until(LOSS + 170 * S)  # nothing has been told
    driver, served = Driver(run.inputs, pace=100), Served(run)
    async with asyncio.timeout(20):
        await ready(await served.open(driver))
        running = asyncio.ensure_future(driver.run())
        while len(heard) < wanted:
            await asyncio.sleep(0.02)
    driver.stop()
    await running
    await served.close()


@pytest.mark.req("S-016", part=True)
@pytest.mark.needs("mosquitto")
def test_notices_over_mqtt_are_those_of_tcp(run_async, broker) -> None:
    wanted, heard, link = in_the_run(), bytearray(), f"mqtt://127.0.0.1:{broker.port}/wan"
    run = outage(Run(loads(BENCH.replace("TO", link).replace("BY", "tcp"))))
    ear = Ear(parse(link))

    async def story() -> None:
        async def ready(spellings: object) -> None:
            await ear.start(lambda channel: setattr(channel, "on_data", heard.extend))

        await notices(run, len(wanted), heard, ready)
        await ear.stop()

    run_async(story())
    assert bytes(heard) == wanted


@pytest.mark.req("S-016", part=True)
@pytest.mark.parametrize("by", ["tcp", "udp"])
def test_notices_over_udp_are_those_of_tcp(run_async, by: str) -> None:
    wanted, heard = in_the_run(), bytearray()

    async def story() -> None:
        listener = udp.Listener(parse("udp-listen:0"))
        await listener.start(lambda channel: setattr(channel, "on_data", heard.extend))
        run = outage(Run(loads(BENCH.replace("TO", listener.spelling).replace("BY", by))))

        async def ready(spellings: object) -> None:
            pass

        await notices(run, len(wanted), heard, ready)
        await listener.stop()

    run_async(story())
    assert bytes(heard) == wanted


def test_what_happened_before_the_links_were_open_is_told_once_they_are(run_async) -> None:
    wanted, heard = in_the_run(), bytearray()

    async def story() -> None:
        listener = udp.Listener(parse("udp-listen:0"))
        await listener.start(lambda channel: setattr(channel, "on_data", heard.extend))
        run = Run(loads(BENCH.replace("TO", listener.spelling).replace("BY", "tcp")))
        driver, served = Driver(run.inputs, pace=100), Served(run)
        outage(run).run_until(LOSS + LENGTH + 10 * MIN)
        assert run.homes["home1"].hub.firmware.notifier.waiting == 2
        await served.open(driver)
        running = asyncio.ensure_future(driver.run())
        async with asyncio.timeout(20):
            while len(heard) < len(wanted):
                await asyncio.sleep(0.02)
        driver.stop()
        await running
        await served.close()
        await listener.stop()

    run_async(story())
    assert bytes(heard) == wanted


@pytest.mark.req("S-016", part=True)
def test_notices_out_of_a_modem_s_terminal_are_those_of_tcp_and_nobody_has_to_call(run_async) -> None:
    wanted, heard = in_the_run(), bytearray()
    run = outage(Run(loads(BENCH.replace("TO", "head-end").replace("BY", "modem-wrapper") + '[links]\n"hub.modem" = "pty:"\n')))

    async def story() -> None:
        async def ready(spellings: dict[str, str]) -> None:
            modem = Terminal(spellings["hub.modem"])
            await modem.open()
            loop, fd = asyncio.get_running_loop(), modem._file
            loop.add_reader(fd, lambda: heard.extend(os.read(fd, 4096)))
            closing.append(modem)

        closing: list[Terminal] = []
        await notices(run, len(wanted), heard, ready)
        for modem in closing:
            await modem.close()

    run_async(story())
    assert bytes(heard) == wanted


@pytest.mark.req("S-016", part=True)
def test_over_a_terminal_the_octets_are_those_of_tcp(run_async) -> None:
    said = read(run_async, "pty:", "hub.modem", Terminal)
    assert len(said) == 3 * len(QUESTIONS)
    assert said == read(run_async, "tcp-listen:0", "hub.wan", Tcp)


@pytest.mark.req("S-016", part=True)
@pytest.mark.needs("mosquitto")
def test_over_mqtt_the_octets_are_those_of_tcp(run_async, broker) -> None:
    said = read(run_async, f"mqtt://127.0.0.1:{broker.port}/wan", "hub.wan", Mqtt)
    assert len(said) == 3 * len(QUESTIONS)
    assert said == read(run_async, "tcp-listen:0", "hub.wan", Tcp)
