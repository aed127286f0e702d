"""Published DLMS vectors by area, and two parties who know each other's keys."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest

from protocols.core.ecc import generate, public_key
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite
from tests.protocols.dlms.home import Home

_CLIENT = bytes.fromhex("4D4D4D0000BC614E")
_SERVER = bytes.fromhex("4D4D4D0000000001")


@pytest.fixture(scope="session")
def dlms_vectors(shared_vectors: Callable[[str], Any]) -> Callable[..., list[dict[str, Any]]]:
    """`dlms_vectors("acse", "initiate")`: the vectors of these areas, each with id, given and expect."""

    def of(*areas: str) -> list[dict[str, Any]]:
        found = [vector for vector in shared_vectors("dlms")["vectors"] if vector["area"] in areas]
        assert {vector["area"] for vector in found} == set(areas)
        return found

    return of


@pytest.fixture
def parties() -> Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]:
    """`parties(suite)`: client's and server's material, with keys of the test's own seed."""

    def of(suite: Suite) -> tuple[SecurityMaterial, SecurityMaterial]:
        rng = Random(f"keys of {suite.name}")
        octets = suite.key_octets
        symmetric = {key: rng.getrandbits(8 * octets).to_bytes(octets, "big") for key in KeyId}
        both = {title: KeySet(symmetric) for title in (_CLIENT, _SERVER)}
        curve = suite.curve
        if curve is not None:
            for keys in both.values():
                keys.signing, keys.agreement = generate(curve, rng), generate(curve, rng)
            for keys in both.values():
                keys.peer_signing = {title: public_key(of.signing) for title, of in both.items()}
                keys.peer_agreement = {title: public_key(of.agreement) for title, of in both.items()}
        client, server = (SecurityMaterial(title, keys, count(1).__next__, suite=suite) for title, keys in both.items())
        return client, server

    return of


@pytest.fixture
def home() -> Home:
    return Home()
