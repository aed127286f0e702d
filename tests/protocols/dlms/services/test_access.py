"""ACCESS: everything in one request, in its order, with and without an association."""

from __future__ import annotations

import pytest

from protocols.dlms import access, axdr, xdlms
from protocols.dlms.access import AccessRequest, AccessResponse, Result, Want
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, Rights, date_time
from protocols.dlms.services.access import respond
from protocols.dlms.services.objects import Objects
from protocols.dlms.xdlms import DataAccessResult
from tests.protocols.dlms.home import Home, ask, exception

ALL = 0xFFFFFF  # every bit that there is
CONFIRMED = access.LONG_CONFIRMED | 7
ENERGY = access.get("1-0:1.8.0", 3, 2)
NEW = access.set("0-0:96.13.0", 1, 2, axdr.octets(b"new"))
OFF = access.action("0-0:96.3.10", 70, 1)
TOO_MUCH = access.set("0-0:96.15.0", 1, 2, axdr.u8(10))


def request(*wants: Want, invoke: int = CONFIRMED, date_time: bytes = b"") -> AccessRequest:
    return AccessRequest(invoke, date_time, [one for one, _ in wants], [data for _, data in wants])


def outcome(response: object) -> list[tuple[int, int, Data]]:
    """(kind, result, value) of each."""
    assert isinstance(response, AccessResponse)
    return [(one.kind, one.result, data) for one, data in zip(response.results, response.data, strict=True)]


def test_each_has_its_result(home: Home) -> None:
    entries = xdlms.SelectiveAccess(2, axdr.structure(axdr.u32(3), axdr.u32(3), axdr.u16(2), axdr.u16(0)))
    profile = access.get("1-0:99.1.0", 7, 2, entries)
    response = ask(home.associated(conformance=ALL), request(ENERGY, NEW, OFF, profile, TOO_MUCH))
    nothing, row = axdr.null(), axdr.array([axdr.structure(axdr.u32(2))])
    assert outcome(response) == [
        (1, 0, axdr.u32(5009)), (2, 0, nothing), (3, 0, nothing), (1, 0, row),
        (2, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, nothing),
    ]  # fmt: skip
    assert (home.text.value, home.happened) == (axdr.octets(b"new"), [axdr.i8(0)])


def test_nothing_behind_an_error_is_done_in_one_that_breaks(home: Home) -> None:
    session = home.associated(conformance=ALL)
    response = ask(session, request(ENERGY, TOO_MUCH, NEW, OFF, invoke=CONFIRMED | access.BREAK_ON_ERROR))
    assert [result for _, result, _ in outcome(response)] == [0, 13, 250, 250]
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


def test_the_request_is_repeated_for_who_asks(home: Home) -> None:
    wanted = request(ENERGY, NEW, invoke=CONFIRMED | access.SELF_DESCRIPTIVE)
    response = ask(home.associated(conformance=ALL), wanted)
    assert isinstance(response, AccessResponse)
    assert response.long_invoke == wanted.long_invoke
    assert response.specifications == access.Specifications(wanted.specifications)


def test_who_says_when_he_asks_is_told_when_he_is_answered(home: Home) -> None:
    session = home.associated(conformance=ALL)
    response = ask(session, request(ENERGY, date_time=date_time.encode(1)))
    assert isinstance(response, AccessResponse)
    assert date_time.instant(response.date_time) == 0  # the meter's clock
    plain = ask(session, request(ENERGY))
    assert isinstance(plain, AccessResponse)
    assert plain.date_time == b""


def test_an_unconfirmed_request_is_done_and_not_answered(home: Home) -> None:
    assert ask(home.associated(conformance=ALL), request(NEW, invoke=7)) is None
    assert home.text.value == axdr.octets(b"new")


def test_rights_are_those_of_every_service(home: Home) -> None:
    response = ask(home.associated(16, conformance=ALL), request(ENERGY, NEW, OFF))
    assert [result for _, result, _ in outcome(response)] == [0, 3, 3]
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


@pytest.mark.parametrize("conformance, answer", [(0x00001D, exception(1, 2)), (ALL, None)])
def test_it_has_to_be_agreed(home: Home, conformance: int, answer: xdlms.ExceptionResponse | None) -> None:
    response = ask(home.associated(conformance=conformance), request(ENERGY))
    assert response == (answer or AccessResponse(CONFIRMED, b"", None, [axdr.u32(5009)], [Result(1, 0)]))


def test_a_long_one_without_general_blocks(home: Home) -> None:
    session = home.associated(conformance=ALL & ~0x200000, path_limit=200)
    assert ask(session, request(access.get("0-0:96.14.0", 1, 2))) == exception(1, 4)


@pytest.mark.parametrize("octets", ["D9", "D940000007", "D94000000700 01", "D94000000700 0106 00 0100", "D94000000700 00 01 00"])
def test_damaged(home: Home, octets: str) -> None:
    assert ask(home.associated(conformance=ALL), octets) == exception(1, 3)


def test_without_an_association(home: Home) -> None:
    """Parties of GB have none: rights and objects are all that it takes, and `20` in front says that it breaks."""
    objects = Objects(home.meter, None, Rights(Access.READ), CONFORMANCE, 0xFFFF, ciphers=False)
    octets = b"".join(respond(objects, request(ENERGY, NEW, OFF, invoke=0x200003E8)))
    assert octets == bytes.fromhex("DA200003E8 00 00 03 0600001391 00 00 03 0100 0203 03FA")
    assert home.happened == []
