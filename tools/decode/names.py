"""Words for numbers: which enumeration or set of flags a field's number belongs to, and the names of COSEM classes.

One table for the tree, the XML form and the dissector.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Final

from protocols.core.codec import Frame
from protocols.dlms import access, cosem, initiate, short_name, xdlms
from protocols.dlms.cosem.interface import DECLARED, InterfaceClass
from protocols.dlms.security.ciphering import Control as SecurityControl
from protocols.dlms.security.ciphering import Secured

CODES: Final[Mapping[tuple[type[Frame], str], type[IntEnum]]] = {
    (xdlms.GetDataResult, "value"): xdlms.DataAccessResult,
    (xdlms.GetDatablock, "result"): xdlms.DataAccessResult,
    (xdlms.ActionResponse, "result"): xdlms.ActionResult,
    (xdlms.SetResponseNormal, "result"): xdlms.DataAccessResult,
    (xdlms.SetResponseLastDatablock, "result"): xdlms.DataAccessResult,
    (xdlms.SetResponseLastDatablockWithList, "results"): xdlms.DataAccessResult,
    (xdlms.SetResponseWithList, "results"): xdlms.DataAccessResult,
    (xdlms.ExceptionResponse, "state_error"): xdlms.StateError,
    (xdlms.ExceptionResponse, "service_error"): xdlms.ServiceError,
    (initiate.ConfirmedServiceError, "value"): initiate.InitiateError,
    (access.Specification, "kind"): access.Kind,
    (access.Result, "kind"): access.Kind,
    (access.Result, "result"): xdlms.DataAccessResult,
    (short_name.ReadResult, "value"): xdlms.DataAccessResult,
    (short_name.WriteResult, "value"): xdlms.DataAccessResult,
}
"""Fields whose number is a code. Of a field that may hold something else too, only a number is one."""

FLAGS: Final[Mapping[tuple[type[Frame], str], type[IntFlag]]] = {
    (initiate.InitiateRequest, "conformance"): initiate.Conformance,
    (initiate.InitiateResponse, "conformance"): initiate.Conformance,
    (Secured, "control"): SecurityControl,
}
"""Fields that are sets of bits."""


def word(code: IntEnum | IntFlag) -> str:
    """The standard's spelling of an enumeration's member: `read-write-denied`."""
    return (code.name or "").lower().replace("_", "-")


def meaning(frame: type[Frame], field: str, number: int) -> str:
    """What a number in a field says; empty where it is just a number, or an unknown code."""
    codes, flags = CODES.get((frame, field)), FLAGS.get((frame, field))
    if codes is not None:
        return next((word(code) for code in codes if code == number), "")
    if flags is not None:
        return ", ".join(word(flag) for flag in flags if flag in flags(number))
    if field == "class_id":
        known = classes().get(number)
        return known[-1].__name__ if known else ""
    return ""


def member(class_id: int, number: int, *, method: bool = False) -> str:
    """The name of an attribute or method, from the class's newest version that has it; empty: not known."""
    for version in reversed(classes().get(class_id, [])):
        found = version.methods.get(number) if method else version.attributes.get(number)
        if found is not None:
            return found.name
    return ""


@lru_cache(maxsize=1)
def classes() -> dict[int, list[type[InterfaceClass]]]:
    """Every interface class that is declared, by its number: its versions, the newest last."""
    found: dict[int, list[type[InterfaceClass]]] = {}
    for (number, _), one in sorted(DECLARED.items(), key=lambda item: item[0]):
        if one.__module__.startswith(cosem.__name__):  # a test or a device may declare its own
            found.setdefault(number, []).append(one)
    return found
