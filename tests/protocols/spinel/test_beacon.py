"""Beacons on their way from the air to a host: clause 7.2.2.1 in, spinel-prop-mac PROP 51 out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.crc import append_kermit
from protocols.core.errors import RemoteProtocolError
from protocols.spinel.beacon import JOINABLE, UNKNOWN, ScanBeacon

HUB = append_kermit(bytes.fromhex("00802a 621a 0000 ffcf 00 00 00 2284 a1907856 3412db00 ffffff 00"))
"""Sequence number 2a, PAN 1a62, short address 0; lets devices associate; ZigBee PRO, extended PAN id 00db1234567890a1."""


def test_what_a_coordinators_beacon_tells() -> None:
    beacon = ScanBeacon.heard(HUB, 15, -60, 200)
    assert (beacon.pan_id, beacon.short, beacon.eui64, beacon.joinable) == (0x1A62, 0, 0, True)
    assert beacon.extended_pan_id.hex() == "00db1234567890a1"


def test_the_octets_that_a_host_gets() -> None:
    """Field by field as PROP 51 has it: C c t(E S S C) t(i C U d d), and the MSDU behind."""
    fields = (
        "0f", "c4",
        "0d00", "0000000000000000", "0000", "621a", "c8",
        "2400", "00", "01", "00", "0800 00db1234567890a1", "0000", "1300 ffcf 00 00 00 2284 a1907856 3412db00 ffffff 00",
    )  # fmt: skip
    assert ScanBeacon.heard(HUB, 15, -60, 200).build().hex() == "".join(fields).replace(" ", "")


def test_a_router_that_has_no_short_address_and_another_kind_of_network() -> None:
    beacon = ScanBeacon.heard(append_kermit(bytes.fromhex("00c001 3412 0807060504030201 ff0f 00 00 03 91")), 11, -90, 1)
    assert (beacon.short, beacon.eui64, beacon.joinable) == (UNKNOWN, 0x0102030405060708, False)
    assert beacon.extended_pan_id == b""


@pytest.mark.parametrize(
    "octets",
    [
        "00 80 56 00 05 FA 07 22",  # locked up a stack of a vendor (STM32CubeWB); its FCS is CF 00
        "00 80 56 00 05 FA 07 22 CF 00 11 00",
        "61 88 07 62 1a 00 00 01 10",
        "00 00 01 ff cf 00 00",
        "08 80 01 62 1a 00 00 ff cf 00 00",
        "00 a0 01 62 1a 00 00 ff cf 00 00",
        "",
    ],
)
def test_what_is_no_whole_beacon_is_refused(octets: str) -> None:
    with pytest.raises(RemoteProtocolError):
        ScanBeacon.heard(append_kermit(bytes.fromhex(octets)), 15, -60, 200)


@given(
    st.builds(
        ScanBeacon, st.integers(11, 26), st.integers(-128, 127), st.integers(0, 2**64 - 1), st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFF), st.integers(0, 255), st.sampled_from((0, JOINABLE, 0x38)), st.binary(max_size=16),
        st.binary(max_size=127), st.integers(0, 300), st.binary(max_size=16).filter(lambda name: 0 not in name), st.binary(max_size=16),
    )
)  # fmt: skip
def test_a_beacon_comes_back(beacon: ScanBeacon) -> None:
    assert ScanBeacon.parse(beacon.build()) == beacon


def test_a_host_reads_past_what_it_does_not_know_and_does_without_what_is_not_there() -> None:
    """OpenThread's own, by V1 of the format: no steering data; and with more fields in each part than there were."""
    mac, net = (
        bytes.fromhex("0102030405060708 ffff 621a c8"),
        bytes.fromhex("03 18") + b"thread\0" + bytes.fromhex("0800 1122334455667788"),
    )
    short = b"\x0f\xc4" + bytes((len(mac), 0)) + mac + bytes((len(net), 0)) + net
    beacon = ScanBeacon.parse(short)
    assert (beacon.protocol, beacon.name, beacon.steering, beacon.msdu) == (3, b"thread", b"", b"")
    assert beacon.extended_pan_id.hex() == "1122334455667788"
    longer = b"\x0f\xc4" + bytes((len(mac) + 2, 0)) + mac + b"xy" + bytes((len(net), 0)) + net + b"more"
    assert ScanBeacon.parse(longer) == beacon
