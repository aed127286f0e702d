"""OMS security profiles A and B: modes 5 and 7 (EN 13757-7 clause 7.7; OMS volume 2, 9; NIST SP 800-38A, 800-38B).

Mode 5 encrypts with the meter's key and an initialisation vector of address and access number: nothing is authenticated but two
filling octets. Mode 7 derives a key for encryption and one for the MAC from the message counter of the authentication layer, for
each direction, and a telegram whose counter is not above the last one is refused.
Not here: mode 13 (TLS), key exchange.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import Final

from protocols.core import aes
from protocols.core.errors import RemoteProtocolError

BLOCK: Final = 16
FILL: Final = b"\x2f"
"""An idle filler: two of them begin what is encrypted, more of them end it."""
MODE_NONE: Final = 0
MODE_5: Final = 5
MODE_7: Final = 7
FROM_METER: Final = 0x00
TO_METER: Final = 0x10
_ENCRYPTION: Final = 0x00
_MAC: Final = 0x01
_KDF_FILL: Final = 7 * b"\x07"
_MARK: Final = 2 * FILL
_MODE: Final = 0x1F00
_BLOCKS: Final = 0x00F0
MOST_BLOCKS: Final = 15
KDF_A: Final = 0x10
"""Configuration field extension of mode 7: key derivation function 1, key 0."""


def mode_of(configuration: int) -> int:
    """The security mode in a configuration field."""
    return (configuration & _MODE) >> 8


def blocks_of(configuration: int) -> int:
    """How many blocks of 16 octets are encrypted."""
    return (configuration & _BLOCKS) >> 4


def derive(key: bytes, counter: bytes, identification: bytes, direction: int, purpose: int = _ENCRYPTION) -> bytes:
    """The key of one message (OMS volume 2, 9.6.2). `counter` and `identification`: four octets each, low octet first."""
    return aes.cmac(key, bytes((direction | purpose,)) + counter + identification + _KDF_FILL)


def mac_of(key: bytes, counter: bytes, identification: bytes, direction: int, data: bytes, size: int) -> bytes:
    """The authentication layer's MAC over `data` (control, counter, and everything behind the layer), cut to `size` octets."""
    return aes.cmac(derive(key, counter, identification, direction, _MAC), data)[:size]


def check_mac(expected: bytes, got: bytes) -> None:
    """Raises RemoteProtocolError when they differ."""
    if not compare_digest(expected, got):
        raise RemoteProtocolError("the MAC is wrong")


def vector(address: bytes, access: int) -> bytes:
    """Mode 5's initialisation vector: the meter's M and A fields and eight times the access number."""
    return address + bytes((access,)) * 8


def encrypt(key: bytes, iv: bytes, records: bytes) -> bytes:
    """Records behind two filling octets, filled to whole blocks, in AES-128-CBC."""
    plain = _MARK + records
    return aes.cbc_encrypt(key, iv, plain + FILL * (-len(plain) % BLOCK))


def decrypt(key: bytes, iv: bytes, data: bytes, blocks: int) -> bytes:
    """The records of so many encrypted blocks, and what follows in clear. Raises RemoteProtocolError on a wrong key."""
    size = blocks * BLOCK
    if not size or len(data) < size:
        raise RemoteProtocolError(f"{blocks} encrypted blocks in {len(data)} octets")
    plain = aes.cbc_decrypt(key, iv, data[:size])
    if not compare_digest(plain[:2], _MARK):
        raise RemoteProtocolError("the key is wrong: decrypted data does not begin as it must")
    return plain[2:] + data[size:]
