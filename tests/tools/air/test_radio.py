"""A radio in one kernel and its medium in another: joining, sleeping, confirms, loss of the carrier, rubbish, replay."""

from __future__ import annotations

import pytest

from devices.parts.han import HUB
from devices.runtime.journal import Happening, Recorder, Replayer
from devices.runtime.kernel import MIN, MS, S
from protocols.core.crc import kermit
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.time import Time
from tools.air import messages
from tools.air.remote import PATIENCE
from tools.capture import tap


def psdu(sequence: int, destination: int = 0xFFFF, *, acknowledge: bool = False) -> bytes:
    """A data frame of 802.15.4 in PAN 1234 from short address 1."""
    control = 0x8841 | (0x20 if acknowledge else 0)
    frame = control.to_bytes(2, "little") + bytes([sequence]) + (0x1234).to_bytes(2, "little") + destination.to_bytes(2, "little")
    frame += (1).to_bytes(2, "little") + b"hello"
    return frame + kermit(frame).to_bytes(2, "little")


def tune(process, short=1):
    process.radio.configure(channel=15, pan_id=0x1234, short=short, eui64=process.board.eui64, rx_on_when_idle=True)


@pytest.fixture
def pair(world, firmwares):
    """Two radios, connected and tuned, with nobody else on their PAN."""
    one, two = (world.device(firmwares["listener"], number=number) for number in (1, 2))
    for short, process in enumerate((one, two), 1):
        world.connect(process)
        world.run(10 * MS)
        tune(process, short)
    world.run(10 * MS)
    return one, two


def test_devices_in_other_processes_join_and_ask(world, firmwares):
    meter, sleeper = world.device(firmwares["meter"]), world.device(firmwares["sleeper"], number=2)
    world.connect(meter)
    world.connect(sleeper)
    world.run(20 * S)
    for process in (meter, sleeper):
        assert process.board.firmware.joined is not None
        read = process.board.firmware.han.read(HUB, 1, Time, [Time.time])
        assert world.result(process, read, MIN) == {Time.time: 753_000_000}


def test_a_slow_carrier_delays_and_does_not_lose(world, firmwares):
    world.delay = 60 * MS
    sleeper = world.device(firmwares["sleeper"])
    world.connect(sleeper)
    world.run(30 * S)
    read = sleeper.board.firmware.han.read(HUB, 1, Time, [Time.time])
    assert world.result(sleeper, read, MIN) == {Time.time: 753_000_000}


@pytest.mark.parametrize("delay", [0, 5, 20, 60])
def test_a_joining_device_hears_its_key_however_slow_the_carrier(world, firmwares, delay):
    """The trust centre sends the key to an address that the device's process has not heard of yet."""
    world.delay = delay * MS
    meter = world.device(firmwares["meter"])
    world.connect(meter)
    world.run(8 * S)
    assert meter.board.firmware.joined is not None
    assert meter.board.firmware.han.shares_key(HUB)


def test_a_frame_is_heard_and_confirmed_by_the_medium(world, pair):
    one, two = pair
    one.radio.transmit(1, psdu(1, 2, acknowledge=True))
    one.radio.transmit(2, psdu(2, 3, acknowledge=True))
    one.radio.transmit(3, psdu(3))
    world.run(100 * MS)
    assert two.board.firmware.heard == [psdu(1, 2, acknowledge=True), psdu(3)]
    assert one.board.firmware.confirms == [(1, "acked", False), (2, "no ack", False), (3, "acked", False)]


def test_a_frame_that_nobody_fetches_expires_in_the_medium(world, pair):
    one, _ = pair
    one.radio.transmit(1, psdu(1, 2, acknowledge=True), indirect=True)
    world.run(7 * S)
    assert one.board.firmware.confirms == []
    world.run(1 * S)
    assert one.board.firmware.confirms == [(1, "expired", False)]


