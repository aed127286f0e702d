"""Two parties who know each other's certificates, in each suite."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random

import pytest

from protocols.core.ecc import generate, public_key
from protocols.dlms.security.agreement import CURVES
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

CLIENT = bytes.fromhex("4D4D4D0000BC614E")
SERVER = bytes.fromhex("4D4D4D0000000001")


@pytest.fixture
def parties() -> Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]:
    """`parties(suite)`: client's and server's material, with keys of the test's own seed."""

    def of(suite: Suite) -> tuple[SecurityMaterial, SecurityMaterial]:
        rng = Random(f"keys of {suite.name}")
        octets = suite.key_octets
        symmetric = {key: rng.getrandbits(8 * octets).to_bytes(octets, "big") for key in KeyId}
        both = {title: KeySet(symmetric) for title in (CLIENT, SERVER)}
        curve = CURVES.get(suite)
        if curve is not None:
            for keys in both.values():
                keys.signing, keys.agreement = generate(curve, rng), generate(curve, rng)
            for keys in both.values():
                keys.peer_signing = {title: public_key(of.signing) for title, of in both.items()}
                keys.peer_agreement = {title: public_key(of.agreement) for title, of in both.items()}
        client, server = (
            SecurityMaterial(title, keys, count(1).__next__, suite=suite) for title, keys in both.items()
        )
        return client, server

    return of
