"""General ciphering and signing: the Green Book's message, GB's public messages, every kind of key, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.ecc import Curve
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.ciphering import Keys, Secured, secure, unsecure
from protocols.dlms.security.general import (
    AgreedKey,
    Ciphering,
    GeneralCiphering,
    GeneralSigning,
    Header,
    IdentifiedKey,
    KeyInfo,
    KeyKind,
    Layer,
    Profile,
    Signing,
    WrappedKey,
    answering,
    open_general,
    seal_general,
)
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

Parties: TypeAlias = Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]

APDU = bytes.fromhex("C001C100080000010000FF0200")
CLIENT, SERVER = bytes.fromhex("4D4D4D0000BC614E"), bytes.fromhex("4D4D4D0000000001")
HEADER = Header(b"\1\2\3\4\5\6\7\x08", CLIENT, SERVER)
AGREED = (KeyKind.ONE_PASS, KeyKind.STATIC)
EACH_KIND = [(suite, kind) for suite in Suite for kind in KeyKind if suite or kind not in AGREED]
PROFILES = (Profile.FIELD, Profile.GB)


def test_the_green_books_message_with_a_key_agreed_in_one_pass(dlms_vectors: Callable[..., list[dict[str, Any]]]):
    """Layout, key and plaintext. (Its tag fits no reading of what is authenticated: the vector file says so.)"""
    (vector,) = dlms_vectors("general-ciphering")
    data = bytes.fromhex(vector["given"]["hex"])
    frame = GeneralCiphering.parse(data)
    assert frame.build() == data
    assert frame.header == Header(
        *(bytes.fromhex(vector["expect"][name]) for name in ("transaction_id", "originator", "recipient"))
    )
    assert frame.key_info is not None
    assert isinstance(frame.key_info.key, AgreedKey)
    assert (frame.key_info.key.key_parameters, len(frame.key_info.key.key_ciphered_data)) == (b"\1", 128)
    assert (frame.content.control, frame.content.counter) == (0x31, 0)
    keys = Keys(bytes.fromhex(vector["given"]["key"]), b"")
    untagged = Secured(0x21, frame.content.counter, frame.content.contents[:-12])
    assert unsecure(untagged, keys, CLIENT).hex().upper() == vector["expect"]["plain"]


def test_its_ephemeral_point_and_key_come_out_of_the_annexes_keys(dlms_vectors: Callable[..., list[dict[str, Any]]]):
    """Party V opens the book's key-info: signature over the point, ECDH, and the derivation that deciphers the message."""
    (message,) = dlms_vectors("general-ciphering")
    sent = next(vector["given"] for vector in dlms_vectors("key-agreement") if vector["id"] == "ecdh-1e1s-c")
    signed = next(vector["given"] for vector in dlms_vectors("signature") if vector["id"] == "ecdsa-onepass-c")
    frame = GeneralCiphering.parse(bytes.fromhex(message["given"]["hex"]))
    assert frame.key_info is not None
    assert isinstance(frame.key_info.key, AgreedKey)
    assert frame.key_info.key.key_ciphered_data.hex().upper() == signed["data"] + signed["signature"]
    # Party V's static private key and the ephemeral point of the message: the annex gives this pair.
    keys = KeySet({}, agreement=bytes.fromhex(sent["private"]), peer_signing={CLIENT: bytes.fromhex(signed["public_xy"])})
    server = SecurityMaterial(SERVER, keys, lambda: 1, suite=Suite.S1)
    untagged = Secured(0x21, frame.content.counter, frame.content.contents[:-12])
    opened = open_general(GeneralCiphering(frame.header, frame.key_info, untagged).build(), server)
    assert opened.apdu.hex().upper() == message["expect"]["plain"]
    assert opened.layers == (Ciphering(HEADER, KeyKind.ONE_PASS, False, True, 0),)


