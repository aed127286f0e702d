"""The electricity meter on the hub's serial port where that speaks IEC 62056-21 (FLAG): the hub reads it as a hand-held unit does.

On the WAN the meter is a logical device of the hub's making (`flag_table`), at the meter's SAP and under a name from its EUI-64. An
association that begins has the meter read out first, unless that was done within a minute; requests wait for it. A meter in mode C
has its clock set daily, in programming mode, under the password; modes A and B read out and nothing else. In mode D the hub says
nothing: the meter speaks by itself, and what it said within a minute is what it has. A meter that has never answered is not there:
what is asked of it is dropped. One that has, and does not now, answers every item with a temporary failure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.runtime.kernel import DAY, MIN
from devices.runtime.port import Port
from hubfw.flag_table import Readout, objects
from hubfw.hub_device import device_name
from hubfw.meter import Meter
from protocols.core.effects import Effect, Send
from protocols.dlms import wrapper
from protocols.dlms.cosem import date_time
from protocols.dlms.server import LogicalDevice, Server, Session
from protocols.iec62056_21 import Baud, DataSet, Denied, Done, Failed, HandHeldUnit, Identified, Mode, Opened, Purpose, ReadOut
from protocols.iec62056_21.hand_held_unit import State
from protocols.iec62056_21.push import Listener
from protocols.iec62056_21.rates import INITIAL, PUSHED

if TYPE_CHECKING:
    from devices.parts.dlms_access import Clients
    from devices.runtime.firmware import Firmware

MANAGEMENT: Final = 1
FRESH: Final = MIN
"""How long a readout will do."""
TRY_AGAIN: Final = MIN
"""After a clock that was not set."""
WAITING: Final = 8
SESSIONS: Final = 8
"""Client addresses at a time; the oldest one makes room."""
CLOCK: Final = "0-0:1.0.0"
_DEVICE: Final = "flag"
_AARQ: Final = b"\x60"
_RLRE: Final = b"\x63"


class Flag:
    """The path to the meter on a port."""

    def __init__(
        self, firmware: Firmware, port: Port, meter: Meter, clients: Clients, password: bytes, baud: int, *, push: bool = False
    ) -> None:
        self.readout: Readout | None = None
        self.dropped = 0
        """Requests that were too many, or for a meter that has never answered."""
        self._firmware = firmware
        self._port = port
        self._meter = meter
        self._baud = baud
        self._password = password.decode("ascii", "replace")
        device = LogicalDevice(
            device_name(meter.eui64),
            [*clients.objects(), *objects(lambda: self.readout)],
            clients.associations(_DEVICE),
            security=clients.security,
            rng=clients.rng,
            on_change=clients.remember(_DEVICE),
        )
        self._server = Server({MANAGEMENT: device})
        self._sessions: dict[int, Session] = {}
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._unit: HandHeldUnit | None = None
        self._purpose = Purpose.READOUT
        self._then: Purpose | None = None
        """What the line is wanted for next."""
        self._known = False
        self._read_at: int | None = None
        self._mode: Mode | None = None
        self._admitted = False
        self._timer = Deadline(firmware, self._deadline, self._expire)
        self._listener = Listener() if push else None
        port.on_receive = self._received
        if push:
            port.baud = PUSHED
        else:
            firmware.after(TRY_AGAIN, self._set_clock)

    # --- the WAN's side ---

    def send(self, client: int, apdu: bytes) -> None:
        """An APDU for the meter, from a client address."""
        if len(self._waiting) >= WAITING:
            self._drop("too many requests wait")
            return
        self._waiting.append((client, apdu))
        if self._listener is not None:
            self.readout = self.readout if self._fresh else None
        elif apdu[:1] == _AARQ and not self._fresh and not self._reading:
            self._want(Purpose.READOUT)
        self._serve()

    @property
    def _fresh(self) -> bool:
        return self._read_at is not None and self._firmware.now - self._read_at < FRESH

    @property
    def _reading(self) -> bool:
        return Purpose.READOUT in (self._then, None if self._unit is None else self._purpose)

    def _serve(self) -> None:
        while self._waiting and not self._reading:
            client, apdu = self._waiting.popleft()
            if not self._known:
                self._drop("the meter has never answered")
                continue
            for answer in self._session(client).receive(apdu, self._firmware.now):
                self._meter.received(client, answer)
                if answer[:1] == _RLRE:
                    self._sessions.pop(client).close()

    def _session(self, client: int) -> Session:
        if client not in self._sessions:
            if len(self._sessions) >= SESSIONS:
                self._sessions.pop(next(iter(self._sessions))).close()
            session = self._server.session(client, MANAGEMENT, wrapper.LARGEST_APDU)
            assert session is not None  # the server has this one device
            self._sessions[client] = session
        return self._sessions[client]

    def _drop(self, reason: str) -> None:
        self.dropped += 1
        self._firmware.board.log("meter.dropped", {"eui64": self._meter.eui64, "reason": reason})

    # --- the line ---

    def _want(self, purpose: Purpose) -> None:
        """Have the line for a purpose, now or when it is free."""
        if self._unit is not None:
            self._then = purpose
            return
        self._purpose = purpose
        self._admitted = False
        self._unit = HandHeldUnit(purpose, rate=self._baud)
        self._port.baud = INITIAL
        self._apply(self._unit.sign_on(self._firmware.now))

    def _received(self, data: bytes) -> None:
        if self._unit is not None:
            self._apply(self._unit.feed(data, self._firmware.now))
        for push in () if self._listener is None else self._listener.feed(data):
            self._heard(push.data_sets)

    def _heard(self, data_sets: Iterable[DataSet]) -> None:
        self.readout = Readout.of(data_sets)
        self._known = True
        self._read_at = self._firmware.now

    def _deadline(self) -> int | None:
        return None if self._unit is None else self._unit.deadline

    def _expire(self) -> None:
        if self._unit is not None:
            self._apply(self._unit.expire(self._firmware.now))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._port.write(data)
                case Baud(rate=rate):
                    self._port.baud = rate
                case Identified(identification=identification):
                    self._mode = identification.mode
                case ReadOut(data_sets=data_sets):
                    self._heard(data_sets)
                    self._over()
                case Opened() if self._unit is not None:
                    self._apply(self._unit.password(self._password, self._firmware.now))
                case Done():
                    self._done()
                case Denied(error=reason) | Failed(reason=reason):
                    self._failed(reason)
        self._timer.arm()

    def _failed(self, reason: str) -> None:
        self._firmware.board.log("flag.failed", {"eui64": self._meter.eui64, "purpose": self._purpose.name, "reason": reason})
        if self._purpose is Purpose.READOUT:
            self.readout = None
        else:
            self._firmware.after(DAY if self._mode in (Mode.A, Mode.B) else TRY_AGAIN, self._set_clock)
        self._over()

    def _over(self) -> None:
        unit, self._unit = self._unit, None
        if unit is not None and unit.state is State.READY:
            self._apply(unit.sign_off(self._firmware.now))
        then, self._then = self._then, None
        if then is not None:
            self._want(then)
        self._serve()

    # --- the clock ---

    def _set_clock(self) -> None:
        if self._firmware.board.rtc.valid:
            self._want(Purpose.PROGRAMMING)
        else:
            self._firmware.after(TRY_AGAIN, self._set_clock)

    def _done(self) -> None:
        """The password is accepted, or after it the clock is set."""
        if self._unit is None:
            return
        if self._admitted:
            self._firmware.after(DAY, self._set_clock)
            self._over()
            return
        self._admitted = True
        now = date_time.to_datetime(self._firmware.board.rtc.read())
        self._apply(self._unit.write(DataSet.of(CLOCK, f"{now:%y%m%d%H%M%S}"), self._firmware.now))
