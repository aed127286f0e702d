"""Certificates and agreement against published numbers: SE 1.4 annexes C.5 and C.6, and nine certificates of four vendors."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.key_establishment.agreement import Ephemeral, Party, agree, confirm_initiator, confirm_responder, generate
from protocols.zigbee.key_establishment.certificates import (
    SUITE_1,
    SUITE_2,
    SUITES,
    Authority,
    CertificateError,
    Credentials,
    Suite,
    public_key,
    scalar,
)

Vectors = Callable[[str], Any]
BY_CURVE = {suite.curve.name: suite for suite in SUITES.values()}
BOTH = pytest.mark.parametrize("suite", [SUITE_1, SUITE_2], ids=repr)

# SE 1.4a annex C.5: the initiator, the responder and their keys.
AUTHORITY = "0200FDE8A7F3D1084224962A4E7C54E69AC3F04DA6B8"
CERTIFICATE = "020615E07D30ECA2DAD58002E667D94BC1B4223983070000000000000002544553545345434101090006000000000000"
PRIVATE_KEY = 0x01E9DDB5580CF72ECE7F215F0AE594E48DF3E7FEE8
PUBLIC_KEY = "03025BBA38D0C7B5436B68DF728F093E7A1D6C437E6D"


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def credentials(suite: Suite, authority: str, party: dict[str, str]) -> Credentials:
    return Credentials(suite, octets(party["cert"]), int(party["priv"], 16), octets(authority)).check()


def ephemeral(suite: Suite, party: dict[str, str]) -> Ephemeral:
    return Ephemeral(int(party["epriv"], 16), suite.point(octets(party["epub"])))


def test_public_key_of_the_annex() -> None:
    point = public_key(SUITE_1, octets(CERTIFICATE), octets(AUTHORITY))
    assert SUITE_1.curve.encode(point) == octets(PUBLIC_KEY)
    held = Credentials(SUITE_1, octets(CERTIFICATE), PRIVATE_KEY, octets(AUTHORITY)).check()
    assert (held.subject, held.issuer) == (2, int.from_bytes(b"TESTSECA", "big"))
    assert f"{PRIVATE_KEY}" not in repr(held)


@pytest.mark.parametrize("number", [0, 1])
def test_numbers_of_the_annexes(number: int, shared_vectors: Vectors) -> None:
    vector = shared_vectors("zigbee")["cbke"][number]
    suite = SUITES[vector["suite"]]
    initiator, responder = vector["initiator_U"], vector["responder_V"]
    ours, theirs = (credentials(suite, vector["ca_public_key"], each) for each in (initiator, responder))
    keys = agree(
        ours, ephemeral(suite, initiator), public_key(suite, theirs.certificate, theirs.authority),
        suite.point(octets(responder["epub"])),
    )  # fmt: skip
    assert keys == agree(
        theirs, ephemeral(suite, responder), public_key(suite, ours.certificate, ours.authority),
        suite.point(octets(initiator["epub"])),
    )  # fmt: skip
    assert keys.mac == octets(vector["MacKey"])
    assert keys.link == octets(vector["KeyData_linkkey"])
    parties = Party(ours.subject, octets(initiator["epub"])), Party(theirs.subject, octets(responder["epub"]))
    assert confirm_initiator(keys, *parties) == octets(vector["MACU"])
    assert confirm_responder(keys, *parties) == octets(vector["MACV"])
    assert keys.link.hex() not in repr(keys)


def test_published_certificates_and_their_keys(shared_vectors: Vectors) -> None:
    rows = shared_vectors("zigbee")["certificates"]
    assert len(rows) == 9
    for row in rows:
        suite = BY_CURVE[row["curve"]]
        held = Credentials(suite, octets(row["certificate"]), int(row["private_key"], 16), octets(row["ca_public_key"])).check()
        assert f"{held.subject:016X}" == row["subject"]
        assert f"{held.issuer:016X}" == row["issuer"]


@BOTH
def test_an_authority_issues_what_works(suite: Suite) -> None:
    random = Random(5)
    authority = Authority(suite, 0x1122334455667788, scalar(suite.curve, random.getrandbits))
    one, other = (authority.issue(eui64, random.getrandbits, serial_number=eui64).check() for eui64 in (0xA, 0xB))
    assert (one.subject, one.issuer, len(one.certificate)) == (0xA, 0x1122334455667788, suite.size)
    mine, yours = (generate(suite.curve, random.getrandbits) for _ in range(2))
    left = agree(one, mine, public_key(suite, other.certificate, other.authority), yours.public)
    assert left == agree(other, yours, public_key(suite, one.certificate, one.authority), mine.public)


@BOTH
def test_a_changed_certificate_gives_another_key(suite: Suite) -> None:
    random = Random(6)
    authority = Authority(suite, 1, scalar(suite.curve, random.getrandbits))
    held = authority.issue(0xA, random.getrandbits)
    forged = msgspec.structs.replace(suite.parse(held.certificate), subject=0xB)
    with pytest.raises(LocalProtocolError, match="does not belong"):
        Credentials(suite, forged.build(), held.private_key, authority.public_key).check()


@BOTH
def test_what_is_no_certificate_is_refused(suite: Suite) -> None:
    random = Random(7)
    authority = Authority(suite, 1, scalar(suite.curve, random.getrandbits))
    good = authority.issue(0xA, random.getrandbits).certificate
    point_at = 0 if suite is SUITE_1 else 37
    for bad in (b"", good[:-1], good + b"\x00", good[:point_at] + b"\x07" + good[point_at + 1 :]):
        with pytest.raises(CertificateError):
            public_key(suite, bad, authority.public_key)
    if suite is SUITE_2:
        for position in (0, 9, 10):  # type, curve, hash
            with pytest.raises(CertificateError):
                suite.parse(good[:position] + b"\x77" + good[position + 1 :])


def test_f22_keys_out_of_range_are_refused() -> None:
    for private in (0, SUITE_1.curve.order, SUITE_1.curve.order + PRIVATE_KEY):
        with pytest.raises(LocalProtocolError):
            Credentials(SUITE_1, octets(CERTIFICATE), private, octets(AUTHORITY)).check()
    with pytest.raises(LocalProtocolError):
        Authority(SUITE_1, 1, 0)
