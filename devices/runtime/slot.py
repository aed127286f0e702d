"""A slot in a device for a module that it feeds: the module has power while it is in and the device's own supply gives any.

Going in and coming out take no time and harm nothing. Inrush and contacts are not modelled.
"""

from __future__ import annotations

from devices.runtime.kernel import Kernel
from devices.runtime.supply import MainsSupply, Powered


class Slot:
    """The module's supply. `feed` is like the device's own, with the same reserve."""

    def __init__(self, kernel: Kernel, feed: MainsSupply, name: str) -> None:
        self.name = name
        self.inserted = False
        self._kernel = kernel
        self._feed = feed
        self._board: Powered | None = None
        feed.connect(self)

    @property
    def live(self) -> bool:
        return self.inserted and self._feed.live

    @property
    def volts(self) -> float:
        """Of the device's supply."""
        return self._feed.volts if self.inserted else 0.0

    @property
    def circuit(self) -> None:
        return None

    @property
    def hold_up_left(self) -> int:
        return self._feed.hold_up_left if self.inserted else 0

    def connect(self, board: Powered) -> None:
        self._board = board

    def insert(self) -> None:
        """Put the module in."""
        self.inserted = True
        if self._board is not None and (self._feed.live or self._feed.hold_up_left > 0):
            self._kernel.at(self._kernel.now, self._board.power_on, who=self._board.name)

    def remove(self) -> None:
        """Take the module out."""
        self.inserted = False
        if self._board is not None:
            self._kernel.at(self._kernel.now, self._board.power_off, who=self._board.name)

    # --- what the feed tells ---

    def power_on(self) -> None:
        if self._board is not None and self.inserted:
            self._board.power_on()

    def power_off(self) -> None:
        if self._board is not None:
            self._board.power_off()

    def power_fail(self) -> None:
        """The reserve is the device's to watch."""

    def power_return(self) -> None:
        self.power_on()

    def voltage_changed(self) -> None:
        """A module does not measure it."""
