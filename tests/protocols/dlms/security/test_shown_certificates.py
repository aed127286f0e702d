"""A client that brings its certificate in the AARQ is known by it, and one with a wrong certificate is not let in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from protocols.dlms.acse import Diagnostic, Mechanism
from protocols.dlms.authentication import AUTHENTICATED_ENCRYPTED, Authentication, Security
from protocols.dlms.client import AssociationRefused, Client
from protocols.dlms.security import signature
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateStore, CertificateType
from protocols.dlms.security.suites import Suite

SECOND = 1_000_000_000
VALID = (1_700_000_000 * SECOND, 2_000_000_000 * SECOND)
NOW = 1_800_000_000 * SECOND
TITLE, STRANGER = bytes.fromhex("4D42480000000001"), b"stranger"
SIGNATURE, AGREEMENT = CertificateType.DIGITAL_SIGNATURE, CertificateType.KEY_AGREEMENT


@pytest.fixture
def plant(make_plant: Callable[..., Any]) -> Any:
    """It knows nobody's signing key, and one authority."""
    plant = make_plant(Suite.S1)
    plant.authority = Authority("Root", signature.Curve.P256, Random("root"), VALID)
    plant.material.keys.peer_signing.clear()
    store = CertificateStore(plant.material, [plant.authority.certificate])
    plant.material.recognise = lambda title, certificate: store.recognise(title, certificate, NOW)
    return plant


def client(plant: Any, certificate: bytes, mechanism: Mechanism = Mechanism.HIGH_ECDSA) -> Client:
    security = Security(plant.material_of_client(), protection=AUTHENTICATED_ENCRYPTED, certificate=certificate)
    return Client(37, 1, authentication=Authentication(mechanism, rng=Random("client")), security=security)


def public(plant: Any) -> bytes:
    return signature.public_key(plant.material_of_client().keys.signing)


@pytest.mark.dlms("server HLS 7 ECDSA", "client HLS 7 ECDSA")
def test_a_good_certificate_opens_the_association(plant: Any) -> None:
    with plant.meter(client(plant, plant.authority.certify(TITLE, public(plant), SIGNATURE))):
        assert plant.material.keys.peer_signing == {TITLE: public(plant)}
    with plant.meter(client(plant, b"")):
        pass  # it is known from now on


def test_wrong_certificates_do_not(plant: Any) -> None:
    other = Authority("Root", signature.Curve.P256, Random("another root"), VALID)
    old = Authority("Root", signature.Curve.P256, Random("root"), (VALID[0], VALID[0] + SECOND))
    good = plant.authority.certify(TITLE, public(plant), SIGNATURE)
    for certificate in (
        b"rubbish",
        good[:-1] + bytes((good[-1] ^ 1,)),
        other.certify(TITLE, public(plant), SIGNATURE),
        old.certify(TITLE, public(plant), SIGNATURE),
        plant.authority.certify(STRANGER, public(plant), SIGNATURE),
        plant.authority.certify(TITLE, public(plant), AGREEMENT),
    ):
        with pytest.raises(AssociationRefused) as refused:
            plant.meter(client(plant, certificate)).associate()
        assert refused.value.diagnostic is Diagnostic.CALLING_AE_QUALIFIER_NOT_RECOGNIZED
        assert plant.material.keys.peer_signing == {}
    with plant.meter(client(plant, good)):
        pass
