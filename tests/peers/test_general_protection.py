"""pydlms as judge of general-ciphering and general-signing: what either seals the other opens; every kind of key and order."""

from __future__ import annotations

import json
import subprocess
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from protocols.core.ecc import generate, public_key
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.general import (
    Ciphering,
    Header,
    KeyKind,
    Layer,
    Profile,
    Signing,
    open_general,
    seal_general,
)
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite

pytestmark = pytest.mark.needs("peers")

JUDGE = Path(__file__).resolve().parent / "judges" / "pydlms_general.py"
OURS, THEIRS = bytes.fromhex("4D424D0000000001"), bytes.fromhex("4D42430000000002")
APDU = bytes.fromhex("C001C100080000010000FF0200")
TRANSACTION = bytes(range(1, 9))
KINDS = {
    "none": KeyKind.ABSENT, "identified": KeyKind.UNICAST, "broadcast": KeyKind.BROADCAST, "wrapped": KeyKind.WRAPPED,
    "agreed 1e1s": KeyKind.ONE_PASS, "agreed 0e2s": KeyKind.STATIC,
}  # fmt: skip
LEVELS = {"AUTHENTICATED": (True, False), "ENCRYPTED": (False, True), "AUTHENTICATED_ENCRYPTED": (True, True)}
BOTH = "AUTHENTICATED_ENCRYPTED"
WHOLE = Profile(header_authenticated=True, content_length_signed=True)
"""The field's AlgorithmID, which is all that pydlms has, with the header authenticated and the length signed."""


class Case(NamedTuple):
    suite: Suite
    form: tuple[str, ...]
    key_info: str = "identified"
    level: str = BOTH
    profile: Profile = Profile.FIELD

    def __str__(self) -> str:
        profile = "whole" if self.profile is WHOLE else "field"
        return f"{self.suite.name} {'+'.join(self.form)} {self.key_info} {self.level} {profile}"


PUBLIC_KEY_SUITES = (Suite.S1, Suite.S2)
CASES = [
    *(Case(suite, ("cipher",), kind) for suite in Suite for kind in KINDS if suite or not kind.startswith("agreed")),
    *(Case(Suite.S1, ("cipher",), kind, level) for kind in KINDS for level in LEVELS if level != BOTH),
    *(Case(Suite.S1, ("cipher",), kind, profile=WHOLE) for kind in KINDS),
    *(Case(suite, form, "agreed 1e1s", profile=profile) for suite in PUBLIC_KEY_SUITES
      for form in (("sign",), ("cipher", "sign"), ("sign", "cipher")) for profile in (Profile.FIELD, WHOLE)),
]  # fmt: skip


class Parties:
    """We and the judge, in one suite."""

    def __init__(self, suite: Suite) -> None:
        rng = Random(f"parties {suite.name}")
        octets = suite.key_octets
        self.symmetric = {key: rng.getrandbits(8 * octets).to_bytes(octets, "big") for key in KeyId}
        private = [generate(suite.curve, rng) if suite.curve else b"" for _ in range(4)]
        points = [public_key(key) if key else b"" for key in private]
        peers = ({THEIRS: points[2]}, {THEIRS: points[3]}) if suite.curve else ({}, {})
        keys = KeySet(self.symmetric, signing=private[0], agreement=private[1], peer_signing=peers[0], peer_agreement=peers[1])
        self.ours = SecurityMaterial(OURS, keys, count(1).__next__, suite=suite)
        self.theirs = {"signing": private[2], "agreement": private[3], "peer_signing": points[0], "peer_agreement": points[1]}

    def order(self, case: Case, do: str, apdu: bytes) -> dict[str, Any]:
        octets = {
            "unicast": self.symmetric[KeyId.UNICAST_ENCRYPTION], "broadcast": self.symmetric[KeyId.BROADCAST_ENCRYPTION],
            "authentication": self.symmetric[KeyId.AUTHENTICATION], "master": self.symmetric[KeyId.MASTER], "title": THEIRS,
            "peer_title": OURS, "transaction": TRANSACTION, "apdu": apdu, **self.theirs,
        }  # fmt: skip
        said = {"do": do, "form": case.form, "key_info": case.key_info, "suite": int(case.suite), "level": case.level}
        return said | {name: value.hex() for name, value in octets.items()} | {"form_of_field": case.profile is Profile.FIELD}

    def layers(self, case: Case, header: Header) -> list[Layer]:
        authenticated, encrypted = LEVELS[case.level]
        ciphering = Ciphering(header, KINDS[case.key_info], authenticated, encrypted)
        return [ciphering if layer == "cipher" else Signing(header) for layer in case.form]


@pytest.fixture(scope="module")
def judged(peers_python: Path) -> dict[str, tuple[Any, Any]]:
    """Of each case what the judge has sealed, and what it has made of what we sealed; one program does all."""
    parties = {suite: Parties(suite) for suite in Suite}
    orders = []
    for case in CASES:
        known = parties[case.suite]
        layers = known.layers(case, Header(TRANSACTION, OURS, THEIRS))
        sealed = seal_general(APDU, layers, known.ours, Random(str(case)), case.profile)
        orders += [known.order(case, "seal", APDU), known.order(case, "open", sealed)]
    run = subprocess.run(
        [str(peers_python), str(JUDGE), json.dumps(orders)], capture_output=True, text=True, timeout=120, check=True
    )
    answers = json.loads(run.stdout)
    return {str(case): pair for case, pair in zip(CASES, zip(answers[::2], answers[1::2], strict=True), strict=True)}


@pytest.mark.dlms(
    "client general-ciphering identified key", "client general-ciphering wrapped key",
    "client general-ciphering agreed key 1e1s", "client general-ciphering agreed key 0e2s",
    "client general-signing suite 1", "client general-signing suite 2", part=True,
)  # fmt: skip
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_we_seal_the_judge_opens(judged: dict[str, tuple[Any, Any]], case: Case) -> None:
    assert judged[str(case)][1] == APDU.hex()


@pytest.mark.dlms(
    "server general-ciphering identified key", "server general-ciphering wrapped key",
    "server general-ciphering agreed key 1e1s", "server general-ciphering agreed key 0e2s",
    "server general-signing suite 1", "server general-signing suite 2", part=True,
)  # fmt: skip
@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_judge_seals_we_open(judged: dict[str, tuple[Any, Any]], case: Case) -> None:
    sealed = bytes.fromhex(judged[str(case)][0])
    known = Parties(case.suite)
    opened = open_general(sealed, known.ours, case.profile)
    assert opened.apdu == APDU
    expected = known.layers(case, Header(TRANSACTION, THEIRS, OURS))
    assert [type(layer) for layer in opened.layers] == [type(layer) for layer in expected]
    for found, wanted in zip(opened.layers, expected, strict=True):
        assert found.header == wanted.header
        if isinstance(found, Ciphering) and isinstance(wanted, Ciphering):
            assert (found.key, found.authenticated, found.encrypted) == (wanted.key, wanted.authenticated, wanted.encrypted)
    if case.level != "ENCRYPTED":
        damaged = sealed[:-1] + bytes((sealed[-1] ^ 1,))
        with pytest.raises(RemoteProtocolError):
            open_general(damaged, known.ours, case.profile)
