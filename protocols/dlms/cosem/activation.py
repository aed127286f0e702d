"""Activation: passive values and the instant at which they become the active ones. Blue Book 4.6 and wherever one waits.

An object with such a time is `Pending`: a timetable calls its method of activation when the time has come. GB's head ends
write zeros for a change without delay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from protocols.core.errors import DecodeError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.timed import Call
from protocols.dlms.cosem.types import DateTime
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import DataAccessResult

NEVER: Final = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
"""A date-time that is not specified: there is nothing to activate."""
AT_ONCE: Final = bytes.fromhex("0000000000000000008000FF")
"""GB: activate without delay. Its zeros are no date."""
_OPEN = NEVER[:9]


class ActivationTime(DateTime):
    """octet-string (12): an instant, `NEVER`, or `AT_ONCE`. A date that is left half open names no instant."""

    def admit(self, data: Data) -> None:
        if data.value == AT_ONCE:
            return
        super().admit(data)
        if data.value[:9] != _OPEN and date_time.instant(data.value) is None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


ACTIVATION_TIME = ActivationTime()


def moment(time: Data) -> int | None:
    """When an activation time comes: UTC ns; 0 for at once; None: never."""
    if time.value == AT_ONCE:
        return 0
    try:
        return date_time.instant(time.value)
    except DecodeError:
        return None


class Pending(InterfaceClass, id=0, version=0):
    """What an object with activation times has of a `Timed` one. `activations`: {attribute of the time: method}."""

    activations: ClassVar[dict[int, int]] = {}

    def due(self, after: int, zone: Zone) -> int | None:
        """The next activation; one that is overdue as soon as can be."""
        times = [moment(self.read(attribute)) for attribute in self.activations]
        return min((max(time, after + 1) for time in times if time is not None), default=None)

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """Each method of activation whose time has come. The method forgets the time."""
        for attribute, method in self.activations.items():
            time = moment(self.read(attribute))
            if time is not None and time <= now:
                yield Call(max(time, since), self.name, method, axdr.i8(0))
