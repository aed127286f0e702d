"""Three boards on one air: joining, reading, reporting, sleeping, tunnelling, restarting."""

from __future__ import annotations

import pytest

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.runtime.air import Air, OnAir
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl import foundation, types
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.endpoint import Endpoint
from protocols.zigbee.zcl.foundation import (
    ConfigureReporting,
    ConfigureReportingResponse,
    DefaultResponse,
    Intervals,
    ReportingRecord,
)
from protocols.zigbee.zcl.status import Status

HUB_EUI, METER_EUI, SLEEPER_EUI, DISPLAY_EUI = (0x00DB_1234_5678_9A00 + n for n in range(4))
LINK_STATUS = b"\xfc\xff"
"""Where link status goes: to routers. Nothing else here does."""
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC


class Hub(Firmware):
    """Forms a network, lets everybody in, serves time, takes reports."""

    def boot(self, why: Reset) -> None:
        self.reports: list[dict[object, object]] = []
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR))
        esi = Endpoint(1, 0x0500)
        esi.serve(Basic, {Basic.zcl_version: 8})
        esi.serve(Time, {Time.time: 753_000_000})
        metering = esi.use(Metering)
        metering.on_report(lambda values, request: self.reports.append(values))
        metering.on(Metering.RequestMirror, lambda command, request: Metering.RequestMirrorResponse(0x10))
        self.han.add(esi)
        for eui64 in (METER_EUI, SLEEPER_EUI, DISPLAY_EUI):
            self.han.stack.trust_centre.add(eui64, INSTALL_CODE)
        self.han.form()
        self.han.apply(self.han.stack.permit(254, self.now))


class Meter(Firmware):
    """A meter of any node type."""

    type = NodeType.ROUTER

    def boot(self, why: Reset) -> None:
        self.joined = None
        self.han = Han(self, NodeConfig(self.board.eui64, self.type, install_code=INSTALL_CODE))
        endpoint = Endpoint(1, 0x0501)
        endpoint.serve(Basic, {Basic.manufacturer_name: "bench", Basic.location_description: "hall"})
        endpoint.serve(Metering, {
            Metering.current_summation_delivered: lambda: 1000 + self.now // S,
            Metering.divisor: 1000,
            Metering.site_id: b"1234567890123",
            Metering.status: 0,
        })  # fmt: skip
        endpoint.use(Time)
        self.han.add(endpoint)
        self.spawn(self.run())

    async def run(self) -> None:
        self.joined = await self.han.join()


class Sleeper(Meter):
    type = NodeType.SLEEPY_END_DEVICE


class Display(Meter):
    type = NodeType.END_DEVICE


@pytest.fixture
def kernel():
    return Kernel(seed=1)


@pytest.fixture
def mains(kernel):
    return Mains(kernel)


@pytest.fixture
def place(kernel, mains):
    """Put a board with this firmware on the air."""
    air = Air(kernel, "home1")

    def put(name, firmware, eui64):
        return Board(kernel, name, firmware=firmware, supply=MainsSupply(mains), eui64=eui64, radio=air.radio(name))

    return put


@pytest.fixture
def hub(place):
    return place("hub", Hub, HUB_EUI)


@pytest.fixture
def meter(place, hub):
    return place("meter", Meter, METER_EUI)


def run(kernel, coro, *, within=2 * MIN):
    """The result of a task, run until it is there."""
    task = kernel.spawn(coro, who="test")
    end = kernel.now + within
    while not task.done and (due := kernel.next_due()) is not None and due <= end:
        kernel.run_until(due)
    return task.result()


def join(kernel, *boards):
    kernel.run_until(kernel.now + 20 * S)
    for board in boards:
        assert board.firmware.joined is not None, board.name


def test_a_device_joins_and_reads(kernel, hub, meter):
    join(kernel, meter)
    han = meter.firmware.han
    assert han.shares_key(HUB)
    assert run(kernel, han.read(HUB, 1, Time, [Time.time, Time.time_zone])) == {Time.time: 753_000_000}
    assert run(kernel, han.read(HUB, 1, Basic, [Basic.zcl_version])) == {Basic.zcl_version: 8}


