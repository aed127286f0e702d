"""Ciphered APDUs against the Green Book's examples; what does not verify changes nothing and says nothing of keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.ciphering import Keys, cipher, decipher

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
TITLE = bytes.fromhex("4D4D4D0000BC614E")


def test_the_authenticated_and_encrypted_examples(shared_vectors: Callable[[str], Any]):
    vectors = [v for v in shared_vectors("dlms")["vectors"] if v["area"] == "ciphering" and v["given"].get("sc") == "30"]
    assert vectors
    for vector in vectors:
        given_, apdu = vector["given"], bytes.fromhex(vector["expect"]["apdu"])
        keys = Keys(bytes.fromhex(given_["ek"]), bytes.fromhex(given_["ak"]))
        title, counter, plain = bytes.fromhex(given_["title"]), int(given_["ic"], 16), bytes.fromhex(given_["plain"])
        assert cipher(apdu[0], plain, keys, title, counter) == apdu, vector["id"]
        assert decipher(apdu, keys, title) == (plain, counter), vector["id"]


@given(st.binary(min_size=1, max_size=300), st.integers(0, 0xFFFFFFFF))
def test_round_trip(apdu: bytes, counter: int):
    assert decipher(cipher(0xC8, apdu, KEYS, TITLE, counter), KEYS, TITLE) == (apdu, counter)


@given(st.binary(max_size=80))
def test_garbage_is_the_peers_fault(data: bytes):
    with pytest.raises(RemoteProtocolError):
        decipher(data, KEYS, TITLE)


def test_every_wrong_octet_is_noticed():
    good = cipher(0xC8, b"a request", KEYS, TITLE, 7)
    for at in range(1, len(good)):  # the service's tag is not authenticated: the plain APDU says it again
        wrong = bytearray(good)
        wrong[at] ^= 0x40
        with pytest.raises(RemoteProtocolError):
            decipher(bytes(wrong), KEYS, TITLE)


@pytest.mark.parametrize("control", [0x00, 0x10, 0x20, 0x31, 0xB0, 0x70])
def test_other_security_controls_are_refused(control: int):
    good = bytearray(cipher(0xC8, b"a request", KEYS, TITLE, 7))
    good[2] = control
    with pytest.raises(RemoteProtocolError, match="security control"):
        decipher(bytes(good), KEYS, TITLE)


def test_keys_do_not_show():
    assert "d0" not in repr(KEYS).lower()
