"""ZigBee packets across the WAN: messages and their cutting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.gateway import (
    LARGEST,
    Login,
    NotifyAPSMessage,
    Packet,
    Result,
    SendAPSMessage,
    SetApplication,
    Splitter,
    framed,
    from_head_end,
    from_hub,
)

PACKET = Packet(0x00DB_1234_5678_90A0, 0x0109, 0x0702, 0xC8, 1, b"\x00\x01\x00\x00\x00")


def test_octets_of_a_packet_on_its_way() -> None:
    assert framed(SendAPSMessage(5, PACKET)).hex(" ") == ("00 16 02 00 05 00 db 12 34 56 78 90 a0 01 09 07 02 c8 01 00 01 00 00 00")


@given(st.lists(st.sampled_from([Login(1, b"pw"), SendAPSMessage(2, PACKET), SetApplication(3, b"dlms")])), st.data())
def test_messages_cut_anywhere_come_whole(sent: list[Login], data: st.DataObject) -> None:
    octets = b"".join(framed(each) for each in sent)
    cut = data.draw(st.integers(0, len(octets)))
    splitter = Splitter()
    assert [from_head_end.parse(each) for each in splitter.feed(octets[:cut]) + splitter.feed(octets[cut:])] == sent


@pytest.mark.parametrize("message", [Result(1, 6, b"no"), NotifyAPSMessage(7, PACKET)])
def test_what_the_hub_says_is_read_as_it_is_built(message: Result) -> None:
    assert from_hub.parse(message.build()) == message


@pytest.mark.parametrize("length", [0, LARGEST + 1, 0xFFFF])
def test_a_length_that_no_message_has_is_refused_before_anything_is_kept(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        Splitter().feed(length.to_bytes(2, "big"))


@given(st.binary(max_size=60))
def test_any_octets_are_a_message_or_refused(octets: bytes) -> None:
    for known in (from_head_end, from_hub):
        try:
            assert known.parse(octets).build() == octets
        except RemoteProtocolError:
            continue
