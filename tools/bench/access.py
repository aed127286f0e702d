"""Access profiles of a bench file: who may do what over DLMS, and the test keys of the laboratory.

What the profiles grant is devices.parts.dlms_access. Keys in a bench file are test keys: whoever reads the file has them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from devices.parts.dlms_access import Lab
from protocols.core import x509
from protocols.core.errors import RemoteProtocolError

_POLICIES = range(0, 256, 4)
_TITLE_OCTETS = 8
_PRIVATE_OCTETS = (0, 32, 48)
_PUBLIC_OCTETS = (0, 64, 96)


class LabKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Test keys in hexadecimal digits: 16 octets for suites 0 and 1, 32 for suite 2."""

    unicast: str
    broadcast: str
    authentication: str
    master: str
    signing: str = ""
    """The devices' private key for signatures, of P-256 (32 octets) or P-384 (48)."""
    client_signing: str = ""
    """The client's public key for signatures, X and Y."""
    authority: str = ""
    """Certificate (X.509, DER) of the authority whose certificates the devices take in."""

    def __repr__(self) -> str:
        return "LabKeys(redacted)"


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what over DLMS.

    `open`: client 16 reads without a password, client 1 writes with one. `lab`: these, clients 32 to 37 with high level security
    2 to 7, client 40 pre-established; all of the latter may cipher.
    """

    profile: Literal["open", "lab"] = "open"
    password: Annotated[str, Meta(min_length=1, max_length=16)] = "12345678"
    """Low-level security password of client 1."""
    suite: Literal[0, 1, 2] = 0
    policy: Annotated[int, Meta(ge=0, le=255)] = 0
    """Security policy: 4, 8, 16 requests authenticated, encrypted, signed; 32, 64, 128 responses."""
    secret: Annotated[str, Meta(min_length=1, max_length=64)] = "test-secret"
    """Of high level security 2, 3, 4 and 6."""
    client_title: str = "4D42480000000001"
    """System title of the laboratory's client, in hexadecimal digits."""
    suppliers: Annotated[dict[str, Annotated[str, Meta(min_length=1, max_length=16)]], Meta(max_length=64)] = {}
    """Password of client 64 by supplier, at the meters that are that supplier's (`supplier` of a device)."""
    keys: LabKeys | None = None

    def __post_init__(self) -> None:
        if (self.profile == "lab") != (self.keys is not None):
            raise ValueError("`keys` belong to the profile lab, which needs them")
        if len({self.password, *self.suppliers.values()}) <= len(self.suppliers):
            raise ValueError("`suppliers`: each has a password of its own, and not the one of client 1")
        if self.policy not in _POLICIES:
            raise ValueError("`policy` is a sum of 4, 8, 16, 32, 64 and 128")
        if len(_octets("client_title", self.client_title)) != _TITLE_OCTETS:
            raise ValueError("`client_title` has 8 octets")
        if self.keys is not None:
            self._check_keys(self.keys)

    @property
    def protected(self) -> bool:
        """Whether every client needs a credential (then a link may be opened to other machines): in no profile yet."""
        return False

    def secret_of(self, supplier: str | None) -> bytes:
        """The password of a supplier; empty where there is none."""
        return self.suppliers.get(supplier or "", "").encode()

    @property
    def lab(self) -> Lab | None:
        """What devices are told; None: the profile open."""
        if self.keys is None:
            return None
        fields = {name: bytes.fromhex(getattr(self.keys, name)) for name in self.keys.__struct_fields__}
        title, secret = bytes.fromhex(self.client_title), self.secret.encode()
        return Lab(client_title=title, secret=secret, suite=self.suite, policy=self.policy, **fields)

    def _check_keys(self, keys: LabKeys) -> None:
        octets = 32 if self.suite == 2 else 16
        for name in ("unicast", "broadcast", "authentication", "master"):
            if len(_octets(name, getattr(keys, name))) != octets:
                raise ValueError(f"`keys.{name}` has {octets} octets in suite {self.suite}")
        private, public = _octets("signing", keys.signing), _octets("client_signing", keys.client_signing)
        if len(private) not in _PRIVATE_OCTETS or len(public) not in _PUBLIC_OCTETS or len(public) != 2 * len(private):
            raise ValueError("`keys.signing` has 32 or 48 octets, and `keys.client_signing` twice as many, of the same curve")
        if authority := _octets("authority", keys.authority):
            try:
                x509.parse(authority)
            except RemoteProtocolError as error:
                raise ValueError(f"`keys.authority` is no certificate: {error}") from None


def _octets(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"`{name}` is written in hexadecimal digits") from None
