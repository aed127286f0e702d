"""A narrowband channel without a medium access layer: whoever is listening hears who speaks, and two at once destroy each other.

This is wireless M-Bus at 868 MHz: no carrier is sensed, nothing is acknowledged by the radio, and a receiver is on only while its
owner says so. A telegram is heard whole or not at all: by receivers that were on when it began, and did not send meanwhile.
Not here: distance, walls, capture of the stronger of two signals, what else is in the band (`loss` stands for all of it).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.runtime.faults import Faults
from devices.runtime.kernel import Kernel
from protocols.core.errors import LocalProtocolError

TELEGRAM = "ether.telegram"
"""Kind of the event of each telegram: its chips, by whom."""


@dataclass(slots=True)
class _Flight:
    sender: Transceiver
    chips: bytes
    hearing: list[Transceiver]
    spoilt: bool = False


class Ether:
    """One channel. `loss`: share of telegrams that a receiver misses, 0.0 to 1.0."""

    def __init__(self, kernel: Kernel, name: str = "ether", *, loss: float = 0.0) -> None:
        self.kernel = kernel
        self.name = name
        self.loss = loss
        self.faults: Faults | None = None
        self.collisions = 0
        self._transceivers: dict[str, Transceiver] = {}
        self._flights: list[_Flight] = []

    def transceiver(self, who: str) -> Transceiver:
        """A new radio. Raises LocalProtocolError for a name that is taken."""
        if who in self._transceivers:
            raise LocalProtocolError(f"{self.name} has a radio {who} already")
        made = self._transceivers[who] = Transceiver(self, who)
        return made

    def start(self, sender: Transceiver, chips: bytes, airtime: int) -> None:
        """A telegram begins."""
        now = self.kernel.now
        hearing = [each for each in self._transceivers.values() if each is not sender and each.listens(now) and not each.sending]
        flight = _Flight(sender, chips, hearing)
        if self._flights:
            self.collisions += 1
            for other in [*self._flights, flight]:
                other.spoilt = True
        self._flights.append(flight)
        self.kernel.log.emit(sender.who, TELEGRAM, chips)
        self.kernel.after(airtime, self._end, flight, who=sender.who)

    def stop(self, sender: Transceiver) -> None:
        """The sender has lost its power: nobody hears the telegram out."""
        for flight in self._flights:
            if flight.sender is sender:
                flight.spoilt = True

    def _end(self, flight: _Flight) -> None:
        self._flights.remove(flight)
        flight.sender.sent()
        if flight.spoilt:
            return
        for receiver in flight.hearing:
            lost = self.loss and self.kernel.rng(f"{self.name}/{flight.sender.who}>{receiver.who}").random() < self.loss
            copies = [] if lost else [(0, flight.chips)]
            if copies and self.faults is not None:
                copies = self.faults.apply(flight.sender.who, receiver.who, flight.chips)
            for delay, chips in copies:
                if delay:
                    self.kernel.after(delay, receiver.hear, chips, who=receiver.who)
                else:
                    receiver.hear(chips)


class Transceiver:
    """A radio on the channel. `on_receive(chips)` is called at a telegram's end. `on_ns`: how long it has sent or listened."""

    def __init__(self, ether: Ether, who: str) -> None:
        self.who = who
        self.on_receive: Callable[[bytes], object] | None = None
        self.on_ns = 0
        self.sending = False
        self._ether = ether
        self._opens = self._closes = 0
        self._always = False

    def transmit(self, chips: bytes, airtime: int) -> None:
        """Send a telegram that takes so many ns. Raises LocalProtocolError while another one is on its way."""
        if self.sending:
            raise LocalProtocolError(f"{self.who} is sending")
        self.sending = True
        self.on_ns += airtime
        self._ether.start(self, chips, airtime)

    def listen(self, opens: int, closes: int) -> None:
        """Hear what begins between these times (ns)."""
        self._opens, self._closes = opens, closes
        self.on_ns += max(closes - opens, 0)

    def listen_always(self) -> None:
        """Hear everything: a receiver on mains. Not counted in `on_ns`."""
        self._always = True

    def listens(self, now: int) -> bool:
        """Whether it would hear what begins now."""
        return self._always or self._opens <= now <= self._closes

    def reset(self) -> None:
        """Power is gone."""
        self._ether.stop(self)
        self._always = False
        self._opens = self._closes = 0
        self.on_receive = None

    def sent(self) -> None:
        """The telegram is out. For the channel."""
        self.sending = False

    def hear(self, chips: bytes) -> None:
        """A telegram for the owner. For the channel."""
        if self.on_receive is not None:
            self.on_receive(chips)
