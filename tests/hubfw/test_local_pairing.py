"""Numbers on the label of a consumer access device: round trip, every wrong digit and swap found, and nothing else taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.local_pairing import CODE_DIGITS, device_number, install_code, label
from protocols.core.crc import append_x25
from protocols.core.errors import RemoteProtocolError
from tools.bench.config import loads
from tools.errors import BadInput

EUI64S = st.integers(0, 2**64 - 1)
CODES = st.sampled_from(list(CODE_DIGITS)).flatmap(lambda octets: st.binary(min_size=octets, max_size=octets)).map(append_x25)


@given(EUI64S, CODES)
def test_what_is_printed_is_read_as_it_was(eui64: int, code: bytes) -> None:
    number, printed = label(eui64, code)
    assert (device_number(number), install_code(printed)) == (eui64, code)


@given(EUI64S, CODES, st.data())
def test_a_wrong_digit_and_swapped_neighbours_are_found(eui64: int, code: bytes, data: st.DataObject) -> None:
    for text, read in zip(label(eui64, code), (device_number, install_code), strict=True):
        place = data.draw(st.integers(0, len(text) - 2))
        wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != text[place]]))
        for changed in (text[:place] + wrong + text[place + 1 :], text[:place] + text[place + 1] + text[place] + text[place + 2 :]):
            if changed != text:
                with pytest.raises(RemoteProtocolError):
                    read(changed)


@given(st.text(max_size=64))
def test_whatever_else_is_typed_is_refused(text: str) -> None:
    for read in (device_number, install_code):
        try:
            read(text)
        except RemoteProtocolError:
            continue
        assert text.isdigit()


def test_numbers_beyond_what_octets_hold_are_refused() -> None:
    from protocols.zigbee.hub_prepayment.codes import check_digit

    for digits, read in (("9" * 20, device_number), ("9" * 39, install_code)):
        with pytest.raises(RemoteProtocolError, match="no "):
            read(digits + str(check_digit(digits)))


def test_one_keypad_has_one_use() -> None:
    with pytest.raises(BadInput, match="the hub's one keypad"):
        loads('[[home]]\n[[home.device]]\nkind = "hub"\nconsumer_pairing = true\nprepay = {}\n')
