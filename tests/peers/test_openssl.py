"""openssl as judge of the public-key cryptography of DLMS: signatures, key agreement and derivation, key wrap, certificates."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from protocols.core import x509
from protocols.core.ecc import Curve, generate, private_key_object, public_key, shared_secret
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateRefused, CertificateStore, CertificateType, Entity
from protocols.dlms.security.material import KeySet, SecurityMaterial
from protocols.dlms.security.signature import BadSignature, sign, verify
from protocols.dlms.security.suites import Suite

pytestmark = pytest.mark.needs("openssl")

OpenSsl: TypeAlias = Callable[..., bytes]
TITLE, METER = bytes.fromhex("4D42430000000001"), bytes.fromhex("4D424D0000000002")
SUITES = pytest.mark.parametrize("suite", [Suite.S1, Suite.S2])
VALID = tuple(int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9 for year in (2000, 2060))
NOW = (int(datetime.now(UTC).timestamp()) + 3600) * 10**9
"""An hour from now: what openssl issues is valid from the second in which it does."""
DATA = b"a message of a meter"


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    """`openssl("dgst", ...)`: its output; it runs in the test's folder. Raises CalledProcessError."""

    def run(*arguments: object) -> bytes:
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=60).stdout

    return run


def curve_of(suite: Suite) -> Curve:
    assert suite.curve is not None
    return suite.curve


def private_pem(private: bytes) -> bytes:
    return private_key_object(private).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(private: bytes) -> bytes:
    return private_key_object(private).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der_of(signature: bytes) -> bytes:
    """r || s as a SEQUENCE of two INTEGERs."""
    half = len(signature) // 2
    members = b""
    for number in (int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")):
        octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
        members += bytes((0x02, len(octets))) + octets
    return bytes((0x30, len(members))) + members


def plain_of(der: bytes, octets: int) -> bytes:
    """A SEQUENCE of two INTEGERs as r || s."""
    assert (der[0], der[1], der[2]) == (0x30, len(der) - 2, 0x02)
    end = 4 + der[3]
    r, s = der[4:end], der[end + 2 :]
    return b"".join(int.from_bytes(part, "big").to_bytes(octets, "big") for part in (r, s))


@SUITES
def test_each_verifies_the_others_signatures(suite: Suite, openssl: OpenSsl, tmp_path: Path):
    private = generate(curve_of(suite), Random("signer"))
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "public.pem").write_bytes(public_pem(private))
    (tmp_path / "private.pem").write_bytes(private_pem(private))
    digest = f"-{suite.hash}"
    (tmp_path / "ours").write_bytes(der_of(sign(private, DATA)))
    assert openssl("dgst", digest, "-verify", "public.pem", "-signature", "ours", "data") == b"Verified OK\n"
    for _ in range(8):  # with a random nonce each time, so with numbers of all lengths
        openssl("dgst", digest, "-sign", "private.pem", "-out", "theirs", "data")
        theirs = plain_of((tmp_path / "theirs").read_bytes(), curve_of(suite).octets)
        verify(public_key(private), DATA, theirs)
        with pytest.raises(BadSignature):
            verify(public_key(private), DATA + b".", theirs)


@pytest.mark.dlms("server key agreement 2e0s", part=True)
@SUITES
def test_both_agree_on_secret_and_key(suite: Suite, openssl: OpenSsl, tmp_path: Path):
    ours, theirs = (generate(curve_of(suite), Random(name)) for name in ("ours", "theirs"))
    (tmp_path / "private.pem").write_bytes(private_pem(theirs))
    (tmp_path / "public.pem").write_bytes(public_pem(ours))
    secret = openssl("pkeyutl", "-derive", "-inkey", "private.pem", "-peerkey", "public.pem")
    assert shared_secret(ours, public_key(theirs)) == secret
    for arc in (agreement.DLMS_ARC, agreement.GB_ARC):
        algorithm = agreement.algorithm_id(suite, arc)
        for info in (agreement.parties(TITLE, METER), agreement.parties_of_message(TITLE, b"\1" + bytes(8), METER)):
            derived = openssl(
                "kdf", "-keylen", suite.key_octets, "-binary", "-kdfopt", f"digest:{suite.hash}",
                "-kdfopt", f"hexsecret:{secret.hex()}", "-kdfopt", f"hexinfo:{(algorithm + info).hex()}", "SSKDF",
            )  # fmt: skip
            assert agreement.agree(suite, ours, public_key(theirs), algorithm, info) == derived


