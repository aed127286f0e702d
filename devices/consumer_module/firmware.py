"""The consumer module's firmware: coordinator and trust centre of a network on which there are consumer devices and no meter.

It sits in the hub, has a radio, a network key and an identity of its own, and gets from the hub, on the UART `feed`, lines of what
may be known outside: time, readings, price. It writes nothing there, and the hub reads nothing: a consumer device, whatever it does
to the module, has no way to a meter. What it serves is a copy:

    endpoint 1  Time, Price (the price in force), Keep-Alive
    endpoint 2  electricity
    endpoint 3  gas; of more gas meters 4 and up

A line is {"utc": seconds, "electricity": [unit, multiplier, divisor, register, demand], "gas": [[unit, multiplier, divisor,
register, ZigBee time of the reading], a meter each], "price": PublishPrice in hexadecimal digits}; what is not known is null. What
is older than three minutes is not served any more. Not here: messages, tariffs with tiers and blocks, firmware updates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from devices.consumer_module.config import Config
from devices.parts.han import Han
from devices.parts.keep_alive import BASE, JITTER
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import MIN, S, Timer
from protocols.core.errors import DecodeError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.keep_alive import KeepAlive
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import Time, TimeStatus, seconds
from protocols.zigbee.node import DeviceAnnounced, Message, NodeConfig, NodeType
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

FEED: Final = "feed"
ESI: Final = 0x0500
METERING_DEVICE: Final = 0x0501
PERMIT: Final = 254
"""Seconds."""
RENEW: Final = 240 * S
STALE: Final = 3 * MIN
LONGEST_LINE: Final = 1024
FIRST_GAS: Final = 3
MOST_GAS: Final = 4
_UNKNOWN_TIME: Final = 0xFFFFFFFF
_ELECTRICITY: Final[Sequence[Attribute[Any]]] = (
    Metering.unit_of_measure, Metering.multiplier, Metering.divisor,
    Metering.current_summation_delivered, Metering.instantaneous_demand,
)  # fmt: skip
_GAS: Final[Sequence[Attribute[Any]]] = (*_ELECTRICITY[:4], Metering.reading_snapshot_time)


class Firmware(firmware.Firmware):
    """The board has a radio and the UART `feed`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    def boot(self, why: Reset) -> None:
        board = self.board
        self._line = b""
        self._price: Price.PublishPrice | None = None
        self._stale: Timer | None = None
        self._guests = {guest.eui64: None for guest in self.config.guests}
        self.han = Han(self, NodeConfig(
            board.eui64, NodeType.COORDINATOR, channels=(self.config.channel,), extended_pan_id=board.eui64,
            certified=bool(self.config.credentials),
        ))  # fmt: skip
        self.han.heeds = self._invited
        self.han.on(DeviceAnnounced, lambda announced: self._permit())
        endpoint = Endpoint(1, ESI)
        endpoint.serve(Basic, {
            Basic.zcl_version: 8, Basic.manufacturer_name: "meterbench", Basic.model_identifier: "consumer module",
        })  # fmt: skip
        endpoint.serve(Time, {
            Time.time: lambda: seconds(board.rtc.read()) if board.rtc.valid else _UNKNOWN_TIME,
            Time.time_status: lambda: TimeStatus.MASTER | TimeStatus.SYNCHRONIZED if board.rtc.valid else 0,
        })  # fmt: skip
        endpoint.serve(KeepAlive, {KeepAlive.keep_alive_base: BASE, KeepAlive.keep_alive_jitter: JITTER})
        endpoint.serve(Price).on(Price.GetCurrentPrice, self._current_price)
        if self.config.credentials:
            self.han.certify(endpoint, self.config.credentials)
        self.han.add(endpoint)
        self._electricity = self._meter(2, DeviceType.MIRRORED_ELECTRIC)
        self._gas = [self._meter(FIRST_GAS, DeviceType.MIRRORED_GAS)]
        self.han.form()
        for guest in self.config.guests:
            self.han.stack.trust_centre.add(guest.eui64, guest.install_code)
        self.every(RENEW, self._permit)
        self._permit()
        board.uart(FEED).on_receive = self._fed

    @property
    def missing(self) -> list[int]:
        """EUI-64s of the guests that have not come yet."""
        return [eui64 for eui64 in self._guests if self.han.stack.address_of(eui64) is None]

    def _permit(self) -> None:
        self.han.apply(self.han.stack.permit(PERMIT if self.missing else 0, self.han.now))

    def _invited(self, message: Message) -> bool:
        return message.source_eui64 in self._guests

    # --- what is served ---

    def _meter(self, number: int, kind: DeviceType) -> Instance:
        endpoint = Endpoint(number, METERING_DEVICE)
        server = endpoint.serve(Metering, {Metering.metering_device_type: kind})
        self.han.add(endpoint)
        return server

    def _current_price(self, command: Price.GetCurrentPrice, request: Request) -> Outcome:
        return Status.NOT_FOUND if self._price is None else self._price

    # --- what the hub tells ---

    def _fed(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[-LONGEST_LINE:]
        for line in lines:
            try:
                told = json.loads(line)
                self._take(told["utc"], told["electricity"], told["gas"], told["price"])
            except (ValueError, KeyError, TypeError, DecodeError):
                self.board.log("consumer.bad-line", {"octets": len(line)})

    def _take(self, utc: int, electricity: list[int] | None, gas: list[list[int] | None], price: str | None) -> None:
        self.board.rtc.set(utc * S)
        _copy(self._electricity, _ELECTRICITY, electricity)
        while len(self._gas) < min(len(gas), MOST_GAS):
            self._gas.append(self._meter(FIRST_GAS + len(self._gas), DeviceType.MIRRORED_GAS))
        for server, values in zip_longest(self._gas, gas[:MOST_GAS]):
            _copy(server, _GAS, values)
        self._price = None if price is None else Price.PublishPrice.parse(bytes.fromhex(price))
        if self._stale is not None:
            self._stale.cancel()
        self._stale = self.after(STALE, self._forget)

    def _forget(self) -> None:
        """Nothing was heard of the hub for long."""
        _copy(self._electricity, _ELECTRICITY, None)
        for server in self._gas:
            _copy(server, _GAS, None)
        self._price = None


def _copy(server: Instance, attributes: Sequence[Attribute[Any]], values: list[int] | None) -> None:
    if values is not None and len(values) != len(attributes):
        raise ValueError("a reading of another length")
    kind = server[Metering.metering_device_type]
    server.values.clear()
    server[Metering.metering_device_type] = kind
    for attribute, value in zip(attributes, values or (), strict=False):
        server[attribute] = value
