"""AES modes of ZigBee, DLMS and M-Bus: CCM*, GCM with a 12-octet tag, key wrap, MMO hash, HMAC-MMO, CBC, CMAC.

CCM*: ZigBee R23 annex A (encryption with M = 4 is the level smart energy uses). GCM: NIST SP 800-38D, cut to 96 bits
as DLMS asks (Green Book 9.2.3.3). Key wrap: RFC 3394. MMO and keyed MMO: ZigBee R23 annex B.6 and B.1.4.
CBC: SP 800-38A. CMAC: SP 800-38B.
Cipher objects are kept per key: making one costs more than using it. Not here: key handling, nonces, counters.
"""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from protocols.core.errors import RemoteProtocolError

MIC = 4
"""Octets of a CCM* message integrity code."""
TAG = 12
"""Octets of a DLMS authentication tag."""
BLOCK = 16

_KEYS = 4096
"""Cipher objects kept of each kind: a street of homes has a few thousand keys."""

_FULL_TAG = 16


class _Ciphers(dict[bytes, AESCCM]):
    """By key, for one length of the MIC. The oldest goes when there are too many."""

    def __init__(self, mic: int) -> None:
        self._mic = mic

    def __missing__(self, key: bytes) -> AESCCM:
        if len(self) >= _KEYS:
            del self[next(iter(self))]
        cipher = self[key] = AESCCM(key, tag_length=self._mic)
        return cipher


_CCM = {mic: _Ciphers(mic) for mic in (4, 6, 8, 10, 12, 14, 16)}
_SHORT = _CCM[MIC]


@lru_cache(maxsize=_KEYS)
def _gcm(key: bytes) -> AESGCM:
    return AESGCM(key)


def ccm_seal(key: bytes, nonce: bytes, aad: bytes, data: bytes, mic: int = MIC) -> bytes:
    """Encrypt `data` and authenticate it with `aad`: ciphertext and `mic` octets of MIC. `nonce` has 13 octets."""
    return (_SHORT if mic == MIC else _CCM[mic])[key].encrypt(nonce, data, aad)


def ccm_open(key: bytes, nonce: bytes, aad: bytes, data: bytes, mic: int = MIC) -> bytes:
    """The plaintext of ciphertext and MIC. Raises RemoteProtocolError when the MIC does not fit."""
    try:
        return (_SHORT if mic == MIC else _CCM[mic])[key].decrypt(nonce, data, aad)
    except InvalidTag:
        raise RemoteProtocolError("CCM*: the message integrity code is wrong") from None


def gcm_seal(key: bytes, iv: bytes, aad: bytes, data: bytes) -> bytes:
    """Encrypt `data` and authenticate it with `aad`: ciphertext and 12-octet tag. `iv` has 12 octets."""
    return _gcm(key).encrypt(iv, data, aad)[: TAG - _FULL_TAG]


def gmac(key: bytes, iv: bytes, aad: bytes) -> bytes:
    """The whole tag of 16 octets over data that is not enciphered."""
    return _gcm(key).encrypt(iv, b"", aad)


def gcm_open(key: bytes, iv: bytes, aad: bytes, data: bytes) -> bytes:
    """The plaintext of ciphertext and tag. Raises RemoteProtocolError when the tag does not fit.

    The AEAD interface only checks whole tags, and the interface that checks short ones costs 3.5 times as much: so
    decrypt by encrypting (counter mode is its own inverse), seal the result again, and compare all of it.
    """
    if len(data) < TAG:
        raise RemoteProtocolError(f"GCM: {len(data)} octets cannot hold a {TAG}-octet tag")
    gcm = _gcm(key)
    plain = gcm.encrypt(iv, data[:-TAG], None)[:-_FULL_TAG]
    if not compare_digest(gcm.encrypt(iv, plain, aad)[: TAG - _FULL_TAG], data):
        raise RemoteProtocolError("GCM: the authentication tag is wrong")
    return plain


def wrap(kek: bytes, key: bytes) -> bytes:
    """A key under a key-encrypting key (RFC 3394): 8 octets longer."""
    return aes_key_wrap(kek, key)


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """The key that was wrapped. Raises RemoteProtocolError when the integrity check does not fit."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap:
        raise RemoteProtocolError("key wrap: the integrity check is wrong") from None


@lru_cache(maxsize=_KEYS)
def _encryptor(key: bytes) -> CipherContext:
    # Electronic codebook has no chaining, so one context serves for ever: 0.3 us a block against 6 us for a new one.
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()


def ecb(key: bytes, block: bytes) -> bytes:
    """One or more 16-octet blocks, each encrypted by itself."""
    return _encryptor(key).update(block)


def cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Whole blocks of 16 octets, chained; nothing is filled up."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """The plaintext of whole blocks, filling included."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return cipher.update(data) + cipher.finalize()


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC of `data`, 16 octets."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def mmo(data: bytes) -> bytes:
    """Matyas-Meyer-Oseas hash of `data`, 16 octets (ZigBee R23 annex B.6)."""
    return _mmo_fold(bytes(BLOCK), data + _mmo_padding(len(data)))


class Mmo:
    """The same hash of octets that come by pieces."""

    __slots__ = ("_digest", "_length", "_rest")

    def __init__(self, data: bytes = b"") -> None:
        self._digest = bytes(BLOCK)
        self._rest = b""
        self._length = 0
        self.update(data)

    def update(self, data: bytes) -> None:
        """The next octets."""
        self._length += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % BLOCK
        self._digest = _mmo_fold(self._digest, data[:whole])
        self._rest = data[whole:]

    def digest(self) -> bytes:
        """The hash of all octets so far, 16 octets."""
        return _mmo_fold(self._digest, self._rest + _mmo_padding(self._length))


def _mmo_padding(length: int) -> bytes:
    """What makes so many octets whole blocks that tell their number."""
    bits = 8 * length
    short = bits < 0x10000
    tail = 2 if short else 6  # octets behind the padding: 16-bit length, or 32-bit length and two zero octets
    end = bits.to_bytes(2, "big") if short else bits.to_bytes(4, "big") + bytes(2)
    return b"\x80" + bytes((-length - 1 - tail) % BLOCK) + end


def _mmo_fold(digest: bytes, blocks: bytes) -> bytes:
    for at in range(0, len(blocks), BLOCK):
        block = blocks[at : at + BLOCK]
        # A chained key is used once: keeping its cipher object would only push out those that are used again.
        sealed = Cipher(algorithms.AES(digest), modes.ECB()).encryptor().update(block)
        digest = _xor(sealed, block)
    return digest


def hmac_mmo(key: bytes, data: bytes) -> bytes:
    """HMAC over the MMO hash (ZigBee R23 annex B.1.4), 16 octets. A key longer than a block is hashed first."""
    if len(key) > BLOCK:
        key = mmo(key)
    key = key.ljust(BLOCK, b"\0")
    inner = mmo(_xor(key, b"\x36" * BLOCK) + data)
    return mmo(_xor(key, b"\x5c" * BLOCK) + inner)


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(BLOCK, "big")
