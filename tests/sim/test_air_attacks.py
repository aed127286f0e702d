"""Frames replayed, forged and mangled on a live home's air (bad inputs F4 to F12): nothing is believed, and everybody is served."""

from __future__ import annotations

from struct import pack

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN, MS, S
from protocols.core import crc
from protocols.zigbee import aps, mac, nwk, security, zdo
from protocols.zigbee.node import Persist

OURS = 0x00EE_0000_0000_0001
"""Who the insider is, unless he says otherwise."""
SHORT = 0x4242
AUXILIARY = 14
RX_ON, ROUTERS = 0xFFFD, 0xFFFC


class Attacker:
    """A radio in the home that says what it likes. It knows the network key, as one who bought a display at the market might."""

    def __init__(self, home):
        self.home = home
        self.hub = home.hub.firmware.han.stack
        self.key = dict(self.hub.labelled_keys())["network key 0"]
        self.counter = 1
        self.heard = []
        self._pan = None
        home.log.subscribe(self._hear)
        self.radio = home.only.air.radio("home1/attacker", 1.0, 1.0)

    def _hear(self, now, who, kind, data):
        if kind == "air.frame" and who != "home1/attacker":
            psdu = OnAir.unpack(data).psdu
            if psdu[0] & mac.TYPE == mac.DATA and len(psdu) > 36:
                self._pan = psdu[3:5]
                self.heard.append((who, psdu))

    def listen(self, time):
        """Hear what is said meanwhile, and be tuned in."""
        self.home.run(for_=time)
        self.radio.configure(channel=15, pan_id=int.from_bytes(self._pan, "little"), short=SHORT, eui64=OURS, rx_on_when_idle=False)

    def of(self, who, to):
        """The secured frames of one device to another, by address."""
        short = to.to_bytes(2, "little")
        return [psdu for sender, psdu in self.heard if sender == who and psdu[5:7] == short and psdu[10] & 2]

    def put(self, psdu, wait=10 * MS):
        """On the air with it, with a checksum that fits."""
        self.radio.transmit(1, psdu)
        self.home.run(for_=wait)

    def mangled(self, psdu, change):
        """A frame with something changed behind its MAC header."""
        body = bytearray(psdu[:-2])
        change(body)
        return crc.append_kermit(bytes(body))

    def frame(self, payload, to, *, kind=nwk.DATA, eui64=OURS, counter=None, secured=True, **fields):
        """A frame under the network key, or without."""
        self.counter += 1
        hop = fields.pop("hop", to)
        header = nwk.Header(
            kind | nwk.VERSION_PRO | (nwk.SECURITY if secured else 0), to, fields.pop("source", SHORT), fields.pop("radius", 30),
            fields.pop("sequence", self.counter & 0xFF),
        ).build()  # fmt: skip
        auxiliary = security.Auxiliary(0x28, self.counter if counter is None else counter, eui64, 0).build()
        sealed = security.seal(self.key, eui64.to_bytes(8, "little"), header, auxiliary, payload) if secured else header + payload
        control = mac.SHORT_DATA | (mac.ACK_REQUEST if hop < 0xFFF8 else 0)
        return crc.append_kermit(
            pack("<HB", control, self.counter & 0xFF) + self._pan + pack("<HH", hop, fields.pop("previous", SHORT)) + sealed
        )

    def drops(self, device="home1/hub"):
        """Why a device refused frames, in order."""
        return [data["reason"] for data in self.home.events("han.dropped", device)]


def serves(home):
    """Everybody can be talked to, under keys and counters as they were."""
    home.run(for_=2 * MIN)
    assert home.screen("ihd")[1].endswith("kW")
    assert home.screen("ppmid")[1].endswith("supply ON")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    home.run(for_=31 * MIN)
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert not home.events("han.left")


@pytest.fixture
def attacker(home):
    attacker = Attacker(home)
    attacker.listen(MIN)
    return attacker


