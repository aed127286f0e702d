from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import AccessError
from protocols.dlms.reading import Quantity, register
from protocols.zigbee.gateway import Acknowledge, NotifyAPSMessage, Packet, framed
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.errors import BadInput
from tools.headend.head_end import NoAnswer, Turn


@pytest.fixture
def run() -> Run:
    run = Run(BENCH, 7)
    run.run(for_=30 * S)
    assert run.commissioned
    return run


def energy(client: Client) -> Procedure[Quantity]:
    return register(client, "1-0:1.8.0")


def test_a_meter_is_found_by_name_and_answers(run: Run) -> None:
    meter = run.head_end.meter("esme")
    first = meter.register("1-0:1.8.0")
    run.run(for_=HOUR)
    assert meter.register("1-0:1.8.0").value > first.value
    assert meter.logical_device_name() == run.head_end.meter("hub").names()[3]


def test_a_context_keeps_one_association_for_several_calls(run: Run) -> None:
    opened: list[bytes] = []
    run.log.subscribe(lambda now, who, kind, data: opened.append(b""), ["net.accept"])
    meter = run.head_end.meter("hub")
    with meter:
        assert meter.clock() is not None
        assert meter.names()
    assert len(opened) == 1


def test_a_schedule_and_a_person_take_turns_at_one_meter(run: Run) -> None:
    schedule = run.head_end.schedule(10 * S, run.hub.name, 3, energy)
    meter = run.head_end.meter("esme")
    for _ in range(20):
        meter.register("1-0:1.8.0")
        run.run(for_=3 * S)
    assert len(schedule.answers) >= 6
    assert not schedule.failures
    schedule.cancel()
    count = len(schedule.answers)
    run.run(for_=MIN)
    assert len(schedule.answers) == count


def test_a_failure_of_a_scheduled_read_is_kept_and_the_next_one_comes(run: Run) -> None:
    schedule = run.head_end.schedule(5 * MIN, run.hub.name, 3, energy)
    run.net.partition("dcc", run.hub.name)
    run.run(for_=6 * MIN)
    run.net.heal("dcc", run.hub.name)
    run.run(for_=5 * MIN)
    assert len(schedule.failures) == 1
    assert len(schedule.answers) == 1


def test_client_16_reads_and_client_1_writes(run: Run) -> None:
    clock = axdr.octets(bytes.fromhex("07EA010E030C000000000000"))
    with pytest.raises(AccessError):
        run.head_end.meter("esme").set("0-0:1.0.0", 8, 2, clock)
    writer = run.head_end.meter("esme", writes=True)
    writer.set("0-0:1.0.0", 8, 2, clock)
    now = writer.clock()
    assert now is not None
    assert (now.hour, now.minute) == (12, 0)


def test_a_name_that_is_not_there_is_met_with_the_nearest(run: Run) -> None:
    with pytest.raises(BadInput, match='no device "esm", did you mean "esme"'):
        run.head_end.meter("esm")


def test_what_is_no_notification_ends_the_connection_and_is_counted(run: Run) -> None:
    stream = run.net.host("stranger").connect("dcc", 4059)
    stream.send(bytes.fromhex("0001000100010002") + b"\xc0\x01")
    run.run(for_=2 * S)
    assert stream.closed is not None
    assert run.head_end.bad == 1
    assert not run.head_end.received


def test_what_is_no_notification_by_udp_or_to_the_gateways_port_is_counted_too(run: Run) -> None:
    host = run.net.host("stranger")
    for octets in (b"", b"\0", bytes.fromhex("0001000100010002") + b"\xc0\x01", bytes.fromhex("00010001000100FF0F")):
        host.bind().send("dcc", 4059, octets)
    packet = Packet(1, 0x0109, 0x0702, 1, 1, b"\x08\x01\x0a")
    for octets in (b"\0\0", framed(Acknowledge(1)), framed(NotifyAPSMessage(1, packet))):
        stream = host.connect("dcc", 17755)
        stream.send(octets)
        run.run(for_=2 * S)
        assert stream.closed is not None
    assert run.head_end.bad == 7
    assert not run.head_end.received


def test_a_turn_passes_over_who_gave_up_waiting(run: Run) -> None:
    turn, had = Turn(), []

    async def use(name: str, ns: int) -> None:
        await turn.take()
        had.append(name)
        await run.kernel.sleep(ns)
        turn.give()

    tasks = [run.kernel.spawn(use(name, S), who="test") for name in "abc"]
    run.run(for_=S // 2)
    tasks[1].cancel()
    run.run(for_=5 * S)
    assert had == ["a", "c"]


def test_a_hub_that_is_away_is_no_answer(run: Run) -> None:
    run.hub.cut()
    with pytest.raises(NoAnswer) as error:
        run.head_end.meter("hub").names()
    assert isinstance(error.value, RemoteProtocolError)


def test_a_notification_that_comes_again_is_heard_once(run: Run) -> None:
    sent: list[bytes] = []
    run.log.subscribe(lambda now, who, kind, data: sent.append(bytes(data)) if who.startswith(run.hub.name) else None, ["net.data"])
    run.mains.off(200 * S)
    run.run(for_=185 * S)
    assert len(run.head_end.received) == 1
    stream = run.net.host("again").connect("dcc", 4059)
    stream.send(sent[-1])
    run.run(for_=S)
    assert (len(run.head_end.received), run.head_end.repeated) == (1, 1)
