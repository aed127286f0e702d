"""Types of messages of IEC 62056-21, by the standard's own syntax (6.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.iec62056_21.characters import with_parity
from tools.decode.flag import message_type

MESSAGES = [
    (b"/?!\r\n", "FLAG request"),
    (b"/?12345678!\r\n", "FLAG request"),
    (b"/XXX5ident\r\n", "FLAG identification"),
    (b"/XXX5ident\r\n\r\n1.8.0(1*kWh)\r\n!\r\n", "FLAG push"),
    (b"\x06050\r\n", "FLAG option select"),
    (b"\x06", "FLAG acknowledgement"),
    (b"\x15", "FLAG repeat request"),
    (b"\x01P1\x02(1)\x03a", "FLAG P1"),
    (b"\x01B0\x03q", "FLAG B0"),
    (b"\x021.8.0(1*kWh)\r\n!\r\n\x03.", "FLAG data"),
    (b"", None),
    (b"noise", None),
    (b"\x01\x02", None),
    (b"\xff\xfe", None),
]


@pytest.mark.parametrize(("octets", "kind"), MESSAGES)
def test_a_message_has_its_type_with_and_without_parity(octets: bytes, kind: str | None) -> None:
    assert message_type(octets) == kind
    if octets.isascii():
        assert message_type(with_parity(octets)) == kind


@given(st.binary(max_size=64))
def test_any_octets_have_a_type_or_none(octets: bytes) -> None:
    assert message_type(octets) is None or message_type(octets).startswith("FLAG ")