def set_counter(value):
    def change(body):
        at = 9 + nwk.HEADER + 1
        body[at : at + 4] = value.to_bytes(4, "little")

    return change


def set_key(sequence):
    def change(body):
        body[9 + nwk.HEADER + 13] = sequence

    return change


def flip(at):
    def change(body):
        body[at] ^= 1

    return change


# --- F4: security that is not there ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hub", "esme", "ihd", "ppmid"])
def test_f4_frames_without_security_or_under_an_unknown_key_are_dropped(home, attacker, name):
    """Data, a request to leave and a broadcast in the clear; good frames that name other keys."""
    device, who = home.board(name).firmware.han.stack, f"home1/{name}"
    data = pack("<BBHHBB", aps.ACK_REQUEST, 1, 0x0702, 0x0109, 1, 7) + bytes.fromhex("00010000 00")
    leave = nwk.Leave(nwk.Leave.REQUEST).build()
    before, said = len(attacker.drops(who)), len(attacker.heard)
    for kind, payload in ((nwk.DATA, data), (nwk.COMMAND, leave)):
        attacker.put(attacker.frame(payload, device.short, kind=kind, secured=False))
    attacker.put(attacker.frame(data, RX_ON, hop=0xFFFF, secured=False))
    for sequence in (1, 0x7F, 0xFF):
        attacker.put(attacker.mangled(attacker.frame(data, device.short), set_key(sequence)))
    if name == "hub":  # it knows a device's parents, and cannot be told to leave
        assert attacker.drops(who)[before + 2 :] == ["unsecured", *["unknown key sequence number"] * 3]
    assert len(attacker.drops(who)) >= before + 5
    assert attacker.drops(who)[-3:] == ["unknown key sequence number"] * 3
    assert not [psdu for speaker, psdu in attacker.heard[said:] if speaker == who and psdu[5:7] == pack("<H", SHORT)]
    serves(home)


# --- F5 to F7: counters and MICs ---------------------------------------------------------------------------------


def test_f5_a_replayed_frame_is_dropped_in_silence(home, attacker):
    frames = attacker.of("home1/esme", 0)
    assert len(frames) > 10
    before, said = len(attacker.drops()), len(attacker.heard)
    answers = []
    for psdu in (frames[-1], *frames[:10]):
        said = len(attacker.heard)
        attacker.put(psdu, 6 * MS)
        answers += [each for who, each in attacker.heard[said:] if who == "home1/hub"]
    assert attacker.drops()[before:] == ["replayed frame counter"] * 11
    assert len(answers) <= 2  # of everyday traffic
    serves(home)


@pytest.mark.parametrize("counter", [100_000_000, 0xFFFFFFFE, 0xFFFFFFFF])
def test_f6_a_counter_far_ahead_with_a_bad_mic_is_not_stored(home, attacker, counter):
    before = len(attacker.drops())
    for psdu in attacker.of("home1/esme", 0)[-3:]:
        attacker.put(attacker.mangled(psdu, set_counter(counter)))
    refused = "frame counter used up" if counter == 0xFFFFFFFF else "the MIC does not fit"
    assert attacker.drops()[before:] == [refused] * 3
    serves(home)


def test_f6_the_last_counter_of_all_is_refused_under_the_right_key(home, attacker):
    before = len(attacker.drops())
    attacker.put(attacker.frame(b"\x00", 0, eui64=home.esme.eui64, counter=0xFFFFFFFF))
    assert attacker.drops()[before:] == ["frame counter used up"]
    serves(home)


def test_f7_a_mic_flipped_in_nwk(home, attacker):
    esme = home.esme.firmware.han.stack
    before = len(attacker.drops())
    genuine = int.from_bytes(attacker.of("home1/esme", 0)[-1][18:22], "little")
    good = attacker.frame(b"\x00", 0, eui64=home.esme.eui64, counter=genuine + 500, source=esme.short)
    attacker.put(attacker.mangled(good, flip(-1)))
    assert attacker.drops()[before:] == ["the MIC does not fit"]
    serves(home)


