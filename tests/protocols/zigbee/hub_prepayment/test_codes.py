"""Tokens, readings and reopening codes: every wrong digit is found, none is good for another hub, key or exchange."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.codes import TopUp

KEY, OTHER = bytes(range(16)), bytes(range(1, 17))
HUB = 0x00DB_0000_0000_0001
TOP_UPS = st.builds(TopUp, st.integers(1, codes.MOST_PENCE), st.integers(0, codes.COUNTERS - 1), st.booleans())


def test_the_check_digit_is_damms() -> None:
    """The example of the algorithm's encyclopaedia article: 572 has the check digit 4."""
    assert codes.check_digit("572") == 4
    assert codes.check_digit("5724") == 0


@given(TOP_UPS)
def test_a_token_says_what_was_bought_and_to_nobody_else(top_up: TopUp) -> None:
    digits = codes.token(KEY, HUB, top_up)
    assert len(digits) == codes.TOKEN_DIGITS
    assert codes.open_token(KEY, HUB, digits) == top_up
    for key, hub in ((OTHER, HUB), (KEY, HUB + 1)):
        with pytest.raises(RemoteProtocolError, match="not a token for this hub"):
            codes.open_token(key, hub, digits)


@pytest.mark.req("S-156", part=True)
@given(TOP_UPS, st.integers(0, codes.TOKEN_DIGITS - 1), st.integers(1, 9))
def test_a_wrong_digit_or_a_swap_is_found_before_any_cryptography(top_up: TopUp, place: int, by: int) -> None:
    digits = codes.token(KEY, HUB, top_up)
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    swapped = digits[:place] + digits[place : place + 2][::-1] + digits[place + 2 :]
    for typed in {wrong, swapped} - {digits}:
        with pytest.raises(RemoteProtocolError, match="a digit of the token is wrong"):
            codes.open_token(KEY, HUB, typed)


def test_the_amount_is_not_to_be_read_off_a_token() -> None:
    tokens = {codes.token(KEY, HUB, TopUp(1000, counter))[:6] for counter in range(50)}
    assert len(tokens) == 50


@pytest.mark.parametrize("typed", ["", "1" * 19, "1" * 21, "1" * 19 + "x", "१" * 20])
def test_what_is_no_token_is_refused(typed: str) -> None:
    with pytest.raises(RemoteProtocolError, match="20 digits"):
        codes.open_token(KEY, HUB, typed)
    for pence in (0, codes.MOST_PENCE + 1):
        with pytest.raises(LocalProtocolError):
            codes.token(KEY, HUB, TopUp(pence, 0))


@given(st.integers(0, 10**8 - 1), st.integers(0, 999), st.integers(0, 2**32 - 2))
def test_a_reading_and_its_code_are_good_for_one_exchange(litres: int, grant: int, exchange: int) -> None:
    carried = codes.reading(KEY, litres, exchange)
    assert codes.open_reading(KEY, carried, exchange) == litres
    code = codes.reopening(KEY, grant, litres, exchange)
    assert codes.open_reopening(KEY, code, litres, exchange) == grant
    with_other = codes.reading(OTHER, litres, exchange), codes.reopening(KEY, grant, litres, exchange + 1)
    assert (carried, code) != with_other  # four digits of check let one in ten thousand pass, seven one in ten million


def test_four_check_digits_refuse_nearly_every_made_up_reading() -> None:
    passed = 0
    for check in range(10_000):
        try:
            codes.open_reading(KEY, f"00012345{check:04d}", 7)
        except RemoteProtocolError:
            continue
        passed += 1
    assert passed == 1
