"""Certificates: issued, taken in, shown, withdrawn, run out; and every wrong one refused with all old credentials kept (D12).

What openssl thinks of what is made here is asked in tests/peers/test_openssl.py.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeAlias

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import x509
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.errors import RemoteProtocolError
from protocols.core.x509 import Name, Usage
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import (
    CertificateRefused,
    CertificateStore,
    CertificateType,
    Entity,
    system_title,
)
from protocols.dlms.security.material import KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

CLIENT, SERVER, STRANGER = b"MBC\0\0\0\0\1", b"MBM\0\0\0\0\2", b"MBX\0\0\0\0\3"
SECOND = 1_000_000_000
FROM, UNTIL = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND for year in (2024, 2034))
NOW = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()) * SECOND
SIGNATURE, AGREEMENT = CertificateType.DIGITAL_SIGNATURE, CertificateType.KEY_AGREEMENT
PUBLIC_KEY_SUITES = pytest.mark.parametrize("suite", [Suite.S1, Suite.S2])

State: TypeAlias = "tuple[Any, ...]"


def curve_of(suite: Suite) -> Curve:
    assert suite.curve is not None
    return suite.curve


def peers_key(suite: Suite, number: int = 1) -> bytes:
    return public_key(generate(curve_of(suite), Random(f"peer {number}")))


class Stand:
    """A store that trusts one root; under the root stands the authority that issues. All of it anew for each test."""

    def __init__(self, suite: Suite = Suite.S1, **more: Any) -> None:
        self.suite = suite
        self.rng = Random("authorities")
        self.root = Authority("Root", curve_of(suite), self.rng, (FROM, UNTIL))
        self.issuer = Authority("Issuer", curve_of(suite), self.rng, (FROM, UNTIL), self.root)
        self.material = SecurityMaterial(SERVER, KeySet({}), count(1).__next__, suite=suite)
        self.store = CertificateStore(self.material, [self.root.certificate], **more)
        self.store.take_in(self.issuer.certificate, NOW)

    @property
    def state(self) -> State:
        """Everything that a refused certificate must not have changed."""
        keys = self.material.keys
        return (
            list(self.store), keys.signing, keys.agreement, dict(keys.peer_signing), dict(keys.peer_agreement),
            self.store.request(SIGNATURE) if keys.signing else None,
        )  # fmt: skip

    def commissioned(self) -> Stand:
        """With a pair and a certificate for each purpose, and those of a client."""
        for type in (SIGNATURE, AGREEMENT):
            self.store.generate_key_pair(type, self.rng)
            self.store.take_in(self.issuer.answer(self.store.request(type), type), NOW)
            self.store.take_in(self.issuer.certify(CLIENT, peers_key(self.suite), type), NOW)
        return self


@pytest.mark.req("S-065", part=True)
@PUBLIC_KEY_SUITES
def test_ones_own_pair_is_used_once_its_certificate_has_come(suite: Suite):
    stand = Stand(suite)
    public = stand.store.generate_key_pair(SIGNATURE, stand.rng)
    assert not stand.material.keys.signing
    request = stand.store.request(SIGNATURE)
    assert x509.parse_request(request) == x509.Request(Name(common_name=SERVER.hex().upper()), public)
    entry = stand.store.take_in(stand.issuer.answer(request, SIGNATURE), NOW)
    assert (entry.entity, entry.type, entry.title) == (Entity.SERVER, SIGNATURE, SERVER)
    assert public_key(stand.material.keys.signing) == public
    # Another pair is only made: what is used stays until its certificate has come, too.
    stand.store.generate_key_pair(SIGNATURE, stand.rng)
    assert public_key(stand.material.keys.signing) == public
    stand.store.take_in(stand.issuer.answer(stand.store.request(SIGNATURE), SIGNATURE), NOW)
    assert public_key(stand.material.keys.signing) != public
    assert len(stand.store) == 3


@PUBLIC_KEY_SUITES
def test_a_peers_keys_are_those_of_its_latest_certificates(suite: Suite):
    stand = Stand(suite)
    keys = stand.material.keys
    for number in (1, 2):
        public = peers_key(suite, number)
        entry = stand.store.take_in(stand.issuer.certify(CLIENT, public, SIGNATURE), NOW)
        assert (entry.entity, entry.type, entry.title) == (Entity.CLIENT, SIGNATURE, CLIENT)
        assert keys.peer_signing == {CLIENT: public}
    assert keys.peer_agreement == {}
    agreement = stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(suite, 3), AGREEMENT), NOW)
    assert keys.peer_agreement == {CLIENT: peers_key(suite, 3)}
    assert stand.store.by_entity(Entity.CLIENT, AGREEMENT, CLIENT) is agreement
    stand.store.remove(agreement)
    assert (keys.peer_agreement, len(keys.peer_signing)) == ({}, 1)
    with pytest.raises(CertificateRefused):
        stand.store.by_entity(Entity.CLIENT, AGREEMENT, CLIENT)


def test_one_is_found_by_its_serial_number_bare_or_as_an_integer():
    stand = Stand()
    entry = stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), NOW)
    serial, issuer = entry.certificate.serial, entry.certificate.issuer_der
    bare = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
    for form in (bare, b"\0" + bare, entry.serial):
        assert stand.store.by_serial(form, issuer) is entry
    for wrong in ((bare + b"\0", issuer), (bare, entry.certificate.subject_der), (b"", issuer)):
        with pytest.raises(CertificateRefused):
            stand.store.by_serial(*wrong)


@pytest.mark.req("S-065", part=True)
def test_a_revoked_certificate_does_not_come_back_and_a_removed_one_does():
    stand = Stand()
    der = stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE)
    stand.store.remove(stand.store.take_in(der, NOW))
    stand.store.revoke(stand.store.take_in(der, NOW))
    with pytest.raises(CertificateRefused, match="revoked"):
        stand.store.take_in(der, NOW)
    assert stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), NOW)


def test_what_everything_rests_on_stays_and_an_authority_withdrawn_vouches_no_more():
    stand = Stand()
    root, issuer = stand.store
    with pytest.raises(CertificateRefused):
        stand.store.remove(root)
    stand.store.remove(issuer)
    with pytest.raises(CertificateRefused, match="trust"):
        stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), NOW)
    stand.store.take_in(stand.issuer.certificate, NOW)
    assert stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), NOW)


@pytest.mark.req("S-065", part=True)
def test_times_are_looked_at_when_the_time_is_known():
    stand = Stand()
    der = stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE)
    for moment in (FROM - 1, UNTIL + 1, 0):
        with pytest.raises(CertificateRefused, match="time"):
            stand.store.take_in(der, moment)
    for moment in (FROM, UNTIL, None):
        assert stand.store.take_in(der, moment)


# --- wrong ones


class Forge:
    """Certificates that the bench's own authority would never issue: by the library, with everything to choose."""

    def __init__(self, stand: Stand) -> None:
        self.key = ec.derive_private_key(
            int.from_bytes(stand.issuer._private, "big"),
            ec.SECP256R1() if stand.suite is Suite.S1 else ec.SECP384R1(),
        )

    def __call__(
        self,
        common_name: str | None = CLIENT.hex(),
        *,
        key: Any = None,
        usage: str | None = "digital_signature",
        issuer: str = "Issuer",
        signer: Any = None,
        authority: bool | None = None,
        days: tuple[int, int] = (-30, 30),
        hash: Any = None,
        alternative: bytes | None = None,
        second_name: str | None = None,
    ) -> bytes:
        def name(*texts: str | None) -> library.Name:
            return library.Name([library.NameAttribute(library.NameOID.COMMON_NAME, text) for text in texts if text is not None])

        moment = datetime.fromtimestamp(NOW // SECOND, UTC)
        builder = (
            library.CertificateBuilder().subject_name(name(common_name, second_name)).issuer_name(name(issuer))
            .public_key(key or ec.derive_private_key(77, self.key.curve).public_key()).serial_number(7)
            .not_valid_before(moment + timedelta(days[0])).not_valid_after(moment + timedelta(days[1]))
        )  # fmt: skip
        if usage is not None:
            names = ("digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
                     "crl_sign encipher_only decipher_only")  # fmt: skip
            builder = builder.add_extension(
                library.KeyUsage(**{each: each in usage.split() for each in names.split()}), critical=True
            )
        if authority is not None:
            builder = builder.add_extension(library.BasicConstraints(authority, None), critical=True)
        if alternative is not None:
            module = library.OtherName(library.ObjectIdentifier("1.3.6.1.5.5.7.8.4"), alternative)
            builder = builder.add_extension(library.SubjectAlternativeName([module]), critical=True)
        return builder.sign(signer or self.key, hash or hashes.SHA256()).public_bytes(Encoding.DER)


def hardware(serial: bytes) -> bytes:
    return bytes((0x30, 5 + len(serial), 0x06, 1, 0x2A, 0x04, len(serial))) + serial


def wrong_certificates(stand: Stand) -> dict[str, bytes]:
    """One thing wrong with each."""
    forge = Forge(stand)
    good = stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE)
    other = Authority("Issuer", curve_of(Suite.S1), Random("another"), (FROM, UNTIL))
    renamed = Authority("Somebody", curve_of(Suite.S1), Random("another"), (FROM, UNTIL))
    own = ec.derive_private_key(int.from_bytes(stand.material.keys.signing, "big"), ec.SECP256R1())
    return {
        "no octets": b"", "not a certificate": b"\x30\x03\x02\x01\x00", "a request": stand.store.request(SIGNATURE),
        "trailing octet": good + b"\0", "trailing certificate": good + good, "cut": good[:-1],
        "too long to look at": good + bytes(x509.LARGEST),
        "EUI of 7 octets": forge(CLIENT.hex()[:-2]), "EUI of 9 octets": forge(CLIENT.hex() + "00"), "EUI of zeros": forge("0" * 16),
        "EUI not hexadecimal": forge("G" * 16), "EUI with blanks": forge("  " + CLIENT.hex()[2:]), "no EUI": forge(None),
        "two EUIs": forge(CLIENT.hex(), second_name=STRANGER.hex()), "EUI of a stranger": forge(STRANGER.hex()),
        "hardware of 7 octets": forge(None, alternative=hardware(CLIENT[:7])), "hardware malformed": forge(None, alternative=b"\x30\3\2\1\5"),
        "hardware with more in it": forge(None, alternative=b"\x30\x10\6\1\x2a\4\x08" + CLIENT + b"\2\1\0"),
        "our EUI, another's key": forge(SERVER.hex()), "our EUI, our key, other purpose": forge(SERVER.hex(), key=own.public_key(), usage="key_agreement"),
        "both purposes": forge(usage="digital_signature key_agreement"), "no purpose": forge(usage=None),
        "encipherment": forge(usage="key_encipherment"), "a client that signs certificates": forge(usage="key_cert_sign"),
        "an authority that does not sign": forge(usage="digital_signature", authority=True),
        "an authority of the root's name": forge("Root", usage="key_cert_sign", authority=True),
        "unknown issuer": renamed.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), "issuer's name, another's key": other.certify(CLIENT, peers_key(Suite.S1), SIGNATURE),
        "vouches for itself": forge(CLIENT.hex(), issuer=CLIENT.hex(), signer=ec.derive_private_key(77, ec.SECP256R1())),
        "issued by a client": forge(issuer=CLIENT.hex().upper()), "another root": other.certificate,
        "P-384 in suite 1": forge(key=ec.derive_private_key(77, ec.SECP384R1()).public_key()),
        "P-224": forge(key=ec.derive_private_key(77, ec.SECP224R1()).public_key()), "secp256k1": forge(key=ec.derive_private_key(77, ec.SECP256K1()).public_key()),
        "RSA": forge(key=rsa.generate_private_key(65537, 2048).public_key()), "Ed25519": forge(key=ed25519.Ed25519PrivateKey.generate().public_key()),
        "run out": forge(days=(-30, -1)), "not yet valid": forge(days=(1, 30)), "another hash": forge(hash=hashes.SHA384()),
    }  # fmt: skip


