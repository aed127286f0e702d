"""Which APDU some octets are: the one list of all of them (IEC 62056-5-3 clause 8, tags)."""

from __future__ import annotations

from typing import Final

from protocols.core.codec import Frame, choice
from protocols.core.errors import DecodeError
from protocols.dlms import access, acse, general_block, initiate, short_name, xdlms
from protocols.dlms.axdr import MAX_ITEMS

FRAMES: Final[tuple[type[Frame], ...]] = (
    xdlms.GetRequestNormal,
    xdlms.GetRequestNext,
    xdlms.GetRequestWithList,
    xdlms.SetRequestNormal,
    xdlms.SetRequestWithFirstDatablock,
    xdlms.SetRequestWithDatablock,
    xdlms.SetRequestWithList,
    xdlms.SetRequestWithListAndFirstDatablock,
    xdlms.EventNotificationRequest,
    xdlms.ActionRequestNormal,
    xdlms.ActionRequestNextPblock,
    xdlms.ActionRequestWithList,
    xdlms.ActionRequestWithFirstPblock,
    xdlms.ActionRequestWithListAndFirstPblock,
    xdlms.ActionRequestWithPblock,
    xdlms.GetResponseNormal,
    xdlms.GetResponseWithDatablock,
    xdlms.GetResponseWithList,
    xdlms.SetResponseNormal,
    xdlms.SetResponseDatablock,
    xdlms.SetResponseLastDatablock,
    xdlms.SetResponseLastDatablockWithList,
    xdlms.SetResponseWithList,
    xdlms.ActionResponseNormal,
    xdlms.ActionResponseWithPblock,
    xdlms.ActionResponseWithList,
    xdlms.ActionResponseNextPblock,
    xdlms.DataNotification,
    xdlms.DataNotificationConfirm,
    access.AccessRequest,
    access.AccessResponse,
    xdlms.ExceptionResponse,
    general_block.GeneralBlock,
    *short_name.FRAMES,
    initiate.InitiateRequest,
    initiate.InitiateResponse,
    initiate.ConfirmedServiceError,
    acse.AARQ,
    acse.AARE,
    acse.RLRQ,
    acse.RLRE,
)

_APDU: Final = choice("APDU", FRAMES)


def parse(data: bytes, items: int = MAX_ITEMS) -> Frame:
    """The APDU that ``data`` is, all of it. Raises DecodeError, also for the kinds that are not in FRAMES.

    ``items`` bounds the values in it: only what came in blocks needs more.
    """
    return _APDU.frame_for(data).parse(data, items)


def kind(data: bytes) -> type[Frame] | None:
    """The APDU that ``data`` begins like; None: none that is known here."""
    try:
        return _APDU.frame_for(data)
    except DecodeError:
        return None
