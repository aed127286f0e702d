"""Access to objects: the modes, the refusal that any object may answer, and the rights of one party.

Blue Book 4.4.4 (access rights of the object list), Green Book 9.5 (data-access-result, action-result). Rights are asked
of a `Rights`, never of an association, so that a party that has none can have rights too. Authenticated access (modes
4 to 6) comes with message security.
"""

from __future__ import annotations

from enum import IntFlag

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.xdlms import DataAccessResult


class Access(IntFlag):
    """attribute access_mode of the object list."""

    NONE = 0
    READ = 1
    WRITE = 2
    READ_WRITE = 3


class AccessError(RemoteProtocolError):
    """A request refused with a result: raised by a server's object to refuse, met by a client as the answer.

    `result` is a data-access-result or action-result (they share their codes); a number that the standard does not
    name is kept as it came.
    """

    def __init__(self, result: int, what: str = "") -> None:
        known = result in DataAccessResult.__members__.values()
        name = DataAccessResult(result).name.lower().replace("_", "-") if known else "data-access-result"
        super().__init__(f"{what}{': ' if what else ''}{name} ({int(result)})")
        self.result = int(result)
