"""ZCL frames: published vectors, round trips, rubbish."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, EncodeError, RemoteProtocolError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl import foundation, types
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from protocols.zigbee.zcl.foundation import (
    GENERAL,
    AttributeValue,
    ConfigureReporting,
    DefaultResponse,
    Header,
    Intervals,
    ReadAttributesResponse,
    ReadRecord,
    ReportAttributes,
    ReportingRecord,
    WriteAttributesResponse,
    WriteRecord,
)
from protocols.zigbee.zcl.types import Value


def open_frame(entry):
    """ZCL octets of a secured frame of vectors/zigbee.json: NWK then APS CCM*, at the offsets of these eight frames."""
    nwk = bytes.fromhex(entry["psdu_no_fcs"])[9:]

    def unlock(key, data, header, source=None):
        control = data[header] & 0xF8 | 5
        size = 13 + (data[header] & 0x18 == 0x08) if data[header] & 0x20 else 5
        counter = data[header + 1 : header + 5]
        source = data[header + 5 : header + 13] if data[header] & 0x20 else source
        aad = data[:header] + bytes((control,)) + data[header + 1 : header + size]
        nonce = source + counter + bytes((control,))
        return AESCCM(bytes.fromhex(key), tag_length=4).decrypt(nonce, data[header + size :], aad), source

    aps, source = unlock(entry["network_key"], nwk, 8)
    return unlock(entry["link_key"], aps, 8 + (2 if aps[0] & 0x80 else 0), source)[0]


@pytest.fixture
def smart_energy_frame(shared_vectors):
    entries = {entry["name"]: entry for entry in shared_vectors("zigbee")["se_frames_built_here"]}
    return lambda name: open_frame(entries[name])


def test_metering_read_response_of_the_vectors(smart_energy_frame):
    octets = smart_energy_frame("Metering Read Attributes Response")
    header, position = Header.parse_from(octets, 0)
    assert (header.to, header.sequence, header.default_response_disabled) == (CLIENT, 0x21, True)
    answer = GENERAL[header.command].parse(octets[position:])
    assert answer == ReadAttributesResponse([
        ReadRecord(0x0000, 0, Value(types.uint48, 123_456_789)),
        ReadRecord(0x0007, 0, Value(types.utc_time, 0x2D000000)),
        ReadRecord(0x0300, 0, Value(types.enum8, 0)),
        ReadRecord(0x0302, 0, Value(types.uint24, 1000)),
        ReadRecord(0x0400, 0, Value(types.int24, 1234)),
    ])  # fmt: skip
    assert foundation.general(0x21, answer, to=CLIENT, disable_default_response=True) == octets


def test_publish_price_of_the_vectors(smart_energy_frame):
    octets = smart_energy_frame("Price PublishPrice")
    header, position = Header.parse_from(octets, 0)
    price = Price.commands[header.to][header.command].parse(octets[position:])
    assert isinstance(price, Price.PublishPrice)
    assert (price.provider_id, price.rate_label, price.currency) == (0x11223344, b"STANDARD", 826)
    assert (price.duration_in_minutes, price.price, price.generation_price_ratio) == (1440, 2834, 0xFF)
    assert price.alternate_cost_delivered is None
    assert foundation.cluster(header.sequence, price) == octets


def test_request_tunnel_of_the_vectors(smart_energy_frame):
    octets = smart_energy_frame("Tunneling RequestTunnel (GB-HRGP)")
    assert octets == foundation.cluster(0x23, Tunneling.RequestTunnel(6, 0xFFFF, 0, 1500))


def test_transfer_data_of_the_vectors(smart_energy_frame):
    octets = smart_energy_frame("Tunneling TransferData + DLMS AARQ")
    header, position = Header.parse_from(octets, 0)
    transfer = Tunneling.commands[header.to][header.command].parse(octets[position:])
    assert transfer.tunnel_id == 0
    assert transfer.data[:2] == bytes.fromhex("601d")
    assert foundation.cluster(header.sequence, transfer) == octets


def test_request_mirror_of_the_vectors(smart_energy_frame):
    octets = smart_energy_frame("Metering RequestMirror")
    header, position = Header.parse_from(octets, 0)
    assert (header.to, Metering.commands[header.to][header.command]) == (CLIENT, Metering.RequestMirror)
    built = foundation.cluster(header.sequence, Metering.RequestMirror(), disable_default_response=True)
    assert built[3:] == octets[position:]
    assert built[0] & 0x0B == octets[0] & 0x0B


@pytest.mark.parametrize(
    ("octets", "command"),
    [
        # 07-5123 clause 2.5's formats, written out by hand
        ("0b02010700860800", WriteAttributesResponse),
        ("00", WriteAttributesResponse),
    ],
)
def test_write_outcomes(octets, command):
    if octets == "00":
        assert command.parse(b"\0") == command([WriteRecord(0)])
    else:
        with pytest.raises(DecodeError):
            command.parse(bytes.fromhex("86"))
        assert command.parse(bytes.fromhex("860700880800")) == command([WriteRecord(0x86, 7), WriteRecord(0x88, 8)])


def test_configure_reporting_has_a_change_for_analog_types_only():
    octets = bytes.fromhex("00 0000 25 3c00 0807 0a0000000000  00 1400 30 0000 100e  01 0000 100e")
    command = ConfigureReporting.parse(octets)
    assert command.records == [
        ReportingRecord(0, 0x0000, Intervals(types.uint48, 60, 1800, 10)),
        ReportingRecord(0, 0x0014, Intervals(types.enum8, 0, 3600)),
        ReportingRecord(1, 0x0000, 3600),
    ]
    assert command.build() == octets
    with pytest.raises(EncodeError):
        ConfigureReporting([ReportingRecord(0, 0x0014, Intervals(types.enum8, 0, 3600, 1))]).build()


def test_a_cut_attribute_record_is_an_error():
    octets = ReportAttributes([
        AttributeValue(0, Value(types.uint48, 7)), AttributeValue(0x0307, Value(types.octet_string, b"site"))
    ]).build()  # fmt: skip
    whole = {0, 9, len(octets)}
    for cut in range(len(octets) + 1):
        if cut in whole:
            ReportAttributes.parse(octets[:cut])
        else:
            with pytest.raises(DecodeError):
                ReportAttributes.parse(octets[:cut])


def test_header_of_a_manufacturers_command():
    header, position = Header.parse_from(bytes.fromhex("0d9a10070a"), 0)
    assert (header.manufacturer, header.sequence, header.command, header.to, position) == (0x109A, 7, 10, CLIENT, 5)
    assert header.build().hex() == "0d9a10070a"
    assert foundation.general(7, DefaultResponse(10, 0x84), to=SERVER, manufacturer=0x109A).hex() == "049a10070b0a84"


@given(st.sampled_from(sorted(GENERAL)), st.binary(max_size=120))
def test_rubbish_is_a_remote_error_or_parses_to_the_same_octets(id, octets):
    try:
        command = GENERAL[id].parse(octets)
    except RemoteProtocolError:
        return
    if "nan" not in repr(command):
        assert command.build() == octets


COMMANDS = [frame for cluster in (Metering, Price, Tunneling) for side in (SERVER, CLIENT)
            for frame in cluster.commands[side].values()]  # fmt: skip


@given(st.sampled_from(COMMANDS), st.binary(max_size=120))
def test_rubbish_as_a_cluster_command(frame, octets):
    try:
        command, end = frame.parse_from(octets, 0)
    except RemoteProtocolError:
        return
    assert command.build() == octets[:end]
