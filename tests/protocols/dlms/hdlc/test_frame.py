"""HDLC frames, addresses and the deframer: published frames, any split, noise, damage (bad inputs A1 to A7, A15 to A17)."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms.hdlc import Address, Damage, Damaged, Deframer, Frame, Kind, Limits
from protocols.dlms.hdlc.frame import CONTROL, address

CLIENT, SERVER = Address(16), Address(1, 17)
GOOD = Frame.numbered(Kind.I, SERVER, CLIENT, send=0, receive=0, poll=True, information=b"\xe6\xe6\x00\x7e\xc0\x7e\xa0\x01")
POLL = Frame.numbered(Kind.RR, SERVER, CLIENT, receive=1, poll=True)

CLIENTS = st.builds(Address, st.integers(0, 0x7F))
SERVERS = st.one_of(
    st.builds(Address, st.integers(0, 0x7F)),
    st.builds(Address, st.integers(0, 0x7F), st.integers(0, 0x7F)),
    st.builds(Address, st.integers(0, 0x3FFF), st.integers(0, 0x3FFF), st.just(4)),
)
FRAMES = st.builds(Frame, SERVERS, CLIENTS, st.integers(0, 255), st.binary(max_size=60), st.booleans())
# What looks like the beginning of a frame is worth more than what does not.
LIKE_A_FRAME = st.sampled_from([b"~", b"~\xa0", b"~\xa0\x07\x03", b"~\xa7\xff"])
NOISE = st.lists(st.one_of(st.binary(max_size=8), LIKE_A_FRAME), max_size=4).map(b"".join)


def with_check(octets: str) -> bytes:
    """Octets between the flags, with the frame check made right and the flags put on."""
    return b"~" + crc.append_x25(bytes.fromhex(octets)) + b"~"


def test_published_checks(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("hdlc-fcs"):
        octets = bytes.fromhex(vector["given"]["hex"])
        assert crc.append_x25(octets)[-2:].hex().upper() == vector["expect"]["fcs"], vector["id"]


def test_published_frames_between_flags(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    """The fcs vectors that are frames: each is found, whole, and built again to the same octets."""
    for vector in dlms_vectors("hdlc-fcs"):
        octets = bytes.fromhex(vector["given"]["hex"])
        if octets[0] == 0xA0:
            frame = b"~" + octets + bytes.fromhex(vector["expect"]["fcs"]) + b"~"
            assert Frame.parse(frame).build() == frame, vector["id"]


def test_published_addresses(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("hdlc-address"):
        given_ = vector["given"]
        made = Address(given_["upper"], given_.get("lower"), given_.get("size", 0))
        octets = bytes.fromhex(vector["expect"]["hex"])
        assert made.octets == octets, vector["id"]
        assert address(octets) == made, vector["id"]


def test_published_frames(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    frames = {}
    for vector in dlms_vectors("hdlc-frame"):
        octets = bytes.fromhex(vector["given"]["hex"])
        if len(octets) > 2:
            frames[vector["id"]] = Frame.parse(octets)
            assert frames[vector["id"]].build() == octets, vector["id"]
    assert frames["hdlc-snrm"] == Frame.unnumbered(Kind.SNRM, SERVER, CLIENT, poll=True)
    assert frames["hdlc-ua"].kind is Kind.UA
    assert Limits.parse(frames["hdlc-ua"].information) == Limits(0x9A, 0x9A, 1, 1)
    assert frames["hdlc-ua-4octet"].source == Address(1, 17, size=4)
    assert Limits.parse(frames["hdlc-ua-4octet"].information) == Limits(128, 128, 1, 1)
    for name, sent, received in (("hdlc-i-aarq", 0, 0), ("hdlc-i-aare", 0, 1)):
        frame = frames[name]
        assert (frame.kind, frame.send_number, frame.receive_number, frame.poll) == (Kind.I, sent, received, True)
    assert frames["hdlc-ua-short"] == Frame.unnumbered(Kind.UA, CLIENT, Address(1), poll=True)


def test_format_field(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    (vector,) = [one for one in dlms_vectors("hdlc-frame") if one["id"] == "hdlc-fmt"]
    octets = Frame(CLIENT, Address(1), 0x10, bytes(29 - 9), segmented=True).build()
    assert octets[1:3].hex().upper() == vector["given"]["hex"]


def test_control_fields() -> None:
    """IEC 62056-46 6.4.3.1, table of commands and responses, with P/F set."""
    table = {
        Kind.SNRM: 0x93, Kind.DISC: 0x53, Kind.UA: 0x73, Kind.DM: 0x1F, Kind.FRMR: 0x97, Kind.UI: 0x13,
        Kind.RR: 0x11, Kind.RNR: 0x15,
    }  # fmt: skip
    for kind, control in table.items():
        assert Frame(CLIENT, SERVER, control).kind is kind
        assert CONTROL[kind] | 0x10 == control
    assert Frame(CLIENT, SERVER, 0xB2).kind is Kind.I
    for control in (0x19, 0x1D, 0x7F, 0xFF):  # REJ, SREJ, and nothing
        assert Frame(CLIENT, SERVER, control).kind is Kind.UNDEFINED


@pytest.mark.parametrize("wrong", [(128,), (-1,), (1, 2, 1), (1, None, 2), (128, 1, 2), (1 << 14, 1), (1, 1, 3)])
def test_impossible_addresses_are_our_error(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(LocalProtocolError):
        Address(*wrong)


def test_too_long_a_frame_is_our_error() -> None:
    assert len(Frame(CLIENT, SERVER, 0, bytes(2030)).build()) == 2030 + 12
    with pytest.raises(LocalProtocolError):
        Frame(CLIENT, SERVER, 0, bytes(2040)).build()


@given(FRAMES)
def test_round_trip(frame: Frame) -> None:
    assert Frame.parse(frame.build()) == frame


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_else(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        Frame.parse(octets)
    with pytest.raises(DecodeError):
        Frame.parse(GOOD.build() + octets + b"~")


# --- the deframer


@given(st.lists(st.tuples(NOISE, FRAMES), max_size=4), st.data())
def test_any_split_gives_the_same(pieces: list[tuple[bytes, Frame]], data: st.DataObject) -> None:
    """A16: one octet at a time, or cut anywhere, is the same as in one piece; damaged frames too."""
    stream = b"".join(noise + frame.build() for noise, frame in pieces)
    whole = Deframer().scan(stream)
    single, cut = Deframer(), Deframer()
    assert [found for octet in stream for found in single.scan(bytes((octet,)))] == whole
    pieced: list[Frame | Damaged] = []
    rest = stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        pieced += cut.scan(rest[:size])
        rest = rest[size:]
    assert pieced == whole


@given(st.lists(FRAMES, min_size=1, max_size=4))
def test_frames_sharing_flags(frames: list[Frame]) -> None:
    """A16: the closing flag of one opens the next."""
    assert Deframer().feed(b"~" + b"".join(frame.build()[1:] for frame in frames)) == frames


@given(NOISE)
def test_after_any_noise_and_silence_the_next_frame_is_found(noise: bytes) -> None:
    deframer = Deframer()
    deframer.scan(noise)
    deframer.abandon()
    assert deframer.feed(GOOD.build()) == [GOOD]


def test_flags_inside_a_frame_do_not_end_it() -> None:
    """A15: frame type 3 has no stuffing. Here they are in the address-less part and in the information."""
    assert GOOD.build().count(b"~") >= 4
    assert Deframer().feed(GOOD.build()) == [GOOD]


def test_a_flag_as_frame_check() -> None:
    """A15."""
    frames = (Frame(CLIENT, SERVER, 0, n.to_bytes(4, "big")) for n in range(1 << 20))
    frame = next(one for one in frames if b"~" in one.build()[-3:-1])
    assert Deframer().feed(frame.build()) == [frame]


@pytest.mark.parametrize("bit", range(8 * (len(GOOD.build()) - 2)))
def test_one_wrong_bit_and_nothing_comes_of_it(bit: int) -> None:
    """A1, A2 and every other field: no frame, and the next one is found (after silence where the length was hit)."""
    octets = bytearray(GOOD.build())
    octets[1 + bit // 8] ^= 1 << bit % 8
    deframer = Deframer()
    assert deframer.feed(bytes(octets)) == []
    found = [one for one in (*deframer.abandon(), *deframer.scan(POLL.build())) if isinstance(one, Frame)]
    assert found == [POLL]


def test_header_check_alone_is_enough_to_drop() -> None:
    """A2: HCS wrong, FCS right."""
    octets = bytearray(GOOD.build())
    octets[7] ^= 1
    damaged = b"~" + crc.append_x25(bytes(octets[1:-3])) + b"~"
    found = Deframer().scan(damaged)
    assert found[0] == Damaged(Damage.HEADER_CHECK, damaged[:9])
    assert not any(isinstance(one, Frame) for one in found)


def test_a_length_beyond_what_follows_waits_for_the_time_out() -> None:
    """A3: the header is right, the end never comes; what stood behind it is found then."""
    deframer = Deframer()
    whole = Frame(SERVER, CLIENT, 0x10, bytes(100)).build()
    assert deframer.scan(whole[:60]) == []
    assert deframer.scan(POLL.build()) == []
    assert deframer.open
    assert deframer.abandon() == [Damaged(Damage.TIME_OUT, whole[:60] + POLL.build()), POLL]
    assert not deframer.open
    assert deframer.feed(GOOD.build()) == [GOOD]


def test_a_length_smaller_than_the_frame_costs_one_octet() -> None:
    """A4: no flag where it must be; the good frame inside is found."""
    inner = POLL.build()
    header = "A01C 0223 21 10".replace(" ", "")
    liar = b"~" + crc.append_x25(bytes.fromhex(header)) + inner + bytes(30)
    found = Deframer().scan(liar)
    assert [one.damage for one in found if isinstance(one, Damaged)] == [Damage.CLOSING_FLAG]
    assert [one for one in found if isinstance(one, Frame)] == [POLL]


@pytest.mark.parametrize(
    "octets, damage",
    [
        pytest.param("A004", Damage.LENGTH, id="A5 length below 5"),
        pytest.param("A006", Damage.LENGTH, id="A5 shorter than any frame"),
        pytest.param("A0FF 0223 21 10", Damage.LENGTH, id="A5 longer than agreed"),
        pytest.param("A010 02020202 21 10", Damage.ADDRESS, id="A7 no end bit in four octets"),
        pytest.param("A010 020203 21 10", Damage.ADDRESS, id="A7 three octets"),
        pytest.param("A010 0223 02020202", Damage.ADDRESS, id="A7 source without end"),
    ],
)
def test_headers_that_cannot_be(octets: str, damage: Damage) -> None:
    deframer = Deframer(128)
    found = deframer.scan(with_check(octets.replace(" ", "")) + GOOD.build())
    assert [one.damage for one in found if isinstance(one, Damaged)] == [damage]
    assert [one for one in found if isinstance(one, Frame)] == [GOOD]


@pytest.mark.parametrize("form", ["00", "90", "B0", "FF"])
def test_other_frame_types_are_passed_over(form: str) -> None:
    """A6."""
    assert Deframer().scan(with_check(form + "0A0223219300") + GOOD.build()) == [GOOD]


@pytest.mark.parametrize("noise", [b"~\xa7\xff", b"~\xa0", b"~", b"\x00\xff", b"~\xa7\xff\x03\x03\x13"])
def test_endless_noise_takes_constant_memory(noise: bytes) -> None:
    """A17."""
    deframer = Deframer()
    chunk = noise * 1000
    deframer.feed(chunk)
    tracemalloc.start()
    for _ in range(50):
        deframer.feed(chunk)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 8192


def test_endless_random_noise_holds_at_most_one_frame() -> None:
    """A17."""
    rng = random.Random("noise")
    deframer = Deframer(128)
    for _ in range(200):
        deframer.feed(rng.randbytes(1000))
        assert len(deframer._buffer) <= 128 + 15 + 2


# --- parameters


def test_parameters_are_built_as_meters_do(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    (ua,) = [one for one in dlms_vectors("hdlc-frame") if one["id"] == "hdlc-ua-4octet"]
    information = Frame.parse(bytes.fromhex(ua["given"]["hex"])).information.hex()
    # that meter spends two octets on 128; one is enough, and what most send
    assert Limits().build().hex() == information.replace("0502008006020080", "050180060180").replace("818014", "818012")


@given(st.builds(Limits, st.integers(1, 2030), st.integers(1, 2030), st.integers(1, 7), st.integers(1, 7)))
def test_parameters_round_trip(limits: Limits) -> None:
    assert Limits.parse(limits.build()) == limits


def test_silent_parameters_mean_the_defaults() -> None:
    assert Limits.parse(b"") == Limits(128, 128, 1, 1)
    assert Limits.parse(bytes.fromhex("8180 04 0702 0003".replace(" ", ""))) == Limits(128, 128, 3, 1)
    assert Limits.parse(bytes.fromhex("8180 03 2F01 05".replace(" ", ""))) == Limits()
    assert Limits.parse(bytes.fromhex("818000")) == Limits()


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_parameters_in_any_number_of_octets_and_order(size: int) -> None:
    pairs = [(0x08, 5), (0x06, 200), (0x05, 100), (0x07, 3)]
    group = b"".join(bytes((name, size)) + value.to_bytes(size, "big") for name, value in pairs)
    assert Limits.parse(b"\x81\x80" + bytes((len(group),)) + group) == Limits(100, 200, 3, 5)


@pytest.mark.parametrize("user_data", ["FF", "FF0102", "FF8180120501"])
def test_user_data_behind_the_parameters_or_alone_is_passed_over(user_data: str) -> None:
    """ISO/IEC 13239 5.5.3.2: the user data subfield."""
    assert Limits.parse(bytes.fromhex("8180030501" + "40" + user_data)) == Limits(information_transmit=64)
    assert Limits.parse(bytes.fromhex("81" + user_data)) == Limits()


@pytest.mark.parametrize(
    "information",
    ["81", "8180", "818001", "81800105", "8180020500", "8180030502FF", "808003050180", "81800705050000000001", "818000FE"],
)
def test_damaged_parameters_are_refused(information: str) -> None:
    with pytest.raises(DecodeError):
        Limits.parse(bytes.fromhex(information))


@pytest.mark.parametrize(
    "theirs, agreed",
    [
        (Limits(0, 0, 0, 0), Limits(200, 300, 2, 3)),
        (Limits(65_535, 65_535, 255, 255), Limits(200, 300, 2, 3)),
        (Limits(100, 150, 1, 7), Limits(150, 100, 2, 1)),
    ],
)
def test_negotiation_takes_the_smaller_each_way(theirs: Limits, agreed: Limits) -> None:
    """A14: zero says nothing, too much is cut to ours. Their transmit is our receive."""
    assert Limits(200, 300, 2, 3).agree(theirs) == agreed
