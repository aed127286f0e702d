"""Radio messages: round trip, rubbish, streams cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from tools.air import messages
from tools.air.messages import (
    Attach,
    BadMessage,
    Configure,
    Confirm,
    Measure,
    Measured,
    Now,
    Receive,
    Refuse,
    Splitter,
    Transmit,
    Welcome,
)
from tools.testkit.strategies import frames

REQUESTS, INDICATIONS = (Attach, Configure, Transmit, Measure), (Welcome, Refuse, Confirm, Receive, Now, Measured)


def test_the_octets_of_a_transmit_request():
    message = Transmit(0x01020304, 5_000_000_000, 9, 1, b"packet")
    assert message.build() == bytes.fromhex("01 03 01020304 000000012A05F200 00000009 01") + b"packet"


@given(st.one_of(*map(frames, REQUESTS)))
def test_a_request_comes_back(message):
    assert messages.request(message.build()) == message


@given(st.one_of(*map(frames, INDICATIONS)))
def test_an_indication_comes_back(message):
    assert messages.indication(message.build()) == message


@pytest.mark.parametrize("parse", [messages.request, messages.indication])
@given(head=st.sampled_from([b"", *(bytes([1, kind]) for kind in (*range(1, 5), *range(0x81, 0x87)))]), tail=st.binary())
def test_rubbish_is_refused(parse, head, tail):
    try:
        parse(head + tail)
    except RemoteProtocolError:
        return


@pytest.mark.parametrize("message", [b"", b"\x01", b"\x02\x01" + bytes(30), Now(1, 2).build(), bytes([1]) * 513])
def test_what_is_no_request_is_refused(message):
    with pytest.raises(RemoteProtocolError):
        messages.request(message)


def test_another_format_is_named():
    with pytest.raises(BadMessage, match="format 2, and this is format 1"):
        messages.request(b"\x02" + bytes(30))


@given(st.lists(st.binary(min_size=2, max_size=60), max_size=8), st.data())
def test_a_stream_may_be_cut_anywhere(sent, data):
    stream = b"".join(map(messages.delimited, sent))
    splitter, got, at = Splitter(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream)))
        got += splitter.feed(stream[at : at + size])
        at += size
    assert got == sent


@pytest.mark.parametrize("length", [0, 1, 513, 0xFFFF])
def test_a_length_that_no_message_has_ends_the_stream(length):
    with pytest.raises(BadMessage):
        list(Splitter().feed(length.to_bytes(2, "big")))


def test_what_comes_before_a_wrong_length_still_counts():
    messages_found = Splitter().feed(b"\x00\x02ok\xff\xff")
    assert next(messages_found) == b"ok"
    with pytest.raises(BadMessage):
        next(messages_found)
