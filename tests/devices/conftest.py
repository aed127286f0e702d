"""A premises for device tests: an air, boards on it, and a scripted hub that keeps what it is told."""

from __future__ import annotations

from contextlib import suppress

import pytest

from devices.parts.han import Han, NoAnswer
from devices.runtime.air import Air, OnAir
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.rtc import Rtc
from devices.runtime.supply import Battery, Mains, MainsSupply
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional, Scheme
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH, Time, TimeStatus
from protocols.zigbee.node import Message, NodeConfig, NodeType
from protocols.zigbee.zcl.cluster import Cluster
from protocols.zigbee.zcl.endpoint import Endpoint
from protocols.zigbee.zcl.status import Status

START = 1_767_225_600 * S  # 2026-01-01 00:00:00 UTC
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC
HUB_EUI = 0x00DB_1234_5678_9A00
MIRROR = 0x10


class ScriptedHub(Firmware):
    """Lets everybody in, has one mirror and keeps the sets that arrive in it; its attributes are the test's to change."""

    def boot(self, why: Reset) -> None:
        self.time_status: int = TimeStatus.MASTER | TimeStatus.SYNCHRONIZED
        self.clock_off = 0
        self.asked: list[object] = []  # RequestMirror, ConfigureMirror and the like, as they came
        self.pieces: list[tuple[int, int, dict]] = []  # (time, octets of the frame, values)
        self.sets: list[tuple[int, dict]] = []
        self.flags = Functional(0)
        self.answers = True
        self.mirrors = True
        self.message = None
        self.confirmed: list[object] = []
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR, channels=(15,)))
        esi = Endpoint(1, 0x0500)
        esi.serve(Basic, {Basic.zcl_version: 8})
        esi.serve(Time, {Time.time: self.time, Time.time_status: lambda: self.time_status})
        self.price = Price.PublishPrice(0, b"Standard", 1, 0, 0, 826, 0x41, 0x11, 0, 0xFFFF, 2450, 0xFF, 0xFFFFFFFF, 0xFF)
        esi.serve(Price).on(Price.GetCurrentPrice, lambda command, request: self.price or Status.NOT_FOUND)
        messaging = esi.serve(Messaging)
        messaging.on(Messaging.GetLastMessage, lambda command, request: self.message or Status.NOT_FOUND)
        messaging.on(Messaging.MessageConfirmation, lambda command, request: self.confirmed.append(command))
        esi.use(Metering).on(Metering.RequestMirror, self.request_mirror)
        self.han.add(esi)
        self.mirror = Endpoint(MIRROR, 0x0501)
        for cluster in (Basic, Prepayment, Metering):
            self.mirror.serve(cluster)
            self.mirror.use(cluster).on_report(self.report)
        self.mirror.server(Metering)[Metering.metering_device_type] = 128
        self.mirror.client(Metering).on(Metering.ConfigureMirror, lambda command, request: self.asked.append(command))
        for eui64 in range(HUB_EUI + 1, HUB_EUI + 8):
            self.han.stack.trust_centre.add(eui64, CODE)
        self.han.form()
        self.permit()

    def permit(self) -> None:
        self.han.apply(self.han.stack.permit(254, self.now))
        self.after(240 * S, self.permit)

    def time(self) -> int:
        return (self.board.kernel.utc + self.clock_off) // S - EPOCH

    def request_mirror(self, command, request):
        self.asked.append(command)
        if self.mirrors:
            self.han.add(self.mirror)
        return Metering.RequestMirrorResponse(MIRROR if self.mirrors else 0xFFFF)

    def report(self, values, request):
        self.pieces.append((self.now, len(request.message.payload), values))
        if values.get(Cluster.attribute_reporting_status) == 1:
            complete = {attribute: value for _, _, piece in self.pieces for attribute, value in piece.items()}
            self.sets.append((self.now, complete))
            self.pieces.clear()
            for cluster in (Basic, Prepayment, Metering):
                held = cluster.attributes[0].values()
                server = self.mirror.server(cluster)
                for attribute, value in complete.items():
                    if attribute in held and attribute is not Metering.metering_device_type:
                        server[attribute] = value
            if self.answers:
                words = [int(self.flags), 0, 0, 0, 0]
                self.flags = Functional(0)
                peer = request.message.source, request.message.source_endpoint
                with suppress(NoAnswer):
                    self.after(0, self.han.command, *peer, Metering.MirrorReportAttributeResponse(Scheme.B, words))


