"""Push setup (class 40): what a device sends by itself, where to, and how patiently. Blue Book 4.4.8.

The body of the data notification is made here; when it is sent, in `push_delivery`. Carrying it to its destination is
the firmware's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.recurrence import RECURRENCE
from protocols.dlms.cosem.reference import REFERENCE, Reference
from protocols.dlms.cosem.types import ENUM, I8, OCTETS, U8, U16, Array, Structure
from protocols.dlms.obis import Obis

DESTINATION = Structure(transport_service=ENUM, destination=OCTETS, message=ENUM)
"""send_destination_and_method."""
WINDOW = Structure(start_time=RECURRENCE, end_time=RECURRENCE)
"""window_element; with open fields it opens again and again."""


class TransportService(IntEnum):
    """transport_service of the destination."""

    TCP = 0
    UDP = 1
    FTP = 2
    SMTP = 3
    SMS = 4
    HDLC = 5
    M_BUS = 6
    ZIGBEE = 7
    SERIAL_WRAPPER = 200
    """Manufacturer specific, as all from here: PDUs of the wrapper on a serial line."""


class Message(IntEnum):
    """message of the destination: how the notification is encoded."""

    A_XDR = 0


class PushSetup(InterfaceClass, id=40, version=0):
    """One push: `push_object_list` names the attributes (`Reference.to(...).data`) that go into the notification."""

    push_object_list: Attribute = attribute(2, Array(REFERENCE, most=64))
    send_destination_and_method: Attribute = attribute(3, DESTINATION)
    communication_window: Attribute = attribute(4, Array(WINDOW, most=16), default=())
    randomisation_start_interval: Attribute = attribute(5, U16, default=0)
    number_of_retries: Attribute = attribute(6, U8, default=0)
    repetition_delay: Attribute = attribute(7, U16, default=0)

    push = method(1, I8)

    def references(self) -> list[Reference]:
        """The push object list, in order."""
        return [Reference.parse(item) for item in self.push_object_list.value]

    def body(self, find: Callable[[Obis], InterfaceClass | None]) -> Data:
        """The notification's body: a structure of the referenced values; null-data for one that cannot be read now."""
        return axdr.structure(*(_value(reference, find(reference.logical_name)) for reference in self.references()))


def push_objects(things: Iterable[tuple[InterfaceClass, int]]) -> Data:
    """A push object list of (object, attribute number)."""
    return axdr.array(Reference.to(thing, number).data for thing, number in things)


def _value(reference: Reference, thing: InterfaceClass | None) -> Data:
    if thing is None:
        return axdr.null()
    try:
        return reference.read(thing)
    except AccessError:
        return axdr.null()
