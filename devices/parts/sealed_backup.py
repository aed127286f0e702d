"""A hub's backup as it travels: a head that anybody may read, and contents for hubs that hold the key (AES-GCM, NIST SP 800-38D).

The key of one hub's backups comes from the key that the hubs of a bench share, by HMAC-SHA-256 over the hub's EUI-64. The nonce is
that EUI-64 and the backup's number, which a hub gives once. Head and contents are authenticated together; the tag has 12 octets.
The form is this project's own: no public one exists. Not here: what the contents are (`hubfw.backup`), who carries it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from protocols.core import aes
from protocols.core.codec import Frame, be, const, prefixed, rest

LARGEST: Final = 40 * 1024
"""Octets of a sealed backup: it has to fit twice into a hub's flash."""
_MAGIC: Final = 0x4D42_4855
_LABEL: Final = b"meterbench hub backup"
_KEY: Final = 16


class Head(Frame):
    """What carriers may know. `made`: UTC in seconds. `certificate`: that of the hub, empty where it has none."""

    magic: int = const(_MAGIC, be.u32)
    version: int = const(0x01, be.u8)
    hub: be.u64
    number: be.u32
    made: be.u64
    certificate: bytes = prefixed(be.u8)


class SealedBackup(Frame):
    """A backup. `contents`: ciphertext and tag."""

    head: Head
    contents: bytes = rest()


def seal(key: bytes, head: Head, contents: bytes) -> bytes:
    """A sealed backup. The head's number was never used for other contents."""
    return SealedBackup(head, aes.gcm_seal(_key_of(key, head.hub), _nonce(head), head.build(), contents)).build()


def unseal(key: bytes, octets: bytes) -> tuple[Head, bytes]:
    """Head and contents. Raises RemoteProtocolError for what is no backup, another version's, another key's, or was changed."""
    sealed = SealedBackup.parse(octets)
    head = sealed.head
    return head, aes.gcm_open(_key_of(key, head.hub), _nonce(head), head.build(), sealed.contents)


def _nonce(head: Head) -> bytes:
    return head.hub.to_bytes(8, "big") + head.number.to_bytes(4, "big")


def _key_of(key: bytes, hub: int) -> bytes:
    return hmac.digest(key, _LABEL + hub.to_bytes(8, "big"), hashlib.sha256)[:_KEY]
