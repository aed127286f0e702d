from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms.wrapper import Header, Pdu, Splitter, unwrap, wrap

PDUS = st.lists(st.builds(Pdu, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(min_size=1, max_size=50)), max_size=5)


def test_published_header(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    (vector,) = dlms_vectors("wrapper")
    expect = vector["expect"]
    header = Header(expect["version"], expect["src"], expect["dst"], expect["length"])
    assert header.build().hex() == vector["given"]["hex"]
    assert Header.parse(bytes.fromhex(vector["given"]["hex"])) == header


@pytest.mark.dlms("server wrapper TCP", "client wrapper TCP")
@given(PDUS, st.data())
def test_any_split_gives_the_same(pdus: list[Pdu], data: st.DataObject) -> None:
    stream = b"".join(wrap(*pdu) for pdu in pdus)
    splitter, found, at = Splitter(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 30))
        found += splitter.feed(stream[at : at + step])
        at += step
    assert found == pdus == Splitter().feed(stream)


@given(st.binary(max_size=100))
def test_garbage_raises_nothing_else(octets: bytes) -> None:
    try:
        Splitter().feed(octets)
    except DecodeError:
        return


def test_other_versions_end_it() -> None:
    """B1. What stood in front of it has come; nothing behind it ever does."""
    good, bad = wrap(1, 16, b"\x01"), bytes.fromhex("0002000100100001FF")
    splitter = Splitter()
    assert splitter.feed(good + bad) == [Pdu(1, 16, b"\x01")]
    for octets in (b"", good):
        with pytest.raises(DecodeError, match="version"):
            splitter.feed(octets)


def test_empty_pdus_are_ignored() -> None:
    """B2."""
    assert Splitter().feed(bytes.fromhex("0001000100100000") + wrap(1, 16, b"\x01")) == [Pdu(1, 16, b"\x01")]


def test_a_length_beyond_the_cap_is_refused_before_anything_is_kept() -> None:
    """B2."""
    with pytest.raises(DecodeError, match="65535"):
        Splitter().feed(bytes.fromhex("000100010010FFFF"))
    assert Splitter(10).feed(wrap(1, 16, bytes(10))) == [Pdu(1, 16, bytes(10))]
    with pytest.raises(DecodeError):
        Splitter(10).feed(wrap(1, 16, bytes(11)))


@pytest.mark.parametrize("apdu", [b"", bytes(65_536)])
def test_what_the_wrapper_cannot_say_is_our_error(apdu: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        wrap(1, 16, apdu)


@pytest.mark.dlms("server wrapper UDP", "client wrapper UDP")
def test_datagrams() -> None:
    assert unwrap(wrap(1, 16, b"\x01")) == Pdu(1, 16, b"\x01")
    for datagram in (b"", wrap(1, 16, b"\x01") * 2, wrap(1, 16, b"\x01\x02")[:-1], wrap(1, 16, b"\x01") + b"\x00"):
        with pytest.raises(DecodeError):
            unwrap(datagram)
