"""Answers to challenges, against published and independently computed ones; and what is no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.dlms.acse import Mechanism
from protocols.dlms.security import hls
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

CTOS, STOC = b"K56iVagY", b"P6wRJ21F"
CLIENT, SERVER = bytes.fromhex("4D4D4D0000000001"), bytes.fromhex("4D4D4D0000BC614E")
SECRET = b"12345678"
PROVEN_BY_CLIENT = hls.Exchange(CLIENT, SERVER, STOC, CTOS)
PROVEN_BY_SERVER = hls.Exchange(SERVER, CLIENT, CTOS, STOC)
DIGESTS = [Mechanism.HIGH, Mechanism.HIGH_MD5, Mechanism.HIGH_SHA1, Mechanism.HIGH_SHA256]


def holding(title: bytes, counter: int = 1, suite: Suite = Suite.S0) -> SecurityMaterial:
    octets = suite.key_octets
    keys = {KeyId.UNICAST_ENCRYPTION: bytes(range(octets)), KeyId.AUTHENTICATION: bytes(range(0xD0, 0xD0 + octets))}
    return SecurityMaterial(title, KeySet(keys), lambda: counter, suite=suite)


@pytest.mark.parametrize("mechanism", [Mechanism.HIGH_MD5, Mechanism.HIGH_SHA1, Mechanism.HIGH_SHA256])
def test_digests_that_others_computed(mechanism: Mechanism, shared_vectors: Callable[[str], Any]) -> None:
    (vector,) = [one for one in shared_vectors("dlms")["vectors"] if one["id"] == f"hls{mechanism.value}"]
    assert hls.prove(mechanism, PROVEN_BY_CLIENT, SECRET, None) == bytes.fromhex(vector["expect"]["f_stoc"])
    assert hls.prove(mechanism, PROVEN_BY_SERVER, SECRET, None) == bytes.fromhex(vector["expect"]["f_ctos"])


@pytest.mark.parametrize(
    "challenge, expected",
    [
        (b"P6wRJ21F", "581B1129EE22C77FE02AEB1798C158B9"),
        (b"P6wRJ21FP6wRJ21FP", "F938C493F8920E80FE655B6CA3A0A11C68F7688D12D6441DD8D73739D2839D49"),
    ],
)
def test_mechanism_2_as_gurux_computes_it(challenge: bytes, expected: str) -> None:
    exchange = hls.Exchange(CLIENT, SERVER, challenge, CTOS)
    assert hls.prove(Mechanism.HIGH, exchange, SECRET, None) == bytes.fromhex(expected)


def test_gmac_of_the_green_book() -> None:
    """Green Book table 43, also in u9n/dlms-cosem tests/test_security.py."""
    client, server = holding(CLIENT), holding(SERVER, 0x01234567)
    to_server = bytes.fromhex("10000000011A52FE7DD3E72748973C1E28")
    to_client = bytes.fromhex("1001234567FE1466AFB3DBCD4F9389E2B7")
    assert hls.prove(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", client) == to_server
    assert hls.prove(Mechanism.HIGH_GMAC, PROVEN_BY_SERVER, b"", server) == to_client
    assert hls.verify(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", server, to_server)
    assert hls.verify(Mechanism.HIGH_GMAC, PROVEN_BY_SERVER, b"", client, to_client)


@pytest.mark.parametrize("mechanism", [*DIGESTS, Mechanism.HIGH_GMAC])
def test_no_other_answer_will_do(mechanism: Mechanism) -> None:
    server = holding(SERVER)
    right = hls.prove(mechanism, PROVEN_BY_CLIENT, SECRET, holding(CLIENT))
    assert hls.verify(mechanism, PROVEN_BY_CLIENT, SECRET, server, right)
    for at in range(len(right)):
        wrong = bytes((*right[:at], right[at] ^ 1, *right[at + 1 :]))
        assert not hls.verify(mechanism, PROVEN_BY_CLIENT, SECRET, server, wrong), at
    other = hls.Exchange(CLIENT, SERVER, b"another challenge", CTOS)
    assert not hls.verify(mechanism, other, SECRET, server, right)
    if mechanism is not Mechanism.HIGH_GMAC:
        assert not hls.verify(mechanism, PROVEN_BY_CLIENT, b"another secret", server, right)


@given(st.sampled_from([*DIGESTS, Mechanism.HIGH_GMAC, Mechanism.HIGH_ECDSA]), st.binary(max_size=100))
def test_anything_may_come_as_an_answer(mechanism: Mechanism, answer: bytes) -> None:
    assert not hls.verify(mechanism, PROVEN_BY_CLIENT, SECRET, holding(SERVER), answer)


def test_gmac_of_another_suite_is_refused() -> None:
    answer = hls.prove(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", holding(CLIENT, suite=Suite.S1))
    assert answer[0] == 0x11
    assert not hls.verify(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", holding(SERVER), answer)


def test_what_is_missing_is_our_fault() -> None:
    with pytest.raises(LocalProtocolError, match="needs security material"):
        hls.prove(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", None)
    with pytest.raises(LocalProtocolError, match="no mechanism of high level security"):
        hls.prove(Mechanism.LOW, PROVEN_BY_CLIENT, SECRET, None)
    material = SecurityMaterial(CLIENT, KeySet({}), lambda: 1)
    with pytest.raises(LocalProtocolError, match="unicast"):
        hls.prove(Mechanism.HIGH_GMAC, PROVEN_BY_CLIENT, b"", material)


@pytest.mark.parametrize("length, fits", [(7, False), (8, True), (64, True), (65, False), (0, False)])
def test_lengths_of_challenges(length: int, fits: bool) -> None:
    assert hls.acceptable(bytes(length)) == fits
