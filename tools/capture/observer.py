"""Observers of the event log that make captures: a pcapng file, and frames live over ZEP.

They look on and change nothing, so a run with a capture has the digest of one without. Radio frames become 802.15.4-TAP
packets, an interface for each home's air; octets on wires, on the wide-area network and from outside become data packets,
an interface for each port, network or endpoint (Wireshark has no DLMS dissector of its own).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from devices.runtime.air import OnAir
from devices.runtime.kernel import Kernel
from devices.runtime.log import Data
from tools.capture import tap, zep
from tools.capture.pcapng import LINK_TAP, LINK_UPPER_PDU, Writer
from tools.errors import BadInput

_DISSECTOR_NAME, _PROTOCOL_COLUMN = 12, 33
"""Tags of a Wireshark upper PDU: who dissects it, and what its protocol column says."""


def _as_data(column: str) -> bytes:
    """The upper-PDU header that has the octets behind it shown as plain data."""
    tags = b""
    for tag, text in ((_DISSECTOR_NAME, b"data"), (_PROTOCOL_COLUMN, column.encode())):
        padded = text + bytes(-len(text) % 4)
        tags += struct.pack(">HH", tag, len(padded)) + padded
    return tags + bytes(4)


_DLMS = _as_data("DLMS")


class Capture:
    """Writes what happens on all links of a run to a pcapng file, until closed. A file that is there is replaced."""

    def __init__(self, path: Path, kernel: Kernel, comment: str) -> None:
        """`comment` is for the file header: how to make this run again. Raises BadInput when the file cannot be written."""
        try:
            self._file = path.open("wb", buffering=1 << 18)
        except OSError as error:
            raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
        self._kernel = kernel
        self._writer = Writer(self._file, comment)
        self._interfaces: dict[str, int] = {}
        self._leave: list[Callable[[], None]] = [
            kernel.log.subscribe(self._on_air, ["air.frame"]),
            kernel.log.subscribe(self._on_wire, ["wire"]),
            kernel.log.subscribe(self._on_net, ["net.data"]),
            kernel.log.subscribe(self._on_input, ["input.data"]),
        ]

    @property
    def packets(self) -> int:
        """How many have been written."""
        return self._writer.packets

    def close(self) -> None:
        """Finish the file."""
        for leave in self._leave:
            leave()
        self._leave.clear()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _on_air(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        frame = OnAir.unpack(data)
        interface = self._interface(LINK_TAP, f"{who.partition('/')[0]}/air", "802.15.4 radio")
        packet = tap.Packet(frame.psdu, frame.channel, page=frame.page).build()
        self._writer.packet(interface, self._kernel.start_ns + frame.start, packet)

    def _on_wire(self, now: int, who: str, kind: str, data: Data) -> None:
        self._octets(now, who, "serial port, octets that it sends", data, "")

    def _on_net(self, now: int, who: str, kind: str, data: Data) -> None:
        self._octets(now, "net", "wide-area network", data, who)

    def _on_input(self, now: int, who: str, kind: str, data: Data) -> None:
        self._octets(now, who, "from outside", data, "")

    def _octets(self, now: int, link: str, description: str, data: Data, comment: str) -> None:
        assert isinstance(data, bytes)
        interface = self._interface(LINK_UPPER_PDU, link, description)
        self._writer.packet(interface, self._kernel.start_ns + now, _DLMS + data, comment)

    def _interface(self, link_type: int, name: str, description: str) -> int:
        number = self._interfaces.get(name)
        if number is None:
            number = self._interfaces[name] = self._writer.interface(link_type, name, description)
        return number


def stream_zep(kernel: Kernel, sender: zep.Sender) -> Callable[[], None]:
    """Send every 2.4 GHz frame on the air to a sniffer as it happens. Returns what ends it."""
    devices: dict[str, int] = {}

    def on_air(now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        frame = OnAir.unpack(data)
        device = devices.setdefault(who, len(devices) + 1)
        sender.send(frame.psdu, frame.channel, device, kernel.start_ns + frame.start)

    return kernel.log.subscribe(on_air, ["air.frame"])