def test_f7_a_mic_flipped_in_aps_alone(home, attacker):
    """The network layer takes the frame, and its counter; the link key's counter stays."""
    esme = home.esme.firmware.han.stack
    before = len(attacker.drops())
    header = pack("<BBHHBB", aps.SECURITY | aps.ACK_REQUEST, 1, 0x0702, 0x0109, 1, 99)
    auxiliary = security.Auxiliary(0x20, 0x7FFFFFFF, home.esme.eui64).build()
    attacker.put(attacker.frame(header + auxiliary + bytes(12), 0, source=esme.short))
    assert attacker.drops()[before:] == ["the MIC does not fit"]
    serves(home)


def test_a_replay_after_a_power_cut_is_refused_and_no_write_is_made_per_frame(home, attacker):
    """What is stored is the end of a block of 1,024 counters, when one begins."""
    written = []
    home.hub.firmware.han.on(Persist, written.append)
    attacker.listen(6 * HOUR)
    frames = attacker.of("home1/esme", 0) + attacker.of("home1/ihd", 0)
    assert len(frames) > 4000
    assert len(written) < len(frames) / 400
    home.hub.cut(off_for=10 * S)
    home.run(for_=10 * S)
    home.until(lambda: home.hub.firmware is not None and home.hub.firmware.han.stack.joined)
    before = len(attacker.drops())
    for psdu in (*attacker.of("home1/esme", 0)[-20:], *attacker.of("home1/ihd", 0)[-20:]):
        attacker.put(psdu, MS)
    home.run(for_=S)
    drops = attacker.drops()[before:]
    assert drops.count("replayed frame counter") >= 40
    assert set(drops) == {"replayed frame counter"}
    serves(home)


# --- F8, F11: sequence numbers and broadcasts --------------------------------------------------------------------


def relays(attacker, since):
    """Others' broadcasts that the electricity meter passed on."""
    sent = [psdu for who, psdu in attacker.heard[since:] if who == "home1/esme" and psdu[5:7] == b"\xff\xff"]
    return [psdu for psdu in sent if psdu[13:15] != psdu[7:9]]


def test_f8_sequence_numbers_spoilt_without_the_key_change_nothing(home, attacker):
    """Whoever has no key cannot fill the table of broadcasts: the hub's next one arrives."""
    broadcast = next(psdu for who, psdu in reversed(attacker.heard) if who == "home1/hub" and psdu[5:7] == b"\xff\xff")
    for sequence in range(256):
        forged = bytearray(broadcast)
        forged[9 + 7] = sequence
        attacker.put(attacker.mangled(bytes(forged), lambda body: None), 2 * MS)
    since = len(attacker.heard)
    home.hub.firmware.han.apply(home.hub.firmware.han.stack.announce(home.now))
    home.run(for_=S)
    assert len(relays(attacker, since)) == 1
    serves(home)


def test_f8_sequence_numbers_spoilt_by_an_insider_delay_broadcasts_alone(home, attacker):
    for sequence in range(256):
        attacker.put(attacker.frame(b"\x00", RX_ON, source=0, sequence=sequence, hop=0xFFFF), 2 * MS)
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    home.run(for_=10 * S)
    since = len(attacker.heard)
    home.hub.firmware.han.apply(home.hub.firmware.han.stack.announce(home.now))
    home.run(for_=S)
    assert len(relays(attacker, since)) == 1
    serves(home)


