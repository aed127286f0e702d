"""How the meter's optical port is set up, for clients to read: IEC 62056-21 sign-on and HDLC. Nothing of it can be changed."""

from __future__ import annotations

from typing import Final

from devices.esme.readout import IDENTIFICATION
from devices.parts.dlms_port import PARAMETERS
from devices.runtime.kernel import MS, S
from protocols.dlms.cosem import Access, BaudRate, IecHdlcSetup, IecLocalPortSetup, InterfaceClass, PortMode, ResponseTime

NO_STATION: Final = 0
"""The line has one device, which has no physical address."""


def port_objects() -> list[InterfaceClass]:
    """`0-0:20.0.0` and `0-0:22.0.0`."""
    limits = PARAMETERS.limits
    sign_on = IecLocalPortSetup(
        "0-0:20.0.0",
        default_mode=PortMode.IEC_62056_21,
        default_baud=BaudRate.B300,
        prop_baud=BaudRate(int(IDENTIFICATION.rate)),
        response_time=ResponseTime.MS_200,
        access=_reading(IecLocalPortSetup, last=6),
    )
    link = IecHdlcSetup(
        "0-0:22.0.0",
        comm_speed=BaudRate.B9600,
        window_size_transmit=limits.window_transmit,
        window_size_receive=limits.window_receive,
        max_info_field_length_transmit=limits.information_transmit,
        max_info_field_length_receive=limits.information_receive,
        inter_octet_time_out=PARAMETERS.inter_octet_time_out // MS,
        inactivity_time_out=PARAMETERS.inactivity_time_out // S,
        device_address=NO_STATION,
        access=_reading(IecHdlcSetup, last=9),
    )
    return [sign_on, link]


def _reading(kind: type[InterfaceClass], last: int) -> dict[str, Access]:
    """Reading of the attributes up to a number, and nothing of the others."""
    return {member.name: Access.READ if number <= last else Access.NONE for number, member in kind.attributes.items()}
