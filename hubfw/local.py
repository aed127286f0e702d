"""A logical device of the hub itself behind the WAN endpoint: one session for each client address of each connection."""

from __future__ import annotations

from devices.runtime.board import Board
from hubfw.wan.endpoint import Reply, Shared
from protocols.dlms import wrapper
from protocols.dlms.server import Server, Session


class Local(Shared):
    """A logical device of `server`."""

    def __init__(self, board: Board, server: Server, sap: int, translations: int = 0) -> None:
        """`translations`: how often what it tells was put into another protocol's words on its way from where it was measured."""
        self.translations = translations
        self._board = board
        self._server = server
        self._sap = sap

    def fresh(self) -> Sessions:
        return Sessions(self._board, self._server, self._sap)


class Sessions:
    """One connection's. Answers at once; a session lasts as long as the connection."""

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
            assert session is not None  # there is one for SAPs that the server has
            self._sessions[client] = session
        for answer in session.receive(apdu, self._board.kernel.now):
            reply(answer)

    def release(self, client: int) -> None:
        """The client's connection is gone, and its association with it."""
        session = self._sessions.pop(client, None)
        if session is not None:
            session.close()
