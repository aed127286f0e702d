"""Radios that contend: back-off, busy channels, hidden nodes, capture, noise, homes that share a channel, duty cycles."""

from __future__ import annotations

import pytest

from devices.runtime.air import Air, OnAir
from devices.runtime.contention import ContendedAir, Contender, Noise
from devices.runtime.kernel import HOUR, MIN, MS, US, Kernel, S
from devices.runtime.propagation import Propagation, Wall
from devices.runtime.radio import TxStatus
from protocols.core.crc import append_kermit

PAN = 0x1A62
ALWAYS = Noise((0, 0), frozenset(range(11, 27)), period=20 * MS, duty=1.0, db=60)


def words(*numbers):
    return b"".join(number.to_bytes(2, "little") for number in numbers)


def frame(destination, source, sequence=1, *, pan=PAN, octets=60, control=0x8861):
    return append_kermit(words(control) + bytes((sequence & 0xFF,)) + words(pan, destination, source) + bytes(octets))


def data_request(destination, source):
    return append_kermit(words(0x8863) + b"\x09" + words(PAN, destination, source) + b"\x04")


class Street:
    """Radios by short address on one contended medium, what they hear, how it ends, and what is on the air."""

    def __init__(self, seed=4, walls=(), range_m=30.0, **options):
        self.kernel = Kernel(seed)
        self.air = ContendedAir(self.kernel, "street", propagation=Propagation(range_m, walls), **options)
        self.radios: dict[int, Contender] = {}
        self.heard, self.ended, self.on_air, self.drops = [], [], [], []
        self.kernel.log.subscribe(self.observe)

    def observe(self, now, who, kind, data):
        if kind == "air.frame":
            self.on_air.append((who, OnAir.unpack(data)))
        elif kind == "air.drop":
            self.drops.append(data["reason"])

    def put(self, short, x=0.0, y=0.0, *, pan=PAN, channel=15, page=0, awake=True):
        radio = self.radios[short] = self.air.radio(f"radio{short}", x, y)
        radio.configure(channel=channel, pan_id=pan, short=short, eui64=short, rx_on_when_idle=awake, page=page)
        radio.on_receive = lambda psdu, lqi: self.heard.append((short, psdu))
        radio.on_confirm = lambda handle, status, pending: self.ended.append((short, handle, status))
        return radio

    def talk(self, source, destination, *, every=20 * MS, count=200, pan=PAN):
        """Frames at a fixed rhythm, whatever becomes of them."""
        for number in range(count):
            psdu = frame(destination, source, number, pan=pan)
            self.kernel.at(number * every, self.radios[source].transmit, number, psdu, who="test")

    def run(self, ns=10 * S):
        self.kernel.run_until(self.kernel.now + ns)


def test_a_lone_radio_backs_off_0_to_7_periods_and_assesses():
    starts = set()
    for seed in range(60):
        street = Street(seed)
        street.put(1)
        street.put(2, 3)
        street.radios[1].transmit(7, frame(2, 1))
        street.run(1 * S)
        assert street.ended == [(1, 7, TxStatus.ACKED)]
        starts.add(street.on_air[0][1].start)
    assert starts == {128 * US + 192 * US + periods * 320 * US for periods in range(8)}


def test_each_radio_has_its_own_chance_and_a_seed_its_own_run():
    def run(seed, others):
        street = Street(seed)
        for short in range(1, 3 + others):
            street.put(short, short)
        street.talk(1, 2)
        street.run()
        return street.kernel.log.digest()

    assert run(4, 0) == run(4, 0) == run(4, 3)
    assert run(4, 0) != run(5, 0)


def test_radios_that_hear_each_other_take_turns():
    street = Street()
    for short in range(1, 5):
        street.put(short, short)
    for source, destination in (1, 2), (3, 4), (2, 1), (4, 3):
        street.talk(source, destination, every=39 * MS + source * MS)
    street.run()
    ended = [status for *_, status in street.ended]
    assert len(ended) == 800
    assert ended.count(TxStatus.ACKED) > 790


