"""UTRNs: published ones, and what no UTRN is."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.gbcs import utrn

SUPPLIER, METER = 0x90B3D51F30010000, 0x00DB1234567890A0
SECRET = bytes(range(32))


def secret(keys, supplier, meter):
    """What the supplier's prepayment key and a meter's agree on."""
    own, theirs = keys[supplier]["pp-ka"], keys[meter]["ka"]
    if "private_scalar" not in own:
        own, theirs = theirs, own
    private = ec.derive_private_key(int(own["private_scalar"], 16), ec.SECP256R1())
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(theirs["public_point"]))
    return private.exchange(ec.ECDH(), public)


def test_published_utrns_are_made_and_taken(shared_vectors):
    vectors = shared_vectors("gbcs")
    for known in vectors["known_answers"]["utrn"]:
        shared = secret(vectors["keys"], known["originator"], known["target"])
        kind = {"pounds": utrn.POUNDS, "pennies": utrn.PENCE}[known["value_class"]]
        parties = int(known["originator"], 16), int(known["target"], 16)
        counter = known["counter"] >> 32
        assert utrn.make(shared, *parties, counter, known["value"], kind) == known["utrn"]
        told = utrn.parse(known["utrn"])
        assert utrn.authentic(told, shared, *parties, counter)
        assert not utrn.authentic(told, shared, *parties, counter + 1024)
        assert told.pence == known["value"] * (100 if kind == utrn.POUNDS else 1)


@pytest.mark.parametrize("digits", ["73941656880950804485", "73950067887105178605", "73946144332040217315"])
def test_utrns_of_published_messages_have_right_check_digits(digits):
    """From RTDS 4.5.0 (Smart DCC): PCS01, CS01b, CS01a."""
    assert utrn.parse(digits).value


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, utrn.MOST), st.sampled_from([utrn.PENCE, utrn.POUNDS]))
def test_every_amount_and_counter_goes_there_and_back(counter, value, kind):
    told = utrn.parse(utrn.make(SECRET, SUPPLIER, METER, counter, value, kind))
    assert (told.number, told.value_class, told.value) == (counter % 1024, kind, value)
    assert utrn.authentic(told, SECRET, SUPPLIER, METER, counter)
    assert not utrn.authentic(told, SECRET, SUPPLIER, METER + 1, counter)
    assert not utrn.authentic(told, bytes(32), SUPPLIER, METER, counter)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{20}", fullmatch=True))
def test_whatever_digits_come_only_remote_errors_escape(text):
    try:
        assert utrn.parse(text).pence >= 0
    except RemoteProtocolError:
        return


@given(st.integers(0, 19), st.integers(1, 9))
def test_h1_a_wrong_digit_is_found_before_any_key_is_used(place, by):
    digits = utrn.make(SECRET, SUPPLIER, METER, 7, 1_234)
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    with pytest.raises(RemoteProtocolError):
        utrn.parse(wrong)


def test_h8_the_greatest_amount_is_8191_and_classes_2_and_3_have_none():
    assert utrn.parse(utrn.make(SECRET, SUPPLIER, METER, 1, 8_191)).pence == 8_191
    for kind in (2, 3):
        with pytest.raises(RemoteProtocolError):
            assert utrn.Utrn(1, kind, 5, 0).pence
        with pytest.raises(LocalProtocolError):
            utrn.make(SECRET, SUPPLIER, METER, 1, 5, kind)
    for value in (0, 8_192):
        with pytest.raises(LocalProtocolError):
            utrn.make(SECRET, SUPPLIER, METER, 1, value)
