"""ZigBee network control (class 104): a coordinator under the hand of a DLMS client. Blue Book 4.15.5.

GB manages a communications hub's device log through it (methods 1, 2, 4 and 5). The radio and the log are the firmware's:
attributes are bound, each method is carried out by its hook, and a method without one is not offered. GB departs from the
Blue Book where it says so: backup_PAN takes null-data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BITS, BOOLEAN, DATE_TIME, I8, NULL, U8, U16, Array, Choice, Enumerated, Simple, Structure

MOST_DEVICES: Final = 16
"""GB: the lines of a device log."""
EUI64 = Simple(Tag.OCTET_STRING, 8)
KEY = Simple(Tag.OCTET_STRING, 16)
STATUS = Simple(Tag.BIT_STRING, 8)


class KeyType(IntEnum):
    """key_type of register_device; GB always uses 1."""

    INSTALL_CODE = 0
    PRECONFIGURED_LINK_KEY = 1
    MAC_ADDRESS = 2


REGISTER_DEVICE = Structure(ieee_address=EUI64, key_type=Enumerated(KeyType), key=KEY, device_type=Simple(Tag.ENUM))
DEVICE_AND_KEY = Structure(mac_address=EUI64, hashed_tc_link_key=KEY)
RESTORE_PAN = Structure(extended_pan_id=EUI64, devices_to_restore=Array(DEVICE_AND_KEY, MOST_DEVICES))
BACKUP = Structure(date_time=DATE_TIME, extended_pan_id=EUI64, devices_to_backup=Array(DEVICE_AND_KEY, MOST_DEVICES))
"""What backup_PAN returns."""
ACTIVE_DEVICE = Structure(
    mac_address=EUI64, status=STATUS,
    max_rssi=I8, average_rssi=I8, min_rssi=I8,
    max_lqi=U8, average_lqi=U8, min_lqi=U8,
    last_communication_date_time=DATE_TIME, number_of_hops=U8,
    transmission_failures=U8, transmission_successes=U8,
    application_version=U8, stack_version=U8,
)  # fmt: skip


class DeviceStatus:
    """Bits of an active device's status, from bit 0 on."""

    AUTHORISED = 0
    ACTIVE = 1
    BATTERY_POWERED = 4


@dataclass(frozen=True, slots=True)
class Registration:
    """The parameters of register_device."""

    eui64: int
    key_type: int
    key: bytes
    device_type: int

    @classmethod
    def parse(cls, data: Data) -> Self:
        """From a structure that has been admitted."""
        address, key_type, key, device_type = (item.value for item in data.value)
        return cls(int.from_bytes(address, "big"), key_type, key, device_type)


def devices_and_keys(data: Data) -> dict[int, bytes]:
    """EUI-64 and hashed trust centre link key of each line of an array of them."""
    return {int.from_bytes(address.value, "big"): key.value for address, key in (item.value for item in data.value)}


def backup(at: bytes, extended_pan_id: int, keys: dict[int, bytes]) -> Data:
    """What backup_PAN returns. `at`: a date-time of 12 octets."""
    lines = [(eui64.to_bytes(8, "big"), key) for eui64, key in keys.items()]
    return BACKUP.of((at, extended_pan_id.to_bytes(8, "big"), lines))


class ZigBeeNetworkControl(InterfaceClass, id=104, version=0):
    """`join_timeout` in seconds: how long joining stays open once it is enabled."""

    enable_disable_joining: Attribute = attribute(2, BOOLEAN, access=Access.READ_WRITE)
    join_timeout: Attribute = attribute(3, U16, access=Access.READ_WRITE)
    active_devices: Attribute = attribute(4, Array(ACTIVE_DEVICE))

    register_device = method(1, REGISTER_DEVICE)
    unregister_device = method(2, EUI64)
    unregister_all_devices = method(3, I8)
    backup_pan = method(4, Choice(NULL, I8))
    restore_pan = method(5, RESTORE_PAN)
    identify_device = method(6, EUI64)
    remove_mirror = method(7, Structure(mac_address=EUI64, mirror_control=BITS))
    update_network_key = method(8, I8)
    update_link_key = method(9, EUI64)
    create_pan = method(10, I8)
    remove_pan = method(11, I8)
