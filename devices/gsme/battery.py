"""What the radio costs a battery: how long it was on, and what is left of the cell.

The radio is on from a frame's hand-over until its confirm, back-off and retries included, and while it listens: after a beacon
request for a scan, and after a data request until the held frame has come and is acknowledged. Overlaps count once. Currents are
the configured ones, the same for sending and listening; temperature, ageing and self-discharge are not modelled.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.gsme.config import Cell
from devices.parts.han import Han
from devices.runtime.radio import TxStatus
from protocols.zigbee.node import Transmit

MS = 1_000_000
HOUR = 3_600_000 * MS
DAY = 24 * HOUR
SCAN = 507 * MS
"""Listening after a beacon request."""
HELD = 100 * MS
"""Longest listening for a frame that the parent holds."""
ACKNOWLEDGING = 544_000
"""From the end of a frame to the end of its acknowledgement at 2.4 GHz."""
MOST_DAYS = 0xFFFE

_COMMAND, _BEACON_REQUEST = 3, 7
_EVERYBODY = b"\xff\xff"
_ACK_REQUEST = 0x20


class RadioTime:
    """Time (ns) that a node's radio was on, `spent` before this boot included."""

    def __init__(self, han: Han, spent: int = 0) -> None:
        self._han = han
        self._spent = spent
        self._counted_to = 0
        self._since: dict[int, int] = {}
        self._beacon_requests: set[int] = set()
        self._listening: tuple[int, int] | None = None
        radio = han.board.radio
        assert radio.on_receive is not None  # the node is on the radio already
        assert radio.on_confirm is not None
        self._receive, self._confirm = radio.on_receive, radio.on_confirm
        radio.on_receive, radio.on_confirm = self._received, self._confirmed
        han.on(Transmit, self._handed_over)

    @property
    def total(self) -> int:
        """Up to now."""
        self._close_window(self._han.now)
        return self._spent

    def _handed_over(self, transmit: Transmit) -> None:
        self._close_window(self._han.now)
        self._since[transmit.handle] = self._han.now
        psdu = transmit.psdu
        if psdu[0] & 7 == _COMMAND and psdu[5:7] == _EVERYBODY and psdu[-3] == _BEACON_REQUEST:  # of either version
            self._beacon_requests.add(transmit.handle)

    def _confirmed(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        now = self._han.now
        self._count(self._since.pop(handle, now), now)
        scan = handle in self._beacon_requests
        self._beacon_requests.discard(handle)
        if scan or frame_pending:
            self._close_window(now)
            self._listening = now, now + (SCAN if scan else HELD)
        self._confirm(handle, status, frame_pending)

    def _received(self, psdu: bytes, lqi: int) -> None:
        window = self._listening
        if window is not None and window[1] - window[0] == HELD:
            self._close_window(self._han.now)
            self._listening = None
        if psdu[0] & _ACK_REQUEST:
            self._count(self._han.now, self._han.now + ACKNOWLEDGING)
        self._receive(psdu, lqi)

    def _close_window(self, now: int) -> None:
        """Count what has passed of the listening; forget it when it is over."""
        if self._listening is not None:
            start, end = self._listening
            self._count(start, min(now, end))
            if now >= end:
                self._listening = None

    def _count(self, start: int, end: int) -> None:
        start = max(start, self._counted_to)
        if end > start:
            self._spent += end - start
            self._counted_to = end


class Battery:
    """The charge of a cell by what was drawn from it: `life` gives ns of being alive, `radio` ns of radio."""

    def __init__(self, cell: Cell, life: Callable[[], int], radio: Callable[[], int]) -> None:
        self._cell = cell
        self._life = life
        self._radio = radio

    @property
    def percent(self) -> int:
        """What is left, 0..100."""
        return 100 * self._left // self._full

    @property
    def days(self) -> int:
        """How long that lasts at the use so far; a first day counts as a whole one."""
        daily = self._cell.sleep_ua * DAY + self._cell.radio_ua * self._radio() * DAY // max(self._life(), DAY)
        return min(self._left // daily, MOST_DAYS)

    @property
    def low(self) -> bool:
        """Whether it is time for another one."""
        return self.percent < self._cell.low_percent

    @property
    def _full(self) -> int:
        """Microampere-nanoseconds."""
        return self._cell.capacity_mah * 1000 * HOUR

    @property
    def _left(self) -> int:
        return max(self._full - self._cell.sleep_ua * self._life() - self._cell.radio_ua * self._radio(), 0)
