"""How a client exchanges a hub: fetch its backup, have it hand over, restore into another, have the old one erased.

Procedures inside one association, for a head end (client 1) and, at a service port, for the engineer's client. Whoever carries a
sealed backup need not open it. What the objects do is `hubfw.swap`'s.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from devices.parts.sealed_backup import SealedBackup
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import date_time

BACKUP: Final = "0-0:128.30.4"
RECORD: Final = "0-0:128.30.5"
ORDER: Final = "0-0:128.30.6"
DISPOSAL: Final = "0-0:128.30.7"
RESTORE: Final = "0-0:44.0.1"
ENGINEER: Final = 48
"""Client of whoever comes with a hand-held terminal."""
BLOCK: Final = 512
IDENTIFIER: Final = b"hub backup"


class Order(IntEnum):
    """What 0-0:128.30.6 takes."""

    MAKE_BACKUP = 1
    HAND_OVER = 2
    TAKE_UP_AGAIN = 3
    ERASE = 4


class Kind(IntEnum):
    """What happened at this hub."""

    HUB_RESTORED = 1
    """It took another hub's place, with that one's backup."""
    HANDED_OVER = 2
    """It made its last backup and fell silent."""
    TAKEN_UP_AGAIN = 3
    ERASED = 4
    NETWORK_RESTORED = 5
    """It took another hub's place with that one's network alone."""
    WAN_MODULE = 6
    HAN_MODULE = 7


class Disposal(IntEnum):
    """What became of the old one."""

    UNKNOWN = 0
    ERASED = 1
    DESTROYED = 2
    RETURNED = 3
    LOST = 4


def order(client: Client, what: Order) -> Procedure[None]:
    """Give an order."""
    return client.set(ORDER, 1, 2, axdr.enum(what))


def backup(client: Client) -> Procedure[bytes]:
    """A backup, made now. Raises RemoteProtocolError also for octets that are none."""
    yield from order(client, Order.MAKE_BACKUP)
    return (yield from last_backup(client))


def last_backup(client: Client) -> Procedure[bytes]:
    """The backup that the hub made last: of one that has handed over, the one that counts."""
    octets: bytes = (yield from client.get(BACKUP, 1, 2)).value
    if not octets:
        raise RemoteProtocolError("the hub has made no backup")
    SealedBackup.parse(octets)
    return octets


def restore(client: Client, sealed: bytes) -> Procedure[None]:
    """A backup into a hub, which restarts and takes the other one's place. Raises AccessError where the hub refuses it."""
    yield from client.action(RESTORE, 18, 1, axdr.structure(axdr.octets(IDENTIFIER), axdr.u32(len(sealed))))
    for number, start in enumerate(range(0, len(sealed), BLOCK)):
        block = axdr.structure(axdr.u32(number), axdr.octets(sealed[start : start + BLOCK]))
        yield from client.action(RESTORE, 18, 2, block)
    for method in (3, 4):
        yield from client.action(RESTORE, 18, method, axdr.i8(0))


def record(client: Client) -> Procedure[Data]:
    """The swap record: an array, as `hubfw.swap_record` describes it."""
    return (yield from client.get(RECORD, 1, 2))


def took_over(client: Client, hub: int, number: int) -> Procedure[bool]:
    """Whether the swap record says that this hub is in the place of another one, by that one's backup of this number."""
    told = yield from record(client)
    wanted = axdr.enum(Kind.HUB_RESTORED), axdr.octets(f"{hub:016X}".encode()), axdr.u32(number)
    return any((line.value[1], line.value[2], line.value[6]) == wanted for line in told.value)


def restore_once(client: Client, sealed: bytes) -> Procedure[None]:
    """`restore`, unless it was done already and its answer was lost."""
    head = SealedBackup.parse(sealed).head
    if not (yield from took_over(client, head.hub, head.number)):
        yield from restore(client, sealed)


def erase_once(client: Client) -> Procedure[None]:
    """Have a hub that has handed over erased, unless it is already."""
    told = yield from record(client)
    if not any(line.value[1] == axdr.enum(Kind.ERASED) for line in told.value):
        yield from order(client, Order.ERASE)


def dispose(client: Client, old: str, how: Disposal, at: int) -> Procedure[None]:
    """Have the new hub write down what became of the old one (its EUI-64 in hexadecimal digits). `at`: UTC in ns."""
    value = axdr.structure(axdr.octets(old.encode()), axdr.enum(how), axdr.octets(date_time.encode(at)))
    yield from client.set(DISPOSAL, 1, 2, value)
