"""A logical device of the hub itself as a target of the WAN endpoint: one session for each client address."""

from __future__ import annotations

from devices.runtime.board import Board
from hubfw.wan.endpoint import Reply
from protocols.dlms import wrapper
from protocols.dlms.server import Server, Session


class Local:
    """Answers at once. A session lasts as long as its client's connection."""

    def __init__(self, board: Board, server: Server, sap: int) -> None:
        self._board = board
        self._server = server
        self._sap = sap
        self._sessions: dict[int, Session] = {}

    def request(self, client: int, apdu: bytes, reply: Reply) -> None:
        """An APDU of a client."""
        session = self._sessions.get(client)
        if session is None:
            session = self._server.session(client, self._sap, wrapper.LARGEST_APDU)
            assert session is not None  # targets are made for SAPs that the server has
            self._sessions[client] = session
        for answer in session.receive(apdu, self._board.kernel.now):
            reply(answer)

    def release(self, client: int) -> None:
        """The client's connection is gone, and its association with it."""
        self._sessions.pop(client, None)
