"""The radio medium by rule: airtime, one serial channel, filter, acknowledgements, retries, held frames, loss, range, faults."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.air import MAX_HELD, PERSISTENCE, Air, OnAir, Transceiver
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import MS, US, Halted, Kernel, S
from devices.runtime.log import Data
from devices.runtime.radio import Radio, TxStatus
from protocols.core.crc import append_kermit, kermit
from protocols.core.errors import LocalProtocolError

HUB, METER, SLEEPER = 0x0000, 0x1111, 0x2222
PAN = 0x1A62
ACKED, NO_ACK, EXPIRED, OVERFLOW = TxStatus.ACKED, TxStatus.NO_ACK, TxStatus.EXPIRED, TxStatus.OVERFLOW


def u16(number: int) -> bytes:
    return number.to_bytes(2, "little")


def frame(
    destination: int, source: int, payload: bytes = b"payload", *, sequence: int = 1, ack: bool = True, pan: int = PAN
) -> bytes:
    """A data frame with short addresses and PAN compression (802.15.4-2006 7.2.2.2), with its FCS."""
    control = 0x8841 | (0x20 if ack else 0)
    return append_kermit(u16(control) + bytes((sequence,)) + u16(pan) + u16(destination) + u16(source) + payload)


def data_request(destination: int, source: int, sequence: int = 9) -> bytes:
    """7.3.4: frame control 0x8863, command 4."""
    return append_kermit(u16(0x8863) + bytes((sequence,)) + u16(PAN) + u16(destination) + u16(source) + b"\x04")


def airtime(octets: int) -> int:
    """Four octets of preamble, one delimiter, one length, at 250 kb/s (802.15.4-2006 6.5)."""
    return (octets + 6) * 32 * US


class Ether:
    """A hub, a meter and a sleeper in one PAN, what they hear and how their transmissions end, and every frame on the air."""

    def __init__(self, **air: float) -> None:
        self.kernel = Kernel(seed=4)
        self.air = Air(self.kernel, "air", **air)
        self.heard: list[tuple[str, bytes]] = []
        self.confirmed: list[tuple[str, int, TxStatus, bool]] = []
        self.on_air: list[OnAir] = []
        self.drops: list[tuple[str, object]] = []
        self.hub = self.radio("hub", HUB)
        self.meter = self.radio("meter", METER, x=5)
        self.sleeper = self.radio("sleeper", SLEEPER, x=0, y=5, rx_on_when_idle=False)
        self.kernel.log.subscribe(self.observe)

    def radio(self, name: str, short: int, x: float = 0, y: float = 0, *, pan: int = PAN, channel: int = 15, page: int = 0,
              rx_on_when_idle: bool = True) -> Transceiver:  # fmt: skip
        radio = self.air.radio(name, x, y)
        self.configure(radio, short, pan, channel, page, rx_on_when_idle)
        return radio

    def configure(self, radio: Transceiver, short: int, pan: int = PAN, channel: int = 15, page: int = 0, rx: bool = True) -> None:
        eui64 = 0x00DB_0000_0000_0000 + short
        radio.configure(channel=channel, pan_id=pan, short=short, eui64=eui64, rx_on_when_idle=rx, page=page)
        radio.on_receive = lambda psdu, lqi: self.heard.append((radio.who, psdu))
        radio.on_confirm = lambda handle, status, pending: self.confirmed.append((radio.who, handle, status, pending))

    def observe(self, now: int, who: str, kind: str, data: Data) -> None:
        if kind == "air.frame" and isinstance(data, bytes):
            self.on_air.append(OnAir.unpack(data))
        elif kind == "air.drop" and isinstance(data, Mapping):
            self.drops.append((who, data["reason"]))

    def run(self, ns: int = 1 * S) -> None:
        self.kernel.run_until(self.kernel.now + ns)


@pytest.fixture
def ether() -> Ether:
    return Ether()


def test_a_transceiver_is_a_radio(ether: Ether) -> None:
    radio: Radio = ether.hub
    assert radio.on_receive is not None


def test_a_unicast_frame_is_heard_by_its_destination_and_acknowledged(ether: Ether) -> None:
    psdu = frame(METER, HUB, sequence=0x42)
    ether.hub.transmit(7, psdu)
    ether.run(airtime(len(psdu)) - 1)
    assert ether.heard == []
    ether.run(1)
    assert ether.heard == [("meter", psdu)]
    assert ether.confirmed == []
    ether.run(192 * US + airtime(5) - 1)
    assert ether.confirmed == []
    ether.run(1)
    assert ether.confirmed == [("hub", 7, ACKED, False)]
    acknowledgement = append_kermit(b"\x02\x00\x42")
    assert [(each.start, each.psdu) for each in ether.on_air] == [(0, psdu), (airtime(len(psdu)) + 192 * US, acknowledgement)]
    assert {(each.page, each.channel) for each in ether.on_air} == {(0, 15)}


def test_a_frame_that_asks_for_no_acknowledgement_gets_none(ether: Ether) -> None:
    ether.hub.transmit(1, frame(METER, HUB, ack=False))
    ether.hub.transmit(2, frame(0x7777, HUB, ack=False))
    ether.run()
    assert len(ether.on_air) == 2
    assert ether.confirmed == [("hub", 1, ACKED, False), ("hub", 2, ACKED, False)]


def test_nobody_there_means_four_attempts(ether: Ether) -> None:
    psdu = frame(0x7777, HUB)
    ether.hub.transmit(3, psdu)
    ether.run()
    assert [each.psdu for each in ether.on_air] == [psdu] * 4
    gaps = [after.start - before.start for before, after in zip(ether.on_air, ether.on_air[1:], strict=False)]
    assert min(gaps) >= airtime(len(psdu)) + 864 * US  # macAckWaitDuration
    assert ether.confirmed == [("hub", 3, NO_ACK, False)]


def test_the_channel_is_one_serial_resource_and_keeps_order(ether: Ether) -> None:
    for number in range(5):
        ether.hub.transmit(number, frame(METER, HUB, bytes((number,)) * 60, sequence=number))
        ether.meter.transmit(number, frame(HUB, METER, bytes((number,)) * 9, sequence=number))
    ether.run()
    assert [psdu[9] for who, psdu in ether.heard if who == "meter"] == list(range(5))
    assert [psdu[9] for who, psdu in ether.heard if who == "hub"] == list(range(5))
    ends = 0
    assert len(ether.on_air) == 20
    for each in ether.on_air:
        assert each.start >= ends
        ends = each.start + airtime(len(each.psdu))


def test_a_retried_frame_is_not_overtaken_by_the_next_of_its_radio(ether: Ether) -> None:
    ether.air.faults = Faults(ether.kernel, "air", [Fault(Effect.DROP, sender="hub", nth=1)])
    ether.hub.transmit(1, frame(METER, HUB, sequence=1))
    ether.hub.transmit(2, frame(METER, HUB, sequence=2))
    ether.run()
    assert [psdu[2] for _, psdu in ether.heard] == [1, 2]
    assert [each.psdu[2] for each in ether.on_air] == [1, 1, 1, 2, 2]


def test_a_lost_acknowledgement_makes_a_duplicate_for_the_layer_above(ether: Ether) -> None:
    ether.air.faults = Faults(ether.kernel, "air", [Fault(Effect.DROP, sender="meter", nth=1)])
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert len(ether.heard) == 2
    assert ether.confirmed == [("hub", 1, ACKED, False)]


def test_channels_and_pages_do_not_hear_each_other(ether: Ether) -> None:
    ether.radio("other channel", METER, channel=16)
    ether.radio("other page", METER, page=28)
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert [who for who, _ in ether.heard] == ["meter"]


def test_sub_ghz_pages_are_slower(ether: Ether) -> None:
    here, there = ether.radio("gas hub", 0, page=28, channel=0), ether.radio("gas", 5, page=28, channel=0)
    here.transmit(1, frame(5, 0))
    ether.run((18 + 6) * 80 * US)
    assert [who for who, _ in ether.heard] == [there.who]
    assert ether.on_air[0].page == 28


@pytest.mark.parametrize("destination, pan, hears", [
    (METER, PAN, True),
    (METER, 0xFFFF, True),
    (METER, PAN + 1, False),
    (METER + 1, PAN, False),
    (0xFFFF, PAN, True),
    (0xFFFF, 0xFFFF, True),
    (0xFFFF, PAN + 1, False),
])  # fmt: skip
def test_address_filter(ether: Ether, destination: int, pan: int, hears: bool) -> None:
    ether.hub.transmit(1, frame(destination, HUB, pan=pan))
    ether.run()
    assert [who for who, _ in ether.heard] == ["meter"] * hears


def test_extended_addresses(ether: Ether) -> None:
    control, eui64 = 0xCC61, (0x00DB_0000_0000_0000 + METER).to_bytes(8, "little")
    psdu = append_kermit(u16(control) + b"\x05" + u16(PAN) + eui64 + bytes(8) + b"\x02\x11\x11\x00")
    ether.hub.transmit(1, psdu)
    ether.run()
    assert ether.heard == [("meter", psdu)]
    assert ether.confirmed == [("hub", 1, ACKED, False)]


def test_an_address_that_is_no_address_is_not_heard_but_its_eui64_is(ether: Ether) -> None:
    ether.configure(ether.meter, 0xFFFE)
    ether.hub.transmit(1, frame(0xFFFE, HUB))
    ether.run()
    assert ether.heard == []


def test_a_radio_without_a_pan_hears_all_of_them(ether: Ether) -> None:
    ether.configure(ether.meter, METER, pan=0xFFFF)
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert [who for who, _ in ether.heard] == ["meter"]


def test_beacons_reach_everybody_awake_and_have_no_acknowledgement(ether: Ether) -> None:
    ether.radio("neighbour", 0, pan=0x9999)
    beacon = append_kermit(u16(0x8000) + b"\x01" + u16(PAN) + u16(HUB) + b"\xff\xcf\x00\x00")
    ether.hub.transmit(1, beacon)
    ether.run()
    assert sorted(who for who, _ in ether.heard) == ["meter", "neighbour"]
    assert ether.confirmed == [("hub", 1, ACKED, False)]


def test_a_data_frame_without_destination_is_for_the_coordinator(ether: Ether) -> None:
    psdu = append_kermit(u16(0x8021) + b"\x01" + u16(PAN) + u16(METER) + b"hello")
    ether.meter.transmit(1, psdu)
    ether.run()
    assert ether.heard == [("hub", psdu)]


def test_nobody_acknowledges_a_broadcast(ether: Ether) -> None:
    ether.hub.transmit(1, frame(0xFFFF, HUB, ack=True))
    ether.run()
    assert len(ether.on_air) == 1
    assert ether.confirmed == [("hub", 1, ACKED, False)]


def test_two_radios_of_one_address_both_hear_and_one_acknowledges(ether: Ether) -> None:
    ether.radio("impostor", METER)
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert [who for who, _ in ether.heard] == ["meter", "impostor"]
    assert len(ether.on_air) == 2


# --- bad frames: F1 ---


def test_a_bad_fcs_is_dropped_in_silence_and_said_in_the_log(ether: Ether) -> None:
    psdu = bytearray(frame(METER, HUB))
    psdu[-1] ^= 1
    ether.hub.transmit(1, bytes(psdu))
    ether.run()
    assert ether.heard == []
    assert len(ether.on_air) == 4  # no acknowledgement, three retries
    assert ether.drops == [("meter", "FCS")] * 4
    assert ether.confirmed == [("hub", 1, NO_ACK, False)]
    ether.hub.transmit(2, frame(METER, HUB))
    ether.run()
    assert len(ether.heard) == 1


@pytest.mark.parametrize("psdu, reason", [
    (append_kermit(bytes.fromhex("618801621a11")), "length"),  # 8 octets: the header says more than there is
    (append_kermit(bytes.fromhex("618401621a1111000000")), "frame control"),  # reserved addressing mode
    (append_kermit(bytes.fromhex("61b801621a1111000000")), "frame control"),  # a later frame version
    (append_kermit(bytes.fromhex("678801621a1111000000")), "frame control"),  # reserved type
    (append_kermit(bytes.fromhex("638801621a11110000")), "length"),  # a command without a command
    (append_kermit(bytes.fromhex("010001")), "no destination"),
    (append_kermit(bytes.fromhex("020001")), "no destination"),  # an acknowledgement that nobody waits for
])  # fmt: skip
def test_headers_that_are_none_reach_nobody(ether: Ether, psdu: bytes, reason: str) -> None:
    ether.hub.transmit(1, psdu)
    ether.run()
    assert ether.heard == []
    assert ether.drops == [("hub", reason)]
    assert ether.on_air[0].psdu == psdu


@given(st.binary(min_size=5, max_size=127))
def test_any_octets_can_be_sent_and_end_in_one_confirm(octets: bytes) -> None:
    ether = Ether()
    ether.hub.transmit(1, octets)
    ether.hub.transmit(2, append_kermit(octets[:-2]))
    ether.hub.transmit(3, frame(METER, HUB))
    ether.run(10 * S)
    assert [handle for who, handle, *_ in ether.confirmed if who == "hub"] == [1, 2, 3]
    assert ("meter", frame(METER, HUB)) in ether.heard


@pytest.mark.parametrize("length", [0, 4, 128])
def test_a_psdu_the_physical_layer_cannot_carry_is_our_bug(ether: Ether, length: int) -> None:
    with pytest.raises(LocalProtocolError, match=f"hub: a PSDU of {length} octets"):
        ether.hub.transmit(1, bytes(length))


# --- sleepers ---


def test_a_sleeper_hears_nothing_by_itself(ether: Ether) -> None:
    ether.hub.transmit(1, frame(SLEEPER, HUB))
    ether.hub.transmit(2, frame(0xFFFF, HUB))
    ether.run()
    assert [who for who, _ in ether.heard] == ["meter"]
    assert ether.confirmed == [("hub", 1, NO_ACK, False), ("hub", 2, ACKED, False)]


def test_a_held_frame_waits_for_the_data_request(ether: Ether) -> None:
    ether.hub.transmit(1, frame(SLEEPER, HUB, b"news"), indirect=True)
    ether.run(3 * S)
    assert ether.on_air == []
    ether.sleeper.transmit(2, data_request(HUB, SLEEPER))
    ether.run()
    assert ether.heard == [("hub", data_request(HUB, SLEEPER)), ("sleeper", frame(SLEEPER, HUB, b"news"))]
    assert ether.confirmed == [("sleeper", 2, ACKED, True), ("hub", 1, ACKED, False)]
    assert ether.on_air[1].psdu == append_kermit(b"\x12\x00\x09")  # acknowledgement with frame pending
    ether.hub.transmit(3, frame(SLEEPER, HUB))  # and then it sleeps again
    ether.run()
    assert ether.confirmed[-1] == ("hub", 3, NO_ACK, False)


def test_a_data_request_when_nothing_is_held(ether: Ether) -> None:
    ether.sleeper.transmit(1, data_request(HUB, SLEEPER))
    ether.run()
    assert ether.confirmed == [("sleeper", 1, ACKED, False)]
    assert len(ether.on_air) == 2


def test_more_held_frames_come_one_a_request_with_the_bit_set_on_all_but_the_last(ether: Ether) -> None:
    for number in range(3):
        ether.hub.transmit(number, frame(SLEEPER, HUB, bytes((number,))), indirect=True)
    for number in range(3):
        ether.sleeper.transmit(10 + number, data_request(HUB, SLEEPER))
        ether.run()
    received = [psdu for who, psdu in ether.heard if who == "sleeper"]
    assert [psdu[9] for psdu in received] == [0, 1, 2]
    assert [psdu[0] & 0x10 for psdu in received] == [0x10, 0x10, 0]
    assert all(kermit(psdu) == 0 for psdu in received)


def test_a_held_frame_goes_ahead_of_what_else_its_parent_has_to_send(ether: Ether) -> None:
    ether.hub.transmit(1, frame(SLEEPER, HUB), indirect=True)
    ether.sleeper.transmit(2, data_request(HUB, SLEEPER))
    for number in range(10, 20):
        ether.hub.transmit(number, frame(METER, HUB, bytes(100)))
    ether.run()
    assert [handle for who, handle, *_ in ether.confirmed if who == "hub"][:2] in ([10, 1], [1, 10])
    assert all(status is ACKED for _, _, status, _ in ether.confirmed)


def test_a_held_frame_is_for_its_destination_only(ether: Ether) -> None:
    ether.hub.transmit(1, frame(SLEEPER, HUB), indirect=True)
    ether.meter.transmit(2, data_request(HUB, METER))
    ether.run()
    assert ether.confirmed == [("meter", 2, ACKED, False)]


def test_a_held_frame_expires_after_7_68_s(ether: Ether) -> None:
    assert PERSISTENCE == 7_680 * MS
    ether.hub.transmit(1, frame(SLEEPER, HUB), indirect=True)
    ether.run(PERSISTENCE - 1)
    assert ether.confirmed == []
    ether.run(1)
    assert ether.confirmed == [("hub", 1, EXPIRED, False)]
    ether.sleeper.transmit(2, data_request(HUB, SLEEPER))
    ether.run()
    assert ether.confirmed[-1] == ("sleeper", 2, ACKED, False)


def test_a_held_frame_that_is_not_acknowledged_waits_for_the_next_request(ether: Ether) -> None:
    ether.air.faults = Faults(ether.kernel, "air", [Fault(Effect.DROP, sender="hub", receiver="sleeper", nth=2)])
    ether.hub.transmit(1, frame(SLEEPER, HUB, b"a"), indirect=True)
    ether.hub.transmit(2, frame(SLEEPER, HUB, b"b"), indirect=True)
    for _ in range(3):  # the acknowledgement is the first of that link, the frame the second: it is lost
        ether.sleeper.transmit(9, data_request(HUB, SLEEPER))
        ether.run()
    assert [psdu[9:10] for who, psdu in ether.heard if who == "sleeper"] == [b"a", b"b"]
    assert [each[:3] for each in ether.confirmed if each[0] == "hub"] == [("hub", 1, ACKED), ("hub", 2, ACKED)]


def test_a_held_frame_on_the_air_at_its_expiry_is_confirmed_once(ether: Ether) -> None:
    ether.air.faults = Faults(ether.kernel, "air", [Fault(Effect.DROP, sender="hub", receiver="sleeper", nth=2)])
    ether.hub.transmit(1, frame(SLEEPER, HUB), indirect=True)
    ether.run(PERSISTENCE - 2 * MS)
    ether.sleeper.transmit(2, data_request(HUB, SLEEPER))
    ether.run()
    assert [each for each in ether.confirmed if each[0] == "hub"] == [("hub", 1, EXPIRED, False)]
    ether.hub.transmit(3, frame(METER, HUB))
    ether.run()
    assert ether.confirmed[-1] == ("hub", 3, ACKED, False)


def test_the_queue_of_held_frames_is_bounded(ether: Ether) -> None:
    for number in range(MAX_HELD + 1):
        ether.hub.transmit(number, frame(SLEEPER, HUB), indirect=True)
    ether.run(1)
    assert ether.confirmed == [("hub", MAX_HELD, OVERFLOW, False)]
    with pytest.raises(LocalProtocolError, match="one destination"):
        ether.hub.transmit(99, frame(0xFFFF, HUB), indirect=True)


def test_a_sleeper_hears_the_answers_to_its_beacon_request(ether: Ether) -> None:
    request = append_kermit(bytes.fromhex("0308") + b"\x01\xff\xff\xff\xff\x07")
    beacon = append_kermit(u16(0x8000) + b"\x01" + u16(PAN) + u16(HUB) + b"\xff\xcf\x00\x00")
    ether.sleeper.transmit(1, request)
    ether.run(50 * MS)
    assert ("hub", request) in ether.heard
    ether.hub.transmit(2, beacon)
    ether.run()
    assert ("sleeper", beacon) in ether.heard
    ether.hub.transmit(3, beacon)
    ether.run()
    assert ether.heard.count(("sleeper", beacon)) == 1


# --- the world ---


def test_range_is_a_distance_and_a_radio_can_be_carried() -> None:
    ether = Ether(range_m=10)
    qualities: list[int] = []
    ether.meter.on_receive = lambda psdu, lqi: qualities.append(lqi)
    for x in (0, 5, 10, 10.01, 1):
        ether.meter.move(x, 0)
        ether.hub.transmit(1, frame(METER, HUB))
        ether.run()
    assert [status for _, _, status, _ in ether.confirmed] == [ACKED, ACKED, ACKED, NO_ACK, ACKED]
    assert qualities == [255, 155, 55, 235]


def test_loss_is_per_link_and_the_same_in_every_run() -> None:
    def losses(loss: float, extra: bool) -> list[bytes]:
        ether = Ether(loss=loss)
        if extra:
            ether.radio("another", 0x3333)
        for number in range(200):
            ether.hub.transmit(number, frame(0xFFFF, HUB, sequence=number))
            ether.run(20 * MS)
        return [psdu for who, psdu in ether.heard if who == "meter"]

    assert len(losses(0.0, False)) == 200
    assert losses(1.0, False) == []
    assert 120 < len(losses(0.3, False)) < 160
    assert losses(0.3, False) == losses(0.3, True)  # a neighbour changes nothing


def test_one_direction_of_one_link_can_be_lossy(ether: Ether) -> None:
    ether.air.set_loss("meter", "hub", 1.0)
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert len(ether.heard) == 4  # every attempt arrives, no acknowledgement returns
    assert ether.confirmed == [("hub", 1, NO_ACK, False)]


def test_latency_comes_on_top_of_the_airtime() -> None:
    ether = Ether(latency=3 * MS)
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run(airtime(18) + 3 * MS - 1)
    assert ether.heard == []
    ether.run(1)
    assert len(ether.heard) == 1


@pytest.mark.parametrize("fault, heard, status", [
    (Fault(Effect.DROP, sender="hub", receiver="meter"), [], NO_ACK),
    (Fault(Effect.DROP, sender="meter", receiver="hub"), [1, 1, 1, 1], NO_ACK),
    (Fault(Effect.CORRUPT, sender="hub", amount=80, nth=1), [1], ACKED),
    (Fault(Effect.CORRUPT, sender="meter", amount=20, nth=1), [1, 1], ACKED),
    (Fault(Effect.DUPLICATE, sender="hub", amount=5 * MS), [1, 1], ACKED),
    (Fault(Effect.DELAY, sender="hub", amount=100 * MS), [1], ACKED),
])  # fmt: skip
def test_faults_in_the_air(ether: Ether, fault: Fault, heard: list[int], status: TxStatus) -> None:
    ether.air.faults = Faults(ether.kernel, "storm", [fault])
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run()
    assert [psdu[2] for who, psdu in ether.heard if who == "meter"] == heard
    assert [each[2] for each in ether.confirmed] == [status]


def test_reordered_frames_arrive_in_another_order(ether: Ether) -> None:
    ether.air.faults = Faults(ether.kernel, "storm", [Fault(Effect.REORDER, sender="hub", nth=1, amount=50 * MS)])
    for number in (1, 2):
        ether.hub.transmit(number, frame(METER, HUB, sequence=number))
    ether.run()
    assert [psdu[2] for _, psdu in ether.heard] == [2, 1]


# --- power ---


def test_without_power_nothing_is_sent_heard_or_held(ether: Ether) -> None:
    ether.hub.transmit(1, frame(METER, HUB))
    ether.hub.transmit(2, frame(METER, HUB))
    ether.hub.transmit(3, frame(SLEEPER, HUB), indirect=True)
    ether.run(100 * US)
    ether.hub.reset()
    ether.meter.transmit(4, frame(HUB, METER))
    ether.run(20 * S)
    assert ether.heard == []
    assert ether.confirmed == [("meter", 4, NO_ACK, False)]
    with pytest.raises(LocalProtocolError, match="hub: the radio is not configured"):
        ether.hub.transmit(5, frame(METER, HUB))
    assert ether.kernel.next_due() is None
    ether.configure(ether.hub, HUB)
    ether.hub.transmit(6, frame(METER, HUB))
    ether.run()
    assert ether.confirmed[-1] == ("hub", 6, ACKED, False)


def test_a_receiver_that_dies_before_its_acknowledgement_sends_none(ether: Ether) -> None:
    ether.hub.transmit(1, frame(METER, HUB))
    ether.run(airtime(18) + 100 * US)
    ether.meter.reset()
    ether.run()
    assert len(ether.heard) == 1
    assert all(each.psdu[0] & 7 != 2 for each in ether.on_air)
    assert ether.confirmed == [("hub", 1, NO_ACK, False)]


def test_a_name_is_taken_once(ether: Ether) -> None:
    with pytest.raises(LocalProtocolError, match="air has a radio hub already"):
        ether.air.radio("hub")


def test_a_board_that_stops_while_it_hears_a_frame_stops_alone(ether: Ether) -> None:
    def cut(psdu: bytes, lqi: int) -> None:
        raise Halted("power cut", ether.hub.reset)

    ether.hub.on_receive = cut
    ether.meter.transmit(1, frame(HUB, METER))
    ether.meter.transmit(2, frame(SLEEPER, METER, ack=False))
    ether.run()
    assert ether.confirmed == [("meter", 1, NO_ACK, False), ("meter", 2, ACKED, False)]
