"""Key files of DLMS clients: TOML with system titles, keys and the suite, and the invocation counter kept beside it.

    title = "4D42480000000001"            # ours, 8 octets in hexadecimal digits
    suite = 0
    encryption = "000102030405060708090A0B0C0D0E0F"
    authentication = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"

Keys are in clear: for test keys. The counter of what we send is in FILE.counter, reserved ahead, so that no run repeats a number
under one key.
"""

from __future__ import annotations

import os
import random
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from protocols.core.ecc import public_key
from protocols.core.errors import LocalProtocolError
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite
from tools.errors import BadInput, suggest

_AHEAD = 1 << 16
"""Numbers reserved by one run."""
_LAST = 0xFFFF_FFFF


class Keyring(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a key file says; hexadecimal digits. Only `title` has to be there."""

    title: str
    suite: int = 0
    server_title: str = ""
    encryption: str = ""
    broadcast: str = ""
    authentication: str = ""
    master: str = ""
    dedicated: str = ""
    signing: str = ""
    """Our private key."""
    server_signing: str = ""
    """The meter's public key, X and Y."""
    agreement: str = ""
    server_agreement: str = ""
    counter: int = 1
    """The first invocation counter, while there is no FILE.counter."""

    def __repr__(self) -> str:
        return f"Keyring({self.title}, redacted)"

    @property
    def titles(self) -> list[bytes]:
        """System titles of those who may have sent something."""
        return [bytes.fromhex(title) for title in (self.title, self.server_title) if title]

    def material(self, next_counter: Callable[[], int], suite: int | None = None) -> SecurityMaterial:
        """Our end's security setup. Raises BadInput for a key that does not fit the suite."""
        chosen = Suite(self.suite if suite is None else suite)
        symmetric = {
            key: bytes.fromhex(digits)
            for key, digits in (
                (KeyId.UNICAST_ENCRYPTION, self.encryption),
                (KeyId.BROADCAST_ENCRYPTION, self.broadcast),
                (KeyId.AUTHENTICATION, self.authentication),
                (KeyId.MASTER, self.master),
            )
            if digits
        }
        wrong = [key.name.lower() for key, octets in symmetric.items() if len(octets) != chosen.key_octets]
        if wrong:
            raise BadInput(f"suite {int(chosen)} has keys of {chosen.key_octets} octets; {', '.join(wrong)} has not")
        server = bytes.fromhex(self.server_title)
        keys = KeySet(
            symmetric,
            signing=bytes.fromhex(self.signing),
            agreement=bytes.fromhex(self.agreement),
            peer_signing=self._known(server, self.server_signing, chosen, self.signing),
            peer_agreement=self._known(server, self.server_agreement, chosen, self.agreement),
        )
        try:
            return SecurityMaterial(bytes.fromhex(self.title), keys, next_counter, suite=chosen, rng=random.SystemRandom())
        except LocalProtocolError as error:
            raise BadInput(str(error)) from error

    def _known(self, server: bytes, public: str, suite: Suite, private: str) -> dict[bytes, bytes]:
        """Public keys by system title: the meter's, and our own, which `decode` reads our messages with."""
        found = {server: bytes.fromhex(public)} if server and public else {}
        if private and suite.curve is not None:
            found[bytes.fromhex(self.title)] = public_key(bytes.fromhex(private))
        return found


def read(path: Path) -> Keyring:
    """The keys of a file. Raises BadInput in one line."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        found = msgspec.convert(document, Keyring)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        unknown = set(document) - set(Keyring.__struct_fields__) if isinstance(error, msgspec.ValidationError) else set()
        hint = suggest(min(unknown), Keyring.__struct_fields__) if unknown else ""
        raise BadInput(f"{path}: {error}{hint}") from error
    for name in found.__struct_fields__:
        value = getattr(found, name)
        if isinstance(value, str) and not _is_hexadecimal(value):
            raise BadInput(f"{path}: {name} is not octets in hexadecimal digits")
    if len(found.title) != 16 or len(found.server_title) not in (0, 16):
        raise BadInput(f"{path}: a system title has 8 octets")
    if found.suite not in list(Suite) or not 0 <= found.counter <= _LAST:
        raise BadInput(f"{path}: suite is 0, 1 or 2, and counter a number of 32 bits")
    return found


@contextmanager
def counting(path: Path, first: int) -> Iterator[Callable[[], int]]:
    """What gives the next invocation counter, for one run. FILE.counter says where the next run begins, even after a crash.

    Raises BadInput when it cannot be kept.
    """
    kept = path.with_name(f"{path.name}.counter")
    try:
        number = int(kept.read_text(encoding="ascii")) if kept.exists() else first
        if not 0 <= number <= _LAST - _AHEAD:
            raise ValueError("no counter, or at its end: the keys have to be changed")
        _keep(kept, number + _AHEAD)
    except (OSError, ValueError) as error:
        raise BadInput(f"{kept}: {getattr(error, 'strerror', None) or error}") from error
    last = number + _AHEAD
    start = number

    def next_counter() -> int:
        nonlocal number
        if number >= last:
            raise BadInput(f"{kept}: one run has used {_AHEAD} numbers")
        number += 1
        return number - 1

    try:
        yield next_counter
    finally:
        if number >= start:
            _keep(kept, number)


def _keep(path: Path, number: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{number}\n")


def _is_hexadecimal(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) * 2 == len(text)
    except ValueError:
        return False