@pytest.mark.parametrize("suite, kind", EACH_KIND)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("authenticated, encrypted", [(True, True), (True, False), (False, True)])
def test_a_message_and_its_answer_with_every_kind_of_key(
    parties: Parties, suite: Suite, kind: KeyKind, profile: Profile, authenticated: bool, encrypted: bool
):
    client, server = parties(suite)
    sent = seal_general(APDU, [Ciphering(HEADER, kind, authenticated, encrypted)], client, Random(1), profile)
    assert (APDU in sent) is not encrypted
    counter = 0 if profile is Profile.GB and kind in (KeyKind.WRAPPED, *AGREED) else 1
    opened = open_general(sent, server, profile)
    assert opened.apdu == APDU
    assert opened.layers == (Ciphering(HEADER, kind, authenticated, encrypted, counter),)
    back = seal_general(b"\xc4 answer", answering(opened.layers, SERVER), server, Random(2), profile)
    (layer,) = open_general(back, client, profile).layers
    answered = KeyKind.UNICAST if kind is KeyKind.BROADCAST else kind
    assert layer == Ciphering(Header(HEADER.transaction_id, SERVER, CLIENT), answered, authenticated, encrypted, counter)


@pytest.mark.parametrize("suite", [Suite.S1, Suite.S2])
@pytest.mark.parametrize("profile", PROFILES)
def test_signed_and_ciphered_in_both_orders(parties: Parties, suite: Suite, profile: Profile):
    client, server = parties(suite)
    ciphering, signing = Ciphering(HEADER, KeyKind.ONE_PASS), Signing(HEADER)
    for order in ([ciphering, signing], [signing, ciphering], [signing]):
        sent = seal_general(APDU, order, client, Random(1), profile)
        opened = open_general(sent, server, profile)
        assert opened.apdu == APDU
        assert [type(layer) for layer in opened.layers] == [type(layer) for layer in order]
        assert answering(opened.layers, SERVER)[0].header == Header(HEADER.transaction_id, SERVER, CLIENT)


def test_an_apdu_without_layers_comes_back_as_it_is(parties: Parties):
    _, server = parties(Suite.S1)
    assert open_general(APDU, server).apdu == APDU
    assert (open_general(b"", server).layers, open_general(APDU, server).token) == ((), b"")


def test_one_profile_does_not_pass_for_the_other(parties: Parties):
    client, server = parties(Suite.S1)
    for layer in (Ciphering(HEADER), Signing(HEADER)):
        for profile, other in (PROFILES, PROFILES[::-1]):
            with pytest.raises(RemoteProtocolError):
                open_general(seal_general(APDU, [layer], client, Random(1), profile), server, other)


def _layers() -> dict[str, list[Layer]]:
    kinds = {kind.name: [Ciphering(HEADER, kind)] for kind in KeyKind}
    return {**kinds, "signed": [Signing(HEADER)], "both": [Ciphering(HEADER), Signing(HEADER)]}


@pytest.mark.parametrize("layers", _layers().values(), ids=_layers())
def test_no_octet_may_be_wrong_and_the_next_good_message_works(parties: Parties, layers: list[Layer]):
    client, server = parties(Suite.S1)
    # Without a header in what is authenticated its date and information could be changed: GB's reading covers all of it.
    good = seal_general(APDU, layers, client, Random(1), Profile.GB)
    for at in range(1, len(good)):
        for flip in (0x01, 0x80):
            wrong = good[:at] + bytes((good[at] ^ flip,)) + good[at + 1 :]
            with pytest.raises(RemoteProtocolError):
                open_general(wrong, server, Profile.GB)
    for end in range(1, len(good)):
        with pytest.raises(RemoteProtocolError):
            open_general(good[:end], server, Profile.GB)
    with pytest.raises(RemoteProtocolError):
        open_general(good + b"\0", server, Profile.GB)
    assert open_general(good, server, Profile.GB).apdu == APDU


