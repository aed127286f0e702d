from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.dlms.obis import Obis


@pytest.mark.parametrize("name", ["1-0:1.8.0.255", "1-0:1.8.0", "1.0.1.8.0.255", "1-0:1.8.0*255", bytes([1, 0, 1, 8, 0, 255])])
def test_every_spelling_is_the_same_six_octets(name: str | bytes) -> None:
    assert Obis(name) == bytes([1, 0, 1, 8, 0, 255])
    assert str(Obis(name)) == "1-0:1.8.0.255"


@pytest.mark.parametrize(
    "name",
    ["", "1.8.0", "1-0:1.8.256", "1-0:1.8.0.255.0", "a-0:1.8.0", "1-0:1.8.0\n", "\u0661-0:1.8.0", b"", bytes(7)],
)
def test_what_is_not_a_logical_name_is_refused(name: str | bytes) -> None:
    with pytest.raises(LocalProtocolError):
        Obis(name)


@given(st.binary(min_size=6, max_size=6))
def test_written_and_read_again(octets: bytes) -> None:
    assert Obis(str(Obis(octets))) == octets
