"""Third parties' frames and numbers: opened, parsed and built again to the same octets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.core import aes, crc
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import aps, mac, nwk, security, zdo

Vectors = Callable[[str], Any]


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def opened(frame: bytes, at: int, key: bytes) -> tuple[security.Auxiliary, bytes, bytes]:
    """Auxiliary header, plain payload and the frame built again from them."""
    auxiliary, end = security.Auxiliary.parse_from(frame, at)
    assert auxiliary.source is not None
    source = auxiliary.source.to_bytes(8, "little")
    plain = security.unseal(key, source, frame, at, end)
    return auxiliary, plain, security.seal(key, source, frame[:at], auxiliary.build(), plain)


def test_captured_frames_open_and_build_again(shared_vectors: Vectors) -> None:
    frames = shared_vectors("zigbee")["frames"]
    secured = 0
    for vector in frames:
        if "psdu" in vector:
            body = octets(vector["psdu"])[:-2]  # the capture has radio metadata in place of the FCS
            header, msdu = mac.split(body + crc.kermit(body).to_bytes(2, "little"))
            assert mac.frame(header, msdu)[:-2] == body
            if header.control & mac.TYPE != mac.DATA:
                continue
        else:
            msdu = octets(vector["nwk_frame"])
        nwk_header, at = nwk.Header.parse_from(msdu, 0)
        assert nwk_header.build() == msdu[:at]
        if nwk_header.control & nwk.SECURITY:
            _, plain, again = opened(msdu, at, octets(vector["network_key"]))
            assert again == msdu
        else:
            plain = msdu[at:]
        assert plain == octets(vector["nwk_payload_plain"])
        secured += 1
        if "aps_payload_plain" in vector:
            aps_header, at = aps.CommandHeader.parse_from(plain, 0)
            assert aps_header.build() == plain[:at]
            link = security.LinkKey(octets(vector["tc_link_key"]), "trust centre")
            identifier = plain[at] & security.KEY_IDENTIFIER
            assert identifier >> 3 == vector["aps_key_id"]
            _, command, again = opened(plain, at, link.derived(identifier))
            assert again == plain
            assert command == octets(vector["aps_payload_plain"])
            assert aps.commands.parse(command).build() == command
    assert secured == 10


def test_captured_commands_say_what_they_say(shared_vectors: Vectors) -> None:
    frames = {vector["name"]: vector for vector in shared_vectors("zigbee")["frames"]}

    def msdu(name: str) -> bytes:
        body = octets(frames[name]["psdu"])[:-2]
        return body[mac.Header.parse_from(body, 0)[1] :]

    device = 0xA4C1386D9B280FDF
    beacon = mac.Beacon.parse(msdu("NET2_BEACON_RESP_FROM_COORD"))
    assert beacon.association_permit
    assert beacon.pan_coordinator
    payload = mac.BeaconPayload.parse(beacon.payload)
    assert (payload.stack_profile, payload.depth, payload.router_capacity, payload.end_device_capacity) == (2, 0, True, True)
    assert payload.extended_pan_id == 0xDDDDDDDDDDDDDDDD
    assert mac.commands.parse(msdu("NET2_ASSOC_REQ_FROM_DEVICE")) == mac.AssociationRequest(0x8E)
    assert mac.commands.parse(msdu("NET2_ASSOC_RESP_FROM_COORD")) == mac.AssociationResponse(0xA18F, 0)
    assert nwk.commands.parse(octets(frames["NET2_DEVICE_LEAVE_BROADCAST"]["nwk_payload_plain"])) == nwk.Leave(0)
    key = aps.commands.parse(octets(frames["NET2_TRANSPORT_KEY_NWK_FROM_COORD"]["aps_payload_plain"]))
    assert isinstance(key, aps.NetworkKeyDescriptor)
    assert (key.key, key.sequence, key.destination) == (octets(frames["NET2_BEACON_RESP_FROM_COORD"]["network_key"]), 0, device)
    announce = octets(frames["NET2_DEVICE_ANNOUNCE_BCAST"]["nwk_payload_plain"])
    header, at = aps.DataHeader.parse_from(announce, 0)
    assert (header.cluster, header.profile, header.destination_endpoint) == (zdo.DEVICE_ANNOUNCE, zdo.PROFILE, 0)
    assert zdo.DeviceAnnounce.parse(announce[at:]) == zdo.DeviceAnnounce(0, 0xA18F, device, 0x8E)
    verify = octets(frames["NET2_VERIFY_KEY_TC_FROM_DEVICE"]["nwk_payload_plain"])
    command = aps.commands.parse(verify[2:])
    link = security.LinkKey(octets(frames["NET2_VERIFY_KEY_TC_FROM_DEVICE"]["tc_link_key"]), "trust centre")
    assert command == aps.VerifyKey(aps.TRUST_CENTRE_LINK, device, link.verification)
    confirm = octets(frames["NET2_CONFIRM_KEY_TC_SUCCESS"]["nwk_payload_plain"])
    _, plain, _ = opened(confirm, 2, link.key)
    assert aps.commands.parse(plain) == aps.ConfirmKey(0, aps.TRUST_CENTRE_LINK, device)


def test_smart_energy_frames_that_tshark_opened(shared_vectors: Vectors) -> None:
    for vector in shared_vectors("zigbee")["se_frames_built_here"]:
        body = octets(vector["psdu_no_fcs"])
        header, at = mac.Header.parse_from(body, 0)
        msdu = body[at:]
        nwk_header, at = nwk.Header.parse_from(msdu, 0)
        assert header.build() + nwk_header.build() == body[: -len(msdu) + at]
        sender: int | None = None
        plain = msdu[at:]
        if nwk_header.control & nwk.SECURITY:
            auxiliary, plain, again = opened(msdu, at, octets(vector["network_key"]))
            assert again == msdu
            sender = auxiliary.source
        kind = aps.CommandHeader if plain[0] & aps.TYPE == aps.COMMAND else aps.DataHeader
        aps_header, at = kind.parse_from(plain, 0)
        assert aps_header.build() == plain[:at]
        if plain[0] & aps.SECURITY:
            command = plain[0] & aps.TYPE == aps.COMMAND
            link = security.LinkKey(octets(vector["install_code_link_key" if command else "link_key"]), "test")
            inner, end = security.Auxiliary.parse_from(plain, at)
            source = (inner.source or sender or 0).to_bytes(8, "little")
            key = link.derived(inner.control & security.KEY_IDENTIFIER)
            payload = security.unseal(key, source, plain, at, end)
            assert security.seal(key, source, plain[:at], inner.build(), payload) == plain


def test_any_octet_changed_under_the_mic_is_refused(shared_vectors: Vectors) -> None:
    vector = next(v for v in shared_vectors("zigbee")["frames"] if v["name"] == "ziggurat nwk")
    frame = octets(vector["nwk_frame"])
    _, at = nwk.Header.parse_from(frame, 0)
    _, end = security.Auxiliary.parse_from(frame, at)
    key, source = octets(vector["network_key"]), frame[at + 5 : at + 13]
    for position in range(len(frame)):
        if position == at:
            continue  # of this octet only the key identifier and nonce bits are covered: the level is put back
        changed = bytearray(frame)
        changed[position] ^= 0x01
        with pytest.raises(RemoteProtocolError):
            security.unseal(key, bytes(changed[at + 5 : at + 13]), bytes(changed), at, end)
    assert security.unseal(key, source, frame, at, end) == octets(vector["nwk_payload_plain"])


def test_hashes_and_install_codes(shared_vectors: Vectors) -> None:
    vectors = shared_vectors("zigbee")
    for code in vectors["install_codes"]:
        entry = code["code_with_crc"]
        spaced = " ".join(entry[at : at + 4] for at in range(0, len(entry), 4)).lower()
        assert security.install_code(spaced) == octets(entry)
        assert security.preconfigured_link_key(octets(entry)) == octets(code["link_key"])
    link = security.LinkKey(octets("5A6967426565416C6C69616E63653039"), "test")
    derived = {v["msg"]: octets(v["mac"]) for v in vectors["hmac_mmo"] if v["key"] == link.key.hex().upper()}
    assert {"00": link.transport, "02": link.load, "03": link.verification} == derived
    assert aes.mmo(octets("C0")) == octets(vectors["aes_mmo"][0]["hash"])


@pytest.mark.parametrize(
    "entry",
    ["83FED3407A939723A5C639B26916D505C3B4", "83FED3407A93972B70", "83FED3407A932B7", "83FED3407A932B7G", ""],
)
def test_wrong_install_codes_are_refused_at_entry(entry: str) -> None:
    with pytest.raises(security.InstallCodeError):
        security.install_code(entry)
