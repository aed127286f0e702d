"""Data protection: GB's published requests answered octet for octet, and reading, writing and calling under every kind of key."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import apdu, axdr, cosem
from protocols.dlms.access import AccessRequest, AccessResponse
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.data_protection import DataProtection
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute
from protocols.dlms.obis import Obis
from protocols.dlms.security.ciphering import Keys, Secured, secure, unsecure
from protocols.dlms.security.general import GeneralCiphering, GeneralSigning, Header, KeyInfo, KeyKind, Profile
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.message_key import received_key, sent_key
from protocols.dlms.security.suites import Suite
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

Parties: TypeAlias = Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]
CLIENT, SERVER = bytes.fromhex("4D4D4D0000BC614E"), bytes.fromhex("4D4D4D0000000001")
AUTHENTICATED, ENCRYPTED, BOTH, SIGNED = range(4)
CONTROLS = {AUTHENTICATED: 0x10, ENCRYPTED: 0x20, BOTH: 0x30}


# --- GB's published messages


class Prepared(InterfaceClass, id=0, version=0):
    """Any object of the published messages: its second attribute is what the published answer holds."""

    value: Attribute = attribute(2)

    def __init__(self, class_id: int, name: bytes, value: Data) -> None:
        super().__init__(name, value=value)
        self.class_id = class_id  # type: ignore[misc]
        self.selected: list[SelectiveAccess] = []

    def select(self, number: int, selection: SelectiveAccess) -> Data:
        self.selected.append(selection)
        source = self.sources[2]
        assert isinstance(source, Data)
        return source


def content(message: Any) -> bytes:
    data = bytes.fromhex(message["hex"])
    if data[0] == 0xDD:
        data = GeneralCiphering.parse(data).content.contents[:-12]
    return GeneralSigning.parse(data).content


@pytest.mark.dlms("server protected data", "class 30 method 1")
def test_gbs_requests_are_answered_with_the_published_octets(shared_vectors: Callable[[str], Any]):
    """The meter's private key was published: with the plain data of the answer we make the answer, to the octet."""
    gbcs = shared_vectors("gbcs")
    messages = {message["id"]: message for message in gbcs["messages"]}
    keys = gbcs["keys"]
    points = {
        bytes.fromhex(title): bytes.fromhex(of["ka"]["public_point"])[1:]
        for title, of in keys.items()
        if "public_point" in of.get("ka", {})
    }
    answered = ranges = 0
    for name, message in messages.items():
        if message["payload_kind"] != "dlms-access-response" or not message.get("encrypted_parts"):
            continue
        if "supp_remote_party" in message:  # encrypted for the party that the message's header adds: not told to the object
            continue
        command = messages[name.replace("_RESPONSE", "_COMMAND")]
        request, response = apdu.parse(content(command)), apdu.parse(content(message))
        assert isinstance(request, AccessRequest)
        assert isinstance(response, AccessResponse)
        meter = bytes.fromhex(message["originator"])
        material = SecurityMaterial(
            meter,
            KeySet({}, agreement=bytes.fromhex(keys[message["originator"]]["ka"]["private_scalar"]), peer_agreement=points),
            count(5).__next__,
            suite=Suite.S1,
        )
        plain = iter(message["encrypted_parts"])
        for specification, argument, expected in zip(request.specifications, request.data, response.data, strict=True):
            if specification.target.class_id != 30:
                continue
            values = Data.parse(bytes.fromhex(next(plain)["plaintext"]))
            things = {}
            for definition, value in zip(argument.value[0].value, values.value, strict=True):
                class_id, logical_name = definition.value[0].value, definition.value[1].value
                things[logical_name] = Prepared(class_id, logical_name, value)
            protection = DataProtection(
                specification.target.instance_id, find=things.get, material=material, rng=Random(1), profile=Profile.GB
            )
            assert protection.invoke(specification.target.method_id, argument) == expected, name
            answered += 1
            for definition in argument.value[0].value:
                restricted = definition.value[4].value[0].value
                selected = things[definition.value[1].value].selected
                assert bool(restricted) is bool(selected)
                if selected:
                    assert selected[0].parameters.value[1:3] == definition.value[4].value[1].value
                    ranges += 1
    assert (answered, ranges) == (10, 5)


