"""Classes by number, values with their names, changes told, and object lists by selective access."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    AccessError,
    Clock,
    Credit,
    DisconnectControl,
    InterfaceClass,
    ProfileGeneric,
    Register,
    Rights,
    TcpUdpSetup,
    Unit,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.cosem.credit import CreditType
from protocols.dlms.cosem.interface import Attribute, Method
from protocols.dlms.cosem.object_list import object_list, select
from protocols.dlms.cosem.registry import class_name, class_of, named
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess


@pytest.mark.parametrize(
    "class_id, version",
    [
        (1, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 1), (8, 0), (9, 0), (10, 0), (11, 0), (15, 1), (17, 0), (18, 0), (19, 1), (20, 0),
        (21, 0), (22, 0), (23, 1), (40, 0), (41, 0), (42, 0), (62, 1), (68, 0), (70, 0), (71, 0), (72, 1), (104, 0), (111, 0),
        (112, 0), (113, 0), (115, 0), (116, 0), (9000, 0),
    ],
)  # fmt: skip
def test_every_class_is_known_by_its_number(class_id: int, version: int) -> None:
    declared = class_of(class_id, version)
    assert declared is not None
    assert (declared.class_id, declared.version) == (class_id, version)
    assert list(declared.attributes) == list(range(1, len(declared.attributes) + 1))
    assert class_name(class_id, version) == declared.__name__


def test_the_page_on_a_class_of_ones_own_runs() -> None:
    root = Path(__file__).resolve().parents[4]
    (lines,) = re.findall(
        r"^```python\n(.*?)^```$", (root / "docs" / "dlms.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    done = subprocess.run([sys.executable, "-c", lines], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    said = "{'logical_name': '0-0:96.50.0.255', 'wanted': 21, 'hours': 7}"
    assert done.stdout.splitlines() == ["changed: wanted", said]


def test_a_devices_own_kind_of_a_class_does_not_take_its_place() -> None:
    class Special(Register, id=3, version=0):
        """A register of one device."""

    assert class_of(3, 0) is Register
    assert class_of(3, 7) is None
    assert class_name(3, 7) == "class 3"


def test_values_get_the_names_of_their_class() -> None:
    value = named(41, 0, 3, axdr.octets(Obis("0-0:25.1.0")))
    assert (value.name, value.value, value.fits) == ("ip_reference", "0-0:25.1.0.255", True)
    assert named(112, 0, 3, axdr.enum(2)).value == "emergency_credit"
    reference = axdr.structure(axdr.u16(8), axdr.octets(Obis("0-0:1.0.0")), axdr.i8(2), axdr.u16(0))
    assert named(7, 1, 3, axdr.array([reference])).value == [
        {"class_id": 8, "logical_name": "0-0:1.0.0.255", "attribute_index": 2, "data_index": 0}
    ]


def test_what_is_not_declared_or_does_not_fit_stays_as_it_is() -> None:
    assert named(3, 9, 2, axdr.u8(1)).name == "attribute 2"
    assert named(3, 0, 9, axdr.u8(1)).name == "attribute 9"
    wrong = named(112, 0, 3, axdr.enum(77))
    assert (wrong.name, wrong.value, wrong.fits) == ("credit_type", 77, False)


# --- changes


class Log:
    def __init__(self, thing: InterfaceClass) -> None:
        self.told: list[str] = []
        thing.watch(self.add)

    def add(self, thing: InterfaceClass, member: Attribute | Method) -> None:
        self.told.append(member.name)


@pytest.mark.dlms("server change notification")
@pytest.mark.dlms("server change notification")
def test_writes_methods_and_assignments_are_told_and_refusals_are_not() -> None:
    credit = Credit("0-0:19.10.0", credit_type=CreditType.TOKEN_CREDIT, priority=1)
    log = Log(credit)
    credit.write(4, axdr.u8(2))
    credit.invoke(1, axdr.i32(5))
    credit.limit = -5
    with pytest.raises(AccessError):
        credit.write(4, axdr.u16(2))
    with pytest.raises(AccessError):
        credit.invoke(3, axdr.i8(0))
    assert log.told == ["priority", "current_credit_amount", "update_amount", "limit"]


@pytest.mark.dlms("server change notification")
def test_watchers_see_what_has_happened() -> None:
    seen: list[Data] = []
    setup = TcpUdpSetup("0-0:25.0.0", ip_reference=bytes(6))
    setup.watch(lambda thing, member: seen.append(thing.read(member.number)))
    setup.write(2, axdr.u16(4060))
    assert seen == [axdr.u16(4060)]


def test_the_owner_of_a_bound_value_says_when_it_changes() -> None:
    energy = Register("1-0:1.8.0", value=lambda: axdr.u32(1), scaler_unit=(0, Unit.WATT_HOUR))
    one, other = Log(energy), Log(energy)
    energy.changed(Register.value)
    assert one.told == other.told == ["value"]


# --- object lists

REGISTER = Register("1-0:1.8.0", value=axdr.u32(1), scaler_unit=(0, Unit.WATT_HOUR))
DATA = DataClass("0-0:96.1.0", value=axdr.octets(b"1"))
OTHER = DataClass("0-0:96.1.1", value=axdr.octets(b"2"))
THINGS = [REGISTER, DATA, OTHER]
RIGHTS = Rights(Access.READ, methods=False)


def identifier(thing: InterfaceClass) -> Data:
    return axdr.structure(axdr.u16(thing.class_id), axdr.octets(thing.name))


def names(selector: int, parameters: Data) -> list[Obis]:
    elements = select(THINGS, RIGHTS, SelectiveAccess(selector, parameters)).value
    return [Obis(element.value[2].value) for element in elements]


@pytest.mark.dlms("server object list selection")
def test_every_object_without_its_rights() -> None:
    elements = select(THINGS, RIGHTS, SelectiveAccess(1, axdr.null())).value
    assert [element.value[2].value for element in elements] == [thing.name for thing in THINGS]
    assert {element.value[3].build().hex() for element in elements} == {"020201000100"}


@pytest.mark.dlms("server object list selection")
@pytest.mark.dlms("server object list selection")
def test_by_class_by_name_and_one_by_name() -> None:
    assert names(2, axdr.array([axdr.u16(1), axdr.u16(99)])) == [DATA.name, OTHER.name]
    assert names(3, axdr.array([identifier(OTHER), identifier(REGISTER)])) == [REGISTER.name, OTHER.name]
    whole = object_list(THINGS, RIGHTS).value
    assert select(THINGS, RIGHTS, SelectiveAccess(4, identifier(DATA))) == whole[1]
    assert select(THINGS, RIGHTS, SelectiveAccess(3, axdr.array([identifier(DATA)]))).value == [whole[1]]


@pytest.mark.parametrize(
    "selector, parameters, result",
    [
        (1, axdr.i8(0), DataAccessResult.TYPE_UNMATCHED),
        (2, axdr.array([axdr.u8(1)]), DataAccessResult.TYPE_UNMATCHED),
        (3, axdr.array([axdr.structure(axdr.u16(1), axdr.octets(b"12345"))]), DataAccessResult.TYPE_UNMATCHED),
        (4, identifier(Clock("0-0:1.0.0", time=bytes(12))), DataAccessResult.OBJECT_UNDEFINED),
        (4, axdr.structure(axdr.u16(3), axdr.octets(DATA.name)), DataAccessResult.OBJECT_UNDEFINED),
        (5, axdr.null(), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ],
)
def test_selections_of_the_list_that_are_refused(selector: int, parameters: Data, result: int) -> None:
    with pytest.raises(AccessError) as caught:
        select(THINGS, RIGHTS, SelectiveAccess(selector, parameters))
    assert caught.value.result == result


def test_selectors_are_in_the_list() -> None:
    profile = ProfileGeneric("1-0:99.1.0", columns=(), profile_entries=1)
    (element,) = object_list([profile, DisconnectControl("0-0:96.3.10")], RIGHTS).value[:1]
    attributes = element.value[3].value[0].value
    assert [line.value[2].python for line in attributes[:3]] == [None, [1, 2], None]
