"""TCP-UDP and IPv4 setup, M-Bus client, ZigBee network control: attributes by declaration, methods, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.internet import IPv4Setup, TcpUdpSetup
from protocols.dlms.cosem.mbus import EncryptionKeyStatus, MBusClient
from protocols.dlms.cosem.zigbee import ACTIVE_DEVICE, Registration, ZigBeeNetworkControl, backup, devices_and_keys
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

IP_SETUP = Obis("0-0:25.1.0")
LOOPBACK = 0x7F000001
GROUP = 0xE0000001


def refusal(act: Callable[[], object]) -> int:
    with pytest.raises(AccessError) as caught:
        act()
    return caught.value.result


def test_tcp_udp_setup_as_the_blue_book_tables_it() -> None:
    setup = TcpUdpSetup("0-0:25.0.0", ip_reference=IP_SETUP)
    assert (TcpUdpSetup.class_id, TcpUdpSetup.version) == (41, 0)
    assert [setup.read(number).tag for number in range(1, 7)] == [9, 18, 9, 18, 17, 18]
    assert setup.tcp_udp_port == axdr.u16(4059)


@pytest.mark.parametrize(
    "number, value, result",
    [
        (2, axdr.u16(0), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (2, axdr.u32(4059), DataAccessResult.TYPE_UNMATCHED),
        (3, axdr.octets(b"12345"), DataAccessResult.TYPE_UNMATCHED),
        (4, axdr.u16(39), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (5, axdr.u8(0), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ],
)
def test_a_setting_out_of_its_range_is_refused_and_nothing_changes(number: int, value: Data, result: int) -> None:
    setup = TcpUdpSetup("0-0:25.0.0", ip_reference=IP_SETUP)
    before = setup.read(number)
    assert refusal(lambda: setup.write(number, value)) == result
    assert setup.read(number) == before


def test_multicast_addresses_come_and_go() -> None:
    setup = IPv4Setup("0-0:25.1.0", ip_address=LOOPBACK)
    for address in (GROUP, GROUP + 1, GROUP):
        assert setup.invoke(1, axdr.u32(address)) is None
    assert setup.multicast_ip_address == axdr.array([axdr.u32(GROUP), axdr.u32(GROUP + 1)])
    assert setup.invoke(3, axdr.i8(0)) == axdr.u16(2)
    setup.invoke(2, axdr.u32(GROUP))
    assert setup.multicast_ip_address == axdr.array([axdr.u32(GROUP + 1)])
    assert refusal(lambda: setup.invoke(2, axdr.u32(GROUP))) == DataAccessResult.OBJECT_UNAVAILABLE
    assert refusal(lambda: setup.invoke(1, axdr.u32(LOOPBACK))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    for address in range(GROUP + 2, GROUP + 65):
        setup.invoke(1, axdr.u32(address))
    assert refusal(lambda: setup.invoke(1, axdr.u32(GROUP + 99))) == DataAccessResult.OTHER_REASON
    assert setup.invoke(3, axdr.i8(0)) == axdr.u16(64)


# --- M-Bus client


class Bus:
    """Takes what an M-Bus client's hooks send."""

    def __init__(self, *names: str) -> None:
        self.sent: list[tuple[str, object]] = []
        self.client = MBusClient("0-1:24.1.0", mbus_port_reference=Obis("0-0:24.6.0"), on={name: self.hook(name) for name in names})

    def hook(self, name: str) -> Callable[[Data], None]:
        return lambda argument: self.sent.append((name, argument.python))


ALL = (
    "slave_install", "slave_deinstall", "capture", "reset_alarm", "synchronize_clock", "data_send", "set_encryption_key",
    "transfer_key",
)  # fmt: skip


def test_mbus_methods_that_nothing_carries_out_are_not_offered() -> None:
    client = Bus("capture").client
    assert [number for number in range(1, 9) if client.carries_out(number)] == [3]
    assert refusal(lambda: client.invoke(4, axdr.i8(0))) == DataAccessResult.READ_WRITE_DENIED


def test_an_mbus_device_is_installed_used_and_deinstalled() -> None:
    bus = Bus(*ALL)
    client = bus.client
    assert refusal(lambda: client.invoke(3, axdr.i8(0))) == DataAccessResult.TEMPORARY_FAILURE  # nobody is there
    client.invoke(1, axdr.u8(7))
    assert client.primary_address == axdr.u8(7)
    assert refusal(lambda: client.invoke(1, axdr.u8(8))) == DataAccessResult.TEMPORARY_FAILURE
    client.alarm = 4
    client.identification_number = 12345678
    client.invoke(4, axdr.i8(0))
    assert client.alarm == axdr.u8(0)
    client.invoke(5, axdr.i8(0))
    client.invoke(6, axdr.array([axdr.structure(axdr.octets(b"\x01"), axdr.octets(b"\x02"), axdr.u8(3))]))
    client.invoke(2, axdr.i8(0))
    assert client.primary_address == axdr.u8(0)
    assert client.identification_number == axdr.u32(0)
    assert [name for name, _ in bus.sent] == ["slave_install", "reset_alarm", "synchronize_clock", "data_send", "slave_deinstall"]


