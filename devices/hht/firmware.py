"""The hand-held terminal's firmware: one visit from switching on to switching off.

It reads the meter over its optical head (UART `optical`) and lists the devices of the hub it is plugged into (UART `service`), as
client 16, which reads and writes nothing. Without any wire, where it has certificates, it is let into the home's network
instead (`network_visit`). What it read is on its display and in `report` until the visit ends; its flash holds none of it at any
time, so nothing is left to erase when it is switched off. Its buttons `fetch`, `deliver` and `discard` are for a hub's backup
(`carrier`), the only thing it ever stores.
Not here: writing, IEC 62056-21 sign-on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.dlms_port import PARAMETERS
from devices.parts.screen import COLUMNS, STALE, line
from devices.parts.swap_client import ENGINEER
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import DAY, S
from devices.runtime.port import Port
from devices.runtime.tasks import Event
from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import hdlc
from protocols.dlms.client import Client
from protocols.dlms.cosem import AccessError
from protocols.dlms.hdlc.client import State
from protocols.dlms.meter import AsyncMeter
from protocols.dlms.server import MANAGEMENT_SAP, PUBLIC_CLIENT
from protocols.zigbee.key_establishment.certificates import Credentials

if TYPE_CHECKING:
    from devices.hht.carrier import Carrier
    from devices.hht.network_visit import NetworkVisit
    from devices.parts.han import Han

TITLE: Final = "METERBENCH HHT"
SERIAL_NUMBER: Final = "0-0:96.1.0"
IMPORT: Final = "1-0:1.8.0"

Questions = Callable[[AsyncMeter, dict[str, object]], Awaitable[None]]
"""What is asked of a device, and where the answers go."""


@dataclass(frozen=True, slots=True)
class Config:
    """One terminal. `patience`: how long (ns) a device may take for one answer."""

    patience: int = 20 * S
    install_code: bytes = field(default=b"", repr=False)
    """With its CRC."""
    network: int | None = None
    """What the engineer reads off the hub: its network's extended PAN identifier."""
    credentials: tuple[Credentials, ...] = ()
    password: bytes = field(default=b"", repr=False)
    """Of the engineer's client at hubs; empty: it carries no backups."""
    retention: int = 3 * DAY
    """How long (ns) it carries a backup at most."""