# --- every kind of key, and what is refused


class Stand:
    """Two registers and a switch behind a data protection object; `ask` and `told` are the client's side of the protection."""

    def __init__(self, parties: Parties, suite: Suite = Suite.S1, required: int = 0, **rights: Any) -> None:
        self.client, self.server = parties(suite)
        self.suite = suite
        self.lamp = cosem.Data("0-0:96.13.0", value=axdr.u32(5), access={"value": Access.READ_WRITE})
        self.guarded = cosem.Data(
            "0-0:96.13.1", value=axdr.octets(b"old"), access={"value": Access.READ_WRITE | Access.ENCRYPTED_RESPONSE}
        )
        self.switch = cosem.DisconnectControl("0-0:96.3.10")
        self.hidden = cosem.Data("0-0:96.13.2", value=axdr.u8(1), access={"value": Access.NONE})
        self.things: dict[bytes, InterfaceClass] = {
            thing.name: thing for thing in (self.lamp, self.guarded, self.switch, self.hidden)
        }
        self.protection = DataProtection(
            "0-0:43.2.0", find=self.things.get, material=self.server, rng=Random("meter"), required_protection=required
        )
        self.things[self.protection.name] = self.protection
        self.rng = Random("client")

    @property
    def state(self) -> Any:
        return self.lamp.value, self.guarded.value, self.switch.control_state, self.switch.output_state

    def parameters(self, kind: KeyKind, type: int = BOTH, transaction: bytes = b"t1", data: bool = True) -> tuple[Data, bytes]:
        """protection_parameters with one element, and the key that the client would protect with."""
        header = Header(transaction, CLIENT, SERVER)
        info, key = sent_key(kind, header, self.client, self.rng, Profile.FIELD)
        assert info is not None
        return layer(type, header, info), key

    def protected(self, kind: KeyKind, value: Data, type: int = BOTH) -> tuple[Data, Data]:
        parameters, key = self.parameters(kind, type)
        control = self.suite | CONTROLS[type]
        keys = Keys(key, self.client.keys.authentication)
        return parameters, axdr.octets(secure(value.build(), keys, CLIENT, self.client.next_counter(), control).build())

    def told(self, answer: Data | None) -> Data:
        """What the client reads out of an answer: it undoes the layers from the last to the first."""
        assert answer is not None
        parameters, octets = answer.value[0].value, answer.value[1].value
        for item in reversed(parameters):
            transaction, originator, recipient, other, info = item.value[1].value
            assert (originator.value, recipient.value) == (SERVER, CLIENT)
            header = Header(transaction.value, originator.value, recipient.value, b"", other.value)
            key_info = KeyInfo.parse(bytes((info.value[0].value,)) + _key_octets(info))
            _, key = received_key(key_info, header, self.client, Profile.FIELD)
            octets = unsecure(Secured.parse(octets), Keys(key, self.client.keys.authentication), SERVER)
        return Data.parse(octets)

    def refuses(self, number: int, argument: Data, *results: int) -> None:
        before = self.state
        with pytest.raises(AccessError) as refusal:
            self.protection.invoke(number, argument)
        assert refusal.value.result in results
        assert self.state == before


def _key_octets(info: Data) -> bytes:
    out = b""
    for option in info.value[1].value:
        out += bytes((option.value,)) if isinstance(option.value, int) else bytes((0x81, len(option.value))) + option.value
    return out


def layer(type: int, header: Header, info: KeyInfo) -> Data:
    values = [getattr(info.key, name) for name in info.key.__struct_fields__]
    options = axdr.structure(*(axdr.enum(value) if isinstance(value, int) else axdr.octets(value) for value in values))
    titles = (header.transaction_id, header.originator, header.recipient, header.other_information)
    key_info = axdr.structure(axdr.enum(info.choice), options)
    return axdr.structure(axdr.enum(type), axdr.structure(*map(axdr.octets, titles), key_info))


def defined(thing: InterfaceClass, number: int, index: int = 0, restriction: Data | None = None) -> Data:
    everything = axdr.structure(axdr.enum(0), axdr.null())
    return axdr.structure(
        axdr.u16(thing.class_id), axdr.octets(thing.name), axdr.i8(number), axdr.u16(index), restriction or everything
    )


