"""Messages for a device from remote parties (GBCS), taken as they are: the device acts on each or not, and logs which.

`act` is for whoever understands them: it gives the answers to send back, or None for a message that it did not act on. Until
somebody sets it nothing is acted on, and nothing is answered. Where a message may come again (a sleeping meter's), what `act`
puts into the board's flash and the note that the message was taken are one record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from protocols.gbcs.message import message_code

if TYPE_CHECKING:
    from devices.runtime.board import Board

ACTED_ON: Final = 0x8054
"""Event: a command was received and acted on (GB)."""
NOT_ACTED_ON: Final = 0x8055
"""Event: a command was received and not acted on (GB)."""

Act = Callable[[bytes], Sequence[bytes] | None]


class Inbox:
    """Of one device."""

    def __init__(self, board: Board) -> None:
        self.act: Act = lambda message: None
        self._board = board

    def take(self, message: bytes) -> Sequence[bytes]:
        """A message has come; the answers."""
        answers = self.act(message)
        code = ACTED_ON if answers is not None else NOT_ACTED_ON
        self._board.log("event", {"code": code, "message": message_code(message), "octets": len(message)})
        return answers or ()
