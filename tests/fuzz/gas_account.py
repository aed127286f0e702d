"""Fuzz target: what a client writes to, or calls of, the gas meter's account at the hub, and what the meter answers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from hubfw.gas_mirror import Reading
from hubfw.translation import Gas
from hubfw.translation_account import CALLS, CELLS, account_objects
from hubfw.translation_payments import LOGS, Payments
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Clock, InterfaceClass
from protocols.zigbee.clusters.mirror import Flag, Scheme
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.mirror.notification import Notifications
from protocols.zigbee.zcl.cluster import SERVER
from tests.fuzz.target import target

ANSWERS: tuple[type[Frame], ...] = (Prepayment.ConsumerTopUpResponse, *(log.answer for log in LOGS))
_READING = Reading({(Prepayment.id, each): 1 for each in Prepayment.attributes[SERVER]}, 0)
_VALUES = (
    axdr.u8(1), axdr.u16(3_600), axdr.u32(3_600), axdr.i8(0), axdr.i32(-(1 << 31)), axdr.i32(100_000), axdr.octets(b"7" * 20),
    axdr.octets(bytes.fromhex("07EA010EFF0C000000800000")), axdr.structure(axdr.enum(2), axdr.enum(1)),
    axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(1_000))]),
    axdr.structure(axdr.structure(axdr.i8(0), axdr.i8(-5)), axdr.structure(axdr.u16(0), axdr.octets(bytes(6)), axdr.i8(0)),
                   axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(7))])),
)  # fmt: skip


class _Mirrors:
    """Of one meter that reports everything as 1."""

    def __init__(self) -> None:
        self.mirror = SimpleNamespace(gas=SimpleNamespace(reading=_READING), scheme=Scheme.B)
        self.notifications = Notifications()

    def of(self, eui64: int) -> object:
        return self.mirror

    def hold(self, eui64: int, flag: Flag, command: Frame) -> None:
        self.notifications.hold(flag, command)

    def held(self, eui64: int) -> list[Frame]:
        return [each for held in self.notifications.held.values() for each in held.values()]


class _Store(dict[str, object]):
    put = dict.update


@cache
def _proxy() -> tuple[Gas, Payments, list[InterfaceClass]]:
    """Made once: what waits is taken away before each input."""
    rtc = SimpleNamespace(valid=True, read=lambda: EPOCH * 1_000_000_000)
    board = SimpleNamespace(nvm=_Store(), rtc=rtc, log=lambda kind, data: None)
    gas = Gas(cast("Any", board), 1, cast("Any", _Mirrors()), cast("Any", None))
    payments = Payments(gas, Clock("0-0:1.0.0", time=bytes(12)))
    return gas, payments, [*account_objects(gas), payments.gateway]


def _seeds() -> Iterable[bytes]:
    """An object, a member (from 0x80 on a method), a value; or 0xFF, which answer, and its octets."""
    _, _, objects = _proxy()
    places = {thing.name: number for number, thing in enumerate(objects)}
    members = [(places[cell.name], cell.member.number) for cell in CELLS if cell.write is not None]
    members += [(places[call.name], 0x80 | call.method.number) for call in CALLS] + [(len(objects) - 1, 0x81)]
    for place, member in members:
        for value in _VALUES:
            yield bytes((place, member)) + value.build()
    yield bytes((0xFF, 0)) + Prepayment.ConsumerTopUpResponse(0x10, 5, 0, 6).build()
    yield bytes((0xFF, 1)) + bytes((0, 1, 2)) + b"77" + bytes(8)
    yield bytes((0xFF, 3)) + Prepayment.PublishPrepaySnapshot(1, 5, 1, 0, 1, 1, 0, bytes(24)).build()


@target("gas-account", _seeds)
def _account(octets: bytes) -> None:
    """Twice the same: what waits can be sent, and no more waits than there is room for; a refusal leaves nothing behind."""
    if len(octets) < 2:
        return
    gas, payments, objects = _proxy()
    cast("_Mirrors", gas._mirrors).notifications = Notifications()
    place, member = octets[:2]
    if place == 0xFF:
        payments.answered(ANSWERS[member % len(ANSWERS)].parse(octets[2:]))
        for thing in payments.objects:
            with suppress(AccessError):
                thing.read(2).build()
        return
    value, thing = Data.parse(octets[2:]), objects[place % len(objects)]
    for _ in range(9):
        before = list(gas.pending)
        try:
            if member & 0x80:
                thing.invoke(member & 0x7F, value)
            else:
                thing.write(member, value)
        except RemoteProtocolError:
            assert gas.pending == before
    for command in gas.pending:
        assert type(command).parse(command.build()) == command
    assert len(gas.pending) <= 8
