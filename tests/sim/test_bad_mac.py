"""Frames that are none, on the air of a living home: dropped without an acknowledgement, and the home goes on."""

from __future__ import annotations

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import MIN, S
from devices.runtime.mac_header import ACK
from protocols.core.crc import append_kermit
from protocols.zigbee import mac

PERMIT = 254


@pytest.fixture
def home(build):
    return build("home")


@pytest.fixture
def stranger(home):
    """A radio that nobody knows, at the hub's side; `sent(psdu)` gives the frames that follow within 50 ms."""
    radio = home.only.air.radio("stranger", 1.0, 1.0)
    radio.configure(channel=15, pan_id=0xFFFF, short=0xFFFF, eui64=1, rx_on_when_idle=True)

    def sent(psdu):
        home.until(lambda: home.only.air.channel(0, 15).free_at < home.now)
        after = []

        def heard(now, who, kind, data):
            if who != "stranger":
                after.append(OnAir.unpack(data).psdu)

        stop = home.log.subscribe(heard, ["air.frame"])
        radio.transmit(1, psdu)
        home.run(for_=S // 20)
        stop()
        return after

    return sent


def _lives_on(home):
    before = len(home.times("mirror.complete")), home.esme.firmware.han.stack.short
    home.run(for_=31 * MIN)
    assert len(home.times("mirror.complete")) == before[0] + 1
    assert home.esme.firmware.han.stack.short == before[1]
    assert home.esme.firmware.han.stack.joined


def _to_hub(home, msdu=b"\x08\x02"):
    pan = next(told["pan_id"] for told in home.events("han.joined"))
    return mac.SHORT_HEADER.pack(mac.SHORT_DATA | mac.ACK_REQUEST, 99, pan, 0, 0x7777) + msdu


def _acknowledged(after, sequence):
    return any(psdu[0] & 7 == ACK and psdu[2] == sequence for psdu in after)


def test_f1_a_wrong_checksum_or_eight_octets_get_no_acknowledgement(home, stranger):
    good = append_kermit(_to_hub(home))
    assert _acknowledged(stranger(good), 99)
    broken = [good[:-1] + bytes((good[-1] ^ 0x40,)), append_kermit(good[:6]), append_kermit(bytes(6)), bytes(8)]
    for psdu in broken:
        assert not _acknowledged(stranger(psdu), psdu[2]), psdu.hex()
    _lives_on(home)


def test_f1_128_octets_are_no_frame(home):
    stack = home.hub.firmware.han.stack
    for octets in (128, 200):
        effects = stack.receive(append_kermit(_to_hub(home, bytes(octets - 11))), home.now)
        assert [type(effect).__name__ for effect in effects] == ["Dropped"]
    _lives_on(home)


@pytest.mark.parametrize("octets", ["00805600 05FA0722CF00", "00805600 05FA0722", "0080560005FA0722CF0000002284"])
def test_f2_a_malformed_beacon_in_a_scan_is_skipped(build, octets):
    home = build("home", commissioned=False)
    home.run(for_=S)
    assert not home.esme.firmware.han.stack.joined  # it scans
    radio = home.only.air.radio("stranger", 1.0, 1.0)
    psdu = append_kermit(bytes.fromhex(octets))
    for channel in (*range(17, 27), 11, 15):
        radio.configure(channel=channel, pan_id=0x56, short=1, eui64=1, rx_on_when_idle=True)
        for _ in range(20):
            radio.transmit(1, psdu)
            home.run(for_=S // 100)
    home.until(lambda: home.commissioned)
    _lives_on(home)


@pytest.mark.parametrize("flags", [0x0018, 0x0010, 0x0008, 0x0004])
def test_f3_a_header_that_promises_more_than_there_is_is_dropped(home, stranger, flags):
    """EUI-64s, a source route, in the NWK header (bits 11, 12, 10 of its control), or half an address in the MAC's."""
    hub = home.hub.firmware.han.stack
    before = dict(hub.drops)
    stranger(append_kermit(_to_hub(home, bytes((0x08, flags & 0xFF | 0x02)) + bytes(6))))
    stranger(append_kermit(bytes((0x61, 0xCC, 99)) + _to_hub(home)[3:9]))
    assert sum(hub.drops.values()) > sum(before.values())
    _lives_on(home)
