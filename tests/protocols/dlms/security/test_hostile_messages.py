"""Bad protected messages against a live server (bad inputs D1 to D8): the answer of the standard, nothing done, nothing moved.

After each, the next good message works. What a device's memory does for counters (D9) is shown with a meter.
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr, xdlms
from protocols.dlms.acse import AARE, AARQ, Context, Mechanism
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.authentication import AUTHENTICATED_ENCRYPTED as GLO
from protocols.dlms.client import Client, Refused, drive
from protocols.dlms.cosem import Data
from protocols.dlms.direct import Direct
from protocols.dlms.initiate import ConfirmedServiceError, InitiateRequest
from protocols.dlms.obis import Obis
from protocols.dlms.security.ciphering import Control, Keys, Secured, cipher, secure
from protocols.dlms.security.context import Kind, Protection, SecurityContext, SecurityRefused
from protocols.dlms.security.counters import LAST, MOST, CounterExhausted, PeerCounters, own
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.suites import Policy
from protocols.dlms.session import Session

LAMP = Obis("0-0:96.13.0")
SET = xdlms.SetRequestNormal(0xC1, xdlms.AttributeDescriptor(1, LAMP, 2), None, axdr.u32(77)).build()
GET = xdlms.GetRequestNormal(0xC1, xdlms.AttributeDescriptor(1, LAMP, 2), None).build()
GLO_SET, GLO_GET, GLO_GET_RESPONSE, GENERAL_GLO, DED_GET = 0xC9, 0xC8, 0xCC, 0xDB, 0xD0
DECIPHERING = bytes.fromhex("D80105")
NOT_ALLOWED = bytes.fromhex("D80101")
CLIENT_TITLE = bytes.fromhex("4D42480000000001")
SERVER_TITLE = bytes.fromhex("4D42450000000001")


def counter_error(expected: int) -> bytes:
    return bytes.fromhex("D80106") + expected.to_bytes(4, "big")


class Open(NamedTuple):
    """An association of the GMAC client, with ciphering, and what an attacker who knows everything but the keys sees."""

    session: Session
    client: Client
    keys: Keys
    lamp: Data
    material: SecurityMaterial

    @property
    def stored(self) -> int:
        return self.material.counters.expected(CLIENT_TITLE, KeyId.UNICAST_ENCRYPTION)

    def refused(self, apdu: bytes, answer: bytes) -> None:
        """The answer is this; nothing was done, no counter has moved, and the next good message works."""
        before = self.stored
        assert self.session.receive(apdu, 0) == [answer]
        assert self.stored == before
        assert self.lamp.value == axdr.u32(5)
        assert drive(self.client.get(LAMP, 1, 2), Direct(self.session)).value == 5


@pytest.fixture
def meter(plant) -> Open:
    return opened(plant)


def opened(plant, policy: Policy = Policy.NOTHING, protection: Protection = GLO) -> Open:
    client = plant.client(Mechanism.HIGH_GMAC, protection)
    session = plant.session(35)
    drive(client.associate(), Direct(session))
    plant.material.policy |= policy
    symmetric = plant.material.keys.symmetric
    keys = Keys(symmetric[KeyId.UNICAST_ENCRYPTION], symmetric[KeyId.AUTHENTICATION])
    return Open(session, client, keys, plant.lamp, plant.material)


@pytest.mark.parametrize("control", [0x30, 0x10])
def test_d1_a_flipped_bit(meter: Open, control: int) -> None:
    good = cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored + 50, control)
    for at in range(3, len(good)):  # behind tag, length and security control
        meter.refused(bytes((*good[:at], good[at] ^ 0x01, *good[at + 1 :])), DECIPHERING)


@pytest.mark.req("S-167", part=True)
@pytest.mark.parametrize("control", [0x10, 0x30])
def test_d1_another_authentication_key(meter: Open, control: int) -> None:
    """The authentication key is no key of the cipher: it is authenticated with what it protects."""
    for other in (bytes(16), b""):
        meter.refused(
            cipher(GLO_SET, SET, Keys(meter.keys.encryption, other), CLIENT_TITLE, meter.stored + 50, control), DECIPHERING
        )


@pytest.mark.dlms("server invocation counters", "server exception-response with counter")
def test_d2_a_counter_that_was_there_before(meter: Open) -> None:
    expected = meter.stored
    for counter in (expected - 1, expected - 2, 0):
        meter.refused(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, counter), counter_error(meter.stored))
    assert meter.session.receive(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored), 0)[0][0] == 0xCD
    assert meter.lamp.value == axdr.u32(77)


def test_d2_a_replay_in_a_new_association(meter: Open, plant) -> None:
    heard: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        heard.append(apdu)
        return Direct(meter.session)(apdu)

    drive(meter.client.release(), exchange)
    drive(meter.client.associate(), exchange)
    drive(meter.client.set(LAMP, 1, 2, axdr.u32(6)), exchange)
    drive(meter.client.release(), exchange)
    for apdu in heard[1:2]:  # the AARQ, whose initiate request is under an old counter
        assert meter.session.receive(apdu, 0)[0][:3] == counter_error(0)[:3]
    assert not meter.session.associated
    other = opened(plant)
    other.session.receive(heard[-2], 0)
    assert other.session.receive(heard[-2], 0) == [counter_error(other.stored)]


def test_d3_an_unauthentic_last_counter(meter: Open) -> None:
    wrong = Keys(bytes(16), meter.keys.authentication)
    meter.refused(cipher(GLO_SET, SET, wrong, CLIENT_TITLE, LAST), DECIPHERING)
    encrypted = cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, LAST, Control.ENCRYPTED)
    meter.refused(encrypted, counter_error(meter.stored))  # encryption proves nothing
    meter.refused(cipher(GLO_SET, SET, wrong, CLIENT_TITLE, LAST - 1, Control.ENCRYPTED), DECIPHERING)


def test_d4_an_authentic_last_counter_is_the_end(meter: Open, plant) -> None:
    last = cipher(GLO_GET, GET, meter.keys, CLIENT_TITLE, LAST)
    assert meter.session.receive(last, 0)[0][0] == GLO_GET_RESPONSE
    for counter in (LAST, 0, 7):
        answer = meter.session.receive(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, counter), 0)
        assert answer == [counter_error(LAST)]
    assert meter.lamp.value == axdr.u32(5)
    plant.material.replace(KeyId.UNICAST_ENCRYPTION, bytes(range(16, 32)))
    new = Keys(bytes(range(16, 32)), meter.keys.authentication)
    assert meter.session.receive(cipher(GLO_GET, GET, new, CLIENT_TITLE, 0), 0)[0][0] == GLO_GET_RESPONSE


def test_d4_our_own_counter_never_wraps(meter: Open) -> None:
    numbers = count(LAST)
    meter.material.next_counter = own(lambda: next(numbers))
    assert meter.session.receive(cipher(GLO_GET, GET, meter.keys, CLIENT_TITLE, meter.stored), 0)[0][0] == GLO_GET_RESPONSE
    for _ in range(3):
        answer = meter.session.receive(cipher(GLO_GET, GET, meter.keys, CLIENT_TITLE, meter.stored), 0)
        assert answer == [NOT_ALLOWED]


def test_d4_nothing_is_proven_or_opened_without_a_counter(plant) -> None:
    session = plant.session(35)
    numbers = count(LAST)
    plant.material.next_counter = own(lambda: next(numbers))
    client = plant.client(Mechanism.HIGH_GMAC, Protection())
    drive(client.associate(), Direct(session))  # the proof took the last one
    drive(client.release(), Direct(session))
    for protection in (Protection(), GLO):
        with pytest.raises(Refused, match="operation-not-possible"):
            drive(plant.client(Mechanism.HIGH_GMAC, protection).associate(), Direct(session))
        assert not session.associated
    with plant.meter(plant.client(Mechanism.HIGH_MD5, Protection())):
        pass


def test_d4_a_counter_that_is_at_its_end_says_so() -> None:
    numbers = count(LAST)
    following = own(lambda: next(numbers))
    assert following() == LAST
    with pytest.raises(CounterExhausted):
        following()


@pytest.mark.dlms("server compression refused")
@pytest.mark.parametrize("control", [0x31, 0x32, 0x3F, 0xB0, 0xA0, 0x90, 0x00, 0x40, 0x80])
def test_d5_other_suites_compression_and_nothing_at_all(meter: Open, control: int) -> None:
    good = cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored + 50)
    meter.refused(bytes((*good[:2], control, *good[3:])), DECIPHERING)
    if control & 0x30:
        meter.refused(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored + 50, control), DECIPHERING)


@pytest.mark.parametrize(
    "policy, control",
    [
        (Policy.ENCRYPTED_REQUEST, Control.AUTHENTICATED),
        (Policy.AUTHENTICATED_REQUEST, Control.ENCRYPTED),
        (Policy.SIGNED_REQUEST, Control.AUTHENTICATED | Control.ENCRYPTED),
    ],
)
def test_d5_less_than_the_policy_wants(plant, policy: Policy, control: Control) -> None:
    meter = opened(plant, policy)
    before = meter.stored
    answer = meter.session.receive(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, before, control), 0)
    assert answer == [NOT_ALLOWED]
    assert meter.lamp.value == axdr.u32(5)
    if not control & Control.AUTHENTICATED:
        assert meter.stored == before  # it may have been anybody
    plant.material.policy = Policy.NOTHING
    assert drive(meter.client.get(LAMP, 1, 2), Direct(meter.session)).value == 5


@pytest.mark.dlms("server security policy")
@pytest.mark.parametrize("policy", [Policy.version0(1), Policy.version0(2), Policy.version0(3)])
def test_d6_a_plain_request_where_the_policy_wants_ciphering(plant, policy: Policy) -> None:
    opened(plant, policy).refused(SET, NOT_ALLOWED)


def test_d6_a_ciphered_request_where_there_is_no_ciphering(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC, Protection())
    session = plant.session(35)
    drive(client.associate(), Direct(session))
    keys = Keys(bytes(range(16)), bytes(range(0xC0, 0xD0)))
    assert session.receive(cipher(GLO_SET, SET, keys, CLIENT_TITLE, 9_000), 0) == [bytes.fromhex("D80102")]
    assert drive(client.get(LAMP, 1, 2), Direct(session)).value == 5


@pytest.mark.parametrize("tag", [GLO_SET, GENERAL_GLO, 0xDC, 0xDD, 0xDF, 0xD1])
def test_c12_protected_requests_before_any_association(plant, tag: int) -> None:
    session = plant.session(35)
    assert session.receive(bytes((tag,)) + bytes(40), 0) == [NOT_ALLOWED]
    with plant.meter(plant.client(Mechanism.HIGH_GMAC), session):
        pass


@pytest.mark.parametrize("title", [bytes(7), bytes(9), bytes(8), SERVER_TITLE, b"someone!", b"x" * 200])
def test_d7_titles_of_nobody(meter: Open, title: bytes) -> None:
    meter.refused(general(title, secure(SET, meter.keys, title[:8].ljust(8, b"\0"), meter.stored + 50)), DECIPHERING)


def test_a_title_that_both_ends_know_may_be_left_out(meter: Open) -> None:
    (answer,) = meter.session.receive(general(b"", secure(SET, meter.keys, CLIENT_TITLE, meter.stored)), 0)
    assert answer[0] == GENERAL_GLO
    assert meter.lamp.value == axdr.u32(77)


def test_d7_our_own_words_come_back(meter: Open) -> None:
    (answer,) = meter.session.receive(cipher(GLO_GET, GET, meter.keys, CLIENT_TITLE, meter.stored), 0)
    meter.refused(answer, DECIPHERING)
    general_answer = general(SERVER_TITLE, secure(SET, meter.keys, SERVER_TITLE, meter.stored + 50))
    meter.refused(general_answer, DECIPHERING)


def general(title: bytes, secured: Secured) -> bytes:
    unit = secured.build()
    length = bytes((len(title),)) if len(title) < 128 else bytes((0x81, len(title)))
    return bytes((GENERAL_GLO,)) + length + title + bytes((len(unit),)) + unit


@pytest.mark.parametrize("title", [bytes(7), bytes(9), bytes(8), SERVER_TITLE])
def test_d7_an_association_is_not_opened_to_such_a_title(plant, title: bytes) -> None:
    session = plant.session(35)
    initiate = InitiateRequest(None, None, None, 6, CONFORMANCE, 500).build()
    keys = Keys(bytes(range(16)), bytes(range(0xC0, 0xD0)))
    ciphered = cipher(0x21, initiate, keys, title[:8].ljust(8, b"\0"), 1)
    request = AARQ.propose(
        Context.LOGICAL_NAME_CIPHERED, ciphered, mechanism=Mechanism.HIGH_GMAC, authentication=b"K56iVagY", title=title
    )
    response = AARE.parse(session.receive(request.build(), 0)[0])
    assert response.diagnostic is not None
    assert response.diagnostic.name == "CALLING_AP_TITLE_NOT_RECOGNIZED"
    with plant.meter(plant.client(Mechanism.HIGH_GMAC), session):
        pass


@pytest.mark.parametrize("contents", [b"", bytes(1), bytes(4), bytes(11), bytes(12)])
@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
def test_d8_no_ciphertext_and_short_tags(meter: Open, control: int, contents: bytes) -> None:
    unit = Secured(control, meter.stored + 50, contents).build()
    meter.refused(bytes((GLO_SET, len(unit))) + unit, DECIPHERING)
    meter.refused(general(CLIENT_TITLE, Secured(control, meter.stored + 50, contents)), DECIPHERING)


@pytest.mark.parametrize("apdu", ["C9", "C900", "C90130", "C9053000000001", "C982", "C9FF", "DB", "DB08", "DD", "DF00", "DC0000"])
def test_d8_cut_off(meter: Open, apdu: str) -> None:
    meter.refused(bytes.fromhex(apdu), DECIPHERING)


def test_a_short_tag_that_would_fit_is_refused(meter: Open) -> None:
    good = secure(SET, meter.keys, CLIENT_TITLE, meter.stored + 50)
    cut = Secured(good.control, good.counter, good.contents[:-8])  # the first 4 octets of the right tag
    meter.refused(bytes((GLO_SET, len(cut.build()))) + cut.build(), DECIPHERING)


def test_another_service_than_the_tag_says(meter: Open) -> None:
    meter.refused(cipher(GLO_GET, SET, meter.keys, CLIENT_TITLE, meter.stored + 50), DECIPHERING)


def test_a_dedicated_key_that_nobody_gave(meter: Open) -> None:
    meter.refused(cipher(DED_GET, GET, meter.keys, CLIENT_TITLE, meter.stored + 50), DECIPHERING)


def test_a_broadcast_key_is_another_key(meter: Open) -> None:
    broadcast = Keys(meter.material.keys.symmetric[KeyId.BROADCAST_ENCRYPTION], meter.keys.authentication)
    control = Control.AUTHENTICATED | Control.ENCRYPTED | Control.BROADCAST
    (answer,) = meter.session.receive(cipher(GLO_GET, GET, broadcast, CLIENT_TITLE, 3, control), 0)
    assert (answer[0], answer[2]) == (GLO_GET_RESPONSE, 0x30)  # the answer is for one
    expected = meter.material.counters.expected(CLIENT_TITLE, KeyId.BROADCAST_ENCRYPTION)
    assert expected == 4
    meter.refused(cipher(GLO_SET, SET, broadcast, CLIENT_TITLE, 3, control), counter_error(4))
    meter.refused(cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored + 9, control), DECIPHERING)


def test_a_dedicated_key_in_clear_is_refused(plant) -> None:
    session = plant.session(35)
    keys = Keys(bytes(range(16)), bytes(range(0xC0, 0xD0)))
    for control, key, accepted in ((0x30, bytes(16), True), (0x10, bytes(16), False), (0x30, bytes(15), False)):
        initiate = InitiateRequest(key, None, None, 6, CONFORMANCE, 500).build()
        ciphered = cipher(0x21, initiate, keys, CLIENT_TITLE, next(plant.counter), control)
        request = AARQ.propose(
            Context.LOGICAL_NAME_CIPHERED, ciphered, mechanism=Mechanism.HIGH_GMAC, authentication=b"K56iVagY",
            title=CLIENT_TITLE,
        )  # fmt: skip
        response = AARE.parse(session.receive(request.build(), 0)[0])
        assert (response.result == 0) == accepted
        if not accepted:
            assert ConfirmedServiceError.parse(response.user_information).value == 4


@given(data=st.data())
def test_no_octets_do_harm(make_plant, data: st.DataObject) -> None:
    """Anything at all, and anything that is nearly good, gets an answer or silence; then a good message works."""
    meter = opened(make_plant())
    good = cipher(GLO_SET, SET, meter.keys, CLIENT_TITLE, meter.stored + 50)
    tag = st.sampled_from((0x21, GLO_SET, GLO_GET, 0xCB, DED_GET, GENERAL_GLO, 0xDC, 0xDD, 0xDF, 0xE0))
    whole = st.builds(lambda tag, rest: bytes((tag,)) + rest, tag, st.binary(max_size=60))
    near = st.builds(
        lambda at, octet: bytes((*good[:at], octet, *good[at + 1 :])), st.integers(0, len(good) - 1), st.integers(0, 255)
    )
    for apdu in data.draw(st.lists(whole | near | st.binary(max_size=40), max_size=5)):
        if apdu != good and apdu[:1] not in (b"\x60", b"\x62"):
            meter.session.receive(apdu, 0)
            assert meter.lamp.value == axdr.u32(5)
    assert drive(meter.client.get(LAMP, 1, 2), Direct(meter.session)).value == 5


# --- the layer by itself


def test_counters_of_clients_and_keys_are_apart() -> None:
    told: list[tuple[bytes, int, int]] = []
    counters = PeerCounters({(b"one", 0): 9}, lambda *change: told.append(change))
    assert (counters.expected(b"one", 0), counters.expected(b"one", 1), counters.expected(b"two", 0)) == (10, 0, 0)
    counters.accept(b"two", 0, 5)
    counters.accept(b"one", 1, 6)
    assert told == [(b"two", 0, 5), (b"one", 1, 6)]
    counters.forget(0)
    assert (counters.expected(b"one", 0), counters.expected(b"one", 1), counters.expected(b"two", 0)) == (0, 7, 0)


def test_whose_association_it_is_takes_proof(plant) -> None:
    """Where no title was agreed beforehand, the first authentic one is it; what was only encrypted may be anybody's."""
    keys = Keys(bytes(range(16)), bytes(range(0xC0, 0xD0)))
    context = SecurityContext(plant.material)
    context.open(general(b"somebody", secure(GET, keys, b"somebody", 1, Control.ENCRYPTED)))
    assert context.peer == b""
    context.open(general(CLIENT_TITLE, secure(GET, keys, CLIENT_TITLE, 1)))
    assert context.peer == CLIENT_TITLE
    with pytest.raises(SecurityRefused, match="not that of the association"):
        context.open(general(b"somebody", secure(GET, keys, b"somebody", 2)))


