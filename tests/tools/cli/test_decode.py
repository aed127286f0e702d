"""`meterbench decode`: published frames as trees, where it stops and why, captures, keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.kernel import Kernel
from protocols.core.crc import kermit
from tools.capture import keys
from tools.capture.observer import Capture
from tools.cli.decode import Decoders, _decode

# IEC 62056-46 annex: SNRM from client 16 to server 1/17, and a GET of the clock behind a wrapper header.
SNRM = "7ea00a00020023219318717e"
GET_CLOCK = "0001 0010 0001 000d c001c1 0008 0000010000ff 02 00"


def test_a_wrapper_pdu_with_offsets(meterbench) -> None:
    code, out, err = meterbench("decode", GET_CLOCK)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "    0  wrapper PDU" in lines
    assert "    2      source: 16 (0x10)" in lines
    assert "    8    GetRequestNormal" in lines
    assert "   11        class_id: 8 Clock" in lines
    assert "   13        instance_id: 0-0:1.0.0.255" in lines
    assert "   19        attribute_id: 2 time" in lines
    assert not any("selection" in line for line in lines[:-1])


def test_an_hdlc_frame_and_what_stands_around_it(meterbench) -> None:
    code, out, _ = meterbench("decode", f"7e{SNRM}{SNRM[2:]}")
    assert code == 0
    assert out.count("control: SNRM P/F") == 2
    assert "destination: 1/17" in out
    assert "source: 16" in out


def test_a_broken_hdlc_frame_says_which_check_failed(meterbench) -> None:
    code, out, err = meterbench("decode", SNRM[:-4] + "00" + SNRM[-2:])
    assert code == 1
    assert "! frame check sequence wrong" in out or "! header check sequence wrong" in out
    assert err == "meterbench: not all of it could be decoded\n"


@pytest.mark.parametrize(
    "octets, stop, seen",
    [
        ("c001c100080000", "needs 6 octets, has 2 (offset 5)", "class_id: 8"),
        ("0001001000010020c001", "says 32 octets follow, has 2", "length: 32"),
        ("00020010000100 01c0", "version 2 is not 1", "version: 2"),
        ("fe", "no APDU begins with fe", ""),
        ("c401c100 0203 06000000 01 0601", "needs", "GetResponseNormal"),
    ],
)
def test_where_it_stops_and_why(meterbench, octets: str, stop: str, seen: str) -> None:
    code, out, _ = meterbench("decode", octets, *(["--as", "wrapper"] if octets.startswith("00") else []))
    assert code == 1
    assert stop in out
    assert seen in out


def test_json_is_the_same_tree(meterbench) -> None:
    code, out, _ = meterbench("decode", GET_CLOCK, "--json")
    pdu = json.loads(out)["children"][0]
    assert code == 0
    assert (pdu["name"], pdu["offset"], pdu["size"]) == ("wrapper PDU", 0, 21)
    assert [child["name"] for child in pdu["children"]] == ["Header", "GetRequestNormal"]


def test_a_file_of_octets_or_of_their_digits(meterbench, tmp_path: Path) -> None:
    expected = meterbench("decode", SNRM)
    for name, content in (("raw", bytes.fromhex(SNRM)), ("hex", SNRM.upper().encode() + b"\n")):
        path = tmp_path / name
        path.write_bytes(content)
        assert meterbench("decode", path) == expected


def test_what_is_neither_octets_nor_a_file_is_bad_input(meterbench, tmp_path: Path) -> None:
    for word in ("7e0", str(tmp_path / "none"), str(tmp_path)):
        code, out, err = meterbench("decode", word)
        assert (code, out, err.count("\n")) == (2, "", 1)
    large = tmp_path / "large"
    large.write_bytes(bytes(1 << 21))
    assert meterbench("decode", large)[0] == 2


@pytest.fixture
def secured(shared_vectors: Callable[[str], Any]) -> list[dict[str, Any]]:
    return list(shared_vectors("zigbee")["se_frames_built_here"])


def _psdu(frame: dict[str, Any]) -> bytes:
    body = bytes.fromhex(frame["psdu_no_fcs"])
    return body + kermit(body).to_bytes(2, "little")


def test_a_zigbee_frame_is_deciphered_with_the_key_file(meterbench, secured, tmp_path: Path) -> None:
    frame = next(one for one in secured if one["name"] == "Metering Read Attributes Response")
    path = tmp_path / "zigbee_pc_keys"
    keys.write(
        path,
        [("wrong", bytes(16)), ("the network", bytes.fromhex(frame["network_key"])), ("a link", bytes.fromhex(frame["link_key"]))],
    )
    code, out, _ = meterbench("decode", _psdu(frame).hex(), "--keys", path)
    assert code == 0
    assert "deciphered with: the network" in out
    assert "deciphered with: a link" in out
    assert "source: 00DB123456789A01" in out or "source: 00DB123456789A02" in out
    assert "ZCL Metering" in out
    assert "ReadAttributesResponse" in out


def test_without_a_key_it_says_so(meterbench, secured) -> None:
    code, out, _ = meterbench("decode", _psdu(secured[0]).hex())
    assert code == 1
    assert "! secured: no keys given" in out
    assert "NWK frame" in out


def test_our_capture_is_read_back_packet_by_packet(meterbench, secured, tmp_path: Path) -> None:
    path, pairs = tmp_path / "home.pcapng", tmp_path / "keys"
    kernel = Kernel(1, 1_700_000_000_000_000_001)
    with Capture(path, kernel, "seed 1"):
        for frame in secured:
            kernel.log.emit("home1/esme", "air.frame", bytes([0, 20]) + bytes(8) + _psdu(frame))
        kernel.log.emit("home1/esme.optical", "wire", bytes.fromhex(SNRM))
    names = ("network_key", "link_key", "install_code_link_key")
    keys.write(pairs, [(name, bytes.fromhex(one[name])) for one in secured for name in names])
    code, out, _ = meterbench("decode", path, "--keys", pairs)
    assert code == 0
    assert "!" not in out
    assert "NetworkKeyDescriptor" in out
    assert "RequestMirror" in out
    assert out.count("--- packet") == len(secured) + 1
    assert "--- packet 1, 1700000000.000000001" in out
    assert out.count("MAC frame") == len(secured)
    assert "control: SNRM P/F" in out


def test_a_capture_that_lies_is_refused_with_the_offset(meterbench, tmp_path: Path) -> None:
    path = tmp_path / "home.pcapng"
    with Capture(path, Kernel(1), "seed 1"):
        pass
    good = path.read_bytes()
    for content in (good[:-2], good[:4] + b"\xff\xff\xff\x7f" + good[8:], good + b"\x06\0\0\0\x0c\0\0\0\x0c\0\0\0"):
        path.write_bytes(content)
        code, _, err = meterbench("decode", path)
        assert code == 2
        assert "at offset" in err


@given(st.binary(max_size=130), st.sampled_from(["auto", "hdlc", "wrapper", "apdu", "mac"]))
def test_any_octets_give_a_tree(data: bytes, form: str) -> None:
    root = _decode(data, form, Decoders())
    assert list(root.lines())


@given(st.binary(max_size=100))
def test_any_octets_behind_a_good_fcs_give_a_tree(body: bytes) -> None:
    data = b"\x41\x88" + body
    data += kermit(data).to_bytes(2, "little")
    assert list(_decode(data, "mac", Decoders()).lines())


def test_codes_have_their_words(meterbench) -> None:
    for octets, words in (
        ("C505C1020003", ["[0]: 0 success", "[1]: 3 read-write-denied"]),
        ("C401C10103", ["value: 3 read-write-denied"]),
        ("D80206 00000064", ["service_error: 6 invocation-counter-error", "invocation_counter: 100 (0x64)"]),
        ("C301C100460000600310FF0100", ["class_id: 70 (0x46) DisconnectControl", "method_id: 1 remote_disconnect"]),
    ):
        code, out, _ = meterbench("decode", octets)
        assert code == 0
        for word in words:
            assert word in out
