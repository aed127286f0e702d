"""Key agreement and derivation against the Green Book's and GB's published answers; points of no use (D11); key wrap."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.ecc import Curve, check_point, generate, public_key, shared_secret
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security import keywrap
from protocols.dlms.security.agreement import (
    DLMS_ARC,
    GB_ARC,
    agree,
    algorithm_id,
    derive,
    parties,
    parties_of_message,
)
from protocols.dlms.security.suites import Suite

ON = {Suite.S1: Curve.P256, Suite.S2: Curve.P384}
SUITES = pytest.mark.parametrize("suite", list(ON))


def test_published_agreements(dlms_vectors: Callable[..., list[dict[str, Any]]]):
    for vector in dlms_vectors("key-agreement"):
        private, public, u, v = (bytes.fromhex(vector["given"][name]) for name in ("private", "public_xy", "party_u", "party_v"))
        assert shared_secret(private, public).hex().upper() == vector["expect"]["z"], vector["id"]
        for arc in (DLMS_ARC, GB_ARC):
            algorithm = algorithm_id(Suite.S1, arc)
            key = agree(Suite.S1, private, public, algorithm, parties(u, v))
            assert key.hex().upper() == vector["expect"][f"key_algid_{algorithm.hex()}"], vector["id"]


def test_published_derivations_of_gb(shared_vectors: Callable[[str], Any]):
    gbcs = shared_vectors("gbcs")
    modes = {"command": 1, "response": 2, "alert": 3}
    for answer in gbcs["known_answers"]["kdf"]:
        first, second = (gbcs["keys"][answer[party]]["ka"] for party in ("party_a_ka", "party_b_ka"))
        z = shared_secret(bytes.fromhex(first["private_scalar"]), bytes.fromhex(second["public_point"])[1:])
        transaction = bytes((modes[answer["mode"]],)) + bytes.fromhex(answer["originator_counter"])
        info = parties_of_message(bytes.fromhex(answer["originator"]), transaction, bytes.fromhex(answer["recipient"]))
        assert derive(Suite.S1, z, algorithm_id(Suite.S1, GB_ARC), info).hex() == answer["aes_key"], answer["name"]


@SUITES
def test_both_ends_agree(suite: Suite):
    rng = Random(suite)
    mine, theirs = generate(ON[suite], rng), generate(ON[suite], rng)
    info, algorithm = parties(b"title  U", b"title  V"), algorithm_id(suite)
    key = agree(suite, mine, public_key(theirs), algorithm, info)
    assert key == agree(suite, theirs, public_key(mine), algorithm, info)
    assert len(key) == suite.key_octets
    assert key != agree(suite, mine, public_key(theirs), algorithm, parties(b"title  V", b"title  U"))


def _useless(suite: Suite) -> dict[str, bytes]:
    curve = ON[suite]
    other = ON[Suite.S2 if suite is Suite.S1 else Suite.S1]
    good = public_key(generate(curve, Random(9)))
    half = curve.octets
    return {
        "not on the curve": good[:-1] + bytes((good[-1] ^ 1,)), "infinity, as zeros": bytes(2 * half),
        "infinity, as one octet": b"\0", "another curve": public_key(generate(other, Random(9))), "nothing": b"",
        "an octet short": good[:-1], "an octet long": good + b"\0", "with the octet 04": b"\4" + good,
        "coordinate beyond the field": b"\xff" * half + good[half:], "coordinates exchanged": good[half:] + good[:half],
    }  # fmt: skip


@SUITES
def test_points_of_no_use_are_refused_and_the_next_good_one_is_not(suite: Suite):  # D11
    private = generate(ON[suite], Random(5))
    for point in _useless(suite).values():
        with pytest.raises(RemoteProtocolError):
            agree(suite, private, point, algorithm_id(suite), b"")
    assert agree(suite, private, public_key(generate(ON[suite], Random(6))), algorithm_id(suite), b"")


@given(st.binary(max_size=120))
def test_garbage_is_no_point(data: bytes):
    with pytest.raises(RemoteProtocolError):
        check_point(data)


def test_a_suite_without_public_keys_agrees_on_nothing():
    private = generate(Curve.P256, Random(5))
    with pytest.raises(LocalProtocolError):
        agree(Suite.S0, private, public_key(private), algorithm_id(Suite.S0), b"")
    with pytest.raises(LocalProtocolError):
        agree(Suite.S2, private, public_key(private), algorithm_id(Suite.S2), b"")


# --- key wrap


def test_published_wrapped_key(dlms_vectors: Callable[..., list[dict[str, Any]]]):
    for vector in dlms_vectors("key-transfer"):
        kek, key = bytes.fromhex(vector["given"]["kek"]), bytes.fromhex(vector["given"]["key"])
        wrapped = keywrap.wrap(kek, key)
        assert wrapped.hex().upper() == vector["expect"]["wrapped"]
        assert keywrap.unwrap(kek, wrapped, len(key)) == key


def test_a_key_of_256_bits_as_the_rfc_wraps_it():
    # RFC 3394 4.6: 256 bits of key data with a 256-bit KEK
    kek = bytes(range(32))
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    wrapped = bytes.fromhex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
    assert keywrap.wrap(kek, key) == wrapped
    assert keywrap.unwrap(kek, wrapped, 32) == key


def test_a_wrapped_key_with_any_bit_wrong_or_of_another_length_is_refused():
    kek, key = bytes(16), bytes(range(16))
    good = keywrap.wrap(kek, key)
    for at in range(len(good)):
        with pytest.raises(RemoteProtocolError):
            keywrap.unwrap(kek, good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :], 16)
    for wrong in (b"", good[:-1], good[:-8], good + bytes(8), keywrap.wrap(kek, key + key)):
        with pytest.raises(RemoteProtocolError):
            keywrap.unwrap(kek, wrong, 16)
    with pytest.raises(RemoteProtocolError):
        keywrap.unwrap(bytes(15) + b"\1", good, 16)
    with pytest.raises(LocalProtocolError):
        keywrap.wrap(kek, key[:-1])
    assert keywrap.unwrap(kek, good, 16) == key
