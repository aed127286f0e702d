"""The lab's electricity meter gets a certificate for a key pair of its own, keeps both, signs with them; reads under protection."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from random import Random

import pytest

from devices.parts.dlms_access import Lab
from devices.runtime.kernel import DAY, MIN, S
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.errors import RemoteProtocolError
from protocols.core.x509 import parse
from protocols.dlms import axdr
from protocols.dlms.acse import Mechanism
from protocols.dlms.authentication import Authentication, NotAuthentic, Security
from protocols.dlms.client import Client, drive
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.direct import Direct
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateType, Entity
from protocols.dlms.security.ciphering import Keys, Secured, unsecure
from protocols.dlms.security.context import PLAIN
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

SETUP, PROTECTION = "0-0:43.0.0", "0-0:43.2.0"
CLIENT_TITLE = bytes.fromhex("4D42480000000001")
ECDSA_CLIENT, GMAC_CLIENT = 37, 35
SIGNATURE = CertificateType.DIGITAL_SIGNATURE
VALID = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (2000, 2090))
SYMMETRIC = {KeyId.UNICAST_ENCRYPTION: bytes(range(16)), KeyId.AUTHENTICATION: bytes(range(0xD0, 0xE0))}
CLIENT_KEY, METER_KEY = (generate(Curve.P256, Random(name)) for name in ("client", "meter"))


class Office:
    """A client of the lab, and the authority that meter and client trust."""

    def __init__(self, bench):
        self.bench = bench
        self.meter_title = bench.board.eui64.to_bytes(8, "big")
        self.count = count(1_000).__next__

    def exchange(self, client):
        session = self.bench.firmware.server.session(client, 1, 4096)
        return Direct(session, lambda: self.bench.kernel.now)

    def manager(self):
        """Acts as client 1: `act(class, object, method, argument)`."""
        client = Client(1, 1, b"00000000")
        exchange = self.exchange(1)
        drive(client.associate(), exchange)
        return lambda class_id, name, number, argument: drive(client.action(name, class_id, number, argument), exchange)

    def proves_itself_with(self, public):
        """Whether the meter's answer to a challenge of HLS 7 is signed with the key for that public key."""
        keys = KeySet(SYMMETRIC, signing=CLIENT_KEY, peer_signing={self.meter_title: public})
        material = SecurityMaterial(CLIENT_TITLE, keys, count(1).__next__, suite=Suite.S1)
        authentication = Authentication(Mechanism.HIGH_ECDSA, rng=Random("challenge"), title=CLIENT_TITLE)
        client = Client(ECDSA_CLIENT, 1, authentication=authentication, security=Security(material, protection=PLAIN))
        try:
            drive(client.associate(), self.exchange(ECDSA_CLIENT))
        except NotAuthentic:
            return False
        return True

    def believes(self, private):
        """Whether the meter takes that private key for the client's. After wrong ones it lets nobody in for a while."""
        self.bench.run(11 * S)
        keys = KeySet(SYMMETRIC, signing=private, peer_signing={self.meter_title: public_key(METER_KEY)})
        material = SecurityMaterial(CLIENT_TITLE, keys, self.count, suite=Suite.S1)
        authentication = Authentication(Mechanism.HIGH_ECDSA, rng=Random("challenge"), title=CLIENT_TITLE)
        client = Client(ECDSA_CLIENT, 1, authentication=authentication, security=Security(material, protection=PLAIN))
        try:
            drive(client.associate(), self.exchange(ECDSA_CLIENT))
        except RemoteProtocolError:
            return False
        return True


@pytest.fixture
def authority():
    return Authority("Lab", Curve.P256, Random("authority"), VALID)


@pytest.fixture
def office(new_meter, authority):
    lab = Lab(
        client_title=CLIENT_TITLE, unicast=SYMMETRIC[KeyId.UNICAST_ENCRYPTION], broadcast=bytes(16),
        authentication=SYMMETRIC[KeyId.AUTHENTICATION], master=bytes(range(0x80, 0x90)), secret=b"test", suite=1, signing=METER_KEY,
        client_signing=public_key(CLIENT_KEY), authority=authority.certificate,
    )  # fmt: skip
    return Office(new_meter(lab=lab))


@pytest.mark.req("S-065", part=True)
def test_a_meter_signs_with_the_key_of_its_new_certificate_also_after_a_power_cut(office, authority):
    act = office.manager()
    act(64, SETUP, 4, axdr.enum(SIGNATURE))
    request = act(64, SETUP, 5, axdr.enum(SIGNATURE)).value
    assert office.proves_itself_with(public_key(METER_KEY))
    certificate = authority.answer(request, SIGNATURE)
    act(64, SETUP, 6, axdr.octets(certificate))
    public = parse(certificate).public
    bench = office.bench
    for life in range(2):
        assert office.proves_itself_with(public)
        assert not office.proves_itself_with(public_key(METER_KEY))
        options = axdr.structure(axdr.enum(Entity.SERVER), axdr.enum(SIGNATURE), axdr.octets(office.meter_title))
        assert office.manager()(64, SETUP, 7, axdr.structure(axdr.enum(0), options)) == axdr.octets(certificate)
        if not life:
            bench.mains.off(MIN)
            bench.run(for_=2 * MIN)