@given(st.sampled_from([b"\xdd", b"\xdf", b""]), st.binary(max_size=200))
def test_garbage_is_the_peers_fault(tag: bytes, data: bytes):
    server = SecurityMaterial(SERVER, KeySet({KeyId.UNICAST_ENCRYPTION: bytes(16)}), lambda: 1, suite=Suite.S1)
    if (tag + data)[:1] in (b"\xdd", b"\xdf"):
        with pytest.raises(RemoteProtocolError):
            open_general(tag + data, server)


@pytest.mark.parametrize(
    "header",
    [
        Header(b"", CLIENT[:7], SERVER), Header(b"", CLIENT + b"\0", SERVER), Header(b"", bytes(8), SERVER),
        Header(b"", SERVER, SERVER), Header(b"", b"", SERVER), Header(b"", CLIENT, b""), Header(b"", CLIENT, CLIENT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Ciphering, Signing])
def test_titles_that_nobody_has_our_own_and_others_are_refused(
    parties: Parties, kind: type[Ciphering] | type[Signing], header: Header
):  # D7
    client, server = parties(Suite.S1)
    with pytest.raises(RemoteProtocolError, match="system title"):
        open_general(seal_general(APDU, [kind(header)], client, Random(1)), server)


def _rewritten(sent: bytes, **changes: Any) -> bytes:
    frame = GeneralCiphering.parse(sent)
    members = {name: getattr(frame, name) for name in ("header", "key_info", "content")}
    return GeneralCiphering(**{**members, **changes}).build()


@pytest.mark.parametrize(
    "info",
    [
        KeyInfo(0, IdentifiedKey(2)), KeyInfo(0, IdentifiedKey(0xFF)), KeyInfo(1, WrappedKey(1, bytes(24))),
        KeyInfo(1, WrappedKey(0, bytes(24))), KeyInfo(1, WrappedKey(0, b"")), KeyInfo(2, AgreedKey(b"", b"")),
        KeyInfo(2, AgreedKey(b"\3", b"")), KeyInfo(2, AgreedKey(b"\2", b"\0")), KeyInfo(2, AgreedKey(b"\1", b"")),
        KeyInfo(2, AgreedKey(b"\1", bytes(128))), KeyInfo(2, AgreedKey(b"\1", bytes(127))), KeyInfo(2, AgreedKey(b"\1\1", bytes(128))),
    ],
)  # fmt: skip
def test_key_infos_that_name_no_key_are_refused(parties: Parties, info: KeyInfo):
    for suite in Suite:
        client, server = parties(suite)
        sent = seal_general(APDU, [Ciphering(HEADER)], client, Random(1))
        with pytest.raises(RemoteProtocolError):
            open_general(_rewritten(sent, key_info=info), server)
        assert open_general(sent, server).apdu == APDU


@pytest.mark.parametrize("control", [0x01, 0x00, 0x30, 0x32, 0x71, 0xB1, 0x35])
def test_security_controls_of_other_suites_key_sets_and_compression_are_refused(parties: Parties, control: int):  # D5
    client, server = parties(Suite.S1)
    content = secure(APDU, Keys(client.keys.symmetric[KeyId.UNICAST_ENCRYPTION], client.keys.authentication), CLIENT, 1, control)
    sent = seal_general(APDU, [Ciphering(HEADER)], client, Random(1))
    with pytest.raises(RemoteProtocolError, match="security control"):
        open_general(_rewritten(sent, content=content), server)


def test_two_layers_of_a_kind_and_a_signature_of_a_stranger_are_refused(parties: Parties):
    client, server = parties(Suite.S1)
    for layers in ([Signing(HEADER)] * 2, [Ciphering(HEADER)] * 2):
        with pytest.raises(RemoteProtocolError, match="one kind"):
            open_general(seal_general(APDU, layers, client, Random(1)), server)
    del server.keys.peer_signing[CLIENT], server.keys.peer_agreement[CLIENT]
    for layer in (Signing(HEADER), *(Ciphering(HEADER, kind) for kind in AGREED)):
        with pytest.raises(RemoteProtocolError, match="known"):
            open_general(seal_general(APDU, [layer], client, Random(1)), server)


def test_an_ephemeral_point_signed_by_another_is_refused(parties: Parties):
    client, server = parties(Suite.S1)
    server.keys.peer_signing[CLIENT] = server.keys.peer_signing[SERVER]
    with pytest.raises(RemoteProtocolError, match="signature"):
        open_general(seal_general(APDU, [Ciphering(HEADER, KeyKind.ONE_PASS)], client, Random(1)), server)


@pytest.mark.parametrize("kind", KeyKind)
def test_a_missing_key_of_ours_is_our_fault_to_send_and_theirs_to_ask_for(parties: Parties, kind: KeyKind):
    client, server = parties(Suite.S1)
    sent = seal_general(APDU, [Ciphering(HEADER, kind)], client, Random(1))
    for bare in (client, server):
        bare.keys = KeySet({})
    with pytest.raises(LocalProtocolError):
        seal_general(APDU, [Ciphering(HEADER, kind)], client, Random(1))
    with pytest.raises(LocalProtocolError):
        seal_general(APDU, [Signing(HEADER)], client, Random(1))
    with pytest.raises(RemoteProtocolError):
        open_general(sent, server)


def test_suite_0_neither_signs_nor_agrees(parties: Parties):
    client, server = parties(Suite.S0)
    client1, _ = parties(Suite.S1)
    for layer in (Signing(HEADER), *(Ciphering(HEADER, kind) for kind in AGREED)):
        with pytest.raises(LocalProtocolError):
            seal_general(APDU, [layer], client, Random(1))
        with pytest.raises(RemoteProtocolError):
            open_general(seal_general(APDU, [layer], client1, Random(1)), server)


def test_every_message_has_its_own_ephemeral_key_and_the_same_seed_gives_the_same_octets(parties: Parties):
    client, _ = parties(Suite.S1)
    layer = Ciphering(HEADER, KeyKind.ONE_PASS, counter=7)
    rng = Random(3)
    first, second = (seal_general(APDU, [layer], client, rng) for _ in range(2))
    assert first != second
    assert first == seal_general(APDU, [layer], client, Random(3))


def _twin(signature: bytes) -> bytes:
    return signature[:32] + (Curve.P256.order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def test_a_message_has_one_token_however_it_is_written(parties: Parties):
    """A signature's twin (r, n - s) and a header that nothing covers make other octets of the same message."""
    client, server = parties(Suite.S1)
    signed = seal_general(APDU, [Signing(HEADER)], client, Random(1))
    ciphered = seal_general(APDU, [Ciphering(HEADER, KeyKind.ONE_PASS)], client, Random(1))
    other = seal_general(APDU + b"\1", [Signing(HEADER)], client, Random(1))
    frame = GeneralCiphering.parse(ciphered)
    assert frame.key_info is not None
    assert isinstance(frame.key_info.key, AgreedKey)
    ephemeral = frame.key_info.key.key_ciphered_data
    info = KeyInfo(2, AgreedKey(b"\1", ephemeral[:64] + _twin(ephemeral[64:])))
    rewritten = GeneralCiphering(Header(b"rewritten", CLIENT, SERVER), info, frame.content).build()
    tokens = [open_general(one, server).token for one in (signed, signed[:-64] + _twin(signed[-64:]), other, ciphered, rewritten)]
    assert tokens[0] == tokens[1]
    assert tokens[3] == tokens[4]
    assert len(set(tokens)) == 3


def test_keys_do_not_show(parties: Parties):
    client, server = parties(Suite.S1)
    for material in (client, server):
        assert material.keys.signing.hex() not in repr(material.keys) + repr(material)


def test_a_layer_of_frames_round_trips():
    frame = GeneralSigning(Header(b"\t", CLIENT, SERVER, bytes(12), b"info"), APDU, bytes(64))
    assert GeneralSigning.parse(frame.build()) == frame
