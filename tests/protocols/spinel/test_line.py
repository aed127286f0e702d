"""HDLC-lite and Spinel messages: octets of the drafts, round trips, cuts, noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.errors import RemoteProtocolError
from protocols.spinel.hdlc_lite import LONGEST, Decoder, encode
from protocols.spinel.message import Command, Message, Property, pack, unpack

frames = st.binary(min_size=1, max_size=200)


def test_a_reset_as_hosts_send_it() -> None:
    # The first octets of any host: 80 01 and its checksum between two flags (draft-rquattle-spinel, HDLC-lite appendix).
    assert encode(Message(0, Command.RESET).build()) == b"\x7e\x80\x01" + crc.x25(b"\x80\x01").to_bytes(2, "little") + b"\x7e"


def test_a_question_as_zigbee_on_host_sends_it() -> None:
    # zigbee-on-host 0.3.0 asks for the protocol version.
    assert encode(Message(1, Command.PROPERTY_GET, Property.PROTOCOL_VERSION).build()).hex() == "7e810201c5b27e"


def test_octets_that_mean_something_to_the_line_are_escaped() -> None:
    line = encode(bytes.fromhex("7E7D1113F8"))
    assert line.startswith(bytes.fromhex("7E7D5E7D5D7D317D337DD8"))
    assert line.count(b"\x7e") == 2
    assert not {0x11, 0x13, 0xF8} & set(line)


@pytest.mark.parametrize(
    ("value", "octets"), [(0, "00"), (127, "7F"), (128, "8001"), (1337, "B90A"), (16383, "FF7F"), (2_097_151, "FFFF7F")]
)
def test_packed_numbers_of_the_draft(value: int, octets: str) -> None:
    assert pack(value).hex().upper() == octets
    assert unpack(bytes.fromhex(octets)) == (value, len(octets) // 2)


@pytest.mark.parametrize("octets", ["", "80", "FFFF", "FFFFFF01"])
def test_packed_numbers_that_are_cut_or_too_long(octets: str) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack(bytes.fromhex(octets))


@given(st.lists(frames, max_size=5), st.data())
def test_frames_arrive_whole_however_they_are_cut(sent: list[bytes], data: st.DataObject) -> None:
    line = b"".join(map(encode, sent))
    decoder, got = Decoder(), []
    while line:
        size = data.draw(st.integers(1, len(line)))
        got += decoder.feed(line[:size])
        line = line[size:]
    assert got == sent
    assert decoder.damaged == 0


@given(st.binary(max_size=300), frames)
def test_after_noise_the_next_frame_arrives(noise: bytes, frame: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    decoder.feed(b"\x7e")
    assert decoder.feed(encode(frame)) == [frame]


def test_a_flipped_bit_and_an_endless_frame_are_dropped() -> None:
    decoder = Decoder()
    line = bytearray(encode(b"\x80\x02\x01"))
    line[1] ^= 0x04
    assert decoder.feed(bytes(line)) == []
    assert decoder.feed(b"a" * (LONGEST * 3) + b"\x7e") == []
    assert decoder.feed(b"ab\x7d\x7e") == []  # an escape at the end aborts
    assert decoder.damaged == 3


messages = st.builds(
    Message, st.integers(0, 15), st.sampled_from([2, 3, 4, 5, 6, 7, 8]), st.integers(0, 70_000), st.binary(max_size=40),
    st.integers(0, 3),
)  # fmt: skip


@given(messages)
def test_messages_round_trip(message: Message) -> None:
    assert Message.parse(message.build()) == message


@given(st.binary(max_size=20))
def test_only_one_family_of_errors_escapes(data: bytes) -> None:
    try:
        Message.parse(data)
    except RemoteProtocolError:
        return


def test_numbers_of_properties_are_those_of_the_drafts() -> None:
    assert Message(1, Command.PROPERTY_GET, Property.MAC_SOURCE_MATCH_ENABLED).build() == bytes.fromhex("81028326")
    assert Message(2, Command.PROPERTY_SET, Property.STREAM_RAW, b"\x01").build() == bytes.fromhex("82037101")
