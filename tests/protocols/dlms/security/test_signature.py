"""Signatures against published ones (Green Book annex, NSA Suite B guide, RFC 6979), and wrong ones of every kind (D10)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.ecc import curve_of_private
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.signature import BadSignature, Curve, generate, public_key, sign, verify

KEYS = {curve: generate(curve, Random(f"signing on {curve.name}")) for curve in Curve}
CURVES = pytest.mark.parametrize("curve", Curve)


def test_published_signatures_verify(dlms_vectors: Callable[..., list[dict[str, Any]]]):
    for vector in dlms_vectors("signature"):
        public, data, signature = (bytes.fromhex(vector["given"][name]) for name in ("public_xy", "data", "signature"))
        verify(public, data, signature)
        with pytest.raises(BadSignature):
            verify(public, data + b"\0", signature)


@pytest.mark.parametrize(
    "private, public, signature",
    [
        # RFC 6979 A.2.5, P-256, SHA-256, message "sample"
        (
            "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        # RFC 6979 A.2.6, P-384, SHA-384, message "sample"
        (
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC138015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE4699EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
        ),
    ],
)
def test_signing_is_deterministic_as_the_rfc_has_it(private: str, public: str, signature: str):
    assert public_key(bytes.fromhex(private)).hex().upper() == public
    assert sign(bytes.fromhex(private), b"sample").hex().upper() == signature


@CURVES
@given(data=st.binary(max_size=300))
def test_round_trip(curve: Curve, data: bytes):
    signature = sign(KEYS[curve], data)
    assert len(signature) == 2 * curve.octets
    verify(public_key(KEYS[curve]), data, signature)


@CURVES
@given(signature=st.binary(max_size=200), public=st.binary(max_size=100))
def test_garbage_is_the_peers_fault(curve: Curve, signature: bytes, public: bytes):
    with pytest.raises(RemoteProtocolError):
        verify(public_key(KEYS[curve]), b"data", signature)
    with pytest.raises(RemoteProtocolError):
        verify(public, b"data", sign(KEYS[curve], b"data"))


def _wrong(curve: Curve) -> dict[str, bytes]:
    good = sign(KEYS[curve], b"data")
    r, s = good[: curve.octets], good[curve.octets :]
    zero, order, largest = bytes(curve.octets), curve.order.to_bytes(curve.octets, "big"), b"\xff" * curve.octets
    beyond = int.from_bytes(s, "big") + curve.order
    return {
        "an octet short": good[:-1], "an octet long": good + b"\0", "none": b"", "another curve's length": good + good[: curve.octets],
        "r = 0": zero + s, "s = 0": r + zero, "both 0": zero + zero, "r = n": order + s, "s = n": r + order,
        "s beyond the octets": r + largest, "s + n": r + (beyond % (1 << 8 * curve.octets)).to_bytes(curve.octets, "big"),
        "r and s exchanged": s + r, "a bit of r": bytes((good[0] ^ 1,)) + good[1:], "a bit of s": good[:-1] + bytes((good[-1] ^ 1,)),
    }  # fmt: skip


@CURVES
def test_wrong_signatures_are_refused_and_the_next_good_one_is_not(curve: Curve):  # D10
    public = public_key(KEYS[curve])
    for signature in _wrong(curve).values():
        with pytest.raises(BadSignature):
            verify(public, b"data", signature)
    with pytest.raises(BadSignature):
        verify(public, b"other data", sign(KEYS[curve], b"data"))
    verify(public, b"data", sign(KEYS[curve], b"data"))


@CURVES
def test_keys_of_one_seed_repeat_and_of_two_differ(curve: Curve):
    assert generate(curve, Random(1)) == generate(curve, Random(1)) != generate(curve, Random(2))
    assert curve_of_private(generate(curve, Random(1))) is curve


@pytest.mark.parametrize("private", [b"", bytes(32), b"\xff" * 32, bytes(31) + b"\1" + b"\0", bytes(48)])
def test_what_is_no_private_key_is_our_fault(private: bytes):
    with pytest.raises(LocalProtocolError):
        sign(private, b"data")
