"""The public messages of GB smart metering, checked with the procedures of DLMS security: MACs, signatures, protected data.

A message is a general-ciphering APDU with empty header around a general-signing one, or the latter alone; the key comes from
static key agreement. What the messages say is not looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from protocols.core.ecc import public_key
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.agreement import GB_ARC, agree, algorithm_id, parties_of_message
from protocols.dlms.security.ciphering import Keys, Secured, unsecure
from protocols.dlms.security.general import GeneralCiphering, GeneralSigning, Header, Profile, signed_octets
from protocols.dlms.security.signature import BadSignature, sign, verify
from protocols.dlms.security.suites import Suite

NO_FIELDS = Header(b"", b"", b"")
ALGORITHM = algorithm_id(Suite.S1, GB_ARC)
PROTECTED = b"\x31" + bytes(4)


@pytest.fixture(scope="module")
def gbcs(shared_vectors: Callable[[str], Any]) -> Any:
    return shared_vectors("gbcs")


def agreed(gbcs: Any, pair: tuple[str, str], originator: bytes, transaction: bytes, recipient: bytes) -> bytes:
    """The key of two identities: whichever private key was published, with the other's public one."""
    own, other = sorted(pair, key=lambda title: "private_scalar" not in gbcs["keys"][title]["ka"])
    private = bytes.fromhex(gbcs["keys"][own]["ka"]["private_scalar"])
    public = bytes.fromhex(gbcs["keys"][other]["ka"]["public_point"])[1:]
    return agree(Suite.S1, private, public, ALGORITHM, parties_of_message(originator, transaction, recipient))


def mac_keys(gbcs: Any, message: Any) -> Keys:
    """Of one with a MAC whose key was published. There is no authentication key; the empty header fields are authenticated."""
    header = GeneralSigning.parse(GeneralCiphering.parse(bytes.fromhex(message["hex"])).content.contents[:-12]).header
    key = agreed(gbcs, message["mac_keys"], header.originator, header.transaction_id, header.recipient)
    return Keys(key, NO_FIELDS.build())


def opened(gbcs: Any, message: Any) -> bytes:
    """The general-signing APDU of a message, its MAC checked where it has one. (Of four messages nobody published a key.)"""
    data = bytes.fromhex(message["hex"])
    if data[0] != 0xDD:
        return data
    frame = GeneralCiphering.parse(data)
    assert (frame.header, frame.key_info, frame.build()) == (NO_FIELDS, None, data)
    if "mac_keys" not in message:
        return frame.content.contents[:-12]
    return unsecure(frame.content, mac_keys(gbcs, message), bytes.fromhex(message["originator"]))


def test_every_mac_and_signature_verifies(gbcs: Any):
    seen: Counter[tuple[str, str]] = Counter()
    for message in gbcs["messages"]:
        if message["signature"] == "absent":
            continue
        apdu = opened(gbcs, message)
        frame = GeneralSigning.parse(apdu)
        assert frame.build() == apdu
        seen["mac", "valid" if "mac_keys" in message else "none or no key"] += 1
        seen["signature", message["signature"]] += 1
        if message["signature"] == "empty":
            assert frame.signature == b""
            continue
        public = bytes.fromhex(gbcs["keys"][message["originator"]]["ds"]["public_point"])[1:]
        verify(public, signed_octets(apdu, Profile.GB), frame.signature)
        with pytest.raises(BadSignature):  # the other reading, without the content's length
            verify(public, signed_octets(apdu, Profile.FIELD), frame.signature)
    assert seen == {
        ("mac", "valid"): 516, ("mac", "none or no key"): 158,
        ("signature", "valid"): 258, ("signature", "empty"): 416,
    }  # fmt: skip


def test_what_is_signed_before_the_signature_is_there(gbcs: Any):
    """A pre-command ends behind its content: what is signed of it is what the finished command's signature covers."""
    commands = {message["id"]: bytes.fromhex(message["hex"]) for message in gbcs["messages"] if message["kind"] == "command"}
    compared = 0
    for message in gbcs["messages"]:
        if message["signature"] != "absent":
            continue
        unsigned = bytes.fromhex(message["hex"])
        command = commands.get(message["id"].replace("_PRECOMMAND", "_COMMAND"))
        if command is None or command[0] != 0xDD:
            continue
        inner = GeneralCiphering.parse(command).content.contents[:-12]
        if signed_octets(inner, Profile.GB) == signed_octets(unsigned, Profile.GB):
            public = bytes.fromhex(gbcs["keys"][message["originator"]]["ds"]["public_point"])[1:]
            verify(public, signed_octets(unsigned, Profile.GB), GeneralSigning.parse(inner).signature)
            compared += 1
    assert compared > 50


def test_protected_data_decrypts(gbcs: Any):
    """Security control 31, counter 0, and no authentication key; the key is that of mode 4 under the same counters."""
    parts = 0
    for message in gbcs["messages"]:
        for part in message.get("encrypted_parts", ()):
            content = GeneralSigning.parse(opened(gbcs, message)).content
            secured = Secured.parse(content[part["offset"] : part["offset"] + part["len"]])
            assert secured.build()[:5] == PROTECTED
            party = message.get("supp_remote_party", message["recipient"])
            counter = message.get("supp_orig_counter", message["counter"])
            originator, recipient = bytes.fromhex(message["originator"]), bytes.fromhex(party)
            key = agreed(gbcs, (message["originator"], party), originator, b"\4" + bytes.fromhex(counter), recipient)
            assert unsecure(secured, Keys(key, b""), originator).hex() == part["plaintext"], message["id"]
            parts += 1
    assert parts == 35


def test_a_mac_or_signature_with_one_bit_wrong_is_refused(gbcs: Any):
    message = next(m for m in gbcs["messages"] if (m["kind"], m["mac"], m["signature"]) == ("command", "valid", "valid"))
    keys, originator = mac_keys(gbcs, message), bytes.fromhex(message["originator"])
    secured = GeneralCiphering.parse(bytes.fromhex(message["hex"])).content
    for at in range(len(secured.contents)):
        flipped = secured.contents[:at] + bytes((secured.contents[at] ^ 1,)) + secured.contents[at + 1 :]
        with pytest.raises(RemoteProtocolError):
            unsecure(Secured(secured.control, secured.counter, flipped), keys, originator)
    with pytest.raises(RemoteProtocolError):
        unsecure(Secured(secured.control, 1, secured.contents), keys, originator)
    apdu = opened(gbcs, message)
    public = bytes.fromhex(gbcs["keys"][message["originator"]]["ds"]["public_point"])[1:]
    signature = GeneralSigning.parse(apdu).signature
    covered = signed_octets(apdu, Profile.GB)
    for at in range(len(covered)):
        with pytest.raises(BadSignature):
            verify(public, covered[:at] + bytes((covered[at] ^ 1,)) + covered[at + 1 :], signature)


def test_published_private_keys_are_those_of_the_published_points(gbcs: Any):
    checked = 0
    for party in gbcs["keys"].values():
        for key in party.values():
            if not isinstance(key, dict) or not {"private_scalar", "public_point"} <= key.keys():
                continue
            private, public = bytes.fromhex(key["private_scalar"]), bytes.fromhex(key["public_point"])[1:]
            assert public_key(private) == public
            verify(public, b"test", sign(private, b"test"))
            checked += 1
    assert checked >= 12
