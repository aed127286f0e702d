"""Published telegrams (OMS volume 2, annex N, as quoted by tests of exmbus and wireless-mbus-parser), and what is made of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wmbus import coding, framing, records
from protocols.wmbus.framing import Format
from protocols.wmbus.link import Address, Control
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Content, Key, Profile, seal, unseal

GAS = Address("ELS", 12345678, 0x33, 0x03)
HUB = Address("MBT", 1, 1, 0x31)
N_2_1 = bytes.fromhex(
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A"
)
"""OMS 2 annex N.2.1: a gas meter, security profile A, frame format A with its checksums."""
N_2_1_KEY = Key(Profile.A, bytes.fromhex("0102030405060708090A0B0C0D0E0F11"))
PROFILE_B = bytes.fromhex(
    "4493157856341233038C2075900F002C25B30A000021924D4F2FB66E017A75002007109058475F4BC91DF878B80A1B0F98B629024AAC727942BFC549"
    "233C0140829B93"
)
"""OMS 2 annex N: the same meter under security profile B, without length and checksums."""
PROFILE_B_KEY = Key(Profile.B, bytes(range(16)))
FORMAT_B = bytes.fromhex("1444AE0C7856341201078C2027780B134365877AC5")
"""A water meter's telegram in frame format B with its checksum (tests of wireless-mbus-parser)."""
RECORDS = bytes.fromhex("0C1427048502046D32371F1502FD170000")


def test_a_published_gas_telegram_of_profile_a_opens() -> None:
    content = unseal(framing.parse(N_2_1), N_2_1_KEY)
    assert content.control == Control.SND_NR
    assert content.meter == GAS
    assert (content.access, content.status) == (42, 0)
    volume, at, errors = records.parse(content.records)
    assert (volume.quantity, volume.number) == (Quantity.VOLUME, Decimal("28504.27"))
    assert at.when == datetime(2008, 5, 31, 23, 50)
    assert (errors.quantity, errors.value) == (Quantity.ERROR_FLAGS, 0)


def test_a_published_gas_telegram_of_profile_b_opens() -> None:
    content = unseal(PROFILE_B, PROFILE_B_KEY)
    assert content.meter == GAS
    assert content.counter == 0x0AB3
    assert content.records.rstrip(b"\x2f") == RECORDS


def test_published_records_are_built_as_they_came() -> None:
    assert records.build(records.parse(RECORDS)) == RECORDS
    made = [
        Record.of(Quantity.VOLUME, 2850427, Coding.BCD8, -2),
        records.point_in_time(datetime(2008, 5, 31, 23, 50)),
        Record.of(Quantity.ERROR_FLAGS, 0, Coding.I16),
    ]
    assert records.build(made) == RECORDS


@pytest.mark.parametrize(("air", "form"), [(N_2_1, Format.A), (FORMAT_B, Format.B)])
def test_published_frames_are_built_as_they_came(air: bytes, form: Format) -> None:
    assert framing.build(framing.parse(air, form), form) == air


def test_the_published_ciphertexts_are_ours() -> None:
    """Mode 5 is deterministic; profile B's telegram differs from ours in its extended link layer alone (20: synchronous)."""
    sealed = seal(Content(Control.SND_NR, GAS, 42, records=RECORDS), N_2_1_KEY)
    published = framing.parse(N_2_1)
    assert sealed[-32:] == published[-32:]
    ours = seal(Content(Control.SND_NR, GAS, 0x75, records=RECORDS, counter=0x0AB3), PROFILE_B_KEY)
    assert ours[-32:] == PROFILE_B[-32:]


@pytest.mark.parametrize("octet", [*range(1, 9), *range(12, len(PROFILE_B))])
def test_no_bit_behind_the_link_layers_may_differ_and_none_of_the_sender_may_pass_for_it(octet: int) -> None:
    """C, CI and the extended link layer are not covered; maker, version and type are neither, but name another meter then."""
    for bit in range(8):
        changed = bytearray(PROFILE_B)
        changed[octet] ^= 1 << bit
        try:
            meter = unseal(bytes(changed), PROFILE_B_KEY).meter
        except RemoteProtocolError:
            continue
        assert octet in (1, 2, 7, 8)
        assert meter != GAS


def test_a_wrong_key_is_told() -> None:
    with pytest.raises(RemoteProtocolError, match="key is wrong"):
        unseal(framing.parse(N_2_1), Key(Profile.A, bytes(16)))
    with pytest.raises(RemoteProtocolError, match="MAC is wrong"):
        unseal(PROFILE_B, Key(Profile.B, bytes(16)))
    with pytest.raises(RemoteProtocolError, match="where 7 is agreed"):
        unseal(framing.parse(N_2_1), PROFILE_B_KEY)
    with pytest.raises(RemoteProtocolError, match="no key is known"):
        unseal(framing.parse(N_2_1), Key())