class Line:
    """An HDLC connection as a task sees it: connect, exchange APDUs, disconnect. Raises RemoteProtocolError."""

    def __init__(self, owner: firmware.Firmware, port: Port, patience: int, client: int = PUBLIC_CLIENT) -> None:
        self._owner = owner
        self._port = port
        self._patience = patience
        self._link = hdlc.ClientLink(client, MANAGEMENT_SAP, PARAMETERS)
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
        if apdu and not self._answers:  # what came unasked is the end of the link
            self._apply(self._link.request(apdu, self._owner.now))
        elif not self._answers and self._link.state is State.CONNECTED:
            self._apply(self._link.poll(self._owner.now))
        answer = await self._next(hdlc.Apdu)
        return answer.data if isinstance(answer, hdlc.Apdu) else b""

    async def disconnect(self) -> None:
        """Close the data link."""
        if not self._answers:
            self._apply(self._link.disconnect(self._owner.now))
        await self._next(hdlc.Disconnected)

    async def _next(self, wanted: type[Effect]) -> Effect:
        try:
            with self._owner.timeout(self._patience):
                while not self._answers:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise RemoteProtocolError("no answer") from None
        found = self._answers.popleft()
        if not isinstance(found, wanted):
            raise RemoteProtocolError(found.reason if isinstance(found, hdlc.Failed) else "the connection was closed")
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
        """What was read, once both devices were asked: `meter`, `clock`, `import`, `devices`; in `errors` what went wrong.

        Over the radio: `networks`, `hub`, `clock` (seconds of UTC), `meters`.
        """
        self.over_radio: NetworkVisit | None = None
        self.carrier: Carrier | None = None
        self.errand: str | None = None
        """What became of the button that was pressed last; None while it is at work, or none was."""
        self._busy = False

    def boot(self, why: Reset) -> None:
        if self.config.password:
            self._carry()
        wired = any(self.board.uart(port).occupied for port in ("optical", "service"))
        self.spawn(self._visit() if wired or not self.config.credentials else self._radio_visit())

    def _carry(self) -> None:
        from devices.hht.carrier import Carrier  # loaded for terminals that carry backups only

        self.carrier = Carrier(self, lambda: Line(self, self.board.uart("service"), self.config.patience, ENGINEER))
        self.carrier.start()
        self.board.buttons.on_press = self._pressed

    def _pressed(self, button: str) -> None:
        if not self._busy and self.carrier is not None:
            self._busy, self.errand = True, None
            self.spawn(self._run(button, self.carrier))

    async def _run(self, button: str, carrier: Carrier) -> None:
        while self.report is None:  # the port is the visit's until it has read
            await self.sleep(S)
        try:
            if button == "discard":
                carrier.discard()
                self.errand = "DISCARDED"
            else:
                hub = await (carrier.fetch() if button == "fetch" else carrier.deliver())
                self.errand = f"{'FETCHED' if button == 'fetch' else 'DELIVERED'} {hub}"
        except (RemoteProtocolError, LocalProtocolError, AccessError) as error:
            self.errand = f"FAILED: {error}"
        self._busy = False
        self.board.display.show([TITLE, *wrap(self.errand, COLUMNS)])

    @property
    def han(self) -> Han | None:
        """Its place on the network, on a visit over the radio."""
        return None if self.over_radio is None else self.over_radio.han

    async def _radio_visit(self) -> None:
        from devices.hht.network_visit import NetworkVisit  # loaded for visits by radio only

        self.over_radio = NetworkVisit(self, self.config)
        found: dict[str, object] = {}
        errors: dict[str, str] = {}
        self.board.display.show([TITLE, "", "looking for the hub..."])
        try:
            await self.over_radio.make(found)
        except RemoteProtocolError as error:
            errors["network"] = str(error)
        self.board.display.show(_radio_face(found, errors))
        self.report = {**found, "errors": errors} if errors else found

    async def _visit(self) -> None:
        found: dict[str, object] = {}
        errors: dict[str, str] = {}
        for port, what, ask in (("optical", "meter", self._meter), ("service", "hub", self._hub)):
            self.board.display.show([TITLE, "", f"asking the {what}..."])
            try:
                await self._ask(port, ask, found)
            except RemoteProtocolError as error:
                errors[what] = str(error)
        self.board.display.show(_face(found, errors))
        self.report = {**found, "errors": errors} if errors else found

    async def _ask(self, port: str, ask: Questions, found: dict[str, object]) -> None:
        link = Line(self, self.board.uart(port), self.config.patience)
        await link.connect()
        async with AsyncMeter(link.exchange, Client(PUBLIC_CLIENT, MANAGEMENT_SAP)) as device:
            await ask(device, found)
        await link.disconnect()

    async def _meter(self, meter: AsyncMeter, found: dict[str, object]) -> None:
        serial = await meter.get(SERIAL_NUMBER, 1, 2)
        found["meter"] = _text(serial.value)
        clock = await meter.clock()
        found["clock"] = None if clock is None else clock.isoformat(timespec="seconds")
        found["import"] = str(await meter.register(IMPORT))

    async def _hub(self, hub: AsyncMeter, found: dict[str, object]) -> None:
        names = await hub.names()
        found["devices"] = {str(sap): _text(name) for sap, name in sorted(names.items())}


def _text(value: object) -> str:
    """Octets of a device for people, whatever they are."""
    if not isinstance(value, bytes):
        raise RemoteProtocolError(f"octets expected, not {value!r:.40}")
    return "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in value)


def _radio_face(found: Mapping[str, object], errors: Mapping[str, str]) -> list[str]:
    lines = [TITLE, line("HUB", str(found.get("hub", STALE)))]
    for what, reason in errors.items():
        lines += wrap(f"{what.upper()} FAILED: {reason}", COLUMNS)
    meters = found.get("meters")
    if isinstance(meters, dict):
        lines.append(line("METERS", str(len(meters))))
    return lines


def _face(found: Mapping[str, object], errors: Mapping[str, str]) -> list[str]:
    """The display: what a person wants to see first."""
    clock = str(found.get("clock") or STALE)
    lines = [
        line("METER", str(found.get("meter", STALE))),
        line("", clock[: len("2026-01-14T02:00:00")].replace("T", " ")),
        line("IMPORT", str(found.get("import", STALE))),
    ]
    for what, reason in errors.items():
        lines += wrap(f"{what.upper()} FAILED: {reason}", COLUMNS)
    devices = found.get("devices")
    if isinstance(devices, dict):
        lines += [line(sap, name) for sap, name in devices.items()]
    return lines
