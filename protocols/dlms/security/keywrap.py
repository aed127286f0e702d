"""Keys in transit under a key-encrypting key: AES key wrap (RFC 3394; Green Book 9.2.3.4.8).

As key_transfer of the security setup and the wrapped key of general-ciphering carry them. Not here: which key is the KEK.
"""

from __future__ import annotations

from protocols.core import aes
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

OVERHEAD = 8
"""Octets that wrapping adds."""
_SIZES = (16, 32)


def wrap(kek: bytes, key: bytes) -> bytes:
    """A key of 16 or 32 octets under a KEK of 16 or 32: 8 octets longer, the same for the same key and KEK."""
    if len(key) not in _SIZES:
        raise LocalProtocolError(f"a key has 16 or 32 octets, not {len(key)}")
    return aes.wrap(kek, key)


def unwrap(kek: bytes, wrapped: bytes, octets: int) -> bytes:
    """The key of so many octets. Raises RemoteProtocolError when the length or the integrity check is wrong."""
    if len(wrapped) != octets + OVERHEAD:
        raise RemoteProtocolError(f"a wrapped key has {octets + OVERHEAD} octets, not {len(wrapped)}")
    return aes.unwrap(kek, wrapped)
