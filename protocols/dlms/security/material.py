"""What one end of secured associations holds: system title, suite, policy, keys, counters (Blue Book 4.4.7, security setup).

A logical device has one for each security setup; class 64 objects change the same material that associations use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import IntEnum
from random import Random
from typing import Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms.security.counters import PeerCounters
from protocols.dlms.security.suites import Policy, Suite

TITLE_OCTETS: Final = 8
REMEMBERED: Final = 1024
"""Messages under keys of their own that are known again."""


class KeyId(IntEnum):
    """key_id of key_transfer and key_agreement (security setup)."""

    UNICAST_ENCRYPTION = 0
    BROADCAST_ENCRYPTION = 1
    AUTHENTICATION = 2
    MASTER = 3


class KeySet:
    """Keys of one end, none of which repr shows.

    `symmetric`: {KeyId: key}. `signing`, `agreement`: own private keys, empty when there is none. `peer_signing`,
    `peer_agreement`: the public keys of others by system title, from certificates that were checked when they came. Private
    and public keys are octets as `protocols.core.ecc` has them: scalar, X || Y.
    """

    __slots__ = ("agreement", "peer_agreement", "peer_signing", "signing", "symmetric")

    def __init__(
        self,
        symmetric: Mapping[KeyId, bytes],
        *,
        signing: bytes = b"",
        agreement: bytes = b"",
        peer_signing: Mapping[bytes, bytes] | None = None,
        peer_agreement: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.symmetric = dict(symmetric)
        self.signing = signing
        self.agreement = agreement
        self.peer_signing = dict(peer_signing or {})
        self.peer_agreement = dict(peer_agreement or {})

    def __repr__(self) -> str:
        return "KeySet(redacted)"

    @property
    def authentication(self) -> bytes:
        """The authentication key; empty when there is none (it is optional)."""
        return self.symmetric.get(KeyId.AUTHENTICATION, b"")


class SecurityMaterial:
    """One end's security setup. `title`: own system title, 8 octets. `next_counter`: an invocation counter never given before.

    `policy`: what every association with a ciphered context must at least keep to. `rng`: for ephemeral keys and keys to wrap.
    """

    def __init__(
        self,
        title: bytes,
        keys: KeySet,
        next_counter: Callable[[], int],
        *,
        suite: Suite = Suite.S0,
        policy: Policy = Policy.NOTHING,
        counters: PeerCounters | None = None,
        rng: Random | None = None,
    ) -> None:
        if len(title) != TITLE_OCTETS or not any(title):
            raise LocalProtocolError("a system title has 8 octets, not all zero")
        self.title = bytes(title)
        self.keys = keys
        self.next_counter = next_counter
        self.suite = suite
        self.policy = policy
        self.counters = counters if counters is not None else PeerCounters()
        self.client_title = b""
        """Of the client that last opened an association with it (client_system_title); empty: none yet."""
        self.rng = rng
        self.seen: deque[bytes] = deque(maxlen=REMEMBERED)
        """Digests of messages under keys that came with them, which no counter protects from replay."""
        self.recognise: Callable[[bytes, bytes], bool] | None = None
        """Takes in the certificate (DER) that came from this title in an AARQ or AARE; whether it is good. None: not asked."""
        self.certificate: Callable[[], bytes] | None = None
        """Our own certificate for signatures (DER), to be shown in an AARE; empty: there is none."""
        self.refresh: Callable[[], object] | None = None
        """Called before an association is agreed on: forgets keys whose certificates have run out."""
        self.on_change: Callable[[], object] | None = None
        """Called when clients have changed keys or policy."""
        self._deferred: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"SecurityMaterial({self.title.hex().upper()}, {self.suite.name}, keys redacted)"

    def replace(self, key: KeyId, value: bytes) -> None:
        """Put a new key in the place of one; the counters of those who use it begin anew."""
        if len(value) != self.suite.key_octets:
            raise LocalProtocolError(f"a key of {self.suite.name} has {self.suite.key_octets} octets, not {len(value)}")
        self.keys.symmetric[key] = bytes(value)
        self.counters.forget(key)

    def defer(self, change: Callable[[], None]) -> None:
        """Have a change made once the answer to what asked for it is sealed: new keys and policies do not hold for that one."""
        self._deferred.append(change)

    def settle(self) -> None:
        """Make the changes that wait."""
        waiting, self._deferred = self._deferred, []
        for change in waiting:
            change()
        if waiting and self.on_change is not None:
            self.on_change()