def test_the_hub_reads_a_meter(kernel, hub, meter):
    join(kernel, meter)
    han = hub.firmware.han
    (found,) = run(kernel, han.match([Metering.id]))
    assert found == (han.stack.address_of(METER_EUI), 1)
    wanted = [Metering.current_summation_delivered, Metering.divisor, Metering.site_id, Metering.multiplier]
    values = run(kernel, han.read(*found, Metering, wanted))
    assert values[Metering.divisor] == 1000
    assert values[Metering.site_id] == b"1234567890123"
    assert 1000 < values[Metering.current_summation_delivered] <= 1000 + kernel.now // S
    assert Metering.multiplier not in values
    assert run(kernel, han.active_endpoints(found[0])) == [1]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_an_answer_asks_for_an_acknowledgement_where_its_question_did(kernel, hub, meter, acknowledged):
    join(kernel, meter)
    frames = []
    kernel.log.subscribe(lambda now, who, kind, data: frames.append((who, data[10] & 0x07)), ["air.frame"])
    run(kernel, meter.firmware.han.read(HUB, 1, Time, [Time.time], acknowledged=acknowledged))
    kernel.run_until(kernel.now + S)
    sent = [who for who, kind in frames if kind == 1]
    assert sent == (["meter", "hub", "hub", "meter"] if acknowledged else ["meter", "hub"])


def test_requests_are_answered_or_refused(kernel, hub, meter):
    join(kernel, meter)
    han = meter.firmware.han
    answer = run(kernel, han.request(HUB, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse))
    assert answer == Metering.RequestMirrorResponse(0x10)
    with pytest.raises(Refused, match="UNSUP_CLUSTER_COMMAND") as refusal:
        run(kernel, han.request(HUB, 1, Metering.ConfigureMirror(1, 1800, 1, 2), Metering.RequestMirrorResponse))
    assert refusal.value.status == Status.UNSUP_CLUSTER_COMMAND
    with pytest.raises(Refused, match="UNSUPPORTED_CLUSTER"):
        run(kernel, han.read(HUB, 1, Metering, [Metering.status]))


def test_nobody_there_is_no_answer(kernel, hub, meter):
    join(kernel, meter)
    han = meter.firmware.han
    with pytest.raises(NoAnswer):
        run(kernel, han.read(0x7777, 1, Basic, [Basic.zcl_version]))
    with pytest.raises(NoAnswer, match="link key"):
        run(kernel, han.read(0x7777, 1, Metering, [Metering.status]))
    with pytest.raises(NoAnswer):
        run(kernel, han.read(HUB, 99, Basic, [Basic.zcl_version]))
    assert run(kernel, han.read(HUB, 1, Basic, [Basic.zcl_version])) == {Basic.zcl_version: 8}


def test_reports_arrive_in_order(kernel, hub, meter):
    join(kernel, meter)
    wanted = [Metering.current_summation_delivered, Metering.divisor, Metering.site_id, Metering.status]
    run(kernel, meter.firmware.han.report(HUB, 1, Metering, wanted))
    kernel.run_until(kernel.now + S)
    (values,) = hub.firmware.reports
    assert list(values) == wanted


def test_reports_that_a_peer_configured(kernel, hub, meter):
    join(kernel, meter)
    han, address = hub.firmware.han, hub.firmware.han.stack.address_of(METER_EUI)
    wish = ConfigureReporting([
        ReportingRecord(0, 0x0000, Intervals(types.uint48, 10, 60, 1_000_000)),
        ReportingRecord(0, 0x0200, Intervals(types.bitmap8, 10, 0)),
    ])  # fmt: skip
    done = run(kernel, han.ask(address, 1, Metering, wish, ConfigureReportingResponse))
    assert [outcome.status for outcome in done.records] == [Status.SUCCESS]
    kernel.run_until(kernel.now + 130 * S)
    assert [list(values) for values in hub.firmware.reports] == [[Metering.current_summation_delivered]] * 2
    ours = meter.firmware.han
    ours.endpoints[1].server(Metering)[Metering.status] = 8
    ours.changed(1, Metering, Metering.status)
    kernel.run_until(kernel.now + S)
    assert hub.firmware.reports[-1] == {Metering.status: 8}


def test_a_sleeper_asks_and_is_told(kernel, place, hub):
    sleeper = place("sleeper", Sleeper, SLEEPER_EUI)
    join(kernel, sleeper)
    han = sleeper.firmware.han
    assert run(kernel, han.read(HUB, 1, Time, [Time.time])) == {Time.time: 753_000_000}
    run(kernel, han.report(HUB, 1, Metering, [Metering.status]))
    kernel.run_until(kernel.now + 10 * MIN)
    address = hub.firmware.han.stack.address_of(SLEEPER_EUI)
    task = kernel.spawn(hub.firmware.han.read(address, 1, Basic, [Basic.manufacturer_name]), who="test")
    kernel.run_until(kernel.now + 3 * S)
    assert not task.done
    han.poll()
    kernel.run_until(kernel.now + 4 * S)
    assert task.result() == {Basic.manufacturer_name: "bench"}