def test_nothing_in_clear_counts_under_profile_a() -> None:
    """Mode 5 says how many blocks are encrypted: none of them, or fewer than there is data, is somebody who has no key."""
    clear = seal(Content(Control.SND_UD, GAS, 7, records=RECORDS), Key(), HUB)
    at = len(clear) - len(RECORDS) - 2
    assert clear[at : at + 2] == bytes(2)
    forged = clear[:at] + bytes.fromhex("0085") + RECORDS
    with pytest.raises(RemoteProtocolError, match="in clear"):
        unseal(forged, N_2_1_KEY)
    with pytest.raises(RemoteProtocolError, match="in clear"):
        unseal(framing.parse(N_2_1) + RECORDS, N_2_1_KEY)


def test_the_length_octet_is_held_to() -> None:
    for bad in (N_2_1[:-1], N_2_1 + b"\0", b"", b"\0", N_2_1[:1]):
        with pytest.raises(RemoteProtocolError):
            framing.parse(bad)
    with pytest.raises(LocalProtocolError):
        framing.build(bytes(framing.LONGEST + 1))


@given(st.binary(min_size=framing.SHORTEST, max_size=framing.LONGEST), st.sampled_from(Format), st.data())
def test_frames_round_trip_and_one_octet_changed_is_noticed(telegram: bytes, form: Format, data: st.DataObject) -> None:
    air = bytearray(framing.build(telegram, form))
    assert framing.parse(bytes(air), form) == telegram
    air[data.draw(st.integers(0, len(air) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RemoteProtocolError):
        framing.parse(bytes(air), form)


@given(st.binary(max_size=64))
def test_chips_round_trip(data: bytes) -> None:
    assert coding.decode_3_of_6(coding.encode_3_of_6(data)) == data
    assert coding.decode_manchester(coding.encode_manchester(data)) == data
    assert all(f"{chips:06b}".count("1") == 3 for chips in coding.THREE_OF_SIX)


@pytest.mark.parametrize("decode", [coding.decode_3_of_6, coding.decode_manchester])
def test_chips_without_balance_are_noise(decode: object) -> None:
    assert callable(decode)
    with pytest.raises(RemoteProtocolError):
        decode(b"\x00\x00\x00")


VALUES = st.one_of(
    st.builds(
        lambda coding, value, tariff, storage, subunit: Record(
            b"\x13", coding, value, storage=storage, tariff=tariff, subunit=subunit
        ),
        st.sampled_from([Coding.I32, Coding.BCD8, Coding.I64]),
        st.integers(-9_999_999, 99_999_999),
        st.integers(0, 15),
        st.integers(0, 1000),
        st.integers(0, 15),
    ),
    st.builds(lambda value: Record(b"\xfd\x0c", Coding.VARIABLE, value), st.binary(max_size=40)),
    st.builds(lambda value: Record(b"\x6d", Coding.I32, value), st.integers(0, 2**32 - 1)),
)


@given(st.lists(VALUES, max_size=8))
def test_records_round_trip(made: list[Record]) -> None:
    assert records.parse(b"\x2f" + records.build(made) + b"\x2f\x2f") == made


@given(st.datetimes(datetime(2000, 1, 1), datetime(2079, 12, 31)))
def test_points_in_time_round_trip_to_the_minute(when: datetime) -> None:
    minute = when.replace(second=0, microsecond=0)
    assert records.parse(records.point_in_time(when).build())[0].when == minute


@pytest.mark.parametrize(
    "octets", ["0C", "0C14", "0C142704", "8C8080808080808080808080", "0DFD0C", "0D78C1", "01FD", "0C14270485FA", "0F", "4F00"]
)
def test_cut_and_strange_records_are_errors_or_left_away(octets: str) -> None:
    try:
        parsed = records.parse(bytes.fromhex(octets))
    except RemoteProtocolError:
        return
    assert parsed == []


@given(st.binary(max_size=80))
def test_only_remote_errors_leave_the_parsers(data: bytes) -> None:
    for parse in (
        records.parse, framing.parse, Address.parse, coding.decode_3_of_6, coding.decode_manchester,
        lambda octets: unseal(octets, PROFILE_B_KEY), lambda octets: unseal(octets, N_2_1_KEY), lambda octets: unseal(octets, Key()),
    ):  # fmt: skip
        try:
            parse(data)
        except RemoteProtocolError:
            continue