KINDS = [kind for kind in KeyKind if kind is not KeyKind.ABSENT]
EACH_KIND = [(suite, kind) for suite in Suite for kind in KINDS if suite or kind not in (KeyKind.ONE_PASS, KeyKind.STATIC)]


@pytest.mark.dlms(
    "class 30 method 1", "class 30 method 2", "class 30 method 3", "server key agreement 0e2s", "server key agreement 1e1s"
)
@pytest.mark.parametrize("suite, kind", EACH_KIND)
@pytest.mark.parametrize("type", CONTROLS)
def test_reading_writing_and_calling_under_every_kind_of_key(parties: Parties, suite: Suite, kind: KeyKind, type: int):
    stand = Stand(parties, suite)
    objects = axdr.array([defined(stand.lamp, 2), defined(stand.lamp, 1)])
    parameters, _ = stand.parameters(kind, type)
    answer = stand.protection.invoke(1, axdr.structure(objects, axdr.array([parameters])))
    assert stand.told(answer) == axdr.structure(axdr.u32(5), axdr.octets(stand.lamp.name))
    parameters, octets = stand.protected(kind, axdr.structure(axdr.u32(9)), type)
    objects = axdr.array([defined(stand.lamp, 2)])
    assert stand.protection.invoke(2, axdr.structure(objects, axdr.array([parameters]), octets)) is None
    assert stand.lamp.value == axdr.u32(9)
    parameters, octets = stand.protected(kind, axdr.i8(0), type)
    target = axdr.structure(axdr.u16(70), axdr.octets(stand.switch.name), axdr.i8(1))
    answer = stand.protection.invoke(3, axdr.structure(target, axdr.array([parameters]), octets))
    assert stand.told(answer) == axdr.null()
    assert stand.switch.output_state == axdr.boolean(False)


def test_several_layers_are_put_on_in_order(parties: Parties):
    stand = Stand(parties)
    layers = axdr.array([stand.parameters(KeyKind.STATIC, AUTHENTICATED)[0], stand.parameters(KeyKind.WRAPPED, ENCRYPTED)[0]])
    answer = stand.protection.invoke(1, axdr.structure(axdr.array([defined(stand.lamp, 2)]), layers))
    assert stand.told(answer) == axdr.structure(axdr.u32(5))


@pytest.mark.dlms("class 30 attribute 6")
def test_what_an_attribute_or_the_object_demands_is_given_or_refused(parties: Parties):
    denied = DataAccessResult.READ_WRITE_DENIED
    stand = Stand(parties)
    objects = axdr.array([defined(stand.guarded, 2)])
    for parameters in ([], [stand.parameters(KeyKind.UNICAST, AUTHENTICATED)[0]]):
        stand.refuses(1, axdr.structure(objects, axdr.array(parameters)), denied)
    both = axdr.array([stand.parameters(KeyKind.UNICAST, BOTH)[0]])
    assert stand.told(stand.protection.invoke(1, axdr.structure(objects, both))) == axdr.structure(axdr.octets(b"old"))
    strict = Stand(parties, required=int(Access.AUTHENTICATED_REQUEST | Access.ENCRYPTED_RESPONSE))
    objects = axdr.array([defined(strict.lamp, 2)])
    parameters, octets = strict.protected(KeyKind.UNICAST, axdr.structure(axdr.u32(1)), ENCRYPTED)
    strict.refuses(2, axdr.structure(objects, axdr.array([parameters]), octets), denied)
    strict.refuses(2, axdr.structure(objects, axdr.array([]), axdr.octets(axdr.structure(axdr.u32(1)).build())), denied)
    strict.refuses(1, axdr.structure(objects, axdr.array([strict.parameters(KeyKind.UNICAST, AUTHENTICATED)[0]])), denied)
    parameters, octets = strict.protected(KeyKind.UNICAST, axdr.structure(axdr.u32(1)), AUTHENTICATED)
    strict.protection.invoke(2, axdr.structure(objects, axdr.array([parameters]), octets))
    assert strict.lamp.value == axdr.u32(1)


