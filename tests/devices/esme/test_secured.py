"""The meter of the laboratory: protected associations by its optical port and its tunnel, and what its memory keeps for them."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from devices.parts.dlms_access import AHEAD, HLS_CLIENTS, PRE_ESTABLISHED, Lab
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import HOUR, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, hdlc
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE, Terms
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.client import AssociationRefused, Client, Refused, drive
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter
from protocols.dlms.security import signature
from protocols.dlms.security.ciphering import Keys, cipher
from protocols.dlms.security.keywrap import wrap
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Policy
from protocols.dlms.xdlms import ServiceError

CLIENT_TITLE = bytes.fromhex("4D42480000000001")
METER_TITLE = bytes.fromhex("00DB123456789A01")
SERVER_KEY, CLIENT_KEY = (signature.generate(signature.Curve.P256, Random(f"lab test/{name}")) for name in ("server", "client"))
LAB = Lab(
    client_title=CLIENT_TITLE,
    unicast=bytes(range(16)),
    broadcast=bytes(range(16, 32)),
    authentication=bytes(range(0xD0, 0xE0)),
    master=bytes(range(0x80, 0x90)),
    secret=b"test secret",
    signing=SERVER_KEY,
    client_signing=signature.public_key(CLIENT_KEY),
)
GET = bytes.fromhex("C001C100010000600100FF0200")  # the serial number
GLO_GET = 0xC8


@pytest.fixture
def lab(new_meter, premises):
    """A meter without a radio: it is there 50 ms after its mains are."""

    def make(flash=None, hold_up=S):
        made = new_meter(interface="wired", lab=LAB, wait=False, flash=flash, hold_up=hold_up)
        made.run(S)
        return made

    return make


def material(counters, unicast=LAB.unicast) -> SecurityMaterial:
    symmetric = {KeyId.UNICAST_ENCRYPTION: unicast, KeyId.AUTHENTICATION: LAB.authentication, KeyId.MASTER: LAB.master}
    peers = {METER_TITLE: signature.public_key(SERVER_KEY)}
    keys = KeySet(symmetric, signing=CLIENT_KEY, agreement=CLIENT_KEY, peer_signing=peers, peer_agreement=peers)
    return SecurityMaterial(CLIENT_TITLE, keys, lambda: next(counters), rng=Random("client"))


def client_of(mechanism=Mechanism.HIGH_GMAC, counters=None, secret=LAB.secret, unicast=LAB.unicast) -> Client:
    authentication = Authentication(mechanism, secret, Random("client"), CLIENT_TITLE)
    security = Security(material(counters or count(100), unicast), METER_TITLE)
    return Client(HLS_CLIENTS[mechanism], 1, authentication=authentication, security=security)


class Listening:
    """An exchange with the meter's server that keeps what the meter says."""

    def __init__(self, bench, client_sap: int) -> None:
        self.session = bench.firmware.server.session(client_sap, 1, 2048)
        self.heard: list[bytes] = []

    def __call__(self, apdu: bytes) -> bytes:
        self.heard += self.session.receive(apdu, 0)
        return self.heard[-1]

    @property
    def counters(self) -> list[int]:
        """Of the ciphered answers among them."""
        return [int.from_bytes(apdu[3:7], "big") for apdu in self.heard if apdu[0] in (0xCC, 0xCF)]


@pytest.mark.parametrize("mechanism", HLS_CLIENTS, ids=lambda mechanism: mechanism.name)
def test_every_mechanism_by_the_optical_port(lab, mechanism) -> None:
    meter = lab()
    client = client_of(mechanism)
    head = meter.head(client=client.client_sap)
    assert isinstance(head.connect(), hdlc.Connected)
    with Meter(head.exchange, client) as found:
        assert found.register("1-0:1.8.0").value == meter.meter.import_wh


def test_gmac_by_the_tunnel(new_meter) -> None:
    meter = new_meter(lab=LAB)
    tunnel = meter.tunnel()
    with Meter(tunnel.exchange(35), client_of()) as found:
        assert found.register("1-0:1.8.0").value == meter.meter.import_wh
    assert all(b"1-0" not in octets and b"MBE" not in octets for octets in tunnel.received)


def test_bad_messages_at_the_optical_port_do_nothing(lab) -> None:
    """D1, D2, D6 and D8 through HDLC, with the next good request after each."""
    meter = lab()
    client = client_of(counters=count(100))
    head = meter.head(client=35)
    assert isinstance(head.connect(), hdlc.Connected)
    drive(client.associate(), head.exchange)
    keys = Keys(LAB.unicast, LAB.authentication)
    meter.firmware.clients.security.policy = Policy.version0(3)
    good = cipher(GLO_GET, GET, keys, CLIENT_TITLE, 5_000)
    for apdu, answer in (
        (good[:-1] + bytes((good[-1] ^ 1,)), "D80105"),
        (good[:-1], "D80105"),
        (cipher(GLO_GET, GET, keys, CLIENT_TITLE, 5), "D80106"),
        (GET, "D80101"),
        (b"\xc8\x05\x30\x00\x00\x10\x00", "D80105"),
    ):
        assert head.exchange(apdu)[:3] == bytes.fromhex(answer)
        assert drive(client.get("0-0:96.1.0", 1, 2), head.exchange).value == b"E6 0000001"