class ScriptedMeter(Firmware):
    """An electricity meter as displays need it; its values are the test's to change. `polls` counts reads by cluster."""

    def boot(self, why: Reset) -> None:
        self.polls: dict[int, list[int]] = {}
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.ROUTER, install_code=CODE))
        endpoint = Endpoint(1, 0x0501)
        endpoint.serve(Basic, {Basic.zcl_version: 8})
        self.metering = endpoint.serve(Metering, {
            Metering.metering_device_type: 0, Metering.unit_of_measure: 0, Metering.multiplier: 1, Metering.divisor: 1000,
            Metering.instantaneous_demand: 432, Metering.current_summation_delivered: 12_345_678, Metering.supply_status: 2,
        })  # fmt: skip
        self.prepayment = endpoint.serve(Prepayment, {
            Prepayment.payment_control_configuration: 0x0092, Prepayment.credit_remaining: 1_234_567,
            Prepayment.currency_scaling_factor: 1, Prepayment.currency: 826,
        })  # fmt: skip
        self.price = Price.PublishPrice(0, b"Meter", 1, 0, 0, 826, 0x41, 0x11, 0, 0xFFFF, 2710, 0xFF, 0xFFFFFFFF, 0xFF)
        endpoint.serve(Price).on(Price.GetCurrentPrice, lambda command, request: self.price or Status.NOT_FOUND)
        self.han.on(Message, lambda message: self.polls.setdefault(message.cluster, []).append(self.now))
        self.han.add(endpoint)
        self.spawn(self.han.join())


class Premises:
    """Boards on one kernel, one air, one mains. `frames` counts what went over the air, by sender."""

    meter = ScriptedMeter

    def __init__(self) -> None:
        self.kernel = Kernel(seed=1, start_ns=START)
        self.mains = Mains(self.kernel)
        self.air = Air(self.kernel, "home1")
        self.frames: dict[str, int] = {}
        self.events: list[tuple[int, str, str, object]] = []
        self.kernel.log.subscribe(self._hear)

    def _hear(self, now, who, kind, data):
        if kind == "air.frame":
            self.frames[who] = self.frames.get(who, 0) + (len(OnAir.unpack(data).psdu) > 5)
        elif kind != "display":
            self.events.append((now, who, kind, data))

    def put(self, name, firmware, number, *, battery=False, ppm=0.0, buttons=()):
        """A board; it boots when the kernel runs on."""
        supply = Battery(self.kernel) if battery else MainsSupply(self.mains)
        return Board(
            self.kernel, name, firmware=firmware, supply=supply, eui64=HUB_EUI + number, rtc=Rtc(self.kernel, ppm),
            radio=self.air.radio(name), buttons=buttons, display=(24, 8),
        )  # fmt: skip

    def run(self, for_):
        self.kernel.run_until(self.kernel.now + for_)

    def until(self, happened, within=10 * MIN):
        """Run until `happened()`; fails when it does not within a time."""
        end = self.kernel.now + within
        while not happened():
            due = self.kernel.next_due()
            assert due is not None, "nothing more will happen"
            assert due <= end, f"not within {within / S} s"
            self.kernel.run_until(due)

    def kinds(self, who):
        return [kind for _, name, kind, _ in self.events if name == who]


@pytest.fixture
def premises():
    return Premises()


@pytest.fixture
def scripted_hub(premises):
    return premises.put("hub", ScriptedHub, 0)


@pytest.fixture
def scripted_meter(premises, scripted_hub):
    return premises.put("esme", ScriptedMeter, 1)


@pytest.fixture
def install_code():
    return CODE
