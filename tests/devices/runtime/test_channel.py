"""Energy detection: the loudest that a radio hears of a channel, frames and noise, while it hears and sends nothing else."""

from __future__ import annotations

import pytest

from devices.runtime.air import Air
from devices.runtime.contention import ContendedAir, Noise
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.propagation import Propagation
from devices.runtime.radio import TxStatus
from protocols.core.crc import append_kermit
from protocols.core.errors import LocalProtocolError

FRAME = append_kermit(bytes.fromhex("6188016219") + bytes.fromhex("02000100") + bytes(40))
"""From 1 to 2, in PAN 0x1962, with an acknowledgement."""


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(seed=4)


@pytest.fixture
def put(kernel: Kernel):
    """A radio at x metres, on channel 15, and what it hears."""

    def make(air: Air, short: int, x: float = 0.0, channel: int = 15):
        radio = air.radio(f"radio{short}", x, 0.0)
        radio.configure(channel=channel, pan_id=0x1962, short=short, eui64=short, rx_on_when_idle=True)
        radio.levels, radio.got, radio.ended = [], [], []
        radio.on_energy = lambda level: radio.levels.append((kernel.now, level))
        radio.on_receive = lambda psdu, lqi: radio.got.append(lqi)
        radio.on_confirm = lambda handle, status, pending: radio.ended.append((handle, status))
        return radio

    return make


def test_an_empty_channel_is_quiet(kernel, put):
    radio = put(Air(kernel), 3)
    radio.measure(channel=20, duration=30 * MS)
    kernel.run_until(S)
    assert radio.levels == [(30 * MS, 0)]


def test_the_loudest_frame_counts_by_its_link_and_only_while_it_listens(kernel, put):
    air = Air(kernel)
    near, far = put(air, 1, 2.0), put(air, 4, 25.0)
    put(air, 2)
    listener = put(air, 3, channel=11)
    for at, sender in ((10 * MS, far), (20 * MS, near), (70 * MS, far)):
        kernel.at(at, sender.transmit, 1, FRAME, who="test")
    listener.measure(channel=15, duration=60 * MS)
    kernel.run_until(65 * MS)
    listener.measure(channel=15, duration=60 * MS)
    kernel.run_until(S)
    assert [level for _, level in listener.levels] == [air.link(near, listener).lqi, air.link(far, listener).lqi]
    assert listener.got == []


def test_meanwhile_its_own_channel_goes_without_it_and_what_it_sends_waits(kernel, put):
    air = Air(kernel)
    sender, listener = put(air, 1), put(air, 2)
    listener.measure(channel=20, duration=50 * MS)
    sender.transmit(1, FRAME)
    kernel.after(S // 1000, listener.transmit, 7, FRAME, who="test")
    kernel.run_until(40 * MS)
    assert (sender.ended, listener.got, listener.ended) == ([(1, TxStatus.NO_ACK)], [], [])
    kernel.run_until(S)
    assert listener.ended == [(7, TxStatus.NO_ACK)]
    sender.transmit(2, FRAME)
    kernel.run_until(2 * S)
    assert sender.ended[1:] == [(2, TxStatus.ACKED)]


def test_a_frame_under_way_is_finished_first_and_several_measurements_take_turns(kernel, put):
    air = Air(kernel)
    radio = put(air, 1)
    put(air, 2)
    radio.transmit(1, FRAME)
    for channel in (11, 12):
        radio.measure(channel=channel, duration=10 * MS)
    kernel.run_until(S)
    assert radio.ended == [(1, TxStatus.ACKED)]
    assert len(radio.levels) == 2
    assert radio.levels[1][0] - radio.levels[0][0] == 10 * MS


def test_tuning_in_meanwhile_holds_afterwards(kernel, put):
    air = Air(kernel)
    sender, listener = put(air, 1), put(air, 2, channel=11)
    listener.measure(channel=20, duration=50 * MS)
    listener.configure(channel=15, pan_id=0x1962, short=2, eui64=2, rx_on_when_idle=True)
    kernel.run_until(60 * MS)
    sender.transmit(1, FRAME)
    kernel.run_until(S)
    assert sender.ended == [(1, TxStatus.ACKED)]


def test_without_power_it_ends_in_silence(kernel, put):
    air = Air(kernel)
    radio = put(air, 2)
    radio.measure(channel=20, duration=50 * MS)
    kernel.run_until(10 * MS)
    radio.reset()
    with pytest.raises(LocalProtocolError, match="not configured"):
        radio.measure(channel=20, duration=MS)
    kernel.run_until(S)
    assert radio.levels == []
    assert air.channel(0, 20).measured == []


def test_there_is_no_such_channel(kernel, put):
    with pytest.raises(LocalProtocolError, match="no channel 27"):
        put(Air(kernel), 2).measure(channel=27, duration=MS)


def test_noise_is_energy_on_its_channels_and_by_distance(kernel, put):
    oven = Noise((0.0, 0.0), frozenset({14, 15}), period=20 * MS, duty=0.5, db=10)
    air = ContendedAir(kernel, propagation=Propagation(30.0), noise=[oven])
    near, far = put(air, 1, 5.0), put(air, 2, 40.0)
    for radio in (near, far):
        for channel in (14, 16):
            radio.measure(channel=channel, duration=30 * MS)
    kernel.run_until(S)
    # 30 log10(30/5) + 10 is more than 30 dB, as good as any; 30 log10(30/40) + 10 = 6.25 dB is 1 + 254 * 6.25 / 30.
    assert [[level for _, level in radio.levels] for radio in (near, far)] == [[255, 0], [53, 0]]
