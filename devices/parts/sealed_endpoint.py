"""An endpoint behind which another one answers the head end, sealed from end to end (`protocols.zigbee.end_to_end`).

The last counter is in flash before what came under it is done, so nothing is done twice whatever happens to the power. What does
not open is not answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from devices.runtime.board import Board
from protocols.core.effects import Effect
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import end_to_end
from protocols.zigbee.end_to_end import HEAD_END, Seal, Way
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.endpoint import Endpoint, Reply

_LAST: Final = "sealed/last"
_NEXT: Final = "sealed/next"


@dataclass(slots=True)
class _Count:
    opened: int = 0
    refused: int = 0


class SealedEndpoint(Endpoint):
    """Hands to `inner` what opens, and seals what it answers."""

    def __init__(self, board: Board, inner: Endpoint, key: bytes) -> None:
        super().__init__(end_to_end.ENDPOINT, inner.descriptor.device_id)
        self.count = _Count()
        self._board = board
        self._inner = inner
        self._seal = Seal(key)

    def handle(self, message: Message, now: int) -> list[Effect]:
        """A sealed payload for this device."""
        board, ours = self._board, self._board.eui64
        rest = message.profile, message.cluster, message.source_endpoint, message.destination_endpoint
        last: int = board.nvm.get(_LAST, 0)
        try:
            if message.broadcast:
                raise RemoteProtocolError("sealed: for everybody")
            counter, payload = self._seal.open(Way(HEAD_END, ours, *rest), last, message.payload)
        except RemoteProtocolError as reason:
            self.count.refused += 1
            board.log("sealed.refused", {"reason": str(reason)})
            return []
        board.nvm.put({_LAST: counter})
        self.count.opened += 1
        inside = msgspec.structs.replace(message, payload=payload, destination_endpoint=self._inner.number)
        return [self._sealed(effect, Way(ours, HEAD_END, *rest)) for effect in self._inner.handle(inside, now)]

    def _sealed(self, effect: Effect, way: Way) -> Effect:
        if not isinstance(effect, Reply):
            return effect
        return Reply(self._seal.close(way, self._board.nvm.counter(_NEXT).next() + 1, effect.payload))