def test_f11_a_storm_is_relayed_once_or_not_at_all(home, attacker):
    esme = home.esme.firmware.han.stack
    since = len(attacker.heard)
    for _ in range(20):
        attacker.put(attacker.frame(b"\x08\x01\x02", RX_ON, sequence=7, hop=0xFFFF), 2 * MS)
    home.run(for_=200 * MS)
    assert len(relays(attacker, since)) == 1
    since = len(attacker.heard)
    for radius in (0, 1):
        attacker.put(attacker.frame(b"\x08\x01\x02", RX_ON, sequence=8 + radius, radius=radius, hop=0xFFFF))
    attacker.put(attacker.frame(b"\x08\x01\x02", RX_ON, source=esme.short, hop=0xFFFF))
    home.run(for_=S)
    assert relays(attacker, since) == []
    assert "our own address as source" in attacker.drops("home1/esme")
    since = len(attacker.heard)
    for sequence in range(250):
        attacker.put(attacker.frame(b"\x08\x01\x02", RX_ON, sequence=sequence, hop=0xFFFF), MS)
    home.run(for_=2 * S)
    assert 0 < len(relays(attacker, since)) < 250
    serves(home)


# --- F10, F12 ----------------------------------------------------------------------------------------------------


def test_f10_a_stranger_sends_nobody_away(home, attacker):
    for name in ("hub", "esme", "ihd", "ppmid"):
        to = home.board(name).firmware.han.stack.short
        for options in (nwk.Leave.REQUEST, nwk.Leave.REQUEST | nwk.Leave.REJOIN, nwk.Leave.REQUEST | nwk.Leave.REMOVE_CHILDREN):
            attacker.put(attacker.frame(nwk.Leave(options).build(), to, kind=nwk.COMMAND))
        assert attacker.drops(f"home1/{name}")[-3:] == ["a request to leave from one who may not"] * 3
    serves(home)


def test_f12_flooded_tables_push_out_no_partner(home, attacker):
    for number in range(400):
        eui64, short = OURS + number, 0x5000 + number
        command = (
            nwk.LinkStatus(0x60, []),
            nwk.RouteRequest(0, number & 0xFF, 0x7000 + number, 0),
            nwk.RouteRecord(1, [0x1234]),
            nwk.NetworkStatus(nwk.NO_ROUTE, 0x7000 + number),
        )[number % 4].build()
        hop, to = (0xFFFF, ROUTERS) if number % 4 < 2 else (0, 0)
        attacker.put(attacker.frame(command, to, kind=nwk.COMMAND, eui64=eui64, source=short, previous=short, hop=hop), 2 * MS)
    serves(home)


def test_f12_a_flooded_binding_table_refuses_what_it_has_no_room_for(home, attacker):
    """Anybody with the network key may bind; what is bound stays, over a power cut too, and nobody is pushed out of anything."""
    esme = home.esme.firmware.han.stack
    for number in range(40):
        request = zdo.BindRequest(number, home.esme.eui64, 1, 0x0702, 3, None, OURS + number, 1).build()
        attacker.put(attacker.frame(pack("<BBHHBB", 0, 0, zdo.BIND, 0, 0, number) + request, esme.short, kind=nwk.DATA))
    home.run(for_=S)
    bound = esme._zdo.bindings.plain()
    assert [zdo.Binding.parse(octets).destination for octets in bound] == [OURS + number for number in range(16)]
    serves(home)
    home.esme.cut(off_for=S)
    home.run(for_=MIN)
    assert home.esme.firmware.han.stack._zdo.bindings.plain() == bound


def test_f12_a_flooded_child_table_empties_itself_and_keeps_the_children_there_are(home, attacker):
    """A hundred names ask to associate while joining is open, and none of them ever shows that it has the key."""
    hub = home.hub.firmware.han
    before, most = set(hub.stack.children), hub.config.max_children
    hub.apply(hub.stack.permit(60, hub.now))
    request = mac.AssociationRequest(mac.CAPABILITY_RX_ON).build()
    seen = 0
    for number in range(100):
        header = mac.Header(0xC823, number, int.from_bytes(attacker._pan, "little"), 0, None, 0xFFFF, None, OURS + number)
        attacker.put(mac.frame(header, request), 20 * MS)
        seen = max(seen, len(hub.stack.children))
    assert seen == most
    assert before <= set(hub.stack.children)
    home.run(for_=MIN)
    assert set(hub.stack.children) == before
    serves(home)
