"""Groups of endpoints: who is in one, and what is said to all of its members (05-3474 clauses 2.2.4.5 and 3.6.6).

Not here: the table (`groups`), what a member does with what it hears.
"""

from __future__ import annotations

from abc import abstractmethod

from protocols.core.effects import Effect
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.inquiries import Inquiries


class Grouping(Inquiries):
    """A node's part."""

    _delivery: Delivery

    @abstractmethod
    def _store(self) -> None:
        """The state has changed."""

    def send_to_group(
        self, group: int, profile: int, cluster: int, source_endpoint: int, payload: bytes, now: int
    ) -> tuple[int, list[Effect]]:
        """Send to every endpoint of other nodes in a group: one frame that nobody acknowledges.

        Returns the handle of Delivered (it was sent) or Undelivered. Raises LocalProtocolError off the network, or too long.
        """
        self._needs_network()
        self._context.now = now
        return self._delivery.send_to_group(group, profile, cluster, source_endpoint, payload), self._done()

    def add_group(self, group: int, endpoint: int) -> list[Effect]:
        """Have an endpoint of ours hear a group (APSME-ADD-GROUP). Effect: Persist. Raises LocalProtocolError: no room."""
        self._delivery.groups.add(group, endpoint)
        self._store()
        return self._done()

    def remove_group(self, endpoint: int, group: int | None = None) -> list[Effect]:
        """Take an endpoint out of a group, or out of all. Effect: Persist."""
        self._delivery.groups.remove(endpoint, group)
        self._store()
        return self._done()
