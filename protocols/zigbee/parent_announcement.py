"""Parent announcements: routers that were away settle whose a child is (05-3474-21 clauses 2.4.3.1.12 and 2.4.4.2.22).

A router that restarted or rejoined with end devices in its table says, 10 to 20 s later, which. Another one that has heard from
such a child since its own last start answers that it is its child now, and the announcer strikes it off; one that has not strikes
it off itself. Children that are routers have no parent to lose. Not here: how a child finds another parent (`joining`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee import zdo
from protocols.zigbee.context import Context
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.network import Network
from protocols.zigbee.node import ROUTERS, Message, S

BASE: Final = 10 * S
"""apsParentAnnounceBaseTimer."""
JITTER: Final = 10 * S
"""apsParentAnnounceJitterMax."""
ANSWERS: Final = 10 * S
"""How long answers are taken."""
CHILDREN_A_FRAME: Final = 8
_TIMER: Final = "parent announcement"


class ParentAnnouncements:
    """One router's. `ask` sends a frame of a cluster, `changed` is called when a child was struck off."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        sequence: Callable[[], int],
        ask: Callable[[int, int, Frame], None],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._sequence = sequence
        self._ask = ask
        self._asked: set[int] = set()
        self._until = 0
        self.changed: Callable[[], None] = lambda: None

    def schedule(self) -> None:
        """We are back: announce the children there are, if any, when a random time has passed."""
        if self._network.routing and self._children():
            self._context.after(_TIMER, BASE + int(self._context.rng.random() * JITTER), self._announce)

    def _children(self) -> list[Device]:
        return [child for child in self._devices.children() if not child.router]

    def _announce(self) -> None:
        if not self._network.joined:
            return  # it has lost the network again; when it is back it announces itself, and these
        children = [child.eui64 for child in self._children()]
        self._asked.clear()
        self._until = self._context.now + ANSWERS
        for at in range(0, len(children), CHILDREN_A_FRAME):
            some = children[at : at + CHILDREN_A_FRAME]
            sequence = self._sequence()
            self._asked.add(sequence)
            self._ask(ROUTERS, zdo.PARENT_ANNOUNCE, zdo.ParentAnnounce(sequence, len(some), some))

    def announced(self, message: Message) -> Frame | None:
        """Another router's children: those among ours are ours if we have heard from them, and its otherwise."""
        request = zdo.ParentAnnounce.parse(message.payload)
        if not self._network.routing or message.source == self._network.short:
            return None
        ours: list[Device] = []
        theirs: list[Device] = []
        for child in map(self._devices.get, request.children):
            if child is not None and child.relation is Relation.CHILD and not child.router:
                (ours if child.kept else theirs).append(child)
        self._strike_off(theirs)
        if not ours:
            return None
        return zdo.ParentAnnounceResponse(request.sequence, zdo.SUCCESS, len(ours), [child.eui64 for child in ours])

    def answered(self, answer: zdo.ParentAnnounceResponse) -> None:
        """Children of ours are somebody else's. Unasked, and of those that we have heard from meanwhile, it counts for nothing."""
        if answer.status or answer.sequence not in self._asked or self._context.now > self._until:
            self._context.ignore("an answer to no announcement")
            return
        said = set(answer.children)
        self._strike_off([child for child in self._children() if child.eui64 in said and not child.kept])

    def _strike_off(self, children: list[Device]) -> None:
        for child in children:
            child.relation = Relation.NONE
        if children:
            self.changed()
