"""AES modes against the vectors of the ZigBee specification (annex C) and NIST, and against OpenSSL's other interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import aes
from protocols.core.errors import RemoteProtocolError


def message(vector: dict[str, Any]) -> bytes:
    if "msg" in vector:
        return bytes.fromhex(vector["msg"])
    return bytes(i % 256 for i in range(int(vector["msg_rule"].split()[0])))


def test_mmo_hashes(shared_vectors: Callable[[str], Any]):
    for vector in shared_vectors("zigbee")["aes_mmo"]:
        assert aes.mmo(message(vector)).hex().upper() == vector["hash"], vector


def test_mmo_of_install_codes_is_the_link_key(shared_vectors: Callable[[str], Any]):
    for vector in shared_vectors("zigbee")["install_codes"]:
        assert aes.mmo(bytes.fromhex(vector["code_with_crc"])).hex().upper() == vector["link_key"]


def test_keyed_mmo(shared_vectors: Callable[[str], Any]):
    for vector in shared_vectors("zigbee")["hmac_mmo"]:
        mac = aes.hmac_mmo(bytes.fromhex(vector["key"]), bytes.fromhex(vector["msg"]))
        assert mac.hex().upper() == vector["mac"], vector


def test_ccm_star(shared_vectors: Callable[[str], Any]):
    for vector in shared_vectors("zigbee")["ccm_star"]:
        key, nonce, aad, plain, sealed = (bytes.fromhex(vector[name]) for name in ("key", "nonce", "a", "m", "c_and_mic"))
        assert aes.ccm_seal(key, nonce, aad, plain, vector["M"]) == sealed
        assert aes.ccm_open(key, nonce, aad, sealed, vector["M"]) == plain


def test_ecb_block_of_fips_197_appendix_c():
    key, block = bytes(range(16)), bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    assert aes.ecb(key, block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert aes.ecb(key, block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"  # the kept context has no memory


def test_gcm_of_the_gcm_specification_test_case_4():
    key = bytes.fromhex("FEFFE9928665731C6D6A8F9467308308")
    iv = bytes.fromhex("CAFEBABEFACEDBADDECAF888")
    aad = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = bytes.fromhex(
        "D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A721C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B39"
    )
    sealed = bytes.fromhex(
        "42831EC2217774244B7221B784D0D49CE3AA212F2C02A4E035C17E2329ACA12E"
        "21D514B25466931C7D8F6A5AAC84AA051BA30B396A0AAC973D58E091"
        "5BC94FBC3221A5DB94FAE95A"  # of the tag, the first 12 octets
    )
    assert aes.gcm_seal(key, iv, aad, plain) == sealed
    assert aes.gcm_open(key, iv, aad, sealed) == plain


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=12, max_size=12), st.binary(max_size=40), st.binary(max_size=80))
def test_gcm_equals_the_interface_that_knows_short_tags(key: bytes, iv: bytes, aad: bytes, plain: bytes):
    encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(aad)
    sealed = encryptor.update(plain) + encryptor.finalize() + encryptor.tag[:12]
    assert aes.gcm_seal(key, iv, aad, plain) == sealed
    assert aes.gcm_open(key, iv, aad, sealed) == plain


@pytest.mark.parametrize("opened", [aes.ccm_open, aes.gcm_open])
@given(data=st.data())
def test_one_wrong_bit_anywhere_is_the_peers_fault(opened: Callable[..., bytes], data: st.DataObject):
    key, nonce, aad, plain = bytes(range(16)), bytes(13 if opened is aes.ccm_open else 12), b"header", b"contents"
    sealed = (aes.ccm_seal if opened is aes.ccm_open else aes.gcm_seal)(key, nonce, aad, plain)
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    wrong = (int.from_bytes(sealed, "big") ^ 1 << bit).to_bytes(len(sealed), "big")
    with pytest.raises(RemoteProtocolError):
        opened(key, nonce, aad, wrong)
    with pytest.raises(RemoteProtocolError):
        opened(key, nonce, b"Header", sealed)


@pytest.mark.parametrize("size", range(13))
def test_what_is_too_short_for_a_tag_is_the_peers_fault(size: int):
    with pytest.raises(RemoteProtocolError):
        aes.gcm_open(bytes(16), bytes(12), b"", bytes(size))
    if size < aes.MIC:
        with pytest.raises(RemoteProtocolError):
            aes.ccm_open(bytes(16), bytes(13), b"", bytes(size))


def test_cmac_and_cbc_of_the_nist_examples() -> None:
    """SP 800-38B example 2 (AES-128, one block); SP 800-38A F.2.1, F.2.2 (first two blocks)."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
    sealed = bytes.fromhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2")
    assert aes.cmac(key, plain[:16]).hex() == "070a16b46b4d4144f79bdd9dd04a287c"
    assert aes.cbc_encrypt(key, bytes(range(16)), plain) == sealed
    assert aes.cbc_decrypt(key, bytes(range(16)), sealed) == plain
