"""The firmware: counts pulses, keeps a half-hour log, and calls the head end at its times; as long as that lasts it can be asked.

A call: the modem is switched on and registers the meter's address, the clock is set by the network, a reading is taken, the server
listens, and a data notification says that it does. Once nobody has said anything for `QUIET`, or after `LONGEST`, the modem is off
again. A call that finds no network is made again after `AGAIN`, twice, and then in its time. What nobody asked for meanwhile is in
the log. Not here: other ways to the meter, tariffs, prepayment, firmware images.
"""

from __future__ import annotations

from typing import Final

from devices.parts.demand import Demand, gas
from devices.parts.dlms_access import Clients
from devices.parts.integrator import Integrator
from devices.parts.profile_log import HALF_HOUR, ProfileLog
from devices.parts.wan_server import WanServer
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.net import Host
from devices.runtime.tasks import Future
from devices.wan_gas.config import Config
from devices.wan_gas.objects import Objects, device_name
from protocols.dlms import wrapper
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.disconnect import ControlState
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.server import MANAGEMENT_CLIENT, Server

S: Final = 1_000_000_000
HOUR: Final = 3600 * S
DAY: Final = 24 * HOUR
SAP: Final = 1
QUIET: Final = 10 * S
LONGEST: Final = 120 * S
AGAIN: Final = 60 * S
TRIES: Final = 3
MOST_OFFSET: Final = 60
MOST_DAYS: Final = 0xFFFE
BUTTON: Final = "valve"
_INDEX: Final = "wan-gas/index"
_SPENT: Final = "wan-gas/spent"
_VALVE: Final = "wan-gas/valve"
_DEVICE: Final = "meter"


