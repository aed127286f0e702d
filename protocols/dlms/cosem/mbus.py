"""M-Bus client (class 72): one M-Bus device (a gas, water or heat meter) as its concentrator sees it. Blue Book 4.8.3.

The attributes and methods are here; the bus is the firmware's. Each method is carried out by its hook, and a method without
one is not offered. Installing and deinstalling also write the attributes that say who is there.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import ANY, I8, LOGICAL_NAME, OCTETS, U8, U16, U32, Array, Enumerated, Limited, Structure
from protocols.dlms.xdlms import DataAccessResult

NOT_INSTALLED: Final = 0
"""primary_address of nobody."""
HIGHEST_ADDRESS: Final = 250
KEY_OCTETS: Final = (8, 16)
CAPTURE_DEFINITION = Structure(data_information_block=OCTETS, value_information_block=OCTETS)
DATA_DEFINITION = Structure(data_information_block=OCTETS, value_information_block=OCTETS, data=ANY)
ADDRESS = Limited(Tag.UNSIGNED, 0, HIGHEST_ADDRESS)
KEY = Limited(Tag.OCTET_STRING, *KEY_OCTETS)


class EncryptionKeyStatus(IntEnum):
    """encryption_key_status."""

    NONE = 0
    SET = 1
    TRANSFERRED = 2
    SET_AND_TRANSFERRED = 3
    IN_USE = 4


class MBusClient(InterfaceClass, id=72, version=1):
    """`capture_period` in seconds, 0: not by time. The identification is that of the device's fixed data header."""

    mbus_port_reference: Attribute = attribute(2, LOGICAL_NAME)
    capture_definition: Attribute = attribute(3, Array(CAPTURE_DEFINITION), default=(), access=Access.READ_WRITE)
    capture_period: Attribute = attribute(4, U32, default=0, access=Access.READ_WRITE)
    primary_address: Attribute = attribute(5, ADDRESS, default=NOT_INSTALLED)
    identification_number: Attribute = attribute(6, U32, default=0)
    manufacturer_id: Attribute = attribute(7, U16, default=0)
    device_version: Attribute = attribute(8, U8, default=0)
    device_type: Attribute = attribute(9, U8, default=0)
    access_number: Attribute = attribute(10, U8, default=0)
    status: Attribute = attribute(11, U8, default=0)
    alarm: Attribute = attribute(12, U8, default=0)
    configuration: Attribute = attribute(13, U16, default=0)
    encryption_key_status: Attribute = attribute(14, Enumerated(EncryptionKeyStatus), default=0)

    @method(1, ADDRESS)
    def slave_install(self, argument: Data) -> None:
        """A device has been found at this address. The hook searches, and raises AccessError if there is none."""
        self.primary_address = argument

    @method(2, I8)
    def slave_deinstall(self, argument: Data) -> None:
        """Forget the device, its identification and its key."""
        for member in _IDENTIFICATION:
            setattr(self, member.name, 0)

    capture = method(3, I8)

    @method(4, I8)
    def reset_alarm(self, argument: Data) -> None:
        """Clear the alarms of the device."""
        self.alarm = 0

    synchronize_clock = method(5, I8)
    data_send = method(6, Array(DATA_DEFINITION))

    @method(7, KEY)
    def set_encryption_key(self, argument: Data) -> None:
        """The key with which the concentrator deciphers; no octets: none any more."""
        self._key_is(EncryptionKeyStatus.SET)

    @method(8, KEY)
    def transfer_key(self, argument: Data) -> None:
        """The key has been sent to the device, under its old one."""
        self._key_is(EncryptionKeyStatus.TRANSFERRED)

    def _key_is(self, status: EncryptionKeyStatus) -> None:
        """A key that is new is not in use yet."""
        self.encryption_key_status = self.encryption_key_status.value & ~EncryptionKeyStatus.IN_USE | status

    def carries_out(self, number: int) -> bool:
        """Every method moves something on the bus: without its hook nothing does."""
        member = self.methods.get(number)
        return member is not None and member.name in self.on

    def invoke(self, number: int, argument: Data) -> Data | None:
        """As any object; there is one device at most, and what needs one is refused while there is none."""
        installed = self.primary_address.value != NOT_INSTALLED
        if self.carries_out(number) and installed == (number == MBusClient.slave_install.number):
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, str(self.name))
        return super().invoke(number, argument)


_IDENTIFICATION: Final = (
    MBusClient.primary_address,
    MBusClient.identification_number,
    MBusClient.manufacturer_id,
    MBusClient.device_version,
    MBusClient.device_type,
    MBusClient.access_number,
    MBusClient.status,
    MBusClient.alarm,
    MBusClient.configuration,
    MBusClient.encryption_key_status,
)
