"""Ciphered APDUs against the Green Book's examples; what does not verify changes nothing and says nothing of keys."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.ciphering import GeneralCiphered, Keys, cipher, decipher, unsecure

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
LONG = Keys(bytes(range(32)), bytes(range(0xC0, 0xE0)))
TITLE = bytes.fromhex("4D4D4D0000BC614E")


CONTROLS = [0x10, 0x20, 0x30]


@pytest.mark.req("S-167")
def test_the_published_examples(shared_vectors: Callable[[str], Any]):
    vectors = [v for v in shared_vectors("dlms")["vectors"] if v["area"] == "ciphering" and "sc" in v["given"]]
    assert {v["given"]["sc"] for v in vectors} >= {"10", "20", "30"}
    for vector in vectors:
        given_, apdu = vector["given"], bytes.fromhex(vector["expect"]["apdu"])
        keys = Keys(bytes.fromhex(given_["ek"]), bytes.fromhex(given_["ak"]))
        title, counter, plain = bytes.fromhex(given_["title"]), int(given_["ic"], 16), bytes.fromhex(given_["plain"])
        assert cipher(apdu[0], plain, keys, title, counter, int(given_["sc"], 16)) == apdu, vector["id"]
        opened, secured = decipher(apdu, keys, title)
        assert (opened, secured.counter) == (plain, counter), vector["id"]


def test_the_published_push_in_the_general_form(shared_vectors: Callable[[str], Any]):
    (vector,) = [v for v in shared_vectors("dlms")["vectors"] if v["id"] == "push-general-glo"]
    general = GeneralCiphered.parse(bytes.fromhex(vector["given"]["hex"]))
    keys = Keys(bytes.fromhex(vector["given"]["ek"]), b"")
    assert unsecure(general.secured, keys, general.title) == bytes.fromhex(vector["expect"]["plain"])


@given(st.binary(min_size=1, max_size=300), st.integers(0, 0xFFFFFFFF), st.sampled_from(CONTROLS), st.sampled_from([KEYS, LONG]))
def test_round_trip(apdu: bytes, counter: int, control: int, keys: Keys):
    opened, secured = decipher(cipher(0xC8, apdu, keys, TITLE, counter, control), keys, TITLE)
    assert (opened, secured.counter, secured.control) == (apdu, counter, control)


@given(st.binary(max_size=80))
def test_garbage_is_the_peers_fault(data: bytes):
    with contextlib.suppress(RemoteProtocolError):
        decipher(data, KEYS, TITLE)


@pytest.mark.parametrize("control", [0x10, 0x30])
def test_every_wrong_octet_is_noticed(control: int):
    good = cipher(0xC8, b"a request", KEYS, TITLE, 7, control)
    for at in range(1, len(good)):  # the service's tag is not authenticated: the plain APDU says it again
        wrong = bytearray(good)
        wrong[at] ^= 0x40
        with pytest.raises(RemoteProtocolError):
            decipher(bytes(wrong), KEYS, TITLE)


@pytest.mark.parametrize("control", [0x00, 0x01, 0x40, 0x80])
def test_a_unit_that_nothing_secures_is_refused(control: int):
    good = bytearray(cipher(0xC8, b"a request", KEYS, TITLE, 7))
    good[2] = control
    with pytest.raises(RemoteProtocolError, match="security control"):
        decipher(bytes(good), KEYS, TITLE)


def test_keys_do_not_show():
    assert "d0" not in repr(KEYS).lower()
