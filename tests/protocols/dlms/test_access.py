"""ACCESS frames: the Green Book's example, and every GB message in the clear, which come back as the octets they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame, axdr_length, prefixed, rest
from protocols.core.errors import DecodeError
from protocols.dlms import access, apdu, axdr, xdlms
from protocols.dlms.access import AccessRequest, AccessResponse, Kind, Result, Specification
from protocols.dlms.axdr import Data
from protocols.dlms.obis import Obis

ENERGY = xdlms.AttributeDescriptor(3, Obis("1-0:1.8.0"), 2)
RESET = xdlms.MethodDescriptor(3, Obis("1-0:1.8.0"), 1)
ENTRIES = xdlms.SelectiveAccess(2, axdr.structure(axdr.u32(1), axdr.u32(0), axdr.u16(1), axdr.u16(0)))
FRAMES: dict[str, type[Frame]] = {
    "dlms-access-request": AccessRequest,
    "dlms-access-response": AccessResponse,
    "dlms-data-notification": xdlms.DataNotification,
}

SIGNING = 0xDF


class Field(Frame):
    """Octets with their length, and what follows them."""

    octets: bytes = prefixed(axdr_length)
    behind: bytes = rest()


def content(message: bytes) -> bytes:
    """What a GB message carries: behind the headers of general signing, and those of general ciphering around it."""
    octets = message[0 if message[0] == SIGNING else message.index(SIGNING, 13) :][1:]
    for _header in range(5):  # transaction-id, originator, recipient, date-time, other-information
        octets = Field.parse(octets).behind
    return Field.parse(octets).octets


@pytest.fixture(scope="module")
def payloads(shared_vectors: Callable[[str], Any]) -> list[tuple[str, bytes]]:
    messages = shared_vectors("gbcs")["messages"]
    return [(one["payload_kind"], content(bytes.fromhex(one["hex"]))) for one in messages if one["payload_kind"] in FRAMES]


def test_every_gb_payload_comes_back_as_it_was(payloads: list[tuple[str, bytes]]) -> None:
    for kind, octets in payloads:
        frame = apdu.parse(octets)
        assert type(frame) is FRAMES[kind]
        assert frame.build() == octets
    assert Counter(kind for kind, _ in payloads) == {
        "dlms-access-request": 239, "dlms-access-response": 189, "dlms-data-notification": 40
    }  # fmt: skip


def test_what_gb_payloads_say(payloads: list[tuple[str, bytes]]) -> None:
    """The flags and forms that GB uses: break on error, no date-time, no copy of the request, three results."""
    requests = [AccessRequest.parse(octets) for kind, octets in payloads if kind == "dlms-access-request"]
    responses = [AccessResponse.parse(octets) for kind, octets in payloads if kind == "dlms-access-response"]
    assert {one.long_invoke & ~access.LONG_INVOKE_ID for one in (*requests, *responses)} == {access.BREAK_ON_ERROR}
    assert {one.date_time for one in (*requests, *responses)} == {b""}
    assert all(len(one.specifications) == len(one.data) for one in requests)
    assert {one.specifications for one in responses} == {None}
    assert {result.result for one in responses for result in one.results} == {0, 1, 250}
    assert {result.kind for one in responses for result in one.results} == {1, 2, 3}
    assert all(len(one.results) == len(one.data) for one in responses)


def test_behind_an_error_gb_meters_do_nothing(payloads: list[tuple[str, bytes]]) -> None:
    """In requests that break on error, the first error is followed by other-reason only: what our server answers, too."""
    broken = 0
    for kind, octets in payloads:
        if kind == "dlms-access-response":
            results = [result.result for result in AccessResponse.parse(octets).results]
            first = next((n for n, result in enumerate(results) if result), len(results))
            assert set(results[first + 1 :]) <= {xdlms.DataAccessResult.OTHER_REASON}
            broken += first < len(results) - 1
    assert broken > 10


def test_published_request(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    (vector,) = dlms_vectors("access")
    octets = bytes.fromhex(vector["given"]["hex"])
    request = AccessRequest.parse(octets)
    assert request.build() == octets
    assert request.long_invoke == access.LONG_CONFIRMED
    assert [one.kind for one in request.specifications] == [Kind.GET, Kind.GET, Kind.SET, Kind.SET]
    assert request.specifications[0].target == xdlms.AttributeDescriptor(1, Obis("0-0:96.1.0"), 2)


@pytest.mark.parametrize("frame, octets", [
    (
        AccessRequest(0x40000001, b"", [Specification(Kind.GET, ENERGY), Specification(Kind.ACTION, RESET)],
                      [axdr.null(), axdr.i8(0)]),
        "d9 40000001 00 02 01 0003 0100010800ff 02 03 0003 0100010800ff 01 02 00 0f00",
    ),
    (
        AccessRequest(0x40000002, b"", [Specification(Kind.GET_WITH_SELECTION, access.SelectedAttribute(ENERGY, ENTRIES))],
                      [axdr.null()]),
        "d9 40000002 00 01 04 0003 0100010800ff 02 02 0204 0600000001 0600000000 120001 120000 01 00",
    ),
    (
        AccessRequest(0x40000003, b"", [Specification(Kind.SET_WITH_SELECTION, access.SelectedAttribute(ENERGY, ENTRIES))],
                      [axdr.u8(1)]),
        "d9 40000003 00 01 05 0003 0100010800ff 02 02 0204 0600000001 0600000000 120001 120000 01 1101",
    ),
    (AccessResponse(0x40000001, b"", None, [axdr.u8(5)], [Result(Kind.GET, 0)]), "da 40000001 00 00 01 1105 01 0100"),
    (
        AccessResponse(0x50000001, b"", access.Specifications([Specification(Kind.SET, ENERGY)]), [axdr.null()],
                       [Result(Kind.SET, 3)]),
        "da 50000001 00 01 01 02 0003 0100010800ff 02 01 00 01 0203",
    ),
])  # fmt: skip
def test_every_form(frame: Frame, octets: str) -> None:
    """Octets by the ASN.1 of IEC 62056-5-3 clause 8."""
    assert frame.build() == bytes.fromhex(octets)
    assert apdu.parse(bytes.fromhex(octets)) == frame


def test_an_unknown_kind() -> None:
    with pytest.raises(DecodeError):
        AccessRequest.parse(bytes.fromhex("d9 40000001 00 01 06 0003 0100010800ff 02 01 00"))


VALUES = st.recursive(
    st.builds(axdr.u8, st.integers(0, 255)) | st.builds(axdr.octets, st.binary(max_size=9)) | st.just(Data(3, 0xFF)),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: axdr.structure(*items)),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.sampled_from([Kind.GET, Kind.SET]), VALUES), max_size=5), st.data())
def test_round_trip_and_every_cut(items: list[tuple[Kind, Data]], data: st.DataObject) -> None:
    request = AccessRequest(1, b"", [Specification(kind, ENERGY) for kind, _ in items], [value for _, value in items])
    octets = request.build()
    assert AccessRequest.parse(octets) == request
    with pytest.raises(DecodeError):
        AccessRequest.parse(octets[: data.draw(st.integers(0, len(octets) - 1))])
