"""`meterbench decode` of wireless M-Bus: the published telegrams of OMS volume 2, annex N, and what is no telegram."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cli.decode import Decoders, _decode

A = "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A"
B = (
    "4493157856341233038C2075900F002C25B30A000021924D4F2FB66E017A75002007109058475F4BC91DF878B80A1B0F98B629024AAC727942BFC549"
    "233C0140829B93"
)
FORMAT_B = "1444AE0C7856341201078C2027780B134365877AC5"
"""A water meter in frame format B (tests of wireless-mbus-parser)."""
KEYS = '"0102030405060708090A0B0C0D0E0F11","Normal","a"\n"000102030405060708090A0B0C0D0E0F","Normal","b"\n'


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "gas_keys"
    path.write_text(KEYS, encoding="ascii")
    return path


def told(out: str) -> list[str]:
    return [line.split(None, 1)[1] for line in out.splitlines()]


@pytest.mark.parametrize(("octets", "more"), [(A, []), (A, ["--as", "wmbus"]), (B, ["--as", "wmbus"])])
def test_published_telegrams_open_down_to_their_records(meterbench, keys, octets: str, more: list[str]) -> None:
    code, out, err = meterbench("decode", octets, "--keys", keys, *more)
    assert (code, err) == (0, "")
    lines = told(out)
    assert "control: 68 (0x44) SND_NR" in lines
    assert "sender: ELS-12345678 version 51, gas" in lines
    assert "volume: 28504.27" in lines
    assert "point-in-time: 2008-05-31 23:50:00" in lines
    assert "error-flags: 0" in lines
    assert ("counter: 2739" in lines) is (octets == B)


def test_format_b_needs_no_key(meterbench) -> None:
    code, out, _ = meterbench("decode", FORMAT_B)
    assert code == 0
    assert told(out)[0] == "telegram: frame format B"
    assert told(out)[-1] == "volume: 876.543"


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (A[:-2] + "8B", "frame format A: block 4 has a wrong checksum"),
        (FORMAT_B[:-1] + "6", "frame format B: block 1 has a wrong checksum"),
        (A, "no keys given"),
        ("4493", "needs 8 octets, has 1"),
        ("44931578563412330399", "CI field 99 is not supported"),
        ("449315785634123303" + "7A000000", "Transport.configuration: needs 2 octets, has 1"),
        ("449315785634123303" + "7A0000000D00", "security mode 13 is not supported"),
        ("449315785634123303" + "8C20", "Extended.access: needs 1 octet"),
        ("44931578563412330378" + "0B13", "a value needs 3 octets and has 0"),
    ],
)
def test_where_it_stops_is_said(meterbench, octets: str, reason: str) -> None:
    code, out, err = meterbench("decode", "--as", "wmbus", octets)
    assert (code, err) == (1, "meterbench: not all of it could be decoded\n")
    assert reason in out.splitlines()[-1]


def test_a_key_that_does_not_fit_is_told(meterbench, tmp_path) -> None:
    path = tmp_path / "gas_keys"
    path.write_text('"' + 32 * "0" + '"\n', encoding="ascii")
    code, out, _ = meterbench("decode", A, "--keys", path)
    assert code == 1
    assert told(out)[-1] == "! no key fits"


@given(st.binary(max_size=80))
def test_anything_is_decoded_or_refused(octets: bytes) -> None:
    _decode(octets, "wmbus", Decoders())
