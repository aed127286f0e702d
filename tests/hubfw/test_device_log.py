"""The device log, its history, and what power cuts leave of commissioning and decommissioning (class 104)."""

from __future__ import annotations

import pytest

from devices.runtime.flash import Flash
from devices.runtime.kernel import MIN, S
from devices.runtime.nvm import Nvm
from hubfw.config import Entry
from hubfw.device_log import DeviceLog
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.zigbee.security import CERTIFIED, LinkKey

LOG = "0-0:30.3.0"
LOG_CHANGED = 0x8F12
ESME = 0x00DB_1234_5678_9A01
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505")  # the scripts' install code, without its CRC
WITH_CRC = CODE + bytes.fromhex("C3B5")
REGISTRATION = axdr.structure(axdr.octets(ESME.to_bytes(8, "big")), axdr.enum(1), axdr.octets(CODE), axdr.enum(1))


@pytest.fixture
def flash():
    return Flash()


def struck_off(log):
    return [past.eui64 for past in log.history]


def test_the_history_holds_fifteen_and_the_oldest_goes(flash) -> None:
    log = DeviceLog(Nvm(flash), ())
    for number in range(18):
        log.add(Entry(number, WITH_CRC, "ihd"))
        log.remove(number, utc=number)
    assert struck_off(log) == list(range(3, 18))
    assert struck_off(DeviceLog(Nvm(flash), ())) == struck_off(log)
    assert [past.struck_off for past in log.history] == struck_off(log)


def test_a_device_is_in_the_history_once_and_leaves_it_when_it_is_back(flash) -> None:
    log = DeviceLog(Nvm(flash), (Entry(1, WITH_CRC, "esme"), Entry(2, WITH_CRC, "ihd")))
    log.remove(1)
    log.remove(2)
    log.add(Entry(1, WITH_CRC, "esme"))
    assert struck_off(log) == [2]
    log.remove(1)
    assert struck_off(log) == [2, 1]


def test_a_terminal_is_never_in_the_history_and_leaves_nothing(flash) -> None:
    nvm = Nvm(flash)
    log = DeviceLog(nvm, ())
    log.add(Entry(1, WITH_CRC, "ihd"))
    before = list(nvm.keys())
    log.add(Entry(7, WITH_CRC, "hht"))
    log.join(7, 5)
    log.remove(7)
    assert log.history == []
    assert list(nvm.keys()) == before


def test_the_key_it_had_is_kept_with_its_counter_until_it_joins_again(flash) -> None:
    log = DeviceLog(Nvm(flash), ())
    log.add(Entry(1, WITH_CRC, "ihd"))
    log.remove(1, 0, LinkKey(bytes(range(16)), CERTIFIED, 4711))
    known = DeviceLog(Nvm(flash), ()).known(1)
    assert (known.key, known.incoming) == (bytes(range(16)), 4711)
    assert "0001020304" not in repr(log.history).replace("\\x", "")
    log.add(Entry(1, WITH_CRC, "ihd"), known)
    assert log.known(1) is None
    again = DeviceLog(Nvm(flash), ()).get(1)
    assert (again.known.key, again.known.incoming) == (bytes(range(16)), 4711)
    log.join(1, 9)
    assert DeviceLog(Nvm(flash), ()).get(1).known is None


# --- power cuts ---


def ordered(premises, *acts) -> None:
    """Have the head end order this, and again after the hub's power was gone; what it has done already it refuses."""
    for _ in range(3):
        try:
            line = premises.head_end.connect(1, 1, b"12345678")
            line.associate()
            for act in acts:
                act(line)
        except AccessError:
            return
        except (TimeoutError, RemoteProtocolError):
            premises.run(10)
        else:
            return


def until(premises, happened, seconds=300) -> None:
    for _ in range(seconds):
        if premises.hub.firmware is not None and happened(premises.hub.firmware):
            return
        premises.run(1)
    pytest.fail("it never happened")


def told(premises) -> list[tuple[int, ...]]:
    """The devices of each log that the head end was told."""
    bodies = [notice.body.python for _, _, notice in premises.head_end.notices]
    logs = [body[2][2] for body in bodies if body[1] == LOG_CHANGED]
    return [tuple(int.from_bytes(line[0], "big") for line in lines) for lines in logs]


def story(premises) -> None:
    """An electricity meter is entered, joins, and is struck off."""
    premises.fit("esme", ESME)
    premises.run(10)
    ordered(
        premises,
        lambda line: line.action(LOG, 104, 1, REGISTRATION),
        lambda line: line.set(LOG, 104, 3, axdr.u16(900)),
        lambda line: line.set(LOG, 104, 2, axdr.boolean(True)),
    )
    until(premises, lambda hub: ESME in [device.eui64 for device in hub.log if device.joined])
    premises.run(60)
    assert ESME in [eui64 for _, eui64 in premises.hub.firmware.saps.meters()]
    ordered(premises, lambda line: line.action(LOG, 104, 2, axdr.octets(ESME.to_bytes(8, "big"))))
    premises.run(2 * 60)


def writes(premises) -> list[int]:
    """Where each write to the hub's flash begins in the story, in operations since its begin, and one in its middle."""
    flash, places = premises.hub.flash, []
    program, begin = flash.program, flash.operations

    def noted(bank: int, address: int, data: bytes) -> None:
        places.extend((flash.operations - begin, flash.operations - begin + len(data) // 2))
        program(bank, address, data)

    flash.program = noted
    story(premises)
    return places


def test_commissioning_survives_a_power_cut_at_every_write(home) -> None:
    """Invariant 22: the log is what was entered less what was struck off, whenever the power went, and the head end knows it."""
    places = writes(home())
    assert len(places) > 20
    for place in places:
        premises = home()
        premises.hub.cut_at_flash_operation(place, 2 * S)
        story(premises)
        hub = premises.hub.firmware
        assert [device.eui64 for device in hub.log] == [], place
        assert hub.han.stack.trust_centre.devices == (), place
        assert struck_off(hub.log) == [ESME], place
        assert told(premises)[0] == (ESME,), place
        assert told(premises)[-1] == (), place
        assert hub.tunnels.of(ESME) is None, place
        assert premises.esme.firmware.joined is not None, place
        assert not premises.esme.firmware.han.stack.joined, place
        assert hub.notifier.waiting == 0, place


def test_a_change_that_the_head_end_was_told_is_not_told_again(home) -> None:
    premises = home()
    story(premises)
    before = told(premises)
    assert before == [(ESME,), (ESME,), ()]  # entered, joined, struck off
    premises.hub.cut(2 * S)
    premises.run(MIN // S)
    assert told(premises) == before