def test_every_wrong_certificate_is_refused_and_all_old_credentials_are_kept():  # D12
    stand = Stand(peers=[CLIENT]).commissioned()
    before = stand.state
    for what, der in wrong_certificates(stand).items():
        try:
            stand.store.take_in(der, NOW)
        except CertificateRefused:
            assert stand.state == before, what
        else:
            pytest.fail(f"taken in: {what}")
    assert stand.store.take_in(stand.issuer.certify(CLIENT, peers_key(Suite.S1, 9), SIGNATURE), NOW)
    assert stand.material.keys.peer_signing == {CLIENT: peers_key(Suite.S1, 9)}


def test_forged_ones_are_refused_for_what_is_wrong_and_not_for_being_forged():
    stand = Stand(peers=[CLIENT])
    assert stand.store.take_in(Forge(stand)(), NOW).title == CLIENT
    assert stand.store.take_in(Forge(stand)(None, alternative=hardware(CLIENT)), NOW).title == CLIENT


def test_no_octet_of_a_certificate_may_be_wrong():
    stand = Stand()
    good = stand.issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE)
    before = stand.state
    for at in range(len(good)):
        for flip in (0x01, 0x20):
            with pytest.raises(CertificateRefused):
                stand.store.take_in(good[:at] + bytes((good[at] ^ flip,)) + good[at + 1 :], NOW)
    assert stand.state == before


