"""TAP packets and capture files: round trips, and octets of any kind."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from tools.capture import keys, reader, tap
from tools.capture.pcapng import LINK_TAP, Writer
from tools.errors import BadInput


@given(st.binary(max_size=127), st.integers(0, 26), st.integers(0, 255), st.integers(0, 31))
def test_a_tap_packet_is_read_as_it_was_built(psdu: bytes, channel: int, lqi: int, page: int) -> None:
    packet = tap.Packet(psdu, channel, lqi, page)
    assert tap.Packet.parse(packet.build()) == packet


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"\0\0\x1c\0" + tail))
def test_any_octets_are_a_tap_packet_or_a_remote_error(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        tap.Packet.parse(data)


def test_a_tap_packet_without_its_fcs_is_refused() -> None:
    data = bytearray(tap.Packet(b"x", 11).build())
    data[8] = 0
    with pytest.raises(RemoteProtocolError, match="without the 16-bit FCS"):
        tap.Packet.parse(bytes(data))


def test_a_pcapng_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as out:
        writer = Writer(out, "seed 7")
        air, other = writer.interface(LINK_TAP, "air"), writer.interface(147, "other", "with words")
        writer.packet(air, 1_700_000_000_123_456_789, b"12345", "with a comment")
        writer.packet(other, 2**62, b"")
        assert writer.packets == 2
    assert list(reader.read(path)) == [
        reader.Captured(1, LINK_TAP, 1_700_000_000_123_456_789, b"12345"),
        reader.Captured(2, 147, 2**62, b""),
    ]


@pytest.mark.parametrize("order, magic, fraction", [("<", 0xA1B2C3D4, 1000), (">", 0xA1B23C4D, 1)])
def test_pcap_files_of_either_order_and_resolution(tmp_path: Path, order: str, magic: int, fraction: int) -> None:
    path = tmp_path / "file"
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 195)
    path.write_bytes(head + struct.pack(order + "IIII", 5, 7, 3, 3) + b"abc")
    assert list(reader.read(path)) == [reader.Captured(1, 195, 5 * 10**9 + 7 * fraction, b"abc")]


@given(cut=st.integers(0, 200), octets=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4))
def test_a_damaged_file_is_read_as_far_as_it_goes_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int, octets: list[tuple[int, int]]
) -> None:
    out = io.BytesIO()
    writer = Writer(out, "seed")
    interface = writer.interface(LINK_TAP, "air")
    for number in range(3):
        writer.packet(interface, number, bytes(20))
    damaged = bytearray(out.getvalue()[: len(out.getvalue()) - cut])
    for at, octet in octets:
        if at < len(damaged):
            damaged[at] = octet
    path = tmp_path_factory.mktemp("damaged") / "file"
    path.write_bytes(damaged)
    with contextlib.suppress(BadInput):
        assert len(list(reader.read(path))) <= 3


@pytest.mark.parametrize(
    "text, words",
    [
        ("00:11", ":1: not"),
        ("# words\n\n" + "00" * 16 + ',"Sideways",x', ":3: not"),
        ("00" * 16 + "\n" + "zz" * 16, ":2: not"),
    ],
)
def test_a_wrong_line_of_a_key_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "zigbee_pc_keys"
    path.write_text(text)
    with pytest.raises(BadInput, match=words):
        keys.read(path)


def test_a_key_in_reverse_order_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "zigbee_pc_keys"
    path.write_text('"' + ":".join(f"{octet:02X}" for octet in range(16)) + '","Reverse","label, with comma"\n')
    assert keys.read(path) == [("label, with comma", bytes(range(15, -1, -1)))]
