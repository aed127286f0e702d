"""The load controller's firmware: joins, keeps the hub's time, obeys load control events, and lets a person opt out.

The button `opt` opts out of the event that runs, or else of the next one, and in again. The display tells the appliance's state.
Not here: a command of the meter to switch the load, as GB's HCALCS has it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from devices.load_controller.config import Config
from devices.load_controller.load import Load
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.identify import TEXT, Identifier
from devices.parts.keep_alive import TrustCentreWatch
from devices.parts.network_clock import NetworkClock
from devices.parts.screen import clock_line, line
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import HOUR, MIN
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import Left, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

DEVICE: Final = 0x0505
"""Smart Energy: load control device."""
OPT: Final = "opt"
_MAINS: Final = 1


class Firmware(firmware.Firmware):
    """The board has mains, a radio, a display of 24 columns and the button `opt`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    def boot(self, why: Reset) -> None:
        config = self.config
        self.han = Han(self, config.node(self.board.eui64, NodeType.END_DEVICE))
        self.clock = NetworkClock(self.han, most=None)
        endpoint = Endpoint(1, DEVICE)
        endpoint.serve(Basic, config.basic(_MAINS))
        endpoint.use(Time)
        if config.credentials:
            self.han.certify(endpoint, config.credentials)
        self.identifier = Identifier(self, endpoint, self._show)
        self.load = Load(self, self.han, endpoint, self.clock, config)
        self._trust_centre = TrustCentreWatch(self.han, endpoint)
        self.han.add(endpoint)
        self.han.on(Left, self._left)
        self.board.buttons.on_press = self._press
        self.every(MIN, self._show, align=True)
        self.spawn(self._live())

    @property
    def commissioned(self) -> bool:
        """It has joined, and knows the time."""
        return self.han.stack.joined and self.clock.reliable

    async def _live(self) -> None:
        await self.han.join()
        self.spawn(self._trust_centre.run())
        asked = False
        while True:
            pause = MIN
            with suppress(NoAnswer, Refused):
                if await self.clock.synchronise():
                    self.load.look()
                    pause = HOUR
                    if not asked:
                        asked = True
                        self.han.command(HUB, 1, DemandResponse.GetScheduledEvents(0, 0))
            await self.sleep(pause)

    def _left(self, left: Left) -> None:
        if not left.rejoin and not self.han.joining:
            self.spawn(self.han.join())

    def _press(self, button: str) -> None:
        if button == OPT:
            schedule = self.load.schedule
            entry = schedule.running or min(schedule.entries.values(), key=lambda each: each.start, default=None)
            self.load.choose(take_part=entry is not None and entry.opted_out)
            self._show()

    def _show(self) -> None:
        running = self.load.schedule.running
        word = "none" if running is None else "opted out" if running.opted_out else "saving"
        self.board.display.show([
            clock_line(self.clock.utc),
            line(_word(self.config.appliance.name), "ON" if self.load.closed else "OFF"),
            line("event", word),
            TEXT if self.identifier.left else "",
        ])  # fmt: skip


def _word(name: str | None) -> str:
    return (name or "load").replace("_", " ")
