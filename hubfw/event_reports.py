"""Which events of devices' logs cross the WAN: a list that the head end reads and writes, and how many of them at most.

The list (`0-0:128.30.12`) is an array of structure (log, event); event 0 stands for the whole log; it is empty at first. What is on
it is told as it is heard over the HAN, with its time; so many at once, and then one in so long a time. What is beyond that stays in
the device's log, from where it can be read, and is counted (`0-0:128.30.13`). The list and the number that were told are kept in
flash with each event that is told. Not here: events of the supply that the hub decides on (`supply_watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import S
from hubfw.allowance import Allowance
from hubfw.config import Config
from hubfw.han.events import Heard
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, date_time
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.time import EPOCH

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

EVENT_REPORTS: Final = "0-0:128.30.12"
NOT_TOLD: Final = "0-0:128.30.13"
DEVICE_EVENT: Final = 7
"""Event code; the body is a structure of the device's EUI-64, log, event and time."""
WHOLE_LOG: Final = 0
MOST: Final = 64
"""Lines of the list."""
_LIST, _BEYOND = "events/told", "events/not-told"


class EventReports:
    """The list. `tell(code, body)`: what is to be stored for the head end to be told; `start()` sends it, once stored."""

    def __init__(
        self, firmware: Firmware, config: Config, tell: Callable[[int, Data], Mapping[str, object]], start: Callable[[], object]
    ) -> None:
        self._firmware = firmware
        self._nvm = firmware.board.nvm
        self._tell = tell
        self._start = start
        self._told: list[list[int]] = self._nvm.get(_LIST, [list(each) for each in config.event_reports])
        self._beyond: int = self._nvm.get(_BEYOND, 0)
        self._allowance = Allowance()

    def objects(self) -> Iterable[InterfaceClass]:
        """For the hub's logical device."""
        yield cosem.Data(EVENT_REPORTS, value=self._listed, access={"value": Access.READ_WRITE}, on={"value": self._choose})
        yield cosem.Data(NOT_TOLD, value=lambda: axdr.u32(self._beyond))

    def heard(self, event: Heard) -> None:
        """A device has told an event."""
        if [event.log, event.event] not in self._told and [event.log, WHOLE_LOG] not in self._told:
            return
        if not self._allowance.take(self._firmware.now):
            self._beyond += 1
            self._firmware.board.log("hub.event-not-told", {"eui64": event.eui64, "log": event.log, "event": event.event})
            return
        body = axdr.structure(
            axdr.octets(event.eui64.to_bytes(8, "big")), axdr.u8(event.log), axdr.u16(event.event),
            axdr.octets(date_time.encode((event.time + EPOCH) * S)),
        )  # fmt: skip
        self._nvm.put({**self._tell(DEVICE_EVENT, body), _BEYOND: self._beyond})
        self._start()

    def _listed(self) -> Data:
        return axdr.array(axdr.structure(axdr.u8(log), axdr.u16(event)) for log, event in self._told)

    def _choose(self, value: Data) -> None:
        told, lines = [], value.python
        assert isinstance(lines, list), "what is written has the type of what is there"
        for line in lines:
            match line:
                case [int(log), int(event)] if 0 < log <= 0x0F and 0 <= event <= 0xFFFF:
                    told.append([log, event])
                case _:
                    raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, EVENT_REPORTS)
        if len(told) > MOST:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, EVENT_REPORTS)
        self._told = told
        self._nvm.put({_LIST: told})
