"""X-25 and KERMIT against the check values of the CRC catalogue, HDLC frames of other stacks and install codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocols.core import crc


def test_check_values_of_the_catalogue_of_parametrised_crc_algorithms():
    assert crc.x25(b"123456789") == 0x906E  # CRC-16/IBM-SDLC
    assert crc.kermit(b"123456789") == 0x2189  # CRC-16/KERMIT


def test_frame_check_sequences_of_hdlc(shared_vectors: Callable[[str], Any]):
    vectors = [v for v in shared_vectors("dlms")["vectors"] if v["area"] == "hdlc-fcs"]
    assert vectors
    for vector in vectors:
        body = bytes.fromhex(vector["given"]["hex"])
        assert crc.append_x25(body)[-2:].hex().upper() == vector["expect"]["fcs"], vector["id"]


def test_install_codes_end_in_their_checksum(shared_vectors: Callable[[str], Any]):
    for vector in shared_vectors("zigbee")["install_codes"]:
        code = bytes.fromhex(vector["code_with_crc"])
        assert crc.append_x25(code[:-2]) == code


@given(st.binary(max_size=200))
def test_the_short_cut_equals_the_polynomial_bit_by_bit(data: bytes):
    def bitwise(register: int) -> int:
        for octet in data:
            register ^= octet
            for _ in range(8):
                register = register >> 1 ^ (0x8408 if register & 1 else 0)
        return register

    assert crc.x25(data) == bitwise(0xFFFF) ^ 0xFFFF
    assert crc.kermit(data) == bitwise(0)


@given(st.binary(max_size=100))
def test_appended_checksums_leave_the_known_residue(data: bytes):
    assert crc.x25(crc.append_x25(data)) == 0x0F47  # ISO/IEC 13239: F0B8 before the inversion
    assert crc.kermit(crc.append_kermit(data)) == 0


@given(st.binary(max_size=100), st.integers(0, 7), st.data())
def test_a_checksum_is_recognised_and_any_wrong_bit_of_it_too(body: bytes, bit: int, data: st.DataObject):
    whole = crc.append_kermit(body)
    assert whole == body + crc.kermit(body).to_bytes(2, "little")
    assert crc.ends_in_kermit(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    assert not crc.ends_in_kermit(whole[:at] + bytes((whole[at] ^ 1 << bit,)) + whole[at + 1 :])