def test_the_pre_established_association_is_there_at_once(lab) -> None:
    meter = lab()
    client = Client(PRE_ESTABLISHED, 1, security=Security(material(count(1)), METER_TITLE))
    client.assume(Terms(CONFORMANCE, 1024, Context.LOGICAL_NAME_CIPHERED))
    exchange = Listening(meter, PRE_ESTABLISHED)
    assert drive(client.get("0-0:96.1.0", 1, 2), exchange).value == b"E6 0000001"


# --- what memory keeps


def test_d9_a_restored_image_repeats_no_counter(lab) -> None:
    meter = lab()
    exchange, counters = Listening(meter, 35), count(100)
    client = client_of(counters=counters)
    drive(client.associate(), exchange)
    flash = meter.board.flash
    old = Flash(flash.bank_size, (flash.image(0), flash.image(1)))
    for _ in range(40):
        drive(client.get("0-0:96.1.0", 1, 2), exchange)
    sent = exchange.counters
    assert sent == sorted(set(sent))
    meter.mains.off(10 * S)
    meter.run(5 * S)
    meter.board.flash = old
    meter.run(10 * S)
    again = Listening(meter, 35)
    drive(client_of(counters=counters).associate(), again)
    assert again.counters[0] > sent[-1]


@pytest.mark.parametrize("hold_up", [S, 0])
def test_counters_go_on_after_a_cut(lab, hold_up) -> None:
    """With time to save, the meter knows the client's last counter to the number; without, it refuses a few more."""
    meter = lab(hold_up=hold_up)
    exchange, counters = Listening(meter, 35), count(100)
    client = client_of(counters=counters)
    drive(client.associate(), exchange)
    for _ in range(3 * AHEAD):
        drive(client.get("0-0:96.1.0", 1, 2), exchange)
    last, sent = next(counters) - 1, exchange.counters
    meter.mains.off(10 * S)
    meter.run(20 * S)
    again = Listening(meter, 35)
    with pytest.raises(Refused) as refused:
        drive(client_of(counters=count(101)).associate(), again)  # as an attacker who recorded it all
    expected = refused.value.invocation_counter
    assert refused.value.service_error == ServiceError.INVOCATION_COUNTER_ERROR
    assert (expected == last + 1) if hold_up else (last < expected <= last + 1 + AHEAD)
    drive(client_of(counters=count(expected)).associate(), again)
    assert again.counters[0] > sent[-1]


