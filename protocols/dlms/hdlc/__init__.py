"""HDLC data link layer of DLMS/COSEM: IEC 62056-46, a subset of ISO/IEC 13239 (frame type 3, unbalanced, normal response mode).

``Frame`` and ``Deframer`` are the octets; ``ServerLink`` and ``ClientLink`` are the two stations. The IEC 62056-21
sign-on that may come before, and mode E's baud rates, are not here. Neither are REJ, SREJ and modulo 128: DLMS uses none.
"""

from __future__ import annotations

from protocols.dlms.hdlc.client import ClientLink
from protocols.dlms.hdlc.deframer import Deframer
from protocols.dlms.hdlc.frame import ALL_STATIONS, CALLING, NO_STATION, Address, Damage, Damaged, Frame, Kind
from protocols.dlms.hdlc.link import Apdu, Connected, Discarded, Disconnected, Failed, TooLong, Unconfirmed
from protocols.dlms.hdlc.parameters import Limits, Parameters
from protocols.dlms.hdlc.server import ServerLink, unasked

__all__ = [
    "ALL_STATIONS",
    "CALLING",
    "NO_STATION",
    "Address",
    "Damage",
    "Damaged",
    "Deframer",
    "Frame",
    "Kind",
    "Limits",
    "Parameters",
    "ClientLink",
    "ServerLink",
    "Apdu",
    "Connected",
    "Discarded",
    "Disconnected",
    "Failed",
    "TooLong",
    "Unconfirmed",
    "unasked",
]