def test_a_chain_may_be_four_authorities_long():
    stand = Stand()
    last = stand.issuer
    for number in range(3, 6):
        last = Authority(f"Issuer {number}", curve_of(Suite.S1), stand.rng, (FROM, UNTIL), last)
        stand.store.take_in(last.certificate, NOW)
    before = stand.state
    with pytest.raises(CertificateRefused):
        stand.store.take_in(last.certify(CLIENT, peers_key(Suite.S1), SIGNATURE), NOW)
    assert stand.state == before


def test_a_store_has_room_for_so_many_and_replaces_when_full():
    stand = Stand()
    public = peers_key(Suite.S1)
    for number in range(62):
        stand.store.take_in(stand.issuer.certify(b"MBC" + number.to_bytes(5, "big") or b"", public, AGREEMENT), NOW)
    with pytest.raises(CertificateRefused, match="room"):
        stand.store.take_in(stand.issuer.certify(STRANGER, public, AGREEMENT), NOW)
    assert stand.store.take_in(stand.issuer.certify(b"MBC" + bytes(4) + b"\7", peers_key(Suite.S1, 2), AGREEMENT), NOW)
    assert len(stand.store) == 64


@given(st.binary(max_size=300))
def test_garbage_is_the_peers_fault(data: bytes):
    for parse in (x509.parse, x509.parse_request):
        with pytest.raises(RemoteProtocolError):
            parse(data)


