"""Auxiliary load switches of an electricity meter: in the meter, or on its home network; one master and one schedule for all.

Up to five (GB), for an appliance each, apart from the supply of the home. The meter's schedule `0-0:12.0.2` with the special days
`0-0:11.0.3` runs scripts of the table `0-0:10.0.103`: 256 n + level, 0 for off and 100 for on; a client may run one, too. Switching
times of the schedule have the meter's offset. States are in flash (`0-0:94.44.0.31` and so on), and are told a switch on the
network as load control events until it has them. Not here: proportional levels, boosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer, Refused
from devices.parts.kept_objects import keep
from devices.runtime.kernel import HOUR, MIN
from protocols.core.codec import Frame
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters import demand_response as drlc
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.clusters.time import seconds

if TYPE_CHECKING:
    from devices.esme.meter import Meter
    from devices.esme.offset import Offset
    from devices.runtime.firmware import Firmware
    from protocols.dlms.axdr import Data
    from protocols.dlms.cosem.types import Plain
    from protocols.dlms.logical_device import LogicalDevice

MOST: Final = 5
SCRIPTS: Final = Obis("0-0:10.0.103")
SCHEDULE: Final = Obis("0-0:12.0.2")
SPECIAL_DAYS: Final = Obis("0-0:11.0.3")
OFF, ON = 0, 100
RENEWED: Final = 12 * HOUR
"""A switch on the network that stays open is told anew so often: an event lasts a day at most."""
_EVERY_CLASS: Final = 0x0FFF
_OPEN_DATE: Final = bytes.fromhex("FFFFFFFFFF")
_ALWAYS: Final = 0xFFFF
_STATES: Final = "auxiliary/states"
_EVENTS: Final = "auxiliary/events"


@dataclass(frozen=True, slots=True)
class Switch:
    """One. `watts`: of the appliance behind a switch in the meter; `eui64`: of a switch on the network, with what is behind it.
    `on`: minutes of the day (UTC) between which a new meter has it on; always, if there are none."""

    description: str
    watts: int = 0
    eui64: int | None = None
    on: tuple[tuple[int, int], ...] = ()


class Auxiliary:
    """One meter's, with its objects. `han` None: a wired meter has none on a network."""

    def __init__(
        self, firmware: Firmware, meter: Meter, device: LogicalDevice, switches: Sequence[Switch], offset: Offset | None,
        han: Han | None,
    ) -> None:  # fmt: skip
        self._firmware = firmware
        self._board = board = firmware.board
        self._meter = meter
        self._switches = switches
        self._han = han
        usual = [not switch.on for switch in switches]
        self.states: list[bool] = board.nvm.get(_STATES, usual)
        self._told: dict[int, bool] = {}
        self._telling: dict[int, bool] = {}
        for thing in self._objects(device, offset):
            device.add(thing)
        for number in range(1, len(switches) + 1):
            self._drive(number)

    def switch(self, number: int, *, on: bool) -> None:
        """Switch one, from 1."""
        if self.states[number - 1] is not on:
            self.states[number - 1] = on
            self._board.nvm.put({_STATES: list(self.states)})
            self._board.log("auxiliary", {"switch": number, "on": on})
            self._drive(number)
            self._meter.on_change()

    def _drive(self, number: int) -> None:
        switch, on, circuit = self._switches[number - 1], self.states[number - 1], self._board.supply.circuit
        if switch.eui64 is not None:
            if self._han is not None and not self._telling.get(number):
                self._telling[number] = True
                self._firmware.spawn(self._tell(self._han, number, switch.eui64))
        elif circuit is not None:
            circuit.draw(f"{self._board.name}.auxiliary{number}", switch.watts if on else 0)

    # --- on the network ---

    async def _tell(self, han: Han, number: int, eui64: int) -> None:
        """Until it has the state that holds; and while that is off, again before the event ends."""
        while self._told.get(number) is not self.states[number - 1]:
            on = self.states[number - 1]
            try:
                address = await han.find(eui64)
                if not han.shares_key(address):
                    await han.partner_key(eui64)
                    await self._firmware.sleep(MIN // 60)
                await han.tell(address, 1, self._command(number, on=on))
                self._told[number] = on
            except (NoAnswer, Refused):
                await self._firmware.sleep(MIN)
        self._telling[number] = False
        if not self.states[number - 1]:
            self._firmware.after(RENEWED, self._renew, number)

    def _renew(self, number: int) -> None:
        if not self.states[number - 1]:
            self._told.pop(number, None)
            self._drive(number)

    def _command(self, number: int, *, on: bool) -> Frame:
        events: dict[str, int] = self._board.nvm.get(_EVENTS, {})
        if on:
            event = events.get(str(number), 0)
            return DemandResponse.CancelLoadControlEvent(event, _EVERY_CLASS, drlc.EVERY_GROUP, 0, 0)
        event = max(seconds(self._board.rtc.read()), max(events.values(), default=0) + 1)
        self._board.nvm.put({_EVENTS: {**events, str(number): event}})
        return DemandResponse.LoadControlEvent(
            event, _EVERY_CLASS, drlc.EVERY_GROUP, 0, drlc.LONGEST_EVENT, drlc.MANDATORY[0], drlc.NOT_USED, drlc.NOT_USED,
            drlc.NO_SET_POINT, drlc.NO_SET_POINT, drlc.NO_PERCENTAGE, drlc.NOT_USED, 0,
        )  # fmt: skip

    # --- objects ---

    def _objects(self, device: LogicalDevice, offset: Offset | None) -> Iterator[InterfaceClass]:
        numbers = range(1, len(self._switches) + 1)
        scripts: list[Plain] = [(number << 8 | level, []) for number in numbers for level in (OFF, ON)]

        def execute(argument: Data) -> None:
            self.switch(argument.value >> 8, on=argument.value & 0xFF == ON)

        days = cosem.SpecialDaysTable(SPECIAL_DAYS)
        schedule: cosem.Schedule
        if offset is None:
            schedule = cosem.Schedule(SCHEDULE, special_days=days)
        else:
            from devices.esme.offset import OffsetSchedule

            schedule = OffsetSchedule(SCHEDULE, offset, days, {})
        schedule.entries = list(self._entries())
        for thing in (days, schedule):
            keep(self._board.nvm, thing, *(member for number, member in thing.attributes.items() if number > 1))
        yield from (days, schedule, cosem.ScriptTable(SCRIPTS, find=device.find, scripts=scripts, on={"execute": execute}))
        for number, switch in enumerate(self._switches, 1):
            where = b"" if switch.eui64 is None else switch.eui64.to_bytes(8, "big")
            yield cosem.Data(f"0-0:94.44.0.{10 + number}", value=axdr.visible(switch.description[:22]))
            yield cosem.Data(f"0-0:94.44.0.{20 + number}", value=axdr.octets(where))
            yield cosem.Data(f"0-0:94.44.0.{30 + number}", value=partial(self._state, number))

    def _state(self, number: int) -> Data:
        return axdr.u8(ON if self.states[number - 1] else OFF)

    def _entries(self) -> Iterator[Plain]:
        """What a new meter's schedule has: every day."""
        times = [
            (number << 8 | level, minute)
            for number, switch in enumerate(self._switches, 1)
            for begin, end in switch.on
            for level, minute in ((ON, begin), (OFF, end))
        ]
        for index, (script, minute) in enumerate(times, 1):
            time = bytes((minute // 60, minute % 60, 0, 0))
            yield index, True, bytes(SCRIPTS), script, time, _ALWAYS, "1111111", "", _OPEN_DATE, _OPEN_DATE