def test_objects_that_are_not_there_or_not_for_this_are_refused(parties: Parties):
    stand = Stand(parties)
    both = axdr.array([stand.parameters(KeyKind.UNICAST)[0]])
    r = DataAccessResult
    nowhere = axdr.structure(
        axdr.u16(1), axdr.octets(Obis("1-1:1.1.1")), axdr.i8(2), axdr.u16(0), axdr.structure(axdr.enum(0), axdr.null())
    )
    wrong_class = axdr.structure(axdr.u16(3), *defined(stand.lamp, 2).value[1:])
    dates = axdr.structure(axdr.enum(1), axdr.structure(*[axdr.octets(bytes.fromhex("07DE0C19FF171E00008000FF"))] * 2))
    mixed = axdr.structure(axdr.enum(2), dates.value[1])
    for definition, results in (
        (nowhere, (r.OBJECT_UNDEFINED,)), (wrong_class, (r.OBJECT_CLASS_INCONSISTENT,)), (defined(stand.hidden, 2), (r.READ_WRITE_DENIED,)),
        (defined(stand.lamp, 3), (r.READ_WRITE_DENIED,)), (defined(stand.protection, 2), (r.OTHER_REASON,)),
        (defined(stand.lamp, 2, 1), (r.OBJECT_UNAVAILABLE,)), (defined(stand.lamp, 2, 0, dates), (r.SCOPE_OF_ACCESS_VIOLATED,)),
        (defined(stand.lamp, 2, 0, mixed), (r.TYPE_UNMATCHED,)),
    ):  # fmt: skip
        stand.refuses(1, axdr.structure(axdr.array([definition]), both), *results)
        stand.refuses(1, axdr.structure(axdr.array([defined(stand.lamp, 2), definition]), both), *results)


def test_protection_that_does_not_fit_is_refused_and_changes_nothing(parties: Parties):
    stand = Stand(parties)
    objects = axdr.array([defined(stand.lamp, 2)])
    other, unmatched, scope = (
        DataAccessResult.OTHER_REASON, DataAccessResult.TYPE_UNMATCHED, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    )  # fmt: skip
    value = axdr.structure(axdr.u32(9))
    parameters, octets = stand.protected(KeyKind.STATIC, value)
    good = octets.value
    for at in range(len(good)):
        wrong = good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]
        stand.refuses(2, axdr.structure(objects, axdr.array([parameters]), axdr.octets(wrong)), other)
    for wrong in (b"", good[:5], good[:-1], good + b"\0"):
        stand.refuses(2, axdr.structure(objects, axdr.array([parameters]), axdr.octets(wrong)), other)
    for one in (
        layer(SIGNED, Header(b"t1", CLIENT, SERVER), KeyInfo.parse(b"\2\1\2\0")),
        layer(BOTH, Header(b"t1", CLIENT, CLIENT), KeyInfo.parse(b"\0\0")), layer(BOTH, Header(b"t1", SERVER, SERVER), KeyInfo.parse(b"\0\0")),
        layer(BOTH, Header(b"t1", b"stranger", SERVER), KeyInfo.parse(b"\2\1\2\0")), layer(BOTH, Header(b"t1", CLIENT, SERVER), KeyInfo.parse(b"\2\1\3\0")),
        layer(BOTH, Header(b"t1", CLIENT, SERVER), KeyInfo.parse(b"\1\1\0")),
    ):  # fmt: skip
        stand.refuses(2, axdr.structure(objects, axdr.array([one]), octets), other)
    key_of_another_shape = axdr.structure(axdr.enum(0), axdr.structure(axdr.octets(b"\2"), axdr.octets(b"")))
    misfit = axdr.structure(axdr.enum(BOTH), axdr.structure(*parameters.value[1].value[:4], key_of_another_shape))
    stand.refuses(2, axdr.structure(objects, axdr.array([misfit]), octets), unmatched)
    stand.refuses(1, axdr.structure(objects, axdr.array([parameters] * 5)), scope)
    stand.refuses(1, axdr.structure(axdr.array([defined(stand.lamp, 2)] * 33), axdr.array([parameters])), scope)
    two = axdr.array([defined(stand.lamp, 2), defined(stand.guarded, 2)])
    parameters, octets = stand.protected(KeyKind.STATIC, axdr.structure(axdr.u32(7), axdr.u8(1)))
    stand.refuses(2, axdr.structure(two, axdr.array([parameters]), octets), unmatched)  # the first is taken back, too
    parameters, octets = stand.protected(KeyKind.STATIC, value)
    stand.refuses(2, axdr.structure(two, axdr.array([parameters]), octets), unmatched)
    stand.protection.invoke(2, axdr.structure(objects, axdr.array([parameters]), octets))
    assert stand.lamp.value == axdr.u32(9)


