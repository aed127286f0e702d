"""An exchange with a server in the same process: no link, and no time passes between question and answer.

    meter = Meter(Direct(session))

For checks and for programs that hold the server themselves. `protocols.dlms.client` says what an exchange is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.session import Session


class Direct:
    """`clock` gives the session's time, in ns."""

    def __init__(self, session: Session, clock: Callable[[], int] = int) -> None:
        self._session = session
        self._clock = clock
        self._answers: deque[bytes] = deque()

    def __call__(self, apdu: bytes) -> bytes:
        """The next APDU from the server. Raises RemoteProtocolError when it has nothing to say."""
        if apdu:
            self._answers.extend(self._session.receive(apdu, self._clock()))
        if not self._answers:
            raise RemoteProtocolError("the server is silent")
        return self._answers.popleft()
