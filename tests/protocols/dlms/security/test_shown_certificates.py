"""A client that brings its certificate in the AARQ is known by it, and one with a wrong certificate is not let in."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from protocols.dlms.acse import Diagnostic, Mechanism
from protocols.dlms.authentication import AUTHENTICATED_ENCRYPTED, Authentication, NotAuthentic, Security
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


def test_the_server_shows_its_own(plant: Any) -> None:
    """A client that knows nothing of it but the authority believes its signature, and no other certificate."""
    stranger = plant.authority.certify(STRANGER, signature.public_key(plant.material.keys.signing), SIGNATURE)
    public_of_server = signature.public_key(plant.material.keys.signing)
    good = plant.authority.certify(plant.material.title, public_of_server, SIGNATURE)
    for shown, known in ((stranger, False), (b"rubbish", False), (good, True)):
        plant.material.certificate = lambda shown=shown: shown
        material = plant.material_of_client()
        material.keys.peer_signing.clear()
        store = CertificateStore(material, [plant.authority.certificate])
        material.recognise = lambda title, certificate, store=store: store.recognise(title, certificate, NOW)
        own = plant.authority.certify(TITLE, signature.public_key(material.keys.signing), SIGNATURE)
        one = Client(
            37, 1, authentication=Authentication(Mechanism.HIGH_ECDSA, rng=Random("client")),
            security=Security(material, certificate=own),
        )  # fmt: skip
        if known:
            with plant.meter(one):
                assert material.keys.peer_signing == {plant.material.title: public_of_server}
        else:
            with pytest.raises(NotAuthentic, match="certificate is not good"):
                plant.meter(one).associate()


def test_a_store_shows_the_certificate_for_signatures(plant: Any) -> None:
    store = CertificateStore(plant.material, [plant.authority.certificate])
    assert store.shown == b""
    store.generate_key_pair(SIGNATURE, Random("pair"))
    der = plant.authority.answer(store.request(SIGNATURE), SIGNATURE)
    store.take_in(der, NOW)
    assert store.shown == der


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
