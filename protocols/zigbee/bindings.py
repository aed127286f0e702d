"""The binding table: what others asked us to send where (05-3474 clauses 2.2.4.3, 2.4.3.2, 2.4.4.3.4). It is stored.

We bind endpoints of our own to endpoints of others, not to groups. Not here: who reports what, and how often
(`protocols.zigbee.zcl.reporting`), which goes to whoever configured it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from protocols.core.codec import Frame
from protocols.zigbee import zdo
from protocols.zigbee.node import Message

ENTRIES = 16
_A_FRAME = 3


class Bindings:
    """The table of the node `eui64`, with room for 16; `changed` asks for it to be stored."""

    def __init__(self, eui64: int, endpoints: Collection[int]) -> None:
        self._eui64 = eui64
        self._endpoints = endpoints
        self._entries: dict[bytes, zdo.Binding] = {}
        self.changed: Callable[[], object] = lambda: None

    def bind(self, message: Message) -> Frame:
        """Bind_req."""
        request = zdo.BindRequest.parse(message.payload)
        binding = self._binding(request)
        if isinstance(binding, int):
            return zdo.StatusResponse(request.sequence, binding)
        octets = binding.build()
        if octets not in self._entries:
            if len(self._entries) >= ENTRIES:
                return zdo.StatusResponse(request.sequence, zdo.TABLE_FULL)
            self._entries[octets] = binding
            self.changed()
        return zdo.StatusResponse(request.sequence, zdo.SUCCESS)

    def unbind(self, message: Message) -> Frame:
        """Unbind_req."""
        request = zdo.BindRequest.parse(message.payload)
        binding = self._binding(request)
        if isinstance(binding, int):
            return zdo.StatusResponse(request.sequence, binding)
        if self._entries.pop(binding.build(), None) is None:
            return zdo.StatusResponse(request.sequence, zdo.NO_ENTRY)
        self.changed()
        return zdo.StatusResponse(request.sequence, zdo.SUCCESS)

    def tell(self, message: Message) -> Frame:
        """Mgmt_Bind_req."""
        request = zdo.BindingsRequest.parse(message.payload)
        entries = list(self._entries.values())
        told = entries[request.start : request.start + _A_FRAME]
        return zdo.BindingsResponse(request.sequence, zdo.SUCCESS, len(entries), request.start, len(told), told)

    def _binding(self, request: zdo.BindRequest) -> zdo.Binding | int:
        """The entry that a request means, or the status that refuses it."""
        if request.endpoint not in self._endpoints:
            return zdo.INVALID_ENDPOINT
        if request.source != self._eui64 or request.destination is None or request.destination_endpoint is None:
            return zdo.NOT_SUPPORTED
        return zdo.Binding(request.source, request.endpoint, request.cluster, request.destination, request.destination_endpoint)

    def plain(self) -> list[bytes]:
        """The entries, to store."""
        return list(self._entries)

    def restore(self, stored: Iterable[bytes]) -> None:
        """Take up what `plain` gave; nothing: the node has left its network."""
        self._entries = {octets: zdo.Binding.parse(octets) for octets in stored}