@pytest.mark.req("S-065")
def test_a_clients_certificate_is_issued_changed_withdrawn_and_runs_out(office, authority):
    """Each time the meter believes whom its certificates name, at that time, and nobody else."""
    first, second, third = (generate(Curve.P256, Random(name)) for name in ("first", "second", "third"))

    def take(key, issuer=authority):
        office.manager()(64, SETUP, 6, axdr.octets(issuer.certify(CLIENT_TITLE, public_key(key), SIGNATURE)))

    def known(*keys):
        return [key in keys for key in (CLIENT_KEY, first, second, third) if office.believes(key)]

    assert known(CLIENT_KEY) == [True]
    take(first)
    assert known(first) == [True]  # issued: in place of what it was made with
    take(second)
    assert known(second) == [True]  # changed
    options = axdr.structure(axdr.enum(Entity.CLIENT), axdr.enum(SIGNATURE), axdr.octets(CLIENT_TITLE))
    office.manager()(64, SETUP, 8, axdr.structure(axdr.enum(0), options))
    assert known() == []  # withdrawn
    soon = office.bench.board.rtc.read() + DAY
    brief = Authority("Lab", Curve.P256, Random("authority"), (VALID[0], soon))
    take(third, brief)
    assert known(third) == [True]
    office.bench.mains.off(MIN)
    office.bench.run(2 * MIN)
    assert known(third) == [True]  # over a restart, too
    office.bench.run(DAY)
    assert known() == []  # run out
    office.bench.mains.off(MIN)
    office.bench.run(2 * MIN)
    assert known() == []
    with pytest.raises(AccessError, match="other-reason"):
        take(third, brief)
    take(third)
    assert known(third) == [True]


@pytest.mark.req("S-077")
def test_asymmetric_keys_open_the_association_and_symmetric_ones_carry_what_is_read(office):
    """Two signatures, one each way, and then half hours by the hundred under AES-GCM, without another."""
    bench, said = office.bench, []

    def read(signing=CLIENT_KEY, symmetric=SYMMETRIC):
        keys = KeySet(symmetric, signing=signing, peer_signing={office.meter_title: public_key(METER_KEY)})
        material = SecurityMaterial(CLIENT_TITLE, keys, office.count, suite=Suite.S1)
        authentication = Authentication(Mechanism.HIGH_ECDSA, rng=Random("challenge"), title=CLIENT_TITLE)
        client, exchange = Client(ECDSA_CLIENT, 1, authentication=authentication, security=Security(material)), office.exchange(37)

        def heard(apdu):
            answer = exchange(apdu)
            said.append((apdu, answer))
            return answer

        drive(client.associate(), heard)
        opened = len(said)
        return opened, [drive(client.get("1-0:1.8.0", 3, 2), heard).value for _ in range(200)]

    opened, values = read()
    assert len(set(values)) >= 1
    assert values[0] == bench.meter.import_wh
    opening, bulk = said[:opened], said[opened:]
    assert sum(len(octets) > 64 for pair in opening[1:] for octets in pair) == 2  # r and s of 32 octets each, both ways
    assert {(request[0], answer[0]) for request, answer in bulk} == {(0xC8, 0xCC)}  # glo-get: AES-GCM
    assert max(len(octets) for pair in bulk for octets in pair) < 64  # no room for a signature
    bench.run(11 * S)
    with pytest.raises(RemoteProtocolError):
        read(signing=generate(Curve.P256, Random("another")))  # the right symmetric keys alone open nothing
    bench.run(11 * S)
    with pytest.raises(RemoteProtocolError):
        read(symmetric={**SYMMETRIC, KeyId.UNICAST_ENCRYPTION: bytes(16)})  # nor does the right signature


def test_a_key_pair_that_waits_for_its_certificate_outlives_a_power_cut(office, authority):
    office.manager()(64, SETUP, 4, axdr.enum(SIGNATURE))
    office.bench.mains.off(MIN)
    office.bench.run(for_=2 * MIN)
    act = office.manager()
    certificate = authority.answer(act(64, SETUP, 5, axdr.enum(SIGNATURE)).value, SIGNATURE)
    act(64, SETUP, 6, axdr.octets(certificate))
    assert office.proves_itself_with(parse(certificate).public)


def test_certificates_of_strangers_change_nothing(office):
    act = office.manager()
    act(64, SETUP, 4, axdr.enum(SIGNATURE))
    request = act(64, SETUP, 5, axdr.enum(SIGNATURE)).value
    stranger = Authority("Lab", Curve.P256, Random("stranger"), VALID)
    for wrong in (stranger.answer(request, SIGNATURE), stranger.certificate, request, b""):
        with pytest.raises(AccessError, match="other-reason"):
            act(64, SETUP, 6, axdr.octets(wrong))
    assert office.proves_itself_with(public_key(METER_KEY))


def test_the_register_is_read_under_protection_by_a_client_without_ciphering(office):
    act = office.manager()
    everything = axdr.structure(axdr.enum(0), axdr.null())
    register = axdr.structure(axdr.u16(3), axdr.octets(bytes.fromhex("0100010800FF")), axdr.i8(2), axdr.u16(0), everything)
    titles = (b"transaction", CLIENT_TITLE, office.meter_title, b"")
    key = axdr.structure(axdr.enum(0), axdr.structure(axdr.enum(0)))
    layer = axdr.structure(axdr.enum(2), axdr.structure(*map(axdr.octets, titles), key))
    office.bench.run(for_=S)
    answer = act(30, PROTECTION, 1, axdr.structure(axdr.array([register]), axdr.array([layer])))
    keys = Keys(SYMMETRIC[KeyId.UNICAST_ENCRYPTION], SYMMETRIC[KeyId.AUTHENTICATION])
    plain = unsecure(Secured.parse(answer.value[1].value), keys, office.meter_title)
    assert axdr.Data.parse(plain) == axdr.structure(office.bench.firmware.server.devices[1].find(register.value[1].value).value)