def test_a_sleeper_stays_awake_for_a_late_answer_and_is_not_misled(kernel, place, hub):
    sleeper = place("sleeper", Sleeper, SLEEPER_EUI)
    join(kernel, sleeper)
    han = hub.firmware.han

    def take_time(command, request):
        peer, sequence = (request.message.source, request.message.source_endpoint), request.header.sequence
        foreign = foundation.general(sequence, DefaultResponse(1, Status.FAILURE), to=CLIENT)
        answer = foundation.cluster(sequence, Metering.RequestMirrorResponse(0x11))
        hub.firmware.after(S, han.send, *peer, Basic.id, foreign)
        hub.firmware.after(4 * S, han.send, *peer, Metering.id, answer)
        return []

    han.endpoints[1].client(Metering).on(Metering.RequestMirror, take_time)
    before = kernel.now
    answer = run(kernel, sleeper.firmware.han.request(HUB, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse))
    assert answer == Metering.RequestMirrorResponse(0x11)
    assert 4 * S < kernel.now - before < 5 * S


def test_only_the_asked_endpoint_answers_and_only_to_the_asking_one(kernel, hub, meter):
    """A peer with several endpoints counts its own questions too: one of those with our number is none of our answers."""
    join(kernel, meter)
    han, second = hub.firmware.han, meter.firmware.han.add(Endpoint(2, 0x0501))
    taken = []
    for endpoint in (meter.firmware.han.endpoints[1].server(Metering), second.serve(Metering, {Metering.status: 0})):
        endpoint.on(Metering.RequestMirrorResponse, lambda command, request: taken.append(command.endpoint_id))

    def send(peer, profile, source, endpoint, sequence, mirror):
        answer = foundation.cluster(sequence, Metering.RequestMirrorResponse(mirror), disable_default_response=True)
        stack = han.stack
        han.apply(stack.send(peer, profile, Metering.id, source, endpoint, answer, link_key=True, ack=True, now=han.now)[1])

    def mislead(command, request):
        peer, sequence = request.message.source, request.header.sequence
        hub.firmware.after(1 * S, send, peer, 0x0109, 2, 1, sequence, 0x20)
        hub.firmware.after(2 * S, send, peer, 0x0109, 1, 2, sequence, 0x21)
        hub.firmware.after(3 * S, send, peer, 0x0104, 1, 1, sequence, 0x22)
        hub.firmware.after(4 * S, send, peer, 0x0109, 1, 1, sequence, 0x23)
        return []

    han.endpoints[1].client(Metering).on(Metering.RequestMirror, mislead)
    answer = run(kernel, meter.firmware.han.request(HUB, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse))
    assert answer.endpoint_id == 0x23
    assert taken == [0x20, 0x21]
    any_of_them = run(kernel, meter.firmware.han.request(HUB, 0xFF, Metering.RequestMirror(), Metering.RequestMirrorResponse))
    assert any_of_them.endpoint_id == 0x20


def test_a_restart_takes_the_network_up_without_a_frame(kernel, mains, hub, meter):
    join(kernel, meter)
    address = hub.firmware.han.stack.address_of(METER_EUI)
    frames = []
    mains.off(5 * S)
    kernel.run_until(kernel.now + 4 * S)
    kernel.log.subscribe(lambda now, who, kind, data: frames.append(data) if kind == "air.frame" and who == "meter" else None)
    kernel.run_until(kernel.now + 2 * S)
    frames = [frame for frame in frames if OnAir.unpack(frame).psdu[11:13] != LINK_STATUS]  # at its own time, restart or not
    assert meter.firmware.joined.resumed
    assert meter.firmware.joined.short == address
    assert hub.firmware.han.stack.address_of(METER_EUI) == address
    assert frames == []
    assert run(kernel, meter.firmware.han.read(HUB, 1, Time, [Time.time])) == {Time.time: 753_000_000}


def test_partners_share_a_key_brokered_by_the_hub(kernel, place, hub, meter):
    display = place("display", Display, DISPLAY_EUI)
    join(kernel, meter, display)
    han = display.firmware.han
    address = run(kernel, han.find(METER_EUI))
    with pytest.raises(NoAnswer, match="link key"):
        run(kernel, han.read(address, 1, Metering, [Metering.divisor]))
    run(kernel, han.partner_key(METER_EUI))
    assert run(kernel, han.read(address, 1, Metering, [Metering.divisor])) == {Metering.divisor: 1000}
