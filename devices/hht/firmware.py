"""The hand-held terminal's firmware: one visit from switching on to switching off.

It reads the meter over its optical head (UART `optical`) and lists the devices of the hub it is plugged into (UART `service`), as
client 16, which reads and writes nothing. What it read is on its display and in `report` until the visit ends; its flash
holds none of it at any time, so nothing is left to erase when it is switched off.
Not here: joining the HAN, writing, IEC 62056-21 sign-on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from devices.parts.deadline import Deadline
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import S
from devices.runtime.port import Port
from devices.runtime.tasks import Event
from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import hdlc
from protocols.dlms.client import Client
from protocols.dlms.meter import AsyncMeter
from protocols.dlms.server import PUBLIC_CLIENT

SERVER: Final = 1
PARAMETERS: Final = hdlc.Parameters(hdlc.Limits(512, 512, 1, 1))
SERIAL_NUMBER: Final = "0-0:96.1.0"
IMPORT: Final = "1-0:1.8.0"


@dataclass(frozen=True, slots=True)
class Config:
    """One terminal. `patience`: how long (ns) a device may take for one answer."""

    patience: int = 20 * S


class Line:
    """An HDLC connection as a task sees it: connect, exchange APDUs, disconnect. Raises RemoteProtocolError."""

    def __init__(self, owner: firmware.Firmware, port: Port, patience: int) -> None:
        self._owner = owner
        self._port = port
        self._patience = patience
        self._link = hdlc.ClientLink(PUBLIC_CLIENT, SERVER, PARAMETERS)
        self._answers: deque[Effect] = deque()
        self._news = Event()
        self._timer = Deadline(owner, lambda: self._link.deadline, lambda: self._apply(self._link.expire(owner.now)))
        port.on_receive = lambda data: self._apply(self._link.feed(data, owner.now))

    async def connect(self) -> None:
        """Set up the data link."""
        self._apply(self._link.connect(self._owner.now))
        await self._next(hdlc.Connected)

    async def exchange(self, apdu: bytes) -> bytes:
        """Send an APDU (nothing when it is empty) and await the next one."""
        if apdu:
            self._apply(self._link.request(apdu, self._owner.now))
        answer = await self._next(hdlc.Apdu)
        return answer.data if isinstance(answer, hdlc.Apdu) else b""

    async def disconnect(self) -> None:
        """Close the data link."""
        self._apply(self._link.disconnect(self._owner.now))
        await self._next(hdlc.Disconnected)

    async def _next(self, wanted: type[Effect]) -> Effect:
        try:
            with self._owner.timeout(self._patience):
                while not self._answers:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise RemoteProtocolError(f"{self._port.name}: no answer") from None
        found = self._answers.popleft()
        if not isinstance(found, wanted):
            raise RemoteProtocolError(f"{self._port.name}: {found}")
        return found

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._port.write(effect.data)
            elif isinstance(effect, hdlc.Connected | hdlc.Apdu | hdlc.Disconnected | hdlc.Failed):
                self._answers.append(effect)
                self._news.set()
        self._timer.arm()


class Firmware(firmware.Firmware):
    """The board has a battery, a display and the UARTs `optical` and `service`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.report: dict[str, object] | None = None
        """What was read, once both devices were: `meter`, `clock`, `import`, `devices`; `error` where it went wrong."""

    def boot(self, why: Reset) -> None:
        self.spawn(self._visit())

    async def _visit(self) -> None:
        found: dict[str, object] = {}
        for place, step in (("meter", self._meter), ("hub", self._hub)):
            self.board.display.show(["METERBENCH HHT", "", f"asking the {place}..."])
            try:
                await step(found)
            except RemoteProtocolError as error:
                found.setdefault("error", str(error))
        self.board.display.show(_face(found))
        self.report = found

    async def _meter(self, found: dict[str, object]) -> None:
        line = Line(self, self.board.uart("optical"), self.config.patience)
        await line.connect()
        async with AsyncMeter(line.exchange, Client(PUBLIC_CLIENT, SERVER)) as meter:
            serial = await meter.get(SERIAL_NUMBER, 1, 2)
            found["meter"] = bytes(serial.value).decode("ascii", "replace")
            clock = await meter.clock()
            found["clock"] = None if clock is None else clock.isoformat(timespec="seconds")
            found["import"] = str(await meter.register(IMPORT))
        await line.disconnect()

    async def _hub(self, found: dict[str, object]) -> None:
        line = Line(self, self.board.uart("service"), self.config.patience)
        await line.connect()
        async with AsyncMeter(line.exchange, Client(PUBLIC_CLIENT, SERVER)) as hub:
            names = await hub.names()
        found["devices"] = {str(sap): name.decode("ascii", "replace") for sap, name in sorted(names.items())}
        await line.disconnect()


def _face(found: dict[str, object]) -> list[str]:
    """The display: what a person wants to see first."""
    devices = found.get("devices")
    lines = [f"Meter {found.get('meter', '----')}", f"{found.get('clock') or '----'}", f"Import {found.get('import', '----')}"]
    if isinstance(devices, dict):
        lines += [f"{sap}: {name}" for sap, name in devices.items()]
    if "error" in found:
        lines += ["FAILED", str(found["error"])]
    return lines
