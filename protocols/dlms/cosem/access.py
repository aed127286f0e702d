"""Access to objects: the modes, the refusal that any object may answer, and the rights of one party.

Blue Book 4.4.4 (access rights of the object list), Green Book 9.5 (data-access-result, action-result). Rights are asked
of a `Rights`, never of an association, so that a party that has none can have rights too.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.xdlms import DataAccessResult


class Access(IntFlag):
    """attribute access_mode and method access_mode, as association LN version 3 has them: what, and how protected."""

    NONE = 0
    READ = 1
    CALL = 1
    """Of a method."""
    WRITE = 2
    READ_WRITE = 3
    AUTHENTICATED_REQUEST = 1 << 2
    ENCRYPTED_REQUEST = 1 << 3
    SIGNED_REQUEST = 1 << 4
    AUTHENTICATED_RESPONSE = 1 << 5
    ENCRYPTED_RESPONSE = 1 << 6
    SIGNED_RESPONSE = 1 << 7

    def mode(self, version: int) -> int:
        """Of an attribute, as the object list of an association LN of that version writes it.

        Up to version 2 it is an enumeration, in which 4 to 6 are 1 to 3 with authentication.
        """
        plain = int(self & Access.READ_WRITE)
        if not plain or version >= BITS_SINCE:
            return int(self) if plain else 0
        return plain + _ENUMERATED if self > Access.READ_WRITE else plain

    def method_mode(self, version: int) -> int:
        """Of a method, likewise; up to version 2, 2 is 1 with authentication."""
        if not self & Access.CALL or version >= BITS_SINCE:
            return int(self) if self & Access.CALL else 0
        return 2 if self > Access.READ_WRITE else 1

    @classmethod
    def of_mode(cls, mode: int, version: int) -> Access:
        """From the object list of an association LN of that version."""
        if version >= BITS_SINCE:
            return cls(mode & 0xFF)
        if mode <= cls.READ_WRITE:
            return cls(mode)
        return cls((mode - _ENUMERATED) & cls.READ_WRITE) | cls.AUTHENTICATED_REQUEST


BITS_SINCE: Final = 3
"""Version of association LN since which access modes are bits."""
_ENUMERATED: Final = 3
"""Between an access mode and the same with authentication."""


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