def test_a_method_whose_answer_could_not_be_protected_is_not_called(parties: Parties):
    stand = Stand(parties)
    parameters, octets = stand.protected(KeyKind.ONE_PASS, axdr.i8(0))
    target = axdr.structure(axdr.u16(70), axdr.octets(stand.switch.name), axdr.i8(1))
    known = stand.server.keys.peer_agreement.pop(CLIENT)
    stand.refuses(3, axdr.structure(target, axdr.array([parameters]), octets), DataAccessResult.OTHER_REASON)
    stand.server.keys.peer_agreement[CLIENT] = known
    stand.protection.invoke(3, axdr.structure(target, axdr.array([parameters]), octets))
    assert stand.switch.output_state == axdr.boolean(False)


def test_under_a_lasting_key_the_same_message_counts_once(parties: Parties):
    stand = Stand(parties)
    parameters, octets = stand.protected(KeyKind.UNICAST, axdr.structure(axdr.u32(9)))
    argument = axdr.structure(axdr.array([defined(stand.lamp, 2)]), axdr.array([parameters]), octets)
    stand.protection.invoke(2, argument)
    stand.refuses(2, argument, DataAccessResult.OTHER_REASON)
    parameters, octets = stand.protected(KeyKind.UNICAST, axdr.structure(axdr.u32(8)))
    stand.protection.invoke(2, axdr.structure(argument.value[0], axdr.array([parameters]), octets))
    assert stand.lamp.value == axdr.u32(8)


@pytest.mark.dlms("class 30 attribute 2", "class 30 attribute 3", "class 30 attribute 4", "class 30 attribute 5")
def test_the_buffer_reads_and_writes_its_own_object_list(parties: Parties):
    stand = Stand(parties)
    protection = stand.protection
    parameters, _ = stand.parameters(KeyKind.UNICAST)
    protection.write(3, axdr.array([defined(stand.lamp, 2)]))
    protection.write(4, axdr.array([parameters]))
    read = axdr.structure(axdr.array([]), protection.read(2)).value[1].value
    keys = Keys(stand.client.keys.symmetric[KeyId.UNICAST_ENCRYPTION], stand.client.keys.authentication)
    assert unsecure(Secured.parse(read), keys, SERVER) == axdr.structure(axdr.u32(5)).build()
    parameters, octets = stand.protected(KeyKind.WRAPPED, axdr.structure(axdr.u32(6)))
    protection.write(5, axdr.array([parameters]))
    protection.write(2, octets)
    assert stand.lamp.value == axdr.u32(6)
    protection.write(4, axdr.array([parameters]))
    for wrong in (
        lambda: protection.read(2),
        lambda: protection.write(2, axdr.octets(b"?")),
        lambda: protection.write(2, axdr.u8(1)),
    ):
        with pytest.raises(AccessError):
            wrong()


@given(st.integers(1, 3), st.binary(max_size=60))
def test_garbage_is_refused(number: int, data: bytes):
    server = SecurityMaterial(SERVER, KeySet({KeyId.UNICAST_ENCRYPTION: bytes(16)}), lambda: 1)
    protection = DataProtection("0-0:43.2.0", find=lambda name: None, material=server, rng=Random(1))
    try:
        argument = Data.parse(data)
    except RemoteProtocolError:
        argument = axdr.octets(data)
    with pytest.raises(AccessError):
        protection.invoke(number, argument)


@pytest.mark.dlms("class 30 attribute 1")
def test_its_name_is_its_first_attribute():
    server = SecurityMaterial(SERVER, KeySet({KeyId.UNICAST_ENCRYPTION: bytes(16)}), lambda: 1)
    protection = DataProtection("0-0:43.2.0", find=lambda name: None, material=server, rng=Random(1))
    assert protection.read(1).value == bytes.fromhex("00002B0200FF")
