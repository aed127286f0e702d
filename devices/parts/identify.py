"""A device that shows which one it is: the server of Identify on an endpoint (07-5123 clause 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

S: Final = 1_000_000_000
TEXT: Final = "*** THIS ONE ***"


class Identifier:
    """`changed()` is called when it begins and when it ends."""

    def __init__(self, firmware: Firmware, endpoint: Endpoint, changed: Callable[[], object]) -> None:
        self._firmware = firmware
        self._changed = changed
        self._until = 0
        server = endpoint.serve(Identify, {Identify.identify_time: lambda: self.left})
        server.on_write(self._written)
        server.on(Identify.Identify, self._identify)
        server.on(Identify.IdentifyQuery, self._asked)

    @property
    def left(self) -> int:
        """Seconds for which it goes on, rounded up."""
        return max(0, -((self._firmware.now - self._until) // S))

    def begin(self, seconds: int) -> None:
        """Show for so many seconds, 0: not any longer."""
        self._until = self._firmware.now + seconds * S
        self._firmware.board.log("identify", {"seconds": seconds})
        self._changed()
        if seconds:
            self._firmware.at(self._until, self._changed)

    def _written(self, attribute: Attribute[object], value: object) -> None:
        assert isinstance(value, int)
        self.begin(value)

    def _identify(self, command: Identify.Identify, request: Request) -> Outcome:
        self.begin(command.identify_time)
        return Status.SUCCESS

    def _asked(self, command: Identify.IdentifyQuery, request: Request) -> Outcome:
        return Identify.IdentifyQueryResponse(self.left) if self.left else Status.SUCCESS