@pytest.mark.dlms("server key transfer", part=True)
@pytest.mark.parametrize("octets", [16, 32])
def test_both_wrap_alike(octets: int, openssl: OpenSsl, tmp_path: Path):
    rng = Random(octets)
    kek, key = (rng.getrandbits(8 * octets).to_bytes(octets, "big") for _ in range(2))
    (tmp_path / "key").write_bytes(key)
    options = [f"-id-aes{8 * octets}-wrap", "-K", kek.hex(), "-iv", "A6" * 8]
    wrapped = openssl("enc", "-e", *options, "-in", "key")
    assert keywrap.wrap(kek, key) == wrapped
    (tmp_path / "wrapped").write_bytes(wrapped)
    assert openssl("enc", "-d", *options, "-in", "wrapped") == keywrap.unwrap(kek, wrapped, octets)


@pytest.mark.dlms("server certificate request", "server export certificate", part=True)
@SUITES
def test_openssl_believes_our_chains_and_requests(suite: Suite, openssl: OpenSsl, tmp_path: Path):
    rng = Random("authorities")
    root = Authority("Root", curve_of(suite), rng, VALID)
    issuer = Authority("Issuer", curve_of(suite), rng, VALID, root)
    private = generate(curve_of(suite), rng)
    files = {
        "root": root.certificate, "issuer": issuer.certificate,
        "meter": issuer.certify(METER, public_key(private), CertificateType.KEY_AGREEMENT),
        "request": x509.request(private, x509.Name(common_name=METER.hex().upper())),
    }  # fmt: skip
    for name, octets in files.items():
        (tmp_path / f"{name}.der").write_bytes(octets)
        if name != "request":
            openssl("x509", "-inform", "DER", "-in", f"{name}.der", "-out", f"{name}.pem")
    verified = openssl("verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "issuer.pem", "meter.pem")
    assert verified == b"meter.pem: OK\n"
    with pytest.raises(subprocess.CalledProcessError):
        openssl("verify", "-CAfile", "root.pem", "meter.pem")
    shown = openssl("x509", "-in", "meter.pem", "-noout", "-subject", "-issuer", "-ext", "keyUsage").decode()
    assert METER.hex().upper() in shown
    assert "Key Agreement" in shown
    openssl("req", "-inform", "DER", "-in", "request.der", "-verify", "-noout")


@pytest.mark.dlms("server import certificate", part=True)
@SUITES
def test_we_believe_openssls_authority_and_use_its_certificates(suite: Suite, openssl: OpenSsl, tmp_path: Path):
    """An authority run with openssl: it answers our request and certifies a client; only right ones are taken in."""
    name = {"P256": "prime256v1", "P384": "secp384r1"}[curve_of(suite).name]
    digest = f"-{suite.hash}"
    for key in ("root", "client"):
        openssl("ecparam", "-name", name, "-genkey", "-noout", "-out", f"{key}.pem")
    openssl(
        "req", "-x509", "-new", digest, "-key", "root.pem", "-days", 3650, "-subj", "/CN=Root of openssl", "-outform", "DER",
        "-out", "root.der", "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    openssl("x509", "-inform", "DER", "-in", "root.der", "-out", "root-certificate.pem")
    material = SecurityMaterial(METER, KeySet({}), count(1).__next__, suite=suite)
    store = CertificateStore(material, [(tmp_path / "root.der").read_bytes()])

    def certified(request: str, usage: str) -> bytes:
        (tmp_path / "usage").write_text(f"keyUsage=critical,{usage}\n")
        openssl(
            "x509", "-req", digest, "-in", request, "-CA", "root-certificate.pem", "-CAkey", "root.pem", "-days", 30,
            "-extfile", "usage", "-outform", "DER", "-out", "certificate.der",
        )  # fmt: skip
        return (tmp_path / "certificate.der").read_bytes()

    for type, usage in ((CertificateType.DIGITAL_SIGNATURE, "digitalSignature"), (CertificateType.KEY_AGREEMENT, "keyAgreement")):
        public = store.generate_key_pair(type, Random(type))
        (tmp_path / "ours.der").write_bytes(store.request(type))
        openssl("req", "-inform", "DER", "-in", "ours.der", "-out", "ours.csr")
        entry = store.take_in(certified("ours.csr", usage), NOW)
        assert (entry.entity, entry.type, entry.certificate.public) == (Entity.SERVER, type, public)
    openssl("req", "-new", digest, "-key", "client.pem", "-subj", f"/CN={TITLE.hex().upper()}", "-out", "client.csr")
    for usage in ("keyEncipherment", "digitalSignature,keyAgreement", "keyCertSign"):
        with pytest.raises(CertificateRefused):
            store.take_in(certified("client.csr", usage), NOW)
    store.take_in(certified("client.csr", "digitalSignature"), NOW)
    # What the client signs with openssl, its certificate lets us verify.
    (tmp_path / "data").write_bytes(DATA)
    openssl("dgst", digest, "-sign", "client.pem", "-out", "signature", "data")
    signature = plain_of((tmp_path / "signature").read_bytes(), curve_of(suite).octets)
    verify(material.keys.peer_signing[TITLE], DATA, signature)