def test_without_a_carrier_nothing_is_acknowledged_and_the_tuning_survives(world, pair):
    one, two = pair
    one.radio.transmit(1, psdu(1), indirect=False)
    world.cut(one)
    world.run(1 * MS)
    assert one.board.firmware.confirms == [(1, "no ack", False)]
    one.radio.transmit(2, psdu(2))
    world.run(10 * MS)
    assert one.board.firmware.confirms[1:] == [(2, "no ack", False)]
    world.connect(one)
    world.run(20 * MS)
    two.radio.transmit(1, psdu(9, 1, acknowledge=True))
    world.run(20 * MS)
    assert one.board.firmware.heard == [psdu(9, 1, acknowledge=True)]
    assert two.board.firmware.confirms == [(1, "acked", False)]


def test_a_transmission_whose_confirm_is_lost_is_given_up(world, pair):
    one, _ = pair
    world.lose = lambda message: message[1] == 0x83
    one.radio.transmit(1, psdu(1))
    world.run(PATIENCE - MS)
    assert one.board.firmware.confirms == []
    world.run(2 * MS)
    assert one.board.firmware.confirms == [(1, "no ack", False)]


def test_a_radio_that_the_medium_has_lost_attaches_again(world, pair):
    one, two = pair
    seat = world.seats[one.board.eui64]
    world.inputs.feed(seat.slot.endpoint, Happening.CLOSE)  # only the medium's end believes that the device is gone
    world.run(5 * MS)
    assert seat.life is None
    one.radio.transmit(1, psdu(1))
    world.run(20 * MS)
    assert one.board.firmware.confirms == [(1, "no ack", False)]
    one.radio.transmit(2, psdu(2))
    world.run(20 * MS)
    assert one.board.firmware.confirms[1:] == [(2, "acked", False)]
    assert two.board.firmware.heard == [psdu(2)]


def test_a_lost_attach_is_said_again(world, firmwares):
    lost = []
    world.lose = lambda message: message[1] == 0x01 and not lost and not lost.append(message)
    process = world.device(firmwares["listener"])
    world.connect(process)
    world.run(500 * MS)
    tune(process)
    assert not process.radio.attached
    world.run(1 * S)
    assert process.radio.attached
    process.radio.transmit(1, psdu(1))
    world.run(20 * MS)
    assert process.board.firmware.confirms == [(1, "acked", False)]


def measure(world, process, channel, for_=S):
    """What a process's radio tells of 100 ms of a channel."""
    told = []
    process.radio.on_energy = told.append
    process.radio.measure(channel=channel, duration=100 * MS)
    world.run(for_)
    return told


def test_the_energy_of_a_channel_is_what_the_medium_hears(world, pair):
    one, two = pair
    one.radio.measure(channel=20, duration=100 * MS)
    assert measure(world, one, 20) == [0], "the one before is forgotten"
    two.kernel.after(20 * MS, two.radio.transmit, 1, psdu(1), who="test")
    (level,) = measure(world, one, 15)
    assert level > 100
    assert two.board.firmware.confirms == [(1, "acked", False)]
    two.radio.transmit(2, psdu(2, 1, acknowledge=True))
    world.run(20 * MS)
    assert one.board.firmware.heard == [psdu(2, 1, acknowledge=True)], "it hears frames again, and was deaf meanwhile"


@pytest.mark.parametrize("lost", ["carrier", "answer"])
def test_without_an_answer_of_the_medium_no_energy_is_known(world, pair, lost):
    one, _ = pair
    if lost == "carrier":
        world.cut(one)
    else:
        world.lose = lambda message: message[1] == 0x86
    assert measure(world, one, 20, 5 * S) == [None]


