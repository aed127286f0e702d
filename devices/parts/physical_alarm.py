"""An alarm that a person sees: an event whose configuration says so is on the device's own display until a button is pressed.

Bit 6 of an event's configuration (SE 1.4 clause D.10.2.3.2.5). The last such event is shown, and outlives the power. Not here:
alarms of the cluster (bit 5), what else the button does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocols.zigbee.clusters.event_id import EventId

if TYPE_CHECKING:
    from devices.runtime.board import Board

KEY: Final = "physical-alarm"
_NAMES: Final = {event.value: event.name.replace("_", " ") for event in EventId}


class PhysicalAlarm:
    """Of one device. `changed()` is called when it comes and when it goes."""

    def __init__(self, board: Board, changed: Callable[[], object]) -> None:
        self._board = board
        self._changed = changed
        self.event: int | None = board.nvm.get(KEY)

    @property
    def line(self) -> str | None:
        """What the display says; None: nothing."""
        return None if self.event is None else f"! {_NAMES.get(self.event, f'EVENT {self.event:04X}')}"

    def happened(self, event: int) -> None:
        """An event that a person shall see."""
        self.event = event
        self._board.nvm.put({KEY: event})
        self._board.log("alarm.shown", {"event": event})
        self._changed()

    def seen(self) -> None:
        """Somebody has pressed a button."""
        if self.event is not None:
            self.event = None
            self._board.nvm.delete(KEY)
            self._changed()
