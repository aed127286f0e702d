"""AES-GCM as DLMS protects messages: authenticated, encrypted or both, by two bits of the security control.

Green Book 9.2.7.2.4 (table of AAD and ciphertext). What is covered beside the security control (authentication key, header) is
the caller's to say. Not here: whose key it is, counters, and which bits a policy wants.
"""

from __future__ import annotations

from typing import Final

from protocols.core.aes import TAG, gcm_crypt, gcm_open, gcm_seal
from protocols.core.errors import RemoteProtocolError

AUTHENTICATED: Final = 0x10
ENCRYPTED: Final = 0x20
_BOTH: Final = AUTHENTICATED | ENCRYPTED


def protect(control: int, key: bytes, iv: bytes, covered: bytes, plain: bytes) -> bytes:
    """What stands behind security control and counter. `iv`: the sender's system title and the counter, 12 octets."""
    protection = control & _BOTH
    if protection == _BOTH:
        return gcm_seal(key, iv, bytes((control,)) + covered, plain)
    if protection == AUTHENTICATED:
        return plain + gcm_seal(key, iv, bytes((control,)) + covered + plain, b"")
    return gcm_crypt(key, iv, plain) if protection else plain


def unprotect(control: int, key: bytes, iv: bytes, covered: bytes, contents: bytes) -> bytes:
    """The plain octets. Raises RemoteProtocolError when the tag is missing or wrong, or there is nothing to protect."""
    protection = control & _BOTH
    if len(contents) <= (TAG if protection & AUTHENTICATED else 0):
        raise RemoteProtocolError("a protected message without contents")
    if protection == _BOTH:
        return gcm_open(key, iv, bytes((control,)) + covered, contents)
    if protection == AUTHENTICATED:
        plain = contents[:-TAG]
        gcm_open(key, iv, bytes((control,)) + covered + plain, contents[-TAG:])
        return plain
    return gcm_crypt(key, iv, contents) if protection else contents