def test_mbus_keys_and_their_state() -> None:
    client = Bus(*ALL).client
    client.invoke(1, axdr.u8(1))
    states = []
    for number in (7, 8):
        client.invoke(number, axdr.octets(bytes(16)))
        states.append(client.encryption_key_status.value)
    client.encryption_key_status = EncryptionKeyStatus.IN_USE
    client.invoke(8, axdr.octets(bytes(16)))
    assert [*states, client.encryption_key_status.value] == [
        EncryptionKeyStatus.SET, EncryptionKeyStatus.SET_AND_TRANSFERRED, EncryptionKeyStatus.TRANSFERRED,
    ]  # fmt: skip
    assert refusal(lambda: client.invoke(7, axdr.octets(bytes(17)))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_a_search_that_finds_nobody_installs_nobody() -> None:
    def nobody(argument: Data) -> None:
        raise AccessError(DataAccessResult.HARDWARE_FAULT)

    client = MBusClient("0-1:24.1.0", mbus_port_reference=bytes(6), on={"slave_install": nobody})
    assert refusal(lambda: client.invoke(1, axdr.u8(1))) == DataAccessResult.HARDWARE_FAULT
    assert client.primary_address == axdr.u8(0)
    assert refusal(lambda: client.invoke(1, axdr.u8(251))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


# --- ZigBee network control


def network(**on: Callable[[Data], Data | None]) -> ZigBeeNetworkControl:
    return ZigBeeNetworkControl("0-0:30.3.0", enable_disable_joining=False, join_timeout=90, active_devices=(), on=on)


def test_gb_messages_to_a_device_log_fit_the_class() -> None:
    """The structures of RTDS 4.5.0, CCS01, CCS02 and CCS03, as they stand in the published requests."""
    registered: list[Registration] = []
    restored: list[dict[int, bytes]] = []
    removed: list[bytes] = []
    hub = network(
        register_device=lambda argument: registered.append(Registration.parse(argument)),
        unregister_device=lambda argument: removed.append(argument.value),
        restore_pan=lambda argument: restored.append(devices_and_keys(argument.value[1])),
    )
    hub.invoke(1, Data.parse(bytes.fromhex("0204 0908 00DB1234567890A0 1601 0910 30313233343536373839414243444546 1600")))
    hub.invoke(2, Data.parse(bytes.fromhex("0908 00DB1234567890A0")))
    hub.invoke(5, Data.parse(bytes.fromhex(
        "0202 0908 0000000000000140 0102"
        "0202 0908 00DB1234567890A0 0910 83FED3407A939723A5C639B26916D506"
        "0202 0908 00DB1234567890A1 0910 83FED3407A939723A5C639B26916D505"
    )))  # fmt: skip
    assert registered == [Registration(0x00DB1234567890A0, 1, b"0123456789ABCDEF", 0)]
    assert removed == [bytes.fromhex("00DB1234567890A0")]
    assert [[f"{eui64:016X}" for eui64 in log] for log in restored] == [["00DB1234567890A0", "00DB1234567890A1"]]
    assert refusal(lambda: hub.invoke(3, axdr.i8(0))) == DataAccessResult.READ_WRITE_DENIED


def test_gb_active_devices_fit_the_class() -> None:
    """A line of the published answer to CCS06 (RTDS 4.5.0)."""
    ACTIVE_DEVICE.admit(Data.parse(bytes.fromhex(
        "020E 0908 00DB1234567890A0 0408C8 0FDD 0FCE 0F9C 1102 1127 11F7 090C 07DE0C1F03173200008000FF 1101 1100 1164 1101 1101"
    )))  # fmt: skip


@pytest.mark.parametrize(
    "number, argument, result",
    [
        (1, axdr.structure(axdr.octets(bytes(7)), axdr.enum(1), axdr.octets(bytes(16)), axdr.enum(0)), 12),
        (1, axdr.structure(axdr.octets(bytes(8)), axdr.enum(9), axdr.octets(bytes(16)), axdr.enum(0)), 13),
        (4, axdr.u8(0), 12),
        (
            5,
            axdr.structure(axdr.octets(bytes(8)), axdr.array([axdr.structure(axdr.octets(bytes(8)), axdr.octets(bytes(16)))] * 17)),
            13,
        ),
    ],
)
def test_wrong_parameters_do_not_reach_the_radio(number: int, argument: Data, result: int) -> None:
    reached: list[Data] = []
    hub = network(register_device=reached.append, backup_pan=reached.append, restore_pan=reached.append)
    assert refusal(lambda: hub.invoke(number, argument)) == result
    assert reached == []


def test_backup_is_what_it_is_restored_from() -> None:
    keys = {0x00DB1234567890A0: bytes(16), 0x00DB1234567890A1: bytes(range(16))}
    hub = network(backup_pan=lambda argument: backup(bytes.fromhex("07E70B0EFF0C000000000000"), 0x140, keys))
    for argument in (axdr.null(), axdr.i8(0)):  # GB's and the Blue Book's
        data = hub.invoke(4, argument)
        assert data is not None
        _, network_id, lines = data.value
        assert network_id.value == bytes.fromhex("0000000000000140")
        assert devices_and_keys(lines) == keys


def test_joining_is_the_firmwares() -> None:
    opened: list[Sequence[object]] = []
    hub = ZigBeeNetworkControl(
        "0-0:30.3.0", enable_disable_joining=lambda: bool(opened), join_timeout=lambda: 90, active_devices=lambda: (),
        on={"enable_disable_joining": lambda value: opened.append((value.python,))},
    )  # fmt: skip
    hub.write(2, axdr.boolean(True))
    assert hub.enable_disable_joining.python is True
    assert refusal(lambda: hub.write(3, axdr.u16(1))) == DataAccessResult.READ_WRITE_DENIED  # bound, and no hook
    assert hub.attribute_access(3) == Access.READ_WRITE
