"""Attributes of COSEM objects that outlive the power: what a client writes, or a method changes, is in flash before it is answered.

A value that no longer has its attribute's type (another firmware wrote it) is left aside, and the object has the one it was made
with.
"""

from __future__ import annotations

from typing import Final

from devices.runtime.nvm import Nvm
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.cosem.interface import Attribute, Method

_KEY: Final = "cosem"


def keep(nvm: Nvm, thing: InterfaceClass, *attributes: Attribute) -> None:
    """Give these attributes of an object their kept values, and keep them from now on.

    `keep(board.nvm, calendar, ActivityCalendar.calendar_name_passive, ...)`; all that one call changes is one transaction.
    """
    numbers = bytes(member.number for member in attributes)
    for member in attributes:
        stored = nvm.get(_key(thing, member.number))
        if stored is not None:
            _restore(thing, member, stored)

    def changed(_: InterfaceClass, member: Attribute | Method) -> None:
        if isinstance(member, Attribute) and member.number not in numbers:
            return
        values = {_key(thing, number): thing.read(number).build() for number in numbers}
        news = {key: octets for key, octets in values.items() if nvm.get(key) != octets}
        if news:
            nvm.put(news)

    thing.watch(changed)


def _key(thing: InterfaceClass, number: int) -> str:
    return f"{_KEY}/{thing.class_id}/{thing.name}/{number}"


def _restore(thing: InterfaceClass, member: Attribute, stored: bytes) -> None:
    try:
        value = Data.parse(stored)
        member.type.admit(value)
    except RemoteProtocolError:
        return
    setattr(thing, member.name, value)
