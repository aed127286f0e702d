"""The home's network on wires: mains wiring as one shared medium (PLC), and a wire of its own for what may not hang on the mains.

The frames are 802.15.4's, as on the air (G3-PLC has that MAC, too); an octet takes as long as at 33.4 kb/s, the fastest of G3-PLC
(ITU-T G.9903) in the band below 95 kHz. Everybody who hangs on the mains hears everybody, however far and behind whatever walls. A
device on a wire hears the device at its other end and nobody else. What runs over these layers is the same as by radio. Not
modelled: phases, the noise of appliances but as `loss`, tone maps, lines of neighbours.
"""

from __future__ import annotations

from typing import Final

from devices.runtime.air import Air, Transceiver
from devices.runtime.band import BANDS, Band
from devices.runtime.channel import Channel, Link
from devices.runtime.kernel import US, Kernel
from devices.runtime.supply import MainsSupply, Powered

LINE: Final = Band(BANDS[0].channels, symbol=120 * US, octet=240 * US)
NEAR: Final = 255
"""Link quality on a wire."""


class PowerLine(Air):
    """Mains wiring. `wires`: a device's name to that of the only one it hears; `pulled`: those whose wire is out."""

    def __init__(self, kernel: Kernel, name: str, *, loss: float = 0.0) -> None:
        super().__init__(kernel, name, loss=loss)
        self.wires: dict[str, str] = {}
        self.pulled: dict[str, None] = {}

    def channel(self, page: int, channel: int) -> Channel:
        found = super().channel(page, channel)
        if found.band is not LINE:
            found.band, found.octet, found.reply = LINE, LINE.octet, LINE.reply
        return found

    def link(self, sender: Transceiver, receiver: Transceiver) -> Link:
        """Whole, or none: there is no distance."""
        link = sender.links.get(receiver.who)
        if link is None:
            loss = self._losses.get((sender.who, receiver.who), self.loss)
            rng = self.kernel.rng(f"{self.name}/{sender.who}>{receiver.who}") if loss else None
            link = sender.links[receiver.who] = Link(NEAR if self._joined(sender.who, receiver.who) else 0, loss, rng, 0.0)
        return link

    def pull(self, device: str) -> None:
        """Take a device's wire out."""
        self.pulled[device] = None
        self._forget()

    def plug(self, device: str) -> None:
        """Put it in again."""
        self.pulled.pop(device, None)
        self._forget()

    def _joined(self, one: str, other: str) -> bool:
        if one in self.pulled or other in self.pulled:
            return False
        wired = [(self.wires[each], each) for each in (one, other) if each in self.wires]
        return all({end, each} == {one, other} for end, each in wired)

    def _forget(self) -> None:
        for radio in self.radios.values():
            radio.links.clear()


class OverWire(MainsSupply):
    """Power that comes over a wire from a device on the mains, and holds out as long as that one's reserve."""

    _unfed: Powered | None = None

    def pull(self) -> None:
        """The wire is out: what it fed stops at once."""
        board, self._board = self._board, None
        if self._end is not None and self._end.pending:
            self._end.cancel()
        self._unfed = board
        if board is not None:
            board.power_off()

    def plug(self) -> None:
        """It is in again."""
        if self._board is None:
            self._board = self._unfed
            self._start()
