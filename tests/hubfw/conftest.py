"""A home around a real hub: scripted meters and displays on real stacks, a mains, a network with a head end.

The scripts do the least that the hub's rules need; whole homes of real products are tested elsewhere.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

import hubfw
from devices.parts.han import HUB, Han, NoAnswer
from devices.parts.tunnel import TunnelServer
from devices.runtime.air import Air
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import HOUR, MIN, Kernel, S
from devices.runtime.net import Net
from devices.runtime.supply import Battery, Mains, MainsSupply
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.client import Client, drive
from protocols.dlms.server import LogicalDevice, Server, open_profile
from protocols.dlms.xdlms import DataNotification
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering, Status
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.clusters.tunneling import DLMS, NOT_MANUFACTURER_SPECIFIC
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.tunneling import server as tunneling
from protocols.zigbee.tunneling.effects import Opened, Received
from protocols.zigbee.zcl.endpoint import Endpoint

START = 1_767_225_600 * S  # 2026-01-01 00:00 UTC
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC
PASSWORD = b"12345678"
GPF, HUB_EUI = 0x00DB_1234_5678_9AFF, 0x00DB_1234_5678_9A00
ESME, GSME, IHD, SECOND, STRANGER = (HUB_EUI + n for n in range(1, 6))
MIRROR_SET = (
    (Basic, {Basic.manufacturer_name: "MBG", Basic.model_identifier: "gas"}),
    (Metering, {
        Metering.current_summation_delivered: 12_345, Metering.supply_status: 2, Metering.status: 0,
        Metering.remaining_battery_life_in_days: 3650, Metering.current_meter_id: b"fw1", Metering.unit_of_measure: 1,
        Metering.multiplier: 1, Metering.divisor: 1000, Metering.metering_device_type: 1, Metering.site_id: b"1234567890",
    }),
)  # fmt: skip


class Device(Firmware):
    """Joins, and then does what its kind does."""

    type = NodeType.ROUTER

    def boot(self, why):
        self.joined = None
        self.han = Han(self, NodeConfig(self.board.eui64, self.type, install_code=INSTALL_CODE))
        self.endpoint = Endpoint(1, 0x0501)
        self.prepare()
        self.han.add(self.endpoint)
        self.spawn(self.run(why))

    def prepare(self):
        pass

    async def run(self, why):
        self.joined = await self.han.join()
        await self.live(why)

    async def live(self, why):
        pass


class Meter(Device):
    """Electricity: a DLMS server behind a tunnel, and reports of its supply."""

    def prepare(self):
        self.status = Status.POWER_FAILURE  # until the voltage is judged
        self.requests = []
        self.tunnel = None
        metering = {Metering.status: lambda: self.status, Metering.current_summation_delivered: 4711}
        self.endpoint.serve(Metering, metering)
        server = tunneling.Server(((NOT_MANUFACTURER_SPECIFIC, DLMS),))
        self.tunnels = TunnelServer(self.han, self.endpoint, server, self.listen)
        name = b"MBE" + f"{self.board.eui64:016X}"[3:].encode()
        register = cosem.Register("1-0:1.8.0", value=axdr.u32(4711), scaler_unit=(0, cosem.Unit.WATT_HOUR))
        self.server = Server({1: LogicalDevice(name, [register], open_profile(PASSWORD))})
        self.sessions = {}

    def listen(self, effect):
        if isinstance(effect, Opened):
            self.tunnel = effect.tunnel
        if not isinstance(effect, Received):
            return
        pdu = wrapper.unwrap(effect.data)
        self.requests.append(pdu)
        session = self.sessions.get(pdu.source)
        if session is None:
            session = self.sessions[pdu.source] = self.server.session(pdu.source, pdu.destination, 1492)
        for answer in session.receive(pdu.apdu, self.now):
            self.tunnels.send(effect.tunnel, wrapper.wrap(pdu.destination, pdu.source, answer))

    async def live(self, why):
        await self.judge()

    async def judge(self):
        if 216.2 <= self.board.supply.volts <= 253.0:
            await self.say(0)

    async def say(self, status):
        self.status = status
        with suppress(NoAnswer):
            await self.han.report(HUB, 1, Metering, [Metering.status])

    def on_power_fail(self):
        self.spawn(self.say(Status.POWER_FAILURE))

    def on_power_return(self):
        self.spawn(self.judge())

    def on_voltage(self):
        self.spawn(self.judge())


class Gas(Device):
    """Asks for a mirror and reports every half hour; `skip` leaves the n-th piece of the next set out, `order` rearranges them."""

    type = NodeType.SLEEPY_END_DEVICE

    def prepare(self):
        self.told = []
        self.skip = None
        self.order = list
        self.litres = 12_345
        self.endpoint.serve(Basic)
        metering = self.endpoint.serve(Metering)
        metering.on(Metering.MirrorReportAttributeResponse, lambda command, request: self.told.append((self.now, command)))

    async def live(self, why):
        response = await self.han.request(HUB, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
        self.mirror = response.endpoint_id
        if self.mirror == 0xFFFF:
            return
        await self.han.confirm(HUB, self.mirror, Metering.ConfigureMirror(1, 1800, True, 2))
        while True:
            await self.report()
            await self.sleep(HOUR // 2)

    async def report(self):
        frames = []
        for cluster, values in MIRROR_SET:
            for attribute, value in values.items():
                self.endpoint.server(cluster)[attribute] = value
            self.endpoint.server(Metering)[Metering.current_summation_delivered] = self.litres
            frames += [(cluster, frame) for frame in self.endpoint.report(cluster, list(values))]
        self.endpoint.server(Metering)[Metering.attribute_reporting_status] = 1
        frames += [(Metering, frame) for frame in self.endpoint.report(Metering, [Metering.attribute_reporting_status])]
        for number, (cluster, frame) in enumerate(self.order(frames)):
            if number != self.skip:
                try:
                    await self.han.deliver(HUB, self.mirror, cluster.id, frame)
                except NoAnswer:
                    return
        self.skip, self.order = None, list
        self.last_report = self.now
        await self.sleep(S)
        self.han.poll()


class Display(Device):
    """Shows messages; asks when a test has it ask."""

    type = NodeType.END_DEVICE

    def prepare(self):
        self.messages = []
        self.endpoint.use(Metering)
        self.endpoint.use(Price)
        self.endpoint.use(Time)
        shown = self.endpoint.use(Messaging)
        shown.on(Messaging.DisplayMessage, lambda command, request: self.messages.append(command.message))


KINDS = {"esme": Meter, "gsme": Gas, "ihd": Display}


class HeadEnd:
    """Host `dcc`: takes notifications, and asks."""

    def __init__(self, home):
        self.home = home
        self.host = home.net.host("dcc")
        self.notices = []  # (when, wPorts, DataNotification)
        self.host.listen(4059, self.accept)

    def accept(self, stream):
        splitter = wrapper.Splitter()

        def take(data):
            for pdu in splitter.feed(data):
                self.notices.append((self.home.kernel.now, pdu, DataNotification.parse(pdu.apdu)))

        stream.on_data = take

    def bodies(self):
        """(code, seconds out) of each notification."""
        return [(body[1], body[3]) for body in (notice.body.python for _, _, notice in self.notices)]

    def connect(self, sap, client=16, password=None):
        return Line(self.home, self.host.connect("hub", 4059), client, sap, password)


class Line:
    """One client of one SAP on a connection of its own."""

    def __init__(self, home, stream, client, sap, password):
        self.home, self.stream = home, stream
        self.client = Client(client, sap, password)
        self.splitter = wrapper.Splitter()
        self.answers = []
        stream.on_data = lambda data: self.answers.extend(self.splitter.feed(data))

    def exchange(self, apdu, patience=20 * S):
        if apdu:
            self.stream.send(wrapper.wrap(self.client.client_sap, self.client.server_sap, apdu))
        end = self.home.kernel.now + patience
        while not self.answers and self.home.kernel.now < end:
            self.home.kernel.run_until(self.home.kernel.now + S // 20)
        if not self.answers:
            raise TimeoutError("no answer")
        answer = self.answers.pop(0)
        assert (answer.source, answer.destination) == (self.client.server_sap, self.client.client_sap)
        return answer.apdu

    def close(self):
        self.stream.close()
        self.home.run(1)

    def __getattr__(self, name):
        procedure = getattr(self.client, name)
        return lambda *args: drive(procedure(*args), self.exchange)


class Home:
    """The premises. `devices`: what is in the hub's log, and is fitted unless `fitted` names fewer."""

    def __init__(self, *devices, fitted=None, reserve=240 * S, **config):
        self.kernel = Kernel(seed="home", start_ns=START)
        self.net = Net(self.kernel)
        self.air = Air(self.kernel, "home")
        self.mains = Mains(self.kernel)
        self.head_end = HeadEnd(self)
        self.events = []
        self.kernel.log.subscribe(self.note)
        euis = {"esme": [ESME, SECOND], "gsme": [GSME], "ihd": [IHD]}
        listed = [(kind, euis[kind].pop(0)) for kind in devices]
        log = tuple(hubfw.Entry(eui64, INSTALL_CODE, kind) for kind, eui64 in listed)
        self.config = hubfw.Config(GPF, log, lls_password=PASSWORD, **config)
        self.hub = Board(
            self.kernel, "hub", firmware=lambda board: hubfw.Firmware(board, self.config), eui64=HUB_EUI,
            supply=MainsSupply(self.mains, reserve), radio=self.air.radio("hub"), net=self.net.host("hub"),
        )  # fmt: skip
        self.boards = {}
        for kind, eui64 in listed:
            if fitted is None or kind in fitted:
                self.fit(kind, eui64)
        self.run(0)

    def note(self, now, who, kind, data):
        if not kind.startswith(("air.", "net.", "wire")):
            self.events.append((now, who, kind, data))

    def fit(self, kind, eui64, firmware=None):
        supply = Battery(self.kernel) if kind == "gsme" else MainsSupply(self.mains, S if kind == "esme" else 0)
        name = kind if kind not in self.boards else f"{kind}2"
        self.boards[name] = Board(
            self.kernel, name, firmware=firmware or KINDS[kind], supply=supply, eui64=eui64, radio=self.air.radio(name)
        )
        return self.boards[name]

    def __getattr__(self, name):
        try:
            return self.__dict__["boards"][name]
        except KeyError:
            raise AttributeError(name) from None

    def run(self, seconds):
        self.kernel.run_until(self.kernel.now + int(seconds * S))

    def commission(self, within=2 * MIN):
        end = self.kernel.now + within
        while self.kernel.now < end and not self.hub.firmware.commissioned:
            self.run(1)
        assert self.hub.firmware.commissioned, self.told("hub.", "tunnel.", "mirror.", "han.")

    def task(self, coro, within=2 * MIN):
        """The result of a task, run until it is there."""
        task = self.kernel.spawn(coro, who="test")
        end = self.kernel.now + within
        while not task.done and self.kernel.now < end:
            self.run(0.05)
        return task.result()

    def told(self, *kinds):
        return [(kind, data) for _, who, kind, data in self.events if who == "hub" and kind.startswith(kinds)]


@pytest.fixture
def home():
    """Make a home: `home("esme", "gsme")`."""
    return Home
