"""A certification authority for the bench: it vouches for the keys of devices and parties that a run makes up.

Its own key comes from a seed, and its signatures are deterministic: one seed gives the same certificates always. Test keys only;
nothing here has a standing on a live network. Not here: revocation lists, and policies on who is certified.
"""

from __future__ import annotations

from random import Random
from typing import Final

from protocols.core import x509
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.x509 import Name, Usage
from protocols.dlms.security.certificates import CertificateType

_SERIAL_BITS: Final = 127
_USAGES: Final = {
    CertificateType.DIGITAL_SIGNATURE: Usage.DIGITAL_SIGNATURE,
    CertificateType.KEY_AGREEMENT: Usage.KEY_AGREEMENT,
}


class Authority:
    """An authority with a certificate of its own (DER). `parent`: who vouches for it; None: it vouches for itself.

    `valid`: from when to when its certificates are, UTC in ns. `rng`: for its key and for serial numbers.
    """

    def __init__(self, name: str, curve: Curve, rng: Random, valid: tuple[int, int], parent: Authority | None = None) -> None:
        self.name = Name(common_name=name)
        self._private = generate(curve, rng)
        self._rng = rng
        self._valid = valid
        issuer = parent or self
        self.certificate = issuer._sign(self.name, public_key(self._private), Usage.KEY_CERT_SIGN | Usage.CRL_SIGN, True)

    def certify(self, title: bytes, public: bytes, type: CertificateType) -> bytes:
        """A certificate (DER) that the public key is that party's, for that purpose; the title as common name."""
        return self._sign(Name(common_name=title.hex().upper()), public, _USAGES[type], False)

    def answer(self, request: bytes, type: CertificateType) -> bytes:
        """The certificate that a request (PKCS #10, DER) asks for. Raises DecodeError."""
        wanted = x509.parse_request(request)
        return self._sign(Name(common_name=wanted.subject.common_name), wanted.public, _USAGES[type], False)

    def _sign(self, subject: Name, public: bytes, usage: Usage, authority: bool) -> bytes:
        serial = 1 + self._rng.getrandbits(_SERIAL_BITS)
        return x509.issue(self._private, self.name, subject, public, usage, serial, *self._valid, authority=authority)
