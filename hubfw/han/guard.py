"""A consumer device that takes the network for itself is isolated, so that the meters are served (paper B: rogue IHD or CAD).

Frames are counted by who wrote them, in windows of ten seconds, as they come from the radio and before anything is made of them. A
consumer device over the limit is not heard for a minute; one that comes to that for the third time within an hour is struck off
the log, and the network gets a new key without it. Meters are never isolated, whoever sends in their name. What a device does to
the air itself nobody can prevent: it is not answered, which is half of it or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.config import CAD, IHD, LOAD_CONTROLLER, PPMID
from hubfw.device_log import DeviceLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.firmware import Firmware

LIMITED: Final = (IHD, CAD, PPMID, LOAD_CONTROLLER)
WINDOW: Final = 10 * S
LIMIT: Final = 300
"""Frames in a window. A display that joins and reads all there is sends a third of that."""
ISOLATION: Final = MIN
STRIKES: Final = 3
_SHORT_ADDRESSES: Final = 0x88
_ADDRESSING: Final = 0xCC
_TYPE, _DATA = 0x07, 0x01


class Guard:
    """The part, between the radio and the node. `strike_off(eui64)` is called for who does not stop."""

    def __init__(self, firmware: Firmware, han: Han, log: DeviceLog, strike_off: Callable[[int], object]) -> None:
        self._firmware = firmware
        self._kernel = firmware.board.kernel
        self._han = han
        self._log = log
        self._strike_off = strike_off
        self._counts: dict[bytes, int] = {}
        self._window = 0
        self._isolated: dict[bytes, int] = {}
        """Short address to the end of its isolation (ns)."""
        self._strikes: dict[int, list[int]] = {}
        radio = firmware.board.radio
        assert radio.on_receive is not None  # the node is on the radio already
        self._receive = radio.on_receive
        radio.on_receive = self._received

    def _received(self, psdu: bytes, lqi: int) -> None:
        if len(psdu) > 9 and psdu[1] & _ADDRESSING == _SHORT_ADDRESSES:
            # A data frame's NWK header says who wrote it; a router may have handed it on.
            writer = psdu[13:15] if psdu[0] & _TYPE == _DATA and len(psdu) > 15 else psdu[7:9]
            now = self._kernel.now
            if now >= self._window:
                self._window = now + WINDOW
                self._counts.clear()
            count = self._counts[writer] = self._counts.get(writer, 0) + 1
            if count == LIMIT:
                self._over(writer, now)
            if self._isolated and self._isolated.get(writer, 0) > now:
                return
        self._receive(psdu, lqi)

    def _over(self, writer: bytes, now: int) -> None:
        eui64 = self._han.stack.eui64_of(int.from_bytes(writer, "little"))
        if eui64 is None or self._log.kind(eui64) not in LIMITED or self._isolated.get(writer, 0) > now:
            return
        self._isolated = {other: until for other, until in self._isolated.items() if until > now}
        self._isolated[writer] = now + ISOLATION
        strikes = self._strikes[eui64] = [at for at in self._strikes.get(eui64, ()) if now - at < HOUR] + [now]
        self._firmware.board.log("hub.isolated", {"eui64": eui64, "strikes": len(strikes)})
        if len(strikes) >= STRIKES:
            del self._strikes[eui64]
            self._firmware.after(0, self._strike_off, eui64)  # not amid a frame
