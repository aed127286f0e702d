"""What must happen with frames that are broken, forged, replayed or out of place; after each, the next good frame works."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.effects import Effect
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.node import (
    Configure,
    Dropped,
    JoinRefused,
    Left,
    Message,
    NodeType,
    PartnerKey,
    Persist,
    Transmit,
    Undelivered,
)
from protocols.zigbee.security import InstallCodeError, LinkKey, NetworkKey
from protocols.zigbee.trust_centre import LOG_SIZE, DeviceLogFull
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, Station


def psdu_of(station: Station, nwk_frame: bytes, *, source: int = 0, destination: int | None = None) -> bytes:
    """A data PSDU for `station` from `source`."""
    to = station.stack.short if destination is None else destination
    control = mac.DATA | mac.PAN_COMPRESSION | mac.DESTINATION_SHORT | mac.SOURCE_SHORT
    pan = next(frame.psdu for frame in station.cell.on_air if frame.psdu[0] == 0x61)[3:5]
    return crc.append_kermit(pack("<HB", control, 7) + pan + pack("<HH", to, source) + nwk_frame)


class Insider:
    """Somebody with the network key, who may lie about everything else."""

    def __init__(self, victim: Station, hub: Station, eui64: int = 0x00DB0000000000FF, short: int = 0x1111) -> None:
        self.victim = victim
        self.key = dict(hub.stack.labelled_keys())["network key 0"]
        self.eui64 = eui64
        self.short = short
        self.counter = 1000

    def psdu(self, payload: bytes, *, kind: int = nwk.DATA, counter: int | None = None, **changes: int) -> bytes:
        self.counter += 1
        header = nwk.Header(
            kind | nwk.VERSION_PRO | nwk.SECURITY | changes.get("control", 0),
            changes.get("destination", self.victim.stack.short),
            changes.get("source", self.short),
            changes.get("radius", 30),
            changes.get("sequence", self.counter & 0xFF),
        ).build()
        auxiliary = security.Auxiliary(
            0x28, self.counter if counter is None else counter, self.eui64, changes.get("key_sequence", 0)
        ).build()
        frame = security.seal(self.key, self.eui64.to_bytes(8, "little"), header, auxiliary, payload)
        return psdu_of(self.victim, frame, source=self.short, destination=changes.get("hop"))

    def send(self, payload: bytes, **changes: int) -> list[Effect]:
        return self.victim.stack.receive(self.psdu(payload, **changes), self.victim.cell.kernel.now)

    def data(self, payload: bytes, counter: int, *, extension: bytes = b"", cluster: int = 0x0702) -> bytes:
        """An APS data frame to endpoint 1 that asks for an acknowledgement."""
        control = aps.ACK_REQUEST | (aps.EXTENDED if extension else 0)
        return pack("<BBHHBB", control, 1, cluster, 0x0109, 1, counter) + extension + payload


@pytest.fixture
def insider(home: dict[str, Station]) -> Insider:
    return Insider(home["meter"], home["hub"])


@pytest.fixture(autouse=True)
def next_good_frame_works(request: pytest.FixtureRequest, cell: Cell) -> Iterator[None]:
    """After every test with a home: a secured message still passes."""
    home = request.getfixturevalue("home") if "home" in request.fixturenames else None
    yield
    if home is not None:
        home["meter"].effects.clear()
        home["hub"].send(home["meter"].stack.short, b"still here", link_key=True)
        cell.run(8)
        assert b"still here" in [message.payload for message in home["meter"].told(Message)]


def reasons(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(effect.layer, effect.reason) for effect in effects if isinstance(effect, Dropped)]


def only_dropped(effects: list[Effect]) -> bool:
    return all(isinstance(effect, Dropped) for effect in effects)


# --- F1, F2, F3: the MAC -----------------------------------------------------------------------------------------


def test_f1_wrong_length_or_checksum(home: dict[str, Station], insider: Insider) -> None:
    good = insider.psdu(insider.data(b"x", 1))
    receive = home["meter"].stack.receive
    assert reasons(receive(good[:-1] + bytes((good[-1] ^ 1,)), 0)) == [("mac", "the FCS does not fit")]
    assert only_dropped(receive(bytes(8), 0))
    assert reasons(receive(bytes(128), 0)) == [("mac", "a PSDU of 128 octets")]
    assert reasons(receive(b"", 0)) == [("mac", "a PSDU of 0 octets")]


def test_f2_a_beacon_that_locked_up_a_radio_is_skipped(cell: Cell) -> None:
    hub, device = cell.hub(), cell.device("meter", METER, NodeType.ROUTER)
    hub.stack.trust_centre.add(METER, INSTALL_CODE)
    hub.do(hub.stack.permit(60, cell.kernel.now))
    device.do(device.stack.join(cell.kernel.now))
    for octets in ("00805600 05FA0722CF00", "00805600 05FA0722"):
        effects = device.stack.receive(crc.append_kermit(bytes.fromhex(octets)), cell.kernel.now)
        assert effects
        assert only_dropped(effects)
    cell.run(5)
    assert device.stack.joined


def test_f3_a_flag_without_its_field(insider: Insider) -> None:
    psdu = insider.psdu(b"")
    frame = bytearray(psdu[:-2])
    frame[10] |= 0x18  # both EUI-64 in the NWK header, which are not there
    assert only_dropped(insider.victim.stack.receive(crc.append_kermit(bytes(frame)), 0))


# --- F4 to F9, F11: the network ----------------------------------------------------------------------------------


def test_unsecured_data_and_unknown_keys(home: dict[str, Station], insider: Insider) -> None:
    meter = home["meter"]
    header = nwk.Header(nwk.VERSION_PRO, meter.stack.short, 0, 30, 1).build()
    effects = meter.stack.receive(psdu_of(meter, header + insider.data(b"x", 1)), 0)
    assert reasons(effects) == [("aps", "unsecured")]
    effects = meter.stack.receive(psdu_of(meter, nwk.Header(9, meter.stack.short, 0, 30, 1).build() + b"\x04\x40"), 0)
    assert reasons(effects) == [("nwk", "an unsecured command")]
    assert reasons(insider.send(insider.data(b"x", 2), key_sequence=9)) == [("nwk", "unknown key sequence number")]


def test_replayed_frame_counters(insider: Insider) -> None:
    first = insider.psdu(insider.data(b"x", 1), counter=500)
    assert insider.victim.stack.receive(first, 0)
    assert reasons(insider.victim.stack.receive(first, 0)) == [("nwk", "replayed frame counter")]
    assert reasons(insider.send(insider.data(b"x", 2), counter=499)) == [("nwk", "replayed frame counter")]
    assert [e for e in insider.send(insider.data(b"x", 3), counter=501) if isinstance(e, Message)]


@pytest.mark.parametrize("counter", [2_000_000, 0xFFFFFFFE, 0xFFFFFFFF])
def test_a_counter_far_ahead_with_a_bad_mic_changes_nothing(insider: Insider, counter: int) -> None:
    body = bytearray(insider.psdu(insider.data(b"x", 1), counter=counter)[:-2])
    body[-1] ^= 1
    assert len(reasons(insider.victim.stack.receive(crc.append_kermit(bytes(body)), 0))) == 1
    assert [e for e in insider.send(insider.data(b"x", 2), counter=1) if isinstance(e, Message)]


def test_a_bad_mic_of_aps_alone_stores_no_counter(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    meter.send(0, b"one", link_key=True)
    cell.run(1)
    hub.effects.clear()
    insider = Insider(hub, hub, METER, meter.stack.short)
    insider.counter = meter.counters.values["nwk"] + 1
    header = pack("<BBHHBB", aps.SECURITY | aps.ACK_REQUEST, 1, 0x0702, 0x0109, 1, 99)
    effects = insider.send(header + pack("<BI", 0, 0x7FFFFFFF) + bytes(12))
    assert reasons(effects) == [("aps", "the MIC does not fit")]
    meter.counters.values["nwk"] = insider.counter + 10
    meter.send(0, b"two", link_key=True)
    cell.run(1)
    assert [message.payload for message in hub.told(Message)] == [b"two"]


def under_link_key(sender: int, receiver: Station, counter: int, header: bytes, payload: bytes, *, identifier: int = 0) -> bytes:
    """An APS frame from `sender` under a key derived from the link key that `receiver` holds with it."""
    link = LinkKey(dict(receiver.stack.labelled_keys())[f"install code key {sender:016X}"], "install code")
    auxiliary = security.Auxiliary(identifier | 0x20, counter, sender).build()
    return security.seal(link.derived(identifier), sender.to_bytes(8, "little"), header, auxiliary, payload)


def test_replayed_aps_frames_in_fresh_network_frames(home: dict[str, Station]) -> None:
    hub = home["hub"]
    insider = Insider(hub, hub)
    later = home["meter"].counters.values[f"aps.{HUB:016x}"] = 50
    for counter, duplicate, accepted in ((later, 1, True), (later, 2, False), (later - 1, 3, False), (later + 1, 4, True)):
        header = pack("<BBHHBB", aps.SECURITY, 1, 0x0702, 0x0109, 1, duplicate)
        effects = insider.send(under_link_key(METER, hub, counter, header, b"credit 10"))
        assert bool([e for e in effects if isinstance(e, Message)]) == accepted
        assert accepted or reasons(effects) == [("aps", "replayed frame counter")]


def test_an_unsecured_acknowledgement_of_secured_data_does_not_count(home: dict[str, Station], cell: Cell) -> None:
    hub, meter = home["hub"], home["meter"]
    hub.radio.reset()
    handle = meter.send(0, b"important", link_key=True)
    forger = Insider(meter, hub, 0xEE, 0x3333)
    for counter in range(256):
        acknowledgement = pack("<BBHHBB", aps.ACK, 1, 0x0702, 0x0109, 1, counter)
        meter.do(forger.send(acknowledgement, source=0))
    cell.run(10)
    assert [(e.handle, e.reason) for e in meter.told(Undelivered)] == [(handle, "no acknowledgement")]
    cell.restart(hub, [e.state for e in cell.told_ever["hub"] if isinstance(e, Persist)][-1])


def test_f13_a_network_key_for_another_device(home: dict[str, Station], insider: Insider) -> None:
    hub, meter = home["hub"], home["meter"]
    counter = hub.counters.values[f"aps.{METER:016x}"]
    for destination, source in ((DISPLAY, HUB), (METER, DISPLAY)):
        counter += 1
        command = aps.NetworkKeyDescriptor(bytes(16), 7, destination, source).build()
        frame = under_link_key(HUB, meter, counter, b"\x21\x01", command, identifier=security.KEY_TRANSPORT_KEY)
        assert reasons(insider.send(frame)) == [("aps", "a network key for another device")]
    hub.counters.values[f"aps.{METER:016x}"] = counter
    assert "network key 7" not in dict(meter.stack.labelled_keys())


def test_f13_a_key_request_under_the_wrong_derived_key(home: dict[str, Station]) -> None:
    hub = home["hub"]
    insider = Insider(hub, hub)
    request = aps.RequestKey(aps.REQUEST_APPLICATION, DISPLAY).build()
    counter = home["meter"].counters.values[f"aps.{HUB:016x}"]
    for identifier in (security.KEY_TRANSPORT_KEY, security.KEY_LOAD_KEY):
        counter += 1
        frame = under_link_key(METER, hub, counter, b"\x21\x01", request, identifier=identifier)
        assert reasons(insider.send(frame)) == [("aps", "a key request from a stranger or under the wrong key")]
    counter += 1
    effects = insider.send(under_link_key(METER, hub, counter, b"\x21\x01", request))
    assert len([e for e in effects if isinstance(e, Transmit)]) == 2
    home["meter"].counters.values[f"aps.{HUB:016x}"] = counter


def test_one_sequence_number_for_everything(insider: Insider) -> None:
    for counter in range(1, 40):
        effects = insider.send(insider.data(b"x", counter), sequence=7)
        assert [e for e in effects if isinstance(e, Message)]


def test_f9_answers_nobody_asked_for(home: dict[str, Station], insider: Insider) -> None:
    meter = home["meter"]
    short = meter.stack.short
    hub = Insider(meter, home["hub"], HUB, 0)
    hub.counter = 10_000
    for effects in (
        hub.send(nwk.RejoinResponse(0x2222, 0).build(), kind=nwk.COMMAND),
        insider.send(nwk.RejoinResponse(0x2222, 0).build(), kind=nwk.COMMAND),
        meter.stack.receive(mac.association_response(1, 0x1234, METER, HUB, 0x2222, 0), 0),
    ):
        assert not any(isinstance(effect, Configure) for effect in effects)
        assert all(effect.state["short"] == short for effect in effects if isinstance(effect, Persist))
    assert meter.stack.short == short
    home["hub"].counters.values["nwk"] = hub.counter + 1


def test_a_leave_from_one_who_may_not(home: dict[str, Station], insider: Insider) -> None:
    for options in (nwk.Leave.REQUEST, nwk.Leave.REQUEST | nwk.Leave.REJOIN):
        effects = insider.send(nwk.Leave(options).build(), kind=nwk.COMMAND)
        assert reasons(effects) == [("nwk", "a request to leave from one who may not")]
    liar = Insider(home["meter"], home["hub"], 0x99, 0x2222)
    effects = liar.send(nwk.Leave(nwk.Leave.REQUEST).build(), kind=nwk.COMMAND, source=0)
    assert reasons(effects) == [("nwk", "a leave on behalf of another device")]
    assert home["meter"].stack.joined


def test_broadcast_storms_and_used_up_radius_end(home: dict[str, Station], cell: Cell, insider: Insider) -> None:
    meter = home["meter"]
    frame = insider.data(b"storm", 1)
    frame = bytes((aps.BROADCAST,)) + frame[1:]
    for _ in range(20):
        meter.do(insider.send(frame, destination=0xFFFD, hop=0xFFFF, sequence=9))
    assert len(meter.told(Message)) == 1
    relayed = insider.send(frame, destination=0xFFFD, hop=0xFFFF, sequence=10, radius=1)
    assert not any(isinstance(effect, Transmit) for effect in relayed)
    assert meter.stack.deadline is not None
    own = insider.send(frame, source=meter.stack.short)
    assert reasons(own) == [("nwk", "our own address as source")]
    assert reasons(insider.send(frame, destination=0x7777, radius=1)) == [("nwk", "radius used up")]
    assert reasons(insider.send(frame, destination=0xFFF9, hop=0xFFFF)) == [("nwk", "a reserved broadcast address")]
    heard = len(cell.on_air)
    cell.run(5)
    assert len(cell.on_air) - heard < 10


def test_flooded_tables_keep_the_partners(home: dict[str, Station], cell: Cell) -> None:
    hub = home["hub"]
    for number in range(500):
        stranger = Insider(hub, hub, 0x5000_0000 + number, 0x4000 + number)
        hub.do(stranger.send(stranger.data(b"x", 1)))
    for name in ("meter", "display", "gas"):
        handle = home[name].send(0, b"partner", link_key=True)
        cell.run(1)
        assert handle not in [e.handle for e in home[name].told(Undelivered)]
    assert [m.payload for m in hub.told(Message)][-3:] == [b"partner"] * 3


# --- F13, F19, F20: keys -----------------------------------------------------------------------------------------


def test_f13_keys_from_anybody_but_the_trust_centre(home: dict[str, Station], insider: Insider) -> None:
    meter = home["meter"]
    before = meter.stack.labelled_keys()
    new = bytes(range(16))
    for command in (
        aps.NetworkKeyDescriptor(new, 5, METER, HUB),
        aps.ApplicationKeyDescriptor(new, DISPLAY, 1),
        aps.TrustCentreKeyDescriptor(new, METER, HUB),
        aps.SwitchKey(5),
        aps.RemoveDevice(METER),
    ):
        clear = bytes((aps.COMMAND, 1)) + command.build()
        assert not any(isinstance(e, Persist | PartnerKey | Left) for e in insider.send(clear))
        for identifier in (security.DATA_KEY, security.KEY_TRANSPORT_KEY, security.KEY_LOAD_KEY):
            auxiliary = security.Auxiliary(identifier | 0x20, 1 << 30, HUB).build()
            wrong = LinkKey(bytes(16), "wrong").derived(identifier)
            sealed = security.seal(wrong, HUB.to_bytes(8, "little"), bytes((0x21, 1)), auxiliary, command.build())
            assert reasons(insider.send(sealed)) == [("aps", "the MIC does not fit")]
    assert meter.stack.labelled_keys() == before


def test_f13_a_key_under_the_wrong_derived_key_is_not_believed(home: dict[str, Station], insider: Insider) -> None:
    link = LinkKey(dict(home["meter"].stack.labelled_keys())[f"install code key {HUB:016X}"], "install code")
    command = aps.ApplicationKeyDescriptor(bytes(16), DISPLAY, 1).build()
    counter = home["hub"].counters.values[f"aps.{METER:016x}"]
    for identifier in (security.DATA_KEY, security.KEY_TRANSPORT_KEY):
        counter += 1
        auxiliary = security.Auxiliary(identifier | 0x20, counter, HUB).build()
        key = link.derived(identifier)
        effects = insider.send(security.seal(key, HUB.to_bytes(8, "little"), b"\x21\x01", auxiliary, command))
        assert reasons(effects) == [("aps", "a key command not from the trust centre or under the wrong key")]
    home["hub"].counters.values[f"aps.{METER:016x}"] = counter


def test_f20_the_log_holds_sixteen_devices(cell: Cell) -> None:
    centre = cell.hub().stack.trust_centre
    for number in range(LOG_SIZE):
        centre.add(number + 1, INSTALL_CODE)
    centre.add(1, INSTALL_CODE)
    with pytest.raises(DeviceLogFull):
        centre.add(LOG_SIZE + 1, INSTALL_CODE)
    assert centre.devices == tuple(range(1, LOG_SIZE + 1))
    with pytest.raises(InstallCodeError):
        centre.add(1, INSTALL_CODE[:-1] + b"\0")


def test_f20_a_stranger_gets_no_key(cell: Cell) -> None:
    hub, device = cell.hub(), cell.device("stranger", METER, NodeType.ROUTER)
    hub.do(hub.stack.permit(60, cell.kernel.now))
    device.do(device.stack.join(cell.kernel.now))
    cell.run(8)
    assert hub.told(JoinRefused)
    assert not any(frame.psdu[0] & 7 == mac.DATA for frame in cell.on_air)


# --- F16, F17: application support -------------------------------------------------------------------------------


def test_f16_a_duplicate_is_acknowledged_again_and_not_delivered_again(insider: Insider) -> None:
    first, second = (insider.send(insider.data(b"x", 42)) for _ in range(2))
    assert [len([e for e in effects if isinstance(e, Message)]) for effects in (first, second)] == [1, 0]
    assert [len([e for e in effects if isinstance(e, Transmit)]) for effects in (first, second)] == [1, 1]


@pytest.mark.parametrize(
    ("fragments", "reason"),
    [
        ([b"\x02\x01"], "a fragment without the first one"),
        ([b"\x01\x00"], "0 fragments"),
        ([b"\x01\xff"], "255 fragments"),
        ([b"\x01\x03", b"\x02\x03"], "fragment 3 of 3"),
        ([b"\x01\x03", b"\x02\x00"], "fragment 0 of 3"),
        ([b"\x01\x03", b"\x01\x04"], "a first fragment that contradicts the one before"),
    ],
)
def test_f17_fragments_that_make_no_sense(insider: Insider, fragments: list[bytes], reason: str) -> None:
    for fragment in fragments:
        effects = insider.send(insider.data(b"part", 5, extension=fragment))
    assert reasons(effects) == [("aps", reason)]
    assert not any(isinstance(effect, Transmit) for effect in effects)


def test_f17_another_cluster_in_the_middle_and_a_good_transfer_beside_it(insider: Insider, home: dict[str, Station]) -> None:
    other = Insider(insider.victim, home["hub"], 0xEE, 0x3333)
    insider.send(insider.data(b"a", 5, extension=b"\x01\x02"))
    other.send(other.data(b"A", 5, extension=b"\x01\x02"))
    effects = insider.send(insider.data(b"b", 5, extension=b"\x02\x01", cluster=0x0700))
    assert reasons(effects) == [("aps", "a fragment of something else")]
    effects = other.send(other.data(b"B", 5, extension=b"\x02\x01"))
    assert [e.payload for e in effects if isinstance(e, Message)] == [b"AB"]
    effects = insider.send(insider.data(b"b", 5, extension=b"\x02\x01"))
    assert [e.payload for e in effects if isinstance(e, Message)] == [b"ab"]


def test_f17_a_transfer_that_never_ends_is_given_up(insider: Insider, cell: Cell, home: dict[str, Station]) -> None:
    meter = home["meter"]
    for counter in range(3):
        meter.do(insider.send(insider.data(b"a", counter, extension=b"\x01\x02")))
    assert reasons(meter.effects) == [("aps", "too many fragmented transfers at once")]
    cell.run(13)
    assert meter.stack.drops["aps", "an unfinished transfer"] == 2
    meter.do(insider.send(insider.data(b"a", 9, extension=b"\x01\x01")))
    assert [message.payload for message in meter.told(Message)] == [b"a"]


def test_f17_fragments_beyond_the_cap_are_refused(insider: Insider) -> None:
    insider.send(insider.data(bytes(75), 5, extension=b"\x01\x60"))
    for block in range(1, 0x60):
        effects = insider.send(insider.data(bytes(75), 5, extension=bytes((2, block))))
        if reasons(effects):
            break
    assert reasons(effects) == [("aps", "fragments of more than 4096 octets")]


# --- anything at all ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standing() -> dict[str, Station]:
    home = Cell().home()
    home["hub"].do(home["hub"].stack.permit(254, home["hub"].cell.kernel.now))
    return home


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(psdu=st.binary(max_size=140), seal=st.booleans())
def test_any_octets(standing: dict[str, Station], psdu: bytes, seal: bool) -> None:
    for station in standing.values():
        station.stack.receive(crc.append_kermit(psdu) if seal else psdu, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=80), kind=st.sampled_from([nwk.DATA, nwk.COMMAND]), first=st.integers(0, 255))
def test_any_octets_behind_good_security(standing: dict[str, Station], payload: bytes, kind: int, first: int) -> None:
    for name in ("hub", "meter", "display", "gas"):
        insider = Insider(standing[name], standing["hub"], 0xEE00 + first, 0x3300 + first)
        insider.counter = _rising()
        insider.send(bytes((first % 16,)) + payload, kind=kind)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=60), cluster=st.sampled_from([0, 1, 2, 4, 5, 6, 0x13, 0x34, 0x36, 0x8000, 0x8006, 0x8005, 7]))
def test_any_device_object_request(standing: dict[str, Station], payload: bytes, cluster: int) -> None:
    insider = Insider(standing["meter"], standing["hub"], 0xEE, 0x3333)
    insider.counter = _rising()
    frame = pack("<BBHHBB", 0, 0, cluster, 0, 0, insider.counter & 0xFF) + payload
    insider.send(frame)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.binary(min_size=1, max_size=60), identifier=st.sampled_from([0x00, 0x10, 0x18]))
def test_any_command_behind_a_good_link_key(standing: dict[str, Station], command: bytes, identifier: int) -> None:
    hub = standing["hub"]
    insider = Insider(hub, hub, GAS, hub.stack.address_of(GAS) or 0)
    insider.counter = _rising()
    link = LinkKey(dict(hub.stack.labelled_keys())[f"install code key {GAS:016X}"], "install code")
    auxiliary = security.Auxiliary(identifier | 0x20, insider.counter, GAS).build()
    key = link.derived(identifier)
    insider.send(security.seal(key, GAS.to_bytes(8, "little"), b"\x21\x01", auxiliary, command))


_last = 100_000


def _rising() -> int:
    global _last
    _last += 2
    return _last


def test_representations_hide_keys() -> None:
    key = bytes(range(16))
    for held in (LinkKey(key, "application"), NetworkKey(key), Persist({"key": key})):
        assert repr(key)[2:10] not in repr(held)
        assert key.hex() not in repr(held)
