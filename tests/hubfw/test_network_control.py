"""The hub's device log managed by a DLMS client (class 104): a device is registered, joins, and is struck off."""

from __future__ import annotations

import pytest

from protocols.core import aes
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.cosem.zigbee import ACTIVE_DEVICE, BACKUP, devices_and_keys
from protocols.dlms.xdlms import DataAccessResult

LOG = "0-0:30.3.0"
MANAGEMENT = 1
START = 1_767_225_600 * 1_000_000_000
GSME_TYPE, ESME_TYPE, PPMID_TYPE = 0, 1, 5
GPF, HUB = 0x00DB_1234_5678_9AFF, 0x00DB_1234_5678_9A00
ESME, GSME, IHD = HUB + 1, HUB + 2, HUB + 3
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505")  # the scripts' install code, without its CRC


@pytest.fixture
def managed(home):
    """A home, and what opens the line of a client that may manage its log: connections that idle for long are closed."""

    def make(*devices, **options):
        premises = home(*devices, **options)
        return premises, lambda: manage(premises)

    return make


def manage(premises):
    line = premises.head_end.connect(1, MANAGEMENT, b"12345678")
    line.associate()
    return line


def eui64(device: int) -> axdr.Data:
    return axdr.octets(device.to_bytes(8, "big"))


def registration(device: int, kind: int, key: bytes = CODE) -> axdr.Data:
    return axdr.structure(eui64(device), axdr.enum(1), axdr.octets(key), axdr.enum(kind))


def refusal(act, *args) -> int:
    with pytest.raises(AccessError) as caught:
        act(*args)
    return caught.value.result


def listed(line) -> list[tuple[int, bool]]:
    """Of each line of the log, its device and whether it is active."""
    value = line.get(LOG, 104, 4)
    for device in value.value:
        ACTIVE_DEVICE.admit(device)
    return [(int.from_bytes(device[0], "big"), device[1][1] == "1") for device in value.python]


def test_a_registered_meter_joins_and_is_reached_by_the_head_end(managed) -> None:
    """CCS01: join_timeout, enable_disable_joining and register_device, in the order of the use case."""
    premises, connect = managed()
    premises.fit("esme", ESME)
    premises.run(300)
    assert premises.esme.firmware.joined is None
    line = connect()
    line.action(LOG, 104, 1, registration(ESME, ESME_TYPE))
    line.set(LOG, 104, 3, axdr.u16(900))
    line.set(LOG, 104, 2, axdr.boolean(True))
    assert line.get(LOG, 104, 2).python is True
    assert listed(line) == [(ESME, False)]
    premises.run(880)
    line = connect()
    assert listed(line) == [(ESME, True)]
    assert premises.esme.firmware.joined is not None
    meter = premises.head_end.connect(3)
    meter.associate()
    assert meter.get("1-0:1.8.0", 3, 2).value == 4711
    premises.run(60)
    assert line.get(LOG, 104, 2).python is False  # the time is over
    assert line.get(LOG, 104, 3) == axdr.u16(900)


def test_a_device_that_is_struck_off_is_sent_away_and_never_comes_back(managed) -> None:
    """CCS02, for a device that the configuration names, too."""
    premises, connect = managed("esme", "gsme")
    premises.commission()
    line = connect()
    line.action(LOG, 104, 2, eui64(ESME))
    line.action(LOG, 104, 2, eui64(GSME))
    assert listed(line) == []
    assert premises.hub.firmware.han.stack.trust_centre.devices == ()
    assert premises.hub.firmware.mirrors.of(GSME) is None
    premises.hub.cut(2_000_000_000)
    premises.run(600)
    line = connect()
    assert listed(line) == []
    assert premises.hub.firmware.tunnels.of(ESME) is None
    # and back again, with a code of its own
    line.action(LOG, 104, 1, registration(ESME, ESME_TYPE))
    assert listed(line) == [(ESME, False)]


