"""What the published GB messages set, call and were answered fits the declarations of our classes (RTDS 4.5.0)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from protocols.core.codec import Frame, axdr_length, prefixed, rest
from protocols.dlms import cosem
from protocols.dlms.access import AccessRequest, AccessResponse, Kind
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.interface import DECLARED, InterfaceClass
from protocols.dlms.xdlms import AttributeDescriptor, MethodDescriptor

SIGNING = 0xDF
assert cosem.ActivityCalendar.class_id in {class_id for class_id, _ in DECLARED}


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


class Value(NamedTuple):
    """One value of a message: for which member of which class."""

    message: str
    class_id: int
    member: str
    number: int
    data: Data


@pytest.fixture(scope="module")
def values(shared_vectors: Callable[[str], Any]) -> list[Value]:
    messages = {one["id"]: one for one in shared_vectors("gbcs")["messages"]}

    def parsed(frame: type[AccessRequest] | type[AccessResponse], name: str, kind: str) -> Any:
        one = messages.get(name)
        return None if one is None or one["payload_kind"] != kind else frame.parse(content(bytes.fromhex(one["hex"])))

    def found() -> Iterator[Value]:
        for name in messages:
            request = parsed(AccessRequest, name, "dlms-access-request")
            if request is None:
                continue
            answer = name.replace("PRECOMMAND", "RESPONSE").replace("COMMAND", "RESPONSE")
            response = parsed(AccessResponse, answer, "dlms-access-response")
            for place, (asked, data) in enumerate(zip(request.specifications, request.data, strict=True)):
                target = asked.target
                if asked.kind == Kind.SET and isinstance(target, AttributeDescriptor):
                    yield Value(name, target.class_id, "attribute", target.attribute_id, data)
                elif asked.kind == Kind.ACTION and isinstance(target, MethodDescriptor):
                    yield Value(name, target.class_id, "method", target.method_id, data)
                elif response is None or response.results[place].result:
                    continue
                elif asked.kind == Kind.GET and isinstance(target, AttributeDescriptor):
                    yield Value(answer, target.class_id, "attribute", target.attribute_id, response.data[place])

    return list(found())


def declared(class_id: int) -> type[InterfaceClass]:
    return DECLARED[max(known for known in DECLARED if known[0] == class_id)]


def test_every_value_that_gb_messages_carry_is_of_its_declared_type(values: list[Value]) -> None:
    counted: Counter[int] = Counter()
    wrong = []
    for value in values:
        kind = declared(value.class_id)
        member = kind.attributes[value.number].type if value.member == "attribute" else kind.methods[value.number].argument
        try:
            member.admit(value.data)
        except AccessError as refusal:
            wrong.append((value.message, kind.__name__, value.member, value.number, str(refusal)))
        counted[value.class_id] += 1
    assert not wrong
    assert {9, 10, 11, 20, 21, 22} <= counted.keys()
    assert sum(counted.values()) > 900


def test_gb_schedules_and_calendars_can_be_run(values: list[Value]) -> None:
    """Written into our objects as they stand, they give a programme for every day of a year without a complaint."""
    drawn = 0
    for value in values:
        if (value.class_id, value.number) not in {(10, 2), (22, 4)}:
            continue
        thing: Any = (
            cosem.Schedule("0-0:12.0.0")
            if value.class_id == 10
            else cosem.SingleActionSchedule(
                "0-0:15.0.0", type=cosem.ScheduleType.OWN_TIMES_OPEN_DATES, executed_script=(bytes(6), 1)
            )
        )
        thing.write(value.number, value.data)
        timetable = cosem.Timetable([thing], lambda name: None, since=1_388_534_400 * 10**9)  # 2014-01-01
        drawn += len(timetable.expire(1_420_070_400 * 10**9))  # 2015-01-01
    assert drawn > 1_000