@given(st.data())
def test_damaged_certificates_are_the_peers_fault(data: st.DataObject):
    good = DAMAGED
    at = data.draw(st.integers(0, len(good) - 1))
    wrong = good[:at] + data.draw(st.binary(max_size=6)) + good[at + data.draw(st.integers(0, 6)) :]
    with suppress(RemoteProtocolError):
        x509.parse(wrong)


DAMAGED = Stand().issuer.certify(CLIENT, peers_key(Suite.S1), SIGNATURE)


def test_suite_0_and_tls_have_no_key_pairs():
    material = SecurityMaterial(SERVER, KeySet({}), count(1).__next__)
    store = CertificateStore(material)
    for type in CertificateType:
        with pytest.raises(CertificateRefused):
            store.generate_key_pair(type, Random(1))
        with pytest.raises(CertificateRefused):
            store.request(type)
    with pytest.raises(CertificateRefused):
        Stand().store.generate_key_pair(CertificateType.TLS, Random(1))


def test_one_seed_gives_the_same_certificates():
    assert Stand().commissioned().state == Stand().commissioned().state


# --- GB's published certificates


def test_published_certificates_of_devices_and_organisations(shared_vectors: Callable[[str], Any]):
    usages = {"ds": Usage.DIGITAL_SIGNATURE, "ka": Usage.KEY_AGREEMENT, "pp-ka": Usage.KEY_AGREEMENT}
    read = 0
    for party, keys in shared_vectors("gbcs")["keys"].items():
        for purpose, key in keys.items():
            if not isinstance(key, dict) or "certificate_der_b64" not in key:
                continue
            der = base64.b64decode(key["certificate_der_b64"])
            certificate = x509.parse(der)
            assert (certificate.der, certificate.usage, certificate.authority) == (der, usages[purpose], False)
            assert certificate.public == bytes.fromhex(key["public_point"])[1:]
            if (party, purpose) != ("90b3d51f30000007", "ka"):  # published with the second supplier's certificate
                assert system_title(certificate).hex() == party
            device = certificate.issuer.common_name == "E357"
            assert bool(certificate.hardware_serial) is device
            assert (certificate.subject.unit == "") is device
            read += 1
    assert read == 30


# --- another life


def test_a_store_goes_on_where_the_last_one_was():
    stand = Stand().commissioned()
    revoked = stand.issuer.certify(STRANGER, peers_key(Suite.S1), SIGNATURE)
    stand.store.revoke(stand.store.take_in(revoked, NOW))
    public = stand.store.generate_key_pair(AGREEMENT, stand.rng)
    saved = stand.store.saved
    assert stand.material.keys.signing.hex() not in repr(saved)
    other = Stand()
    other.store = CertificateStore(other.material, [other.root.certificate])
    other.store.restore(saved)
    assert other.state == stand.state
    with pytest.raises(CertificateRefused, match="revoked"):
        other.store.take_in(revoked, NOW)
    assert x509.parse_request(other.store.request(AGREEMENT)).public == public
    other.store.take_in(other.issuer.answer(other.store.request(AGREEMENT), AGREEMENT), NOW)
    assert public_key(other.material.keys.agreement) == public


def test_a_certificate_that_was_shown_does_not_put_back_an_older_one():
    stand = Stand()
    issue = [Authority("Root", curve_of(Suite.S1), Random("authorities"), (FROM + year * SECOND, UNTIL)) for year in range(2)]
    store = CertificateStore(stand.material, [issue[0].certificate])
    older, newer = (issuer.certify(CLIENT, peers_key(Suite.S1, number), SIGNATURE) for number, issuer in enumerate(issue))
    assert store.recognise(CLIENT, older, NOW)
    assert store.recognise(CLIENT, newer, NOW)
    assert store.recognise(CLIENT, newer, NOW)
    assert not store.recognise(CLIENT, older, NOW)
    assert not store.recognise(STRANGER, newer, NOW)
    assert not store.recognise(CLIENT, newer[:-1], NOW)
    assert stand.material.keys.peer_signing == {CLIENT: peers_key(Suite.S1, 1)}
    assert len(store) == 2