def hidden(wall):
    """Two meters on either side of a hub, who both send at once: with `wall` dB between them."""
    street = Street(walls=[Wall((0.1, 1), (0.1, 100), wall)])
    street.put(0, 0, 0)
    street.put(1, -6, 8)
    street.put(2, 6.5, 8)
    for source in 1, 2:
        street.talk(source, 0)
    street.run()
    return street.drops.count("collision"), street


def test_hidden_nodes_collide_and_heard_ones_do_not():
    seen, _ = hidden(0)
    unseen, street = hidden(60)
    assert street.air.link(street.radios[1], street.radios[2]).lqi == 0
    assert street.air.link(street.radios[1], street.radios[0]).lqi > 0
    assert unseen > 50
    assert unseen > 5 * seen


def test_the_stronger_frame_of_two_survives():
    """Radio 1 stands by the hub, radio 2 is far off and behind the wall from 1: only 2 loses frames to the other."""
    street = Street(walls=[Wall((3, 0.5), (3, 100), 60)])
    street.put(0, 0, 0)
    street.put(1, 0, 2)
    street.put(2, 20, 0.2)
    for source in 1, 2:
        street.talk(source, 0, every=10 * MS)
    street.run()
    tries = {source: sum(who == f"radio{source}" for who, _ in street.on_air) for source in (1, 2)}
    assert street.air.link(street.radios[2], street.radios[1]).margin < 0
    assert tries[1] < 1.1 * 200  # when the hub was acknowledging the other
    assert tries[2] > 1.3 * 200


def test_a_channel_that_is_never_clear_ends_in_busy_after_five_assessments():
    street = Street(noise=[ALWAYS])
    street.put(1)
    street.put(2, 1)
    street.radios[1].transmit(7, frame(2, 1))
    street.run()
    assert street.on_air == []
    assert street.ended == [(1, 7, TxStatus.BUSY)]
    assert street.radios[1].service.delivery == 0.0
    assert street.radios[1].service.latency <= (7 + 15 + 3 * 31) * 320 * US + 5 * 128 * US


def test_noise_covers_its_channels_only():
    street = Street(noise=[Noise((0, 0), frozenset({15}), period=20 * MS, duty=1.0, db=60)])
    for short, channel in (1, 16), (2, 16):
        street.put(short, short, channel=channel)
    street.radios[1].transmit(7, frame(2, 1))
    street.run()
    assert street.ended == [(1, 7, TxStatus.ACKED)]


def delivered(duty):
    street = Street(noise=[Noise((3, 0), frozenset({15}), period=20 * MS, duty=duty, db=20)])
    street.put(1)
    street.put(2, 4)
    street.talk(1, 2, every=50 * MS)
    street.run(20 * S)
    return street.radios[1].service


def test_a_microwave_oven_takes_what_it_is_on_for():
    off, half, most = delivered(0.0), delivered(0.5), delivered(0.95)
    assert off.delivery == 1.0
    assert off.latency < half.latency
    assert most.delivery < half.delivery
    assert most.delivery < 0.2


@pytest.mark.parametrize(("start", "length", "on"), [
    (0, 1, True), (9, 1, True), (10, 1, False), (10, 10, False), (10, 11, True), (19, 1, False), (20, 1, True), (5, 40, True),
])  # fmt: skip
def test_when_noise_is_on(start, length, on):
    noise = Noise((0, 0), frozenset({15}), period=20, duty=0.5, db=0)
    assert noise.on(start, start + length) is on


def test_a_radio_that_sends_hears_nothing():
    """Two frames to each other that start within a turnaround: neither arrives, both are sent again and do."""
    for seed in range(200):
        street = Street(seed)
        street.put(1)
        street.put(2, 3)
        street.radios[1].transmit(1, frame(2, 1))
        street.radios[2].transmit(1, frame(1, 2))
        street.run(1 * S)
        if "collision" in street.drops:
            break
    assert street.drops[:2] == ["collision", "collision"]
    assert {short for short, psdu in street.heard} == {1, 2}
    assert len(street.on_air) >= 6


