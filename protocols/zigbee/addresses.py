"""Short addresses that two devices have (05-3474 clause 3.6.1.9): whoever finds one of its own, or of a child, changes it.

Addresses are drawn at random, so that it happens seldom. A router takes another one and announces it; an end device is sent to
rejoin by its parent, which gives it another one then: the unsolicited rejoin response of the standard is what our nodes refuse.
Everybody is told by a network status. Who has the network's key can name any address: each counts once a minute, and a router moves
once a minute. The coordinator keeps 0. Not here: who learns which address belongs to whom (`devices`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.zigbee import nwk
from protocols.zigbee.devices import Device, Relation
from protocols.zigbee.node import MINUTE, RX_ON_DEVICES, NodeType

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.zigbee.network import Network

PAUSE: Final = MINUTE
_REMEMBERED: Final = 16


class Addresses:
    """One node's part. `renamed` is called when the node has another address."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self._given_twice: dict[int, int] = {}
        """Address, and until when it is left alone."""
        self._moved = -PAUSE
        self.renamed: Callable[[], None] = lambda: None
        network.devices.usurped = self._usurped

    def clear(self) -> None:
        """No network."""
        self._given_twice.clear()

    def free(self, short: int) -> bool:
        """Whether nobody is known to have this address, nor to have had to give it up just now."""
        given_up = self._given_twice.get(short, 0) > self._context.now
        return 0 < short < nwk.LOWEST_BROADCAST and short != self._network.short and not given_up

    def draw(self) -> int:
        """An address that nobody is known to have."""
        while True:
            short = self._context.rng.getrandbits(16)
            if self.free(short) and self._network.devices.at(short) is None:
                return short

    def heard(self, header: nwk.Header, previous: int) -> None:
        """A secured frame has our address as its source: another device's, unless a neighbour relays one of ours."""
        ours = self._network.short
        if previous == ours or header.source_eui64 not in (None, self._context.config.eui64):
            self._own()

    def told(self, short: int) -> None:
        """Somebody found an address that two devices have."""
        network = self._network
        device = network.devices.at(short)
        if short == network.short:
            self._own()
        elif device is not None and device.relation is Relation.CHILD:
            self._of_child(device, short)

    def _usurped(self, device: Device, short: int) -> None:
        """Another device has the address of this one."""
        if device.relation is Relation.CHILD:
            self._of_child(device, short)

    def _own(self) -> None:
        network = self._network
        short = network.short
        if not network.joined or network.type is NodeType.COORDINATOR or self._moved + PAUSE > self._context.now:
            return
        if not self._first_time(short):
            return
        if not network.routing:
            network.routes.tell(network.parent, nwk.ADDRESS_CONFLICT, short)
            return
        self._moved = self._context.now
        self._tell(short)
        network.short = self.draw()
        network.configure()
        self.renamed()

    def _of_child(self, child: Device, short: int) -> None:
        network = self._network
        if not network.joined or child.router or not self._first_time(short):
            return  # a router that is our child hears of it, and changes by itself
        self._tell(short)
        leave = nwk.Leave(nwk.Leave.REQUEST | nwk.Leave.REJOIN).build()
        network.unicast(short, leave, kind=nwk.COMMAND, radius=1, hop=short, indirect=child.sleepy, destination_eui64=child.eui64)

    def _tell(self, short: int) -> None:
        status = nwk.NetworkStatus(nwk.ADDRESS_CONFLICT, short).build()
        self._network.broadcast(RX_ON_DEVICES, status, kind=nwk.COMMAND, source_eui64=self._context.config.eui64)

    def _first_time(self, short: int) -> bool:
        now = self._context.now
        self._given_twice = {address: until for address, until in self._given_twice.items() if until > now}
        if short in self._given_twice or len(self._given_twice) >= _REMEMBERED:
            return False
        self._given_twice[short] = now + PAUSE
        return True
