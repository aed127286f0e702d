"""How radio messages get from one process to the other: the two ends of a carrier, and which link spelling makes which.

A device's carrier is up when the medium can be reached, and comes up again by itself. A medium's carrier puts devices on
their seats. All of one event loop. TCP is in tools.air.tcp, MQTT in tools.air.mqtt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from devices.runtime.journal import Happening
from tools.air import messages
from tools.air.seat import Seat
from tools.errors import BadInput
from tools.links.spec import LinkSpec

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between attempts to reach the medium: doubled each time."""


@dataclass(slots=True)
class User:
    """Who a device's carrier tells."""

    on_up: Callable[[], None]
    on_down: Callable[[str], None]
    """With the reason in one line; also for an attempt that failed."""
    on_message: Callable[[bytes], None]


class DeviceCarrier(Protocol):
    """A device's end."""

    async def run(self, user: User) -> None:
        """Reach the medium, and again, until cancelled."""

    def send(self, message: bytes) -> None:
        """One message; nowhere while the medium cannot be reached."""


class MediumCarrier(Protocol):
    """The medium's end."""

    spelling: str
    """What devices are told to reach it; known once started."""

    async def start(self) -> None:
        """Let devices come. Raises BadInput, LinkDown."""

    async def stop(self) -> None:
        """Let all go."""


class Seats:
    """The seats of a medium, by EUI-64, and who sits on them. `feed` puts a happening into the run."""

    def __init__(
        self, seats: Mapping[int, Seat], feed: Callable[[str, Happening, bytes], None], on_change: Callable[[Seat, bool], None]
    ) -> None:
        self._seats = seats
        self._feed = feed
        self._on_change = on_change

    def get(self, eui64: int) -> Seat | None:
        """The seat of a device; None: there is no such device."""
        return self._seats.get(eui64)

    def refusal(self, message: bytes) -> bytes:
        """What is said to a device that has no seat. Raises RemoteProtocolError: it says nothing that could be answered."""
        life = messages.request(message).life
        return messages.Refuse(life, 0, messages.REFUSALS.index(messages.Refusal.OTHER_BENCH)).build()

    def all(self) -> tuple[Seat, ...]:
        """Every seat."""
        return tuple(self._seats.values())

    def take(self, seat: Seat, output: Callable[[bytes], object], on_end: Callable[[str], object]) -> None:
        """Somebody sits down; who sat there before goes."""
        before = seat.slot.on_end
        self.leave(seat)
        if before is not None:
            before("another process took this device's place")
        seat.slot.taken = True
        seat.slot.on_output, seat.slot.on_end = output, on_end
        self._feed(seat.slot.endpoint, Happening.OPEN, b"")
        self._on_change(seat, True)

    def message(self, seat: Seat, message: bytes) -> None:
        """What the device on this seat says."""
        self._feed(seat.slot.endpoint, Happening.DATA, message)

    def leave(self, seat: Seat) -> None:
        """The device is gone. Harmless when nobody sits there."""
        if seat.slot.taken:
            seat.slot.taken = False
            seat.slot.on_output = seat.slot.on_end = None
            self._feed(seat.slot.endpoint, Happening.CLOSE, b"")
            self._on_change(seat, False)


_DEVICES = {"tcp": ("tools.air.tcp", "TcpDevice"), "mqtt": ("tools.air.mqtt", "MqttDevice")}
_MEDIA = {"tcp-listen": ("tools.air.tcp", "TcpMedium"), "mqtt": ("tools.air.mqtt", "MqttMedium")}


def device_carrier(spec: LinkSpec, eui64: int) -> DeviceCarrier:
    """A device's end of `tcp:HOST:PORT` or `mqtt://HOST/ROOT`. Raises BadInput."""
    return cast("Callable[[LinkSpec, int], DeviceCarrier]", _load(_DEVICES, spec, "reach a medium"))(spec, eui64)


def medium_carrier(spec: LinkSpec, seats: Seats) -> MediumCarrier:
    """The medium's end on `tcp-listen:PORT` or `mqtt://HOST/ROOT`. Raises BadInput."""
    return cast("Callable[[LinkSpec, Seats], MediumCarrier]", _load(_MEDIA, spec, "serve a medium"))(spec, seats)


def _load(table: Mapping[str, tuple[str, str]], spec: LinkSpec, use: str) -> object:
    if spec.scheme not in table:
        raise BadInput(f'link "{spec}" cannot {use}; these can: {", ".join(table)}')
    module, name = table[spec.scheme]
    return getattr(import_module(module), name)
