"""The record of what was exchanged at a hub: modules and whole hubs, when, how the new one is set, and what became of the old one.

`0-0:128.30.5.255` (class 1, this project's own): the newest `MOST` lines, oldest first, each a structure of date-time, kind, then
of the old and of the new one the identifier (octet-string) and what it is and how it is set (visible-string), the backup's number
(0: none), how the old one was disposed of, and the date-time of that (null-data: it was not said yet).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Final

from devices.parts.swap_client import Disposal, Kind
from devices.runtime.nvm import Nvm
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time

__all__ = ["Disposal", "Kind", "Line", "data", "disposed", "lines", "with_line"]

MOST: Final = 16
KEY: Final = "swap/record"


@dataclass(frozen=True, slots=True)
class Line:
    """`at`, `disposed_at`: UTC in ns; 0: not yet."""

    at: int
    kind: int
    old: bytes = b""
    old_type: str = ""
    new: bytes = b""
    new_type: str = ""
    number: int = 0
    disposal: int = Disposal.UNKNOWN
    disposed_at: int = 0

    @property
    def data(self) -> Data:
        """As a client reads it."""
        return axdr.structure(
            axdr.octets(date_time.encode(self.at)),
            axdr.enum(self.kind),
            axdr.octets(self.old),
            axdr.visible(self.old_type),
            axdr.octets(self.new),
            axdr.visible(self.new_type),
            axdr.u32(self.number),
            axdr.enum(self.disposal),
            axdr.octets(date_time.encode(self.disposed_at)) if self.disposed_at else axdr.null(),
        )


def lines(nvm: Nvm) -> list[Line]:
    """The record, oldest first."""
    return [Line(*line) for line in nvm.get(KEY, [])]


def with_line(nvm: Nvm, line: Line) -> dict[str, object]:
    """What to store for one line more."""
    return _plain([*lines(nvm), line])


def disposed(nvm: Nvm, old: bytes, disposal: Disposal, at: int) -> dict[str, object] | None:
    """What to store when it is known what became of an old one: the newest line says it. None: no line is about it."""
    found = lines(nvm)
    newest = max((number for number, line in enumerate(found) if line.old == old), default=None)
    if newest is None:
        return None
    found[newest] = replace(found[newest], disposal=disposal, disposed_at=at)
    return _plain(found)


def data(nvm: Nvm) -> Data:
    """The record as a client reads it."""
    return axdr.array(line.data for line in lines(nvm))


def _plain(found: list[Line]) -> dict[str, object]:
    return {KEY: [list(astuple(line)) for line in found[-MOST:]]}
