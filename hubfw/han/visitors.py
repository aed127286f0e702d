"""Hand-held terminals that an engineer brings: heard outside the network for an hour from power-on, in the log for a visit (GBCS).

A terminal establishes a key by inter-PAN, sends its EUI-64 and install code under it, and has ten minutes to join. It leaves when
the visit is over, or is struck off the log when it has not joined, or ten minutes after a restart of the hub within the visit; the
hub keeps nothing of it, and joining is as open as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.inter_pan import Outside
from devices.runtime.kernel import MIN
from hubfw.config import HHT, Config, Entry
from hubfw.device_log import DeviceLog
from hubfw.han.coordinator import Coordinator
from protocols.zigbee import admission
from protocols.zigbee.node import DeviceLeft
from protocols.zigbee.security import InstallCodeError
from protocols.zigbee.trust_centre import DeviceLogFull

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer

OPEN: Final = 60 * MIN
JOINING: Final = 10 * MIN
SECOND: Final = 1_000_000_000


class Visitors:
    """The hub's side. Without certificates there are none: nothing would secure what a terminal sends."""

    def __init__(self, firmware: Firmware, config: Config, coordinator: Coordinator, log: DeviceLog) -> None:
        self._firmware = firmware
        self._coordinator = coordinator
        self._log = log
        self.outside = Outside(coordinator.han, config.credentials, self._asked)
        self._joining: dict[int, Timer] = {}
        """EUI-64 of a terminal that may join yet to the end of its time."""
        coordinator.han.on(DeviceLeft, self._left)
        for device in log.of(HHT):  # the hub was restarted when it was to join, in its visit, or when it took its leave
            self._expect(device.eui64, visit=True)

    def start(self) -> None:
        """Power has come."""
        self.outside.open = True
        self._firmware.after(OPEN, self._close)

    def _close(self) -> None:
        self.outside.open = False

    def _asked(self, source: int, pan: int, request: admission.Admit) -> None:
        status = self._admit(source, request)
        self._firmware.board.log("hub.visitor", {"eui64": request.eui64, "status": status})
        self.outside.answer(source, pan, status)

    def _admit(self, source: int, request: admission.Admit) -> int:
        known = self._log.get(request.eui64)
        if request.eui64 != source or (known is not None and known.kind != HHT):
            return admission.NOT_YOURS
        try:
            self._coordinator.welcome(Entry(request.eui64, request.install_code, HHT), JOINING // SECOND)
        except InstallCodeError:
            return admission.BAD_CODE
        except DeviceLogFull:
            return admission.FULL
        self._expect(request.eui64)
        return admission.ADMITTED

    def _expect(self, eui64: int, *, visit: bool = False) -> None:
        """It joins in time, or, where `visit`, is to be done by then."""
        before = self._joining.pop(eui64, None)
        if before is not None:
            before.cancel()
        self._joining[eui64] = self._firmware.after(JOINING, self._time_is_up, eui64, visit)

    def _time_is_up(self, eui64: int, visit: bool) -> None:
        device = self._log.get(eui64)
        if device is not None and device.kind == HHT and (visit or not device.joined):
            self._coordinator.unregister(eui64)
        self._done(eui64)

    def _left(self, left: DeviceLeft) -> None:
        if self._log.kind(left.eui64) == HHT:
            self._coordinator.unregister(left.eui64)
            self._done(left.eui64)

    def _done(self, eui64: int) -> None:
        timer = self._joining.pop(eui64, None)
        if timer is not None:
            timer.cancel()
        if not self._joining:
            self._coordinator.visit_over()