class Firmware(firmware.Firmware):
    """The board has a modem, a battery, a display, a button and flash for the log."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.calls = 0
        """Since boot, that found the network."""

    def boot(self, why: Reset) -> None:
        board, config = self.board, self.config
        index = board.nvm.get(_INDEX, {"litres": config.start_litres, "rest": 0, "at": None})
        self.valve = ControlState(board.nvm.get(_VALVE, ControlState.CONNECTED))
        self.litres: int = index["litres"]
        """The last reading."""
        self.reading_at: int | None = index["at"]
        """When it was taken: UTC (ns) on the meter's clock; None: it had no time."""
        self._booted = self.now
        self._life: int
        self._modem_on: int
        self._life, self._modem_on = board.nvm.get(_SPENT, [0, 0])
        self._on_since: int | None = None
        self._flow = Integrator(self.now, index["litres"], index["rest"])
        self._demand = Demand(gas(config.kwh_a_year), board.rng("gas"))
        self._used = 0
        self.log = ProfileLog(board.nvm)
        self._objects = Objects(self, config.destination, QUIET)
        clients = Clients(board, config.password, config.lab, {_DEVICE: config.supplier_secret})
        self._device = LogicalDevice(
            device_name(board.eui64), [*self._objects.listed, *clients.objects()], clients.associations(_DEVICE),
            security=clients.security, rng=clients.rng, on_change=clients.remember(_DEVICE),
        )  # fmt: skip
        self._server = Server({SAP: self._device})
        board.buttons.on_press = self._pressed
        self._next_level()
        self.every(HALF_HOUR, self._half_hour, align=True)
        self._read()
        self.spawn(self._live())

    @property
    def commissioned(self) -> bool:
        """It has called since boot."""
        return self.calls > 0

    # --- gas ---

    def _next_level(self) -> None:
        level = self._demand.next(self.board.rtc.read())
        self._used = level.value
        self._set_flow()
        self.after(level.duration, self._next_level)

    def _set_flow(self) -> None:
        self._flow.set(self._used if self.valve is ControlState.CONNECTED else 0, self.now)

    def _half_hour(self) -> None:
        rtc = self.board.rtc
        if rtc.valid:
            row = self.log.record(rtc.read(), self._flow.total(self.now))
            self._read(row)
            if row and (last := self.log.last) is not None:
                self._objects.log.add(last)

    def _read(self, beside: dict[str, object] | None = None) -> None:
        """Take a reading, with whatever goes into flash beside it."""
        litres, rest = self._flow.state(self.now)
        rtc = self.board.rtc
        at = rtc.read() if rtc.valid else None
        spent = [self._life + self.now - self._booted, self._modem_time]
        self.board.nvm.put({_INDEX: {"litres": litres, "rest": rest, "at": at}, _SPENT: spent, **(beside or {})})
        self.litres, self.reading_at = litres, at
        self.board.display.show([f"GAS {litres / 1000:.3f} m3", f"VALVE {self.valve.name}"])

    # --- the valve ---

    def shut(self) -> None:
        """Shut it."""
        self._move(ControlState.DISCONNECTED)

    def arm(self) -> None:
        """Let a hand at the meter open it."""
        if self.valve is ControlState.DISCONNECTED:
            self._move(ControlState.READY_FOR_RECONNECTION)

    def _pressed(self, button: str) -> None:
        if self.valve is ControlState.READY_FOR_RECONNECTION:
            self._move(ControlState.CONNECTED)

    def _move(self, state: ControlState) -> None:
        self.valve = state
        self._set_flow()
        self._read({_VALVE: int(state)})
        self.board.log("wan-gas.valve", {"state": state.name})

    # --- the calls ---

    async def _live(self) -> None:
        await self.sleep(self._offset)
        while True:
            for _ in range(TRIES):
                if await self._call():
                    break
                await self.sleep(AGAIN)
            await self.sleep(self.board.rtc.when_multiple(self.config.call_period) + self._offset - self.now)

    @property
    def _offset(self) -> int:
        return self.board.eui64 % MOST_OFFSET * S

    async def _call(self) -> bool:
        """Call, and answer for a while; False where there is no network."""
        modem = self.board.modem
        self._on_since = self.now
        try:
            host = await self._registered()
            if host is None:
                self.board.log("wan-gas.no-network", {})
                return False
            self.calls += 1
            self.board.rtc.set(modem.network_time())
            self._read()
            await self._answer(host)
        finally:
            modem.reset()
            self._modem_on += self.now - self._on_since
            self._on_since = None
        self._read()
        return True

    async def _registered(self) -> Host | None:
        found: Future[Host | None] = Future()
        self.board.modem.register(self.config.address, found.set_result)
        return await found

    async def _answer(self, host: Host) -> None:
        """Say that it listens, and do."""
        began = self.now
        server = WanServer(self.board.kernel, host, self._server)
        number = self.board.nvm.counter("push", step=16).next() & 0xFFFFFF
        apdu = self._device.notification(self._objects.push, number, date_time.encode(self.board.rtc.read()))
        stream = host.connect(*self.config.destination)
        stream.send(wrapper.wrap(SAP, MANAGEMENT_CLIENT, apdu))
        stream.finish()
        self.board.log("wan-gas.calling", {"litres": self.litres})
        while (left := min(server.last_heard + QUIET, began + LONGEST) - self.now) > 0:
            await self.sleep(left)
        stream.close()  # who was called may still have it open
        server.close()

    # --- the battery ---

    @property
    def _modem_time(self) -> int:
        """How long (ns) the modem was on, all boots together."""
        return self._modem_on + (0 if self._on_since is None else self.now - self._on_since)

    @property
    def days_left(self) -> int:
        """What is left of the cell, at the use so far; a first day counts as a whole one."""
        cell, life = self.config.cell, self._life + self.now - self._booted
        left = cell.capacity_mah * 1000 * HOUR - cell.sleep_ua * life - cell.modem_ua * self._modem_time
        daily = cell.sleep_ua * DAY + cell.modem_ua * self._modem_time * DAY // max(life, DAY)
        return max(0, min(left // daily, MOST_DAYS))
