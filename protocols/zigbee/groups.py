"""The group table: which endpoints of ours hear frames for which group (05-3474 clauses 2.2.4.5, 2.2.8.3).

Frames for a group are NWK broadcasts that name it; nobody acknowledges them. Not here: the ZCL cluster Groups, which smart energy
does not have, and NWK multicast.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.core.errors import LocalProtocolError

ENTRIES = 16
_LAST_GROUP = 0xFFF7


class Groups:
    """The table, with room for 16 pairs of group and endpoint, in order of adding."""

    def __init__(self) -> None:
        self._members: dict[tuple[int, int], None] = {}

    def add(self, group: int, endpoint: int) -> None:
        """APSME-ADD-GROUP; nothing new when it is there already. Raises LocalProtocolError: no such group, or no room."""
        if not 0 < group <= _LAST_GROUP or not 1 <= endpoint <= 254:
            raise LocalProtocolError(f"group {group:#06x}, endpoint {endpoint}")
        if (group, endpoint) not in self._members and len(self._members) >= ENTRIES:
            raise LocalProtocolError(f"the group table holds {ENTRIES}")
        self._members[group, endpoint] = None

    def remove(self, endpoint: int, group: int | None = None) -> None:
        """APSME-REMOVE-GROUP, or -ALL-GROUPS; what is not there is gone already."""
        gone = [member for member in self._members if member[1] == endpoint and group in (None, member[0])]
        for member in gone:
            del self._members[member]

    def members(self, group: int) -> list[int]:
        """The endpoints in a group."""
        return [endpoint for each, endpoint in self._members if each == group]

    def plain(self) -> list[tuple[int, int]]:
        """The pairs, to store."""
        return list(self._members)

    def restore(self, stored: Iterable[tuple[int, int]]) -> None:
        """Take up what `plain` gave."""
        self._members = dict.fromkeys((group, endpoint) for group, endpoint in stored)
