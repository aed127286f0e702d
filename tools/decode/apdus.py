"""Which declared frame some APDU octets are, ciphered kinds included, and where a field of one holds another APDU.

One list for the tree, the XML form and the dissector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from protocols.core.codec import Frame, constructs
from protocols.core.errors import DecodeError
from protocols.dlms import acse, apdu
from protocols.dlms.security import ciphering, general

SERVICES: Final[Mapping[int, str]] = {
    0x01: "InitiateRequest", 0x05: "ReadRequest", 0x06: "WriteRequest", 0x08: "InitiateResponse", 0x0C: "ReadResponse",
    0x0D: "WriteResponse", 0x0E: "ConfirmedServiceError", 0x16: "UnconfirmedWriteRequest", 0x18: "InformationReportRequest",
    0xC0: "GetRequest", 0xC1: "SetRequest", 0xC2: "EventNotificationRequest", 0xC3: "ActionRequest",
    0xC4: "GetResponse", 0xC5: "SetResponse", 0xC7: "ActionResponse",
}  # fmt: skip
"""Services by tag. Those from C0 on have kinds told apart by a second octet, but for the notification."""

CIPHERED: Final[Mapping[int, str]] = {
    **{tag + 0x20: f"glo_{name}" for tag, name in SERVICES.items() if tag < 0xC0},
    **{tag + 0x40: f"ded_{name}" for tag, name in SERVICES.items() if tag < 0xC0 and not name.startswith("Initiate")},
    **{tag + 0x08: f"glo_{name}" for tag, name in SERVICES.items() if tag >= 0xC0},
    **{tag + 0x10: f"ded_{name}" for tag, name in SERVICES.items() if tag >= 0xC0},
}
"""Service-specific ciphered APDUs by tag."""
GENERAL: Final[Mapping[int, str]] = {
    ciphering.GENERAL_GLO: "GeneralGloCiphering",
    ciphering.GENERAL_DED: "GeneralDedCiphering",
}
"""APDUs of one frame whose tag is a field, as CIPHERED are."""

BY_TAG: Final[Mapping[int, type[Frame]]] = {
    **dict.fromkeys(CIPHERED, ciphering.Ciphered),
    **dict.fromkeys(GENERAL, ciphering.GeneralCiphered),
    general.GENERAL_CIPHERING: general.GeneralCiphering,
    general.GENERAL_SIGNING: general.GeneralSigning,
}

HOLDS_APDU: Final[frozenset[tuple[type[Frame], str]]] = frozenset(
    {
        (acse.AssociateRequest, "user_information"),
        (acse.AssociateResponse, "user_information"),
        (acse.Release, "user_information"),
        (general.GeneralSigning, "content"),
    }
)
"""Fields whose octets are an APDU."""


def kind(data: bytes) -> type[Frame] | None:
    """The frame that `data` begins like; None: none that is known."""
    return apdu.kind(data) or (BY_TAG.get(data[0]) if data else None)


def parse(data: bytes) -> Frame:
    """The APDU that `data` is, all of it. Raises DecodeError."""
    found = kind(data)
    if found is None:
        raise DecodeError(f"no APDU begins with {data[:2].hex() or 'nothing'}")
    return found.parse(data)


def frames() -> list[type[Frame]]:
    """Every APDU frame, each once, in the order of the lists."""
    return list(dict.fromkeys((*apdu.FRAMES, *BY_TAG.values())))


def tag(found: Frame) -> int:
    """The first octet of an APDU."""
    octet: int = getattr(found, "tag")  # noqa: B009 - a constant of some of the frames, a field of others
    return octet


def plain_tag(tag: int) -> int:
    """The tag of the service behind a service-specific ciphered APDU."""
    service = CIPHERED[tag].partition("_")[2]
    return next(plain for plain, name in SERVICES.items() if name == service)


def name(frame: type[Frame], tag: int) -> str:
    """What an APDU of this frame and tag is called."""
    return CIPHERED.get(tag) or GENERAL.get(tag) or frame.__name__


def only(value: Any, part: Any = None) -> tuple[Any, Any]:
    """What a frame of one field (besides constants) stands for, and that field's part; anything else as it is."""
    while isinstance(value, Frame):
        members = [member for member in type(value)._fields if not isinstance(member.subcon, constructs.Const)]
        if len(members) != 1:
            break
        value, part = getattr(value, members[0].name), members[0].subcon
    return value, part
