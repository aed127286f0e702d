"""Events in the hub: its own logs, what devices tell of theirs, and whom of a multi-dwelling unit each device belongs to.

What a device publishes is kept until the next restart and told to `on_event`. Not here: what goes on to the head end
(`event_reports`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from devices.parts.event_recorder import EventRecorder
from hubfw.config import Config
from hubfw.device_log import DeviceLog
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.events import Events, LogId
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.mdu_pairing.dwellings import answer
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

KEPT: Final = 64
LOG_CHANGED: Final = 0x8F12
"""Event (GBCS): the device log has changed."""
_DWELLINGS: Final = "dwellings"


class Heard(NamedTuple):
    """An event that a device told. `time` is ZigBee UTC in seconds, the device's."""

    eui64: int
    log: int
    event: int
    time: int
    data: bytes


class HubEvents:
    """The server of Events and MDU Pairing, and the client of Events and Alarms, on an endpoint."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, config: Config, log: DeviceLog) -> None:
        self.own = EventRecorder(firmware, endpoint, None)
        self.heard: deque[Heard] = deque(maxlen=KEPT)
        self.alarms: deque[tuple[int, int, int]] = deque(maxlen=KEPT)
        """EUI-64, code, cluster."""
        self.on_event: Callable[[Heard], object] = lambda heard: None
        self._board = firmware.board
        self._config = config
        self._log = log
        client = endpoint.use(Events)
        client.on(Events.PublishEvent, self._published)
        endpoint.use(Alarms).on(Alarms.Alarm, self._alarmed)
        endpoint.serve(MduPairing).on(MduPairing.PairingRequest, self._pair)

    def _published(self, command: Events.PublishEvent, request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or self._log.get(source) is None:
            return Status.NOT_AUTHORIZED
        heard = Heard(source, command.log_id, command.event_id, command.event_time, command.event_data or b"")
        self.heard.append(heard)
        self._board.log("hub.event", {"eui64": source, "log": command.log_id, "event": command.event_id})
        self.on_event(heard)
        return Status.SUCCESS

    def _alarmed(self, command: Alarms.Alarm, request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or self._log.get(source) is None:
            return Status.NOT_AUTHORIZED
        self.alarms.append((source, command.alarm_code, command.cluster_id))
        self._board.log("hub.alarm", {"eui64": source, "code": command.alarm_code, "cluster": command.cluster_id})
        return Status.SUCCESS

    # --- dwellings ---

    def _dwellings(self) -> list[list[int]]:
        """The configured ones; whoever of the log is in none of them belongs together."""
        known = {device.eui64: None for device in self._log}
        named = [[each for each in dwelling if each in known] for dwelling in self._config.dwellings]
        rest = [each for each in known if not any(each in dwelling for dwelling in named)]
        return [*named, rest]

    def apart(self, one: int, other: int) -> bool:
        """Whether two devices are of two dwellings."""
        places = [next((each for each in self._config.dwellings if eui64 in each), None) for eui64 in (one, other)]
        return None not in places and places[0] != places[1]

    def _version(self, dwellings: list[list[int]]) -> int:
        """Counts up, from 1, whenever a list is another one."""
        version, before = self._board.nvm.get(_DWELLINGS, (0, []))
        if before != dwellings:
            version += 1
            self._board.nvm.put({_DWELLINGS: [version, dwellings]})
            self.own.happened(LOG_CHANGED, LogId.GBCS_GENERAL)
        return int(version)

    def log_changed(self) -> None:
        """The device log may be another one than before."""
        self._version(self._dwellings())

    def _pair(self, command: MduPairing.PairingRequest, request: Request) -> Outcome:
        if request.message.source_eui64 != command.eui64_of_requesting_device:
            return Status.NOT_AUTHORIZED  # nobody learns of another one's dwelling
        dwellings = self._dwellings()
        return answer(command, self._version(dwellings), dwellings)