def test_what_cannot_be_measured_is_our_mistake_and_a_peer_that_asks_too_much_is_refused(world, pair):
    one, _ = pair
    with pytest.raises(LocalProtocolError, match="no channel 27 on page 0"):
        one.radio.measure(channel=27, duration=MS)
    seat = world.seats[one.board.eui64]
    for handle in range(6):
        world.inputs.feed(seat.slot.endpoint, Happening.DATA, messages.Measure(1, 0, handle, 0, 20, 0xFFFFFFFF).build())
    world.run(MS)
    assert seat.refused == 2
    one.board.cut(off_for=50 * MS)
    world.run(200 * MS)
    tune(one)
    world.run(50 * MS)
    assert measure(world, one, 20) == [0], "power takes what was asked for with it"


def test_power_off_voids_what_was_under_way(world, pair):
    one, two = pair
    one.radio.transmit(7, psdu(1, 2, acknowledge=True), indirect=True)
    world.run(10 * MS)
    one.board.cut(off_for=50 * MS)
    assert one.board.firmware is None
    world.run(200 * MS)
    tune(one)
    one.radio.transmit(7, psdu(2))
    world.run(20 * S)
    assert one.board.firmware.confirms == [(7, "acked", False)]
    assert two.board.firmware.heard == [psdu(2)]


def test_another_bench_is_refused(world, firmwares):
    process = world.device(firmwares["listener"], bench=bytes(16))
    said = []
    world.lose = lambda message: bool(said.append(message))
    world.connect(process)
    world.run(20 * MS)
    assert not process.radio.attached
    refusal = messages.indication(said[-1])
    assert isinstance(refusal, messages.Refuse)
    assert messages.REFUSALS[refusal.reason] is messages.Refusal.OTHER_BENCH


def test_a_late_frame_does_not_go_on_the_air(world, pair):
    one, two = pair
    world.delay = 3 * S
    one.radio.transmit(1, psdu(1))
    world.run(7 * S)
    assert two.board.firmware.heard == []
    assert one.board.firmware.confirms == [(1, "no ack", False)]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"\x02" + bytes(50),
        b"\x01\x7f" + bytes(20),
        messages.Transmit(1, 0, 1, 0, b"rubbish").build(),
        messages.Transmit(1, 0, 1, 0, tap.Packet(b"1234", 15).build()).build(),
        messages.Transmit(1, 0, 1, 1, tap.Packet(psdu(1), 15).build()).build(),
        messages.Configure(1, 0, 255, 15, 0x1234, 1, 1, 1).build(),
        messages.Measure(1, 0, 1, 0, 27, 1000).build(),
        bytes(1000),
    ],
)
def test_a_bad_message_is_noted_and_changes_nothing(world, pair, message):
    one, two = pair
    seat = world.seats[one.board.eui64]
    assert seat.life == 1, "the messages above are of this life"
    world.inputs.feed(seat.slot.endpoint, Happening.DATA, message)
    one.inputs.feed("air", Happening.DATA, message)
    world.run(MS)
    assert (seat.refused, one.radio.refused) == (1, 1)
    one.radio.transmit(1, psdu(1))
    world.run(20 * MS)
    assert one.board.firmware.confirms == [(1, "acked", False)]
    assert two.board.firmware.heard == [psdu(1)]


def test_a_radio_that_is_not_configured_transmits_nothing(world, firmwares):
    process = world.device(firmwares["listener"])
    with pytest.raises(LocalProtocolError, match="not configured"):
        process.radio.transmit(1, psdu(1))
    tune(process)
    with pytest.raises(LocalProtocolError, match="200 octets"):
        process.radio.transmit(1, bytes(200))


def test_the_mediums_run_can_be_replayed_without_the_devices(world, firmwares):
    records: list[dict[str, object]] = []
    recorder = Recorder(world.inputs, records.append, bench="test")
    meter = world.device(firmwares["meter"])
    world.connect(meter)
    world.run(15 * S)
    assert meter.board.firmware.joined is not None
    recorder.finish()
    again, replay = type(world)(), Replayer(records)
    again.seat(meter.board.eui64)
    replay.load(again.inputs)
    again.kernel.run_until(replay.until)
    replay.check(again.kernel)