def test_no_more_titles_than_there_is_room_for(plant) -> None:
    """Who has the key may call itself what it likes, but not use up the memory that way."""
    keys = Keys(bytes(range(16)), bytes(range(0xC0, 0xD0)))
    titles = [b"MBX%05d" % number for number in range(2 * MOST)]
    for title in titles[:MOST]:
        assert SecurityContext(plant.material).open(general(title, secure(GET, keys, title, 1)))[0] == GET
    for title in titles[MOST:]:
        with pytest.raises(SecurityRefused, match="too many system titles"):
            SecurityContext(plant.material).open(general(title, secure(GET, keys, title, 1)))
    assert SecurityContext(plant.material).open(general(titles[0], secure(GET, keys, titles[0], 2)))[0] == GET


def test_keys_have_the_length_of_the_suite(plant_of_each_suite) -> None:
    material = plant_of_each_suite.material
    for octets in (15, 17, 48, 0):
        with pytest.raises(LocalProtocolError, match="octets, not"):
            material.replace(KeyId.UNICAST_ENCRYPTION, bytes(octets))


def test_what_has_no_service_specific_form_goes_in_the_general_one(plant) -> None:
    server = SecurityContext(plant.material, CLIENT_TITLE)
    client = SecurityContext(plant.material_of_client(), SERVER_TITLE, client=True)
    notification = bytes.fromhex("0F00000001000203")
    for like, tag in ((GLO, 0xDB), (Protection(Kind.DED, authenticated=True, encrypted=True), 0xDB)):
        sealed = server.seal(notification, like)
        assert sealed[0] == tag
        assert client.open(sealed)[0] == notification
    assert server.seal(NOT_ALLOWED, GLO) == NOT_ALLOWED
    wrapped = server.seal(NOT_ALLOWED, Protection(Kind.GENERAL_GLO, authenticated=True, encrypted=True))
    assert (wrapped[0], client.open(wrapped)[0]) == (0xDB, NOT_ALLOWED)


