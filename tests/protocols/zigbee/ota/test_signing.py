"""Signed firmware files: openssl agrees on signatures both ways; who is believed, and who is not (bad input G19)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.core.aes import mmo
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, Credentials, Suite, public_key, scalar
from protocols.zigbee.ota.image import File, InvalidImage, Memory, Tag, inspect, judge, seal
from protocols.zigbee.ota.signing import Trust, sign, verify

RANDOM = Random(8).getrandbits
MAKER, OTHER = 0x4D42465700000001, 0xB2
FILE = File(0xFFF1, 0x0502, 2)
BOTH = pytest.mark.parametrize("suite", [SUITE_1, SUITE_2], ids=repr)
ISSUERS = {suite: Authority(suite, 0x1122334455667788, scalar(suite.curve, RANDOM)) for suite in (SUITE_1, SUITE_2)}
SIGNERS = {suite: ISSUERS[suite].issue(MAKER, RANDOM) for suite in ISSUERS}
TRUST = {suite: Trust(suite, ISSUERS[suite].issuer, ISSUERS[suite].public_key, (MAKER,)) for suite in ISSUERS}
IMAGES = {suite: seal(FILE, bytes(range(200)), signer=SIGNERS[suite], random=RANDOM) for suite in ISSUERS}


def pem(signer: Credentials, folder: Path) -> Path:
    """The signer's key pair as openssl wants it (RFC 5915)."""
    curve = signer.suite.curve
    point = public_key(signer.suite, signer.certificate, signer.authority)
    public = b"\x04" + point.x.to_bytes(curve.octets, "big") + point.y.to_bytes(curve.octets, "big")
    oid = subprocess.run(["openssl", "ecparam", "-name", curve.name, "-outform", "DER"], capture_output=True, check=True).stdout

    def der(tag: int, contents: bytes) -> bytes:
        return bytes([tag, len(contents)] if len(contents) < 128 else [tag, 0x81, len(contents)]) + contents

    private = der(0x04, signer.private_key.to_bytes(curve.scalar_octets, "big"))
    key = der(0x30, b"\x02\x01\x01" + private + der(0xA0, oid) + der(0xA1, der(0x03, b"\0" + public)))
    (folder / "key.der").write_bytes(key)
    subprocess.run(
        ["openssl", "ec", "-inform", "DER", "-in", folder / "key.der", "-out", folder / "key.pem"], capture_output=True, check=True
    )
    return folder / "key.pem"


def der_of(signature: bytes) -> bytes:
    half = len(signature) // 2
    members = b""
    for part in (signature[:half], signature[half:]):
        number = int.from_bytes(part, "big")
        octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
        members += bytes((2, len(octets))) + octets
    return bytes((0x30, len(members))) + members


def plain_of(der: bytes, octets: int) -> bytes:
    end = 4 + der[3]
    return b"".join(int.from_bytes(part, "big").to_bytes(octets, "big") for part in (der[4:end], der[end + 2 :]))


@pytest.mark.needs("openssl")
@BOTH
def test_openssl_and_we_take_each_others_signatures(suite: Suite, tmp_path: Path) -> None:
    signer = SIGNERS[suite]
    key, digest = pem(signer, tmp_path), mmo(b"a file")
    (tmp_path / "digest").write_bytes(digest)
    (tmp_path / "ours").write_bytes(der_of(sign(signer, digest, RANDOM)))
    command = ["openssl", "pkeyutl", "-inkey", str(key), "-in", str(tmp_path / "digest")]
    said = subprocess.run([*command, "-verify", "-sigfile", str(tmp_path / "ours")], capture_output=True, text=True, check=True)
    assert "Verified Successfully" in said.stdout
    theirs = subprocess.run([*command, "-sign"], capture_output=True, check=True).stdout
    signature = plain_of(theirs, suite.curve.scalar_octets)
    assert verify(suite, signer.certificate, signer.authority, digest, signature)
    assert not verify(suite, signer.certificate, signer.authority, mmo(b"another"), signature)


@BOTH
def test_a_signed_file_is_taken_from_who_is_trusted(suite: Suite) -> None:
    source = Memory(IMAGES[suite])
    assert judge(source, TRUST[suite]).file == FILE
    _, parts = inspect(source)
    assert [part.tag for part in parts] == (
        [Tag.UPGRADE_IMAGE, Tag.CERTIFICATE, Tag.SIGNATURE] if suite is SUITE_1
        else [Tag.UPGRADE_IMAGE, Tag.CERTIFICATE_2, Tag.SIGNATURE_2]
    )  # fmt: skip


@BOTH
def test_who_is_not_believed(suite: Suite) -> None:
    issuer, trust = ISSUERS[suite], TRUST[suite]
    elsewhere = Authority(suite, issuer.issuer, 99)
    others = {
        "a device of the same issuer": seal(FILE, b"x", signer=issuer.issue(OTHER, RANDOM), random=RANDOM),
        "another authority of that name": seal(FILE, b"x", signer=elsewhere.issue(MAKER, RANDOM), random=RANDOM),
        "another issuer": seal(FILE, b"x", signer=Authority(suite, 5, 99).issue(MAKER, RANDOM), random=RANDOM),
        "nobody": seal(FILE, b"x"),
    }
    for name, image in others.items():
        with pytest.raises(InvalidImage, match=r"the signature is wrong|not signed"):
            judge(Memory(image), trust)
        assert inspect(Memory(image)), name


def test_a_signature_of_the_other_suite_is_none() -> None:
    for suite, other in ((SUITE_1, SUITE_2), (SUITE_2, SUITE_1)):
        with pytest.raises(InvalidImage, match="not signed"):
            judge(Memory(IMAGES[suite]), TRUST[other])


def test_who_trusts_nobody_wants_an_integrity_code() -> None:
    with pytest.raises(InvalidImage, match="no integrity code"):
        judge(Memory(IMAGES[SUITE_1]))


def test_a_signature_needs_its_certificate() -> None:
    image = IMAGES[SUITE_1]
    _, parts = inspect(Memory(image))
    at = parts[1].offset - 6
    with pytest.raises(InvalidImage, match="not signed"):
        judge(Memory(image[:at] + b"\x04\x00" + image[at + 2 :]), TRUST[SUITE_1])


@settings(max_examples=30)
@given(st.integers(0, len(IMAGES[SUITE_1]) - 1), st.integers(1, 255))
def test_one_octet_changed_anywhere_is_noticed(at: int, by: int) -> None:
    image = IMAGES[SUITE_1]
    with pytest.raises(InvalidImage):
        judge(Memory(image[:at] + bytes([image[at] ^ by]) + image[at + 1 :]), TRUST[SUITE_1])


@pytest.mark.parametrize("signature", [bytes(42), b"\xff" * 42, bytes(20) + b"\x01" + bytes(21), bytes(41) + b"\x01"])
def test_numbers_that_no_signature_has(signature: bytes) -> None:
    signer = SIGNERS[SUITE_1]
    assert not verify(SUITE_1, signer.certificate, signer.authority, mmo(b""), signature)
