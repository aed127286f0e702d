"""Koblitz curves: openssl agrees on points and shared secrets; group laws; octets that are no point are refused."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.zigbee.key_establishment.curves import SECT163K1, SECT283K1, Curve, InvalidPoint, Point

CURVES = pytest.mark.parametrize("curve", [SECT163K1, SECT283K1], ids=repr)


def _openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def _key(curve: Curve) -> tuple[bytes, int, bytes]:
    """A key pair made by openssl: PEM, private key, compressed public key."""
    pem = _openssl("ecparam", "-name", curve.name, "-genkey", "-noout")
    text = _openssl("ec", "-text", "-noout", "-conv_form", "compressed", data=pem).decode()
    private, public = (re.sub(r"[\s:]", "", part) for part in re.findall(r"(?:priv|pub):\n((?: +[0-9a-f:]+\n)+)", text))
    return pem, int(private, 16), bytes.fromhex(public)


@pytest.mark.needs("openssl")
@CURVES
def test_openssl_has_the_same_public_keys(curve: Curve) -> None:
    for _ in range(5):
        _, private, public = _key(curve)
        point = curve.times(private, curve.generator)
        assert point is not None
        assert curve.encode(point) == public
        assert curve.decode(public) == point


@pytest.mark.needs("openssl")
@CURVES
def test_openssl_has_the_same_shared_secrets(curve: Curve, tmp_path: Path) -> None:
    (ours, private, _), (theirs, _, public) = _key(curve), _key(curve)
    (tmp_path / "ours.pem").write_bytes(ours)
    (tmp_path / "theirs.pem").write_bytes(_openssl("ec", "-pubout", data=theirs))
    secret = _openssl("pkeyutl", "-derive", "-inkey", tmp_path / "ours.pem", "-peerkey", tmp_path / "theirs.pem")
    shared = curve.times(private, curve.decode(public))
    assert shared is not None
    assert shared.x.to_bytes(curve.octets, "big") == secret


@CURVES
def test_generator_has_the_order(curve: Curve) -> None:
    assert curve.contains(curve.generator)
    assert curve.times(curve.order, curve.generator) is None
    assert curve.times(curve.order + 1, curve.generator) == curve.generator
    assert curve.times(0, curve.generator) is None


@CURVES
@settings(max_examples=15)
@given(data=st.data())
def test_sums_and_multiples_agree(curve: Curve, data: st.DataObject) -> None:
    one, other = (data.draw(st.integers(1, curve.order - 1)) for _ in range(2))
    left, right = curve.times(one, curve.generator), curve.times(other, curve.generator)
    assert curve.add(left, right) == curve.times(one + other, curve.generator)
    assert curve.add(left, left) == curve.times(2 * one, curve.generator)
    assert left is not None
    assert curve.contains(left)
    assert curve.decode(curve.encode(left)) == left


@CURVES
def test_a_point_and_its_opposite_are_nothing(curve: Curve) -> None:
    x, y = curve.generator
    opposite = Point(x, x ^ y)
    assert curve.contains(opposite)
    assert curve.add(curve.generator, opposite) is None
    assert curve.add(None, opposite) == opposite
    assert curve.encode(opposite)[0] != curve.encode(curve.generator)[0]


@CURVES
@given(data=st.data())
def test_the_field_is_one(curve: Curve, data: st.DataObject) -> None:
    one, other, third = (data.draw(st.integers(1, (1 << curve.m) - 1)) for _ in range(3))
    assert curve.multiply(one, other) == curve.multiply(other, one)
    assert curve.multiply(one, other ^ third) == curve.multiply(one, other) ^ curve.multiply(one, third)
    assert curve.square(one) == curve.multiply(one, one)
    assert curve.multiply(one, curve.inverse(one)) == 1
    # Multiplication by x is a shift and at most one subtraction: the schoolbook's way, apart from the one above.
    total = 0
    for bit in reversed(range(curve.m)):
        total = curve.reduce(total << 1) ^ (one if other >> bit & 1 else 0)
    assert curve.multiply(one, other) == total


@CURVES
def test_f22_octets_that_are_no_point_are_refused(curve: Curve) -> None:
    good = curve.encode(curve.generator)
    size = curve.octets
    bad = {
        "infinity": bytes(1),
        "uncompressed": b"\x04" + bytes(2 * size),
        "short": good[:-1],
        "long": good + b"\x00",
        "form": b"\x05" + good[1:],
        "order two": b"\x02" + bytes(size),
        "too many bits": b"\x02" + b"\xff" * size,
    }
    for data in bad.values():
        with pytest.raises(InvalidPoint):
            curve.decode(data)
    off = 0
    for x in range(1, 40):
        try:
            assert curve.contains(curve.decode(b"\x02" + x.to_bytes(size, "big")))
        except InvalidPoint:
            off += 1
    assert off > 5  # about half of all coordinates have no point


def test_f22_a_point_of_order_four_is_refused() -> None:
    # y^2 + xy = x^3 + 1 at x = 1: y^2 + y = 0. Twice (1, 0) is (0, 1), which has order two.
    point = Point(1, 0)
    assert SECT283K1.contains(point)
    assert SECT283K1.times(2, point) == Point(0, 1)
    assert SECT283K1.times(4, point) is None
    with pytest.raises(InvalidPoint, match="small order"):
        SECT283K1.decode(SECT283K1.encode(point))
