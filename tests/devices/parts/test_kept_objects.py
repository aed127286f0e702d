"""Attributes in flash: what a client wrote is there after a restart, whole or not at all; what does not fit is not believed."""

from __future__ import annotations

from contextlib import suppress

import pytest

from devices.parts.kept_objects import keep
from devices.runtime.flash import Flash, PowerCut
from devices.runtime.nvm import Nvm
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ActivityCalendar, SpecialDaysTable
from protocols.dlms.obis import Obis


@pytest.fixture
def flash():
    made = Flash()
    made.powered = True
    return made


def days(flash):
    table = SpecialDaysTable("0-0:11.0.0")
    keep(Nvm(flash), table, SpecialDaysTable.entries)
    return table


def entry(index, day_id=1):
    return axdr.structure(axdr.u16(index), axdr.octets(bytes((0xFF, 0xFF, 1, index, 0xFF))), axdr.u8(day_id))


def test_what_a_client_writes_or_a_method_changes_is_there_after_a_restart(flash):
    days(flash).write(2, axdr.array([entry(1)]))
    assert days(flash).entries == axdr.array([entry(1)])
    days(flash).insert(entry(2))
    assert days(flash).entries == axdr.array([entry(1), entry(2)])


def test_what_is_refused_is_not_kept(flash):
    table = days(flash)
    table.write(2, axdr.array([entry(1)]))
    with pytest.raises(AccessError):
        table.write(2, axdr.array([axdr.u8(1)]))
    assert days(flash).entries == axdr.array([entry(1)])


PASSIVE = {
    "calendar_name_passive": b"new",
    "week_profile_table_passive": [(b"w", 1, 1, 1, 1, 1, 1, 1)],
    "day_profile_table_passive": [(1, [])],
}


@pytest.mark.parametrize("operations", range(0, 200, 7))
def test_an_activation_that_the_power_cuts_is_whole_or_was_none(operations):
    def calendar(nvm):
        made = ActivityCalendar("0-0:13.0.0", **PASSIVE)
        keep(nvm, made, *(made.attributes[number] for number in range(2, 10)))
        return made

    flash = Flash()
    made = calendar(Nvm(flash))
    flash.cut_after(operations)
    with suppress(PowerCut):
        made.activate_passive_calendar()
    flash.cut_after(None)
    flash.powered = True
    after = calendar(Nvm(flash))
    active, passive = ([after.read(number) for number in numbers] for numbers in (range(2, 6), range(6, 10)))
    assert active in ([ActivityCalendar("0-0:13.0.0").read(number) for number in range(2, 6)], passive)


@pytest.mark.parametrize("stored", [b"", b"\x01\x01\x11\x05", b"\x7f", axdr.array([entry(1, 1)]).build()[:-1]])
def test_a_value_that_is_none_is_left_aside(flash, stored):
    Nvm(flash).put({f"cosem/11/{Obis('0-0:11.0.0')}/2": stored})
    assert days(flash).entries == axdr.array([])