def test_a_gas_meter_registered_later_has_its_address(managed) -> None:
    premises, connect = managed()
    premises.fit("gsme", GSME)
    line = connect()
    line.action(LOG, 104, 1, registration(GSME, GSME_TYPE))
    assert line.get(LOG, 104, 2).python is False
    line.set(LOG, 104, 2, axdr.boolean(True))
    premises.run(240)
    gas = premises.head_end.connect(2)
    gas.associate()
    assert gas.get("7-0:3.0.0", 4, 2).value == 12_345


def test_joining_closed_by_hand_lets_nobody_in(managed) -> None:
    premises, connect = managed("ihd", fitted=())
    line = connect()
    assert line.get(LOG, 104, 2).python is True  # one of the log is missing
    line.set(LOG, 104, 2, axdr.boolean(False))
    assert line.get(LOG, 104, 2).python is False
    premises.fit("ihd", IHD)
    premises.run(120)
    assert premises.ihd.firmware.joined is None
    connect().set(LOG, 104, 2, axdr.boolean(True))
    premises.run(240)
    assert listed(connect()) == [(IHD, True)]


def test_a_backup_has_the_log_with_hashed_keys(managed) -> None:
    premises, connect = managed("esme", "ihd")
    line = connect()
    for argument in (axdr.null(), axdr.i8(0)):
        data = line.action(LOG, 104, 4, argument)
        BACKUP.admit(data)
        at, network, lines = data.value
        assert abs(date_time.instant(at.value) - START - premises.kernel.now) < 60_000_000_000
        assert network.value == GPF.to_bytes(8, "big")
        link_key = aes.mmo(CODE + bytes.fromhex("C3B5"))
        assert devices_and_keys(lines) == {ESME: aes.mmo(link_key), IHD: aes.mmo(link_key)}


@pytest.mark.parametrize(
    "argument, result",
    [
        (registration(ESME, 3), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (registration(ESME, ESME_TYPE, CODE[:15]), DataAccessResult.TYPE_UNMATCHED),
        (axdr.structure(eui64(ESME), axdr.enum(1), axdr.octets(CODE)), DataAccessResult.TYPE_UNMATCHED),
    ],
)
def test_a_registration_that_is_refused_leaves_the_log_as_it_was(managed, argument, result) -> None:
    premises, connect = managed("ihd")
    line = connect()
    flash = premises.hub.nvm
    before = {key: flash.get(key) for key in flash.keys("device")}
    assert refusal(line.action, LOG, 104, 1, argument) == result
    assert listed(line)[0][0] == IHD
    assert {key: flash.get(key) for key in flash.keys("device")} == before


def test_the_log_holds_sixteen(managed) -> None:
    _, connect = managed()
    line = connect()
    for number in range(16):
        line.action(LOG, 104, 1, registration(0x100 + number, PPMID_TYPE))
    assert refusal(line.action, LOG, 104, 1, registration(0x200, PPMID_TYPE)) == DataAccessResult.OTHER_REASON
    line.action(LOG, 104, 1, registration(0x100, PPMID_TYPE))  # a new code for one of them
    assert len(listed(line)) == 16
    line.action(LOG, 104, 3, axdr.i8(0))
    assert listed(line) == []


def test_what_is_not_there_and_what_is_not_offered(managed) -> None:
    _, connect = managed("ihd")
    line = connect()
    assert refusal(line.action, LOG, 104, 2, eui64(0x300)) == DataAccessResult.OBJECT_UNAVAILABLE
    for method, argument in ((6, eui64(IHD)), (10, axdr.i8(0)), (11, axdr.i8(0))):
        assert refusal(line.action, LOG, 104, method, argument) == DataAccessResult.READ_WRITE_DENIED
    for seconds in (0, 3601):
        assert refusal(line.set, LOG, 104, 3, axdr.u16(seconds)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert line.get(LOG, 104, 3) == axdr.u16(254)


def test_the_public_client_reads_and_changes_nothing(home) -> None:
    premises = home("ihd")
    line = premises.head_end.connect(1)
    line.associate()
    assert listed(line)[0][0] == IHD
    assert refusal(line.action, LOG, 104, 2, eui64(IHD)) == DataAccessResult.READ_WRITE_DENIED
    assert refusal(line.set, LOG, 104, 2, axdr.boolean(True)) == DataAccessResult.READ_WRITE_DENIED