@given(st.binary(min_size=1, max_size=400), st.sampled_from([0x0F, 0xC0, 0xC4, 0xD8, 0xD9, 0xDA]))
def test_sealing_adds_no_more_than_it_says(make_plant, apdu: bytes, tag: int) -> None:
    plant = make_plant()
    server = SecurityContext(plant.material, CLIENT_TITLE)
    for kind in (Kind.GLO, Kind.DED, Kind.GENERAL_GLO, Kind.GENERAL_DED):
        for authenticated, encrypted in ((True, True), (True, False), (False, True)):
            like = Protection(kind, authenticated, encrypted)
            sealed = server.seal(bytes((tag,)) + apdu, like)
            assert len(sealed) <= 1 + len(apdu) + server.overhead(like)


@pytest.mark.dlms("client compression refused")
def test_d5_a_client_takes_no_compressed_answer(meter: Open) -> None:
    """Green Book 9.2.7.2.4.1: bit 7 of the security control. Nobody here decompresses, so nobody may be told to."""
    request = meter.client.get(LAMP, 1, 2)
    (answer,) = meter.session.receive(next(request), 0)
    assert answer[2] & 0x80 == 0
    with pytest.raises(RemoteProtocolError):
        request.send(bytes((*answer[:2], answer[2] | 0x80, *answer[3:])))
    assert drive(meter.client.get(LAMP, 1, 2), Direct(meter.session)).value == 5
