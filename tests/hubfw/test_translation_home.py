"""Texts for displays and load events as objects of the hub: over the whole range, there and back; anything else is refused."""

from __future__ import annotations

import pytest

from hubfw.translation_home import LOADS, MESSAGE
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

NOT_USED = 255


@pytest.fixture
def hub(home):
    premises = home()
    premises.run(1)
    yield premises.hub.firmware
    premises.hub.power_off()


def thing(hub, name):
    return hub.device.find(bytes(Obis(name)))


def refusal(call, *arguments):
    with pytest.raises(AccessError) as refused:
        call(*arguments)
    return refused.value.result


TEXTS = ["", "a", "x" * 116, "Gas £1 ≠ €1", "\N{FIRE}" * 29, "\0\n\x7f", "é" * 58]


def test_a_text_of_any_characters_is_what_displays_are_given_and_what_is_read(hub):
    text = thing(hub, MESSAGE)
    for words in TEXTS:
        text.write(2, axdr.octets(words.encode()))
        assert text.read(2) == axdr.octets(words.encode())
        message = hub.messages.in_force
        assert (message is None) is (words == "")
        assert message is None or type(message).parse(message.build()).message == words.encode()


@pytest.mark.parametrize("wrong", [bytes(117), b"\xc3", b"\xff\xfe", ("x" * 115 + "é").encode()])
def test_what_is_no_text_of_116_octets_is_out_of_scope_and_changes_nothing(hub, wrong):
    text = thing(hub, MESSAGE)
    text.write(2, axdr.octets(b"as before"))
    assert refusal(text.write, 2, axdr.octets(wrong)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(text.write, 2, axdr.visible("x")) == DataAccessResult.TYPE_UNMATCHED
    assert text.read(2) == axdr.octets(b"as before")


def load(minutes, criticality, duty_cycle):
    return axdr.structure(axdr.u16(minutes), axdr.u8(criticality), axdr.u8(duty_cycle))


def test_a_load_event_is_as_it_was_written_or_out_of_scope(hub):
    """A minute to a day, criticality 1 to 15, a duty cycle to 100 % or none."""
    loads, taken = thing(hub, LOADS), 0
    for minutes in (1, 60, 1440, 1441, 0xFFFF):
        for criticality in (0, 1, 9, 15, 16, 255):
            for duty_cycle in (0, 1, 100, 101, 254, NOT_USED):
                before, value = loads.read(2), load(minutes, criticality, duty_cycle)
                if minutes > 1440 or not 1 <= criticality <= 15 or 100 < duty_cycle < NOT_USED:
                    assert refusal(loads.write, 2, value) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, value
                    assert loads.read(2) == before
                    continue
                loads.write(2, value)
                assert loads.read(2) == value
                (event,) = hub.load_control._issuer.events.values()
                told = type(event).parse(event.build())
                assert (told.duration_in_minutes, told.criticality_level, told.duty_cycle) == (minutes, criticality, duty_cycle)
                loads.write(2, load(0, 0, NOT_USED))
                assert hub.load_control._issuer.events == {}
                taken += 1
    assert taken == 3 * 3 * 4


@pytest.mark.parametrize("wrong", [axdr.u32(1), axdr.structure(), axdr.structure(axdr.u8(1), axdr.u8(1), axdr.u8(1)), axdr.null()])
def test_a_load_event_of_another_shape_is_unmatched(hub, wrong):
    assert refusal(thing(hub, LOADS).write, 2, wrong) == DataAccessResult.TYPE_UNMATCHED