def test_a_dip_before_a_cut_makes_no_old_message_good(lab) -> None:
    """The counters were saved for a loss that was over soon; what was accepted after that is not good again either."""
    meter = lab()
    exchange, counters = Listening(meter, 35), count(100)
    drive(client_of(counters=counters).associate(), exchange)
    meter.mains.off(S // 10)
    meter.run(S)
    keys, apdu = Keys(LAB.unicast, LAB.authentication), b""
    for _ in range(AHEAD // 2):
        apdu = cipher(GLO_GET, GET, keys, CLIENT_TITLE, next(counters))
        assert exchange(apdu)[0] == 0xCC
    meter.board.cut(10 * S)
    meter.run(20 * S)
    expected = meter.firmware.clients.security.counters.expected(CLIENT_TITLE, KeyId.UNICAST_ENCRYPTION)
    assert expected > int.from_bytes(apdu[3:7], "big")
    again = Listening(meter, 35)
    drive(client_of(counters=count(expected)).associate(), again)
    assert again(apdu)[:3] == bytes.fromhex("D80106")


@pytest.mark.parametrize("operations", range(0, 160, 7))
def test_no_cut_makes_an_old_message_good(lab, operations) -> None:
    """The power goes within any flash operation: what was accepted before is never accepted again, nothing sent is repeated."""
    meter = lab(flash=Flash(8 * KIB), hold_up=0)
    exchange, counters = Listening(meter, 35), count(100)
    client = client_of(counters=counters)
    drive(client.associate(), exchange)
    keys, accepted, cut = Keys(LAB.unicast, LAB.authentication), [], []

    def ask():
        apdu = cipher(GLO_GET, GET, keys, CLIENT_TITLE, next(counters))
        answers = exchange.session.receive(apdu, 0)
        assert answers[0][0] == 0xCC
        exchange.heard.extend(answers)
        accepted.append(apdu)

    meter.kernel.log.subscribe(lambda now, who, kind, data: cut.append(now) if (who, kind) == ("esme", "power") else None)
    meter.board.cut_at_flash_operation(operations, off_for=10 * S)
    while not cut and len(accepted) < 400:
        meter.kernel.at(meter.kernel.now, ask, who="esme")
        meter.run(1)
    assert cut
    meter.run(HOUR)
    sent = exchange.counters
    again = Listening(meter, 35)
    expected = meter.firmware.clients.security.counters.expected(CLIENT_TITLE, KeyId.UNICAST_ENCRYPTION)
    drive(client_of(counters=count(expected)).associate(), again)
    assert again.counters[0] > sent[-1]
    for apdu in accepted[-3:]:
        assert again(apdu)[:3] == bytes.fromhex("D80106")


def test_a_changed_secret_outlives_a_cut(lab) -> None:
    meter = lab()
    exchange = Listening(meter, 33)
    client = client_of(Mechanism.HIGH_MD5, count(100))
    drive(client.associate(), exchange)
    drive(client.action("0-0:40.0.0", 15, 2, axdr.octets(b"another test secret")), exchange)
    meter.mains.off(10 * S)
    meter.run(20 * S)
    again = Listening(meter, 33)
    with pytest.raises(AccessError):
        drive(client_of(Mechanism.HIGH_MD5, count(300)).associate(), again)
    drive(client_of(Mechanism.HIGH_MD5, count(400), b"another test secret").associate(), again)
    drive(client_of(Mechanism.HIGH_SHA1, count(500)).associate(), Listening(meter, 34))


def test_users_and_removed_objects_outlive_a_cut(lab) -> None:
    meter = lab()
    exchange, client = Listening(meter, 35), client_of(counters=count(100))
    drive(client.associate(), exchange)
    listed = drive(client.get("0-0:40.0.0", 15, 2), exchange).value
    (serial,) = [one for one in listed if one.value[2].value == bytes.fromhex("0000600100FF")]
    drive(client.action("0-0:40.0.0", 15, 4, serial), exchange)
    drive(client.action("0-0:40.0.0", 15, 5, axdr.structure(axdr.u8(3), axdr.visible("three"))), exchange)
    meter.mains.off(10 * S)
    meter.run(20 * S)
    again = Listening(meter, 35)
    with pytest.raises(AssociationRefused, match="calling-ae-invocation"):
        drive(client_of(counters=count(500)).associate(), again)
    authentication = Authentication(Mechanism.HIGH_GMAC, rng=Random("client"), user=3)
    named = Client(35, 1, authentication=authentication, security=Security(material(count(600)), METER_TITLE))
    drive(named.associate(), again)
    with pytest.raises(AccessError, match="object-undefined"):
        drive(named.get("0-0:96.1.0", 1, 2), again)


def test_transferred_keys_and_a_stronger_policy_outlive_a_cut(lab) -> None:
    meter = lab()
    exchange, key = Listening(meter, 35), bytes(range(0x20, 0x30))
    client = client_of(counters=count(100))
    drive(client.associate(), exchange)
    wrapped = axdr.octets(wrap(LAB.master, key))
    drive(client.action("0-0:43.0.0", 64, 1, axdr.enum(int(Policy.version0(3)))), exchange)
    drive(client.action("0-0:43.0.0", 64, 2, axdr.array([axdr.structure(axdr.enum(0), wrapped)])), exchange)
    meter.mains.off(10 * S)
    meter.run(20 * S)
    again = Listening(meter, 35)
    with pytest.raises(Refused, match="deciphering-error"):
        drive(client_of(counters=count(900)).associate(), again)
    changed = client_of(counters=count(0), unicast=key)
    drive(changed.associate(), again)
    assert drive(changed.get("0-0:43.0.0", 64, 2), again).value == Policy.version0(3)
    assert again(GET) == bytes.fromhex("D80101")


def test_a_client_finds_the_counter_that_it_has_lost(lab) -> None:
    meter = lab()
    drive(client_of(counters=count(7_000)).associate(), Listening(meter, 35))
    with Meter(Listening(meter, 16), Client(16)) as public:
        last = drive(public.client.get("0-0:43.1.0", 1, 2), public.exchange).value
    drive(client_of(counters=count(last + 1)).associate(), Listening(meter, 35))


def test_the_profile_open_has_none_of_it(new_meter) -> None:
    meter = new_meter(interface="wired", wait=False)
    meter.run(S)
    assert meter.firmware.clients.security is None
    assert set(meter.firmware.server.devices[1].associations) == {1, 16}
    with pytest.raises(RemoteProtocolError):
        drive(client_of().associate(), Direct(meter.firmware.server.session(35, 1, 2048)))