def test_a_frame_held_for_a_sleeper_waits_for_the_next_request_when_the_channel_is_busy():
    street = Street()
    hub = street.put(0)
    sleeper = street.put(5, 2, awake=False)
    hub.transmit(1, frame(5, 0), indirect=True)
    sleeper.transmit(2, data_request(0, 5))
    street.kernel.run_until(2 * MS)
    street.air.noise = (ALWAYS,)
    street.run(1 * S)
    street.air.noise = ()
    sleeper.transmit(3, data_request(0, 5))
    street.run(1 * S)
    assert (0, 1, TxStatus.ACKED) in street.ended
    assert [short for short, psdu in street.heard if short == 5] == [5]


def test_a_radio_without_power_does_not_go_on():
    street = Street()
    street.put(1)
    street.put(2, 3)
    street.radios[1].transmit(1, frame(2, 1))
    street.radios[1].reset()
    street.run()
    assert street.on_air == []
    assert street.ended == []


def test_range_is_where_the_margin_ends():
    air = Air(Kernel(), propagation=Propagation(10))
    assert air.link(air.radio("a"), air.radio("b", 9.9)).lqi > 0
    assert air.link(air.radio("c"), air.radio("d", 10.1)).lqi == 0


# --- neighbours ---


def neighbours(count, channel=15, load=30 * MS):
    """The service that two radios at home get, with so many homes 12 m apart in a row that do the same."""
    street = Street()
    for home in range(count + 1):
        at, mine = 12 * home, 15 if home == 0 else channel
        street.put(10 * home + 1, at, pan=home, channel=mine)
        street.put(10 * home + 2, at + 4, 3, pan=home, channel=mine)
        for source, destination in (10 * home + 1, 10 * home + 2), (10 * home + 2, 10 * home + 1):
            street.talk(source, destination, every=load, count=300, pan=home)
    street.run(20 * S)
    service = street.radios[1].service + street.radios[2].service
    assert service.ended.total() == 600
    return service


@pytest.mark.req("S-037", part=True)
def test_neighbours_on_the_channel_cost_delivery_and_time_and_elsewhere_nothing():
    alone, one, four = neighbours(0), neighbours(1), neighbours(4)
    assert alone.latency < one.latency < four.latency
    assert alone.delivery >= one.delivery > four.delivery
    apart = neighbours(4, channel=20)
    assert (apart.delivery, apart.latency) == (alone.delivery, alone.latency)


# --- sub-GHz ---


@pytest.mark.req("S-092", part=True)
def test_a_duty_cycle_silences_a_radio_until_the_hour_has_passed():
    street = Street(duty={28: 0.001})  # 3.6 s an hour; a frame of 71 octets takes 6.16 ms
    street.put(1, page=28, channel=5)
    street.put(2, 3, page=28, channel=5)
    street.talk(1, 2, every=50 * MS, count=600)
    street.run(2 * MIN)
    states = [status for *_, status in street.ended]
    sent = states.count(TxStatus.ACKED)
    assert 580 <= sent <= 585
    assert states.count(TxStatus.SUSPENDED) == 600 - sent
    airtime = sum((len(each.psdu) + 6) * 80 * US for who, each in street.on_air if who == "radio1")
    assert airtime <= 3_600 * MS
    street.run(HOUR)
    street.radios[1].transmit(1000, frame(2, 1))
    street.run()
    assert street.ended[-1] == (1, 1000, TxStatus.ACKED)


def test_an_acknowledgement_counts_too_and_is_not_sent_without_budget():
    street = Street(duty={28: 0.0001})  # 360 ms: 58 frames, or 409 acknowledgements
    street.put(1, page=28, channel=5)
    street.put(2, 3, page=28, channel=5)
    street.radios[2].duty[28].spend(0, 359 * MS + 500 * US)
    street.radios[1].transmit(1, frame(2, 1))
    street.run()
    assert street.ended == [(1, 1, TxStatus.NO_ACK)]
    assert {who for who, _ in street.on_air} == {"radio1"}


def test_two_four_gigahertz_has_no_such_limit():
    street = Street(duty={28: 0.0001})
    street.put(1)
    street.put(2, 3)
    street.talk(1, 2, count=600)
    street.run(30 * S)
    assert all(status is TxStatus.ACKED for *_, status in street.ended)
