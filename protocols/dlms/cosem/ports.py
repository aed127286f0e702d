"""Setup of local ports: IEC local port (class 19), IEC HDLC (class 23). Blue Book 4.7.1, 4.7.2.

What a port does with a new setup, and when, is the firmware's: hooks see each value first. A class describes a port; it
is not one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Tag
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute
from protocols.dlms.cosem.types import Enumerated, Limited


class PortMode(IntEnum):
    """default_mode: what a port speaks first."""

    IEC_62056_21 = 0
    HDLC = 1
    OTHER = 2


class BaudRate(IntEnum):
    """A rate; `RATES` has them in bauds."""

    B300 = 0
    B600 = 1
    B1200 = 2
    B2400 = 3
    B4800 = 4
    B9600 = 5
    B19200 = 6
    B38400 = 7
    B57600 = 8
    B115200 = 9


RATES: Final = {rate: int(rate.name[1:]) for rate in BaudRate}


class ResponseTime(IntEnum):
    """response_time: the least time between a request and its answer."""

    MS_20 = 0
    MS_200 = 1


_RATE = Enumerated(BaudRate)
_ADDRESS = Limited(Tag.OCTET_STRING, 0, 32)
_PASSWORD = Limited(Tag.OCTET_STRING, 0, 32)
_WINDOW = Limited(Tag.UNSIGNED, 1, 7)
_FIELD = Limited(Tag.LONG_UNSIGNED, 32, 2030)


class IecLocalPortSetup(InterfaceClass, id=19, version=1):
    """A port that begins with IEC 62056-21. Its passwords are written and never read."""

    default_mode: Attribute = attribute(2, Enumerated(PortMode), default=PortMode.IEC_62056_21, access=Access.READ_WRITE)
    default_baud: Attribute = attribute(3, _RATE, default=BaudRate.B300, access=Access.READ_WRITE)
    prop_baud: Attribute = attribute(4, _RATE, default=BaudRate.B9600, access=Access.READ_WRITE)
    response_time: Attribute = attribute(5, Enumerated(ResponseTime), default=ResponseTime.MS_200, access=Access.READ_WRITE)
    device_addr: Attribute = attribute(6, _ADDRESS, default=b"", access=Access.READ_WRITE)
    pass_p1: Attribute = attribute(7, _PASSWORD, default=b"", access=Access.WRITE)
    pass_p2: Attribute = attribute(8, _PASSWORD, default=b"", access=Access.WRITE)
    pass_w5: Attribute = attribute(9, _PASSWORD, default=b"", access=Access.WRITE)


class IecHdlcSetup(InterfaceClass, id=23, version=1):
    """An HDLC port: the most that it offers when a connection is negotiated. Time-outs in ms and s; 0 s: none."""

    comm_speed: Attribute = attribute(2, _RATE, default=BaudRate.B9600, access=Access.READ_WRITE)
    window_size_transmit: Attribute = attribute(3, _WINDOW, default=1, access=Access.READ_WRITE)
    window_size_receive: Attribute = attribute(4, _WINDOW, default=1, access=Access.READ_WRITE)
    max_info_field_length_transmit: Attribute = attribute(5, _FIELD, default=128, access=Access.READ_WRITE)
    max_info_field_length_receive: Attribute = attribute(6, _FIELD, default=128, access=Access.READ_WRITE)
    inter_octet_time_out: Attribute = attribute(7, Limited(Tag.LONG_UNSIGNED, 20, 6000), default=25, access=Access.READ_WRITE)
    inactivity_time_out: Attribute = attribute(8, Limited(Tag.LONG_UNSIGNED, 0), default=120, access=Access.READ_WRITE)
    device_address: Attribute = attribute(9, Limited(Tag.LONG_UNSIGNED, 0x10, 0x3FFD), default=0x11, access=Access.READ_WRITE)
