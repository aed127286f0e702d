"""A meter with one association for each mechanism, and clients of it. Every key and secret here is a test key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

import pytest

from protocols.dlms import axdr, cosem
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE, Association, Terms
from protocols.dlms.authentication import AUTHENTICATED_ENCRYPTED, Authentication, Security
from protocols.dlms.client import Client
from protocols.dlms.cosem import Access, Rights
from protocols.dlms.direct import Direct
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.meter import Meter
from protocols.dlms.security import signature
from protocols.dlms.security.context import Protection
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.server import Server
from protocols.dlms.session import Session

SERVER_TITLE = bytes.fromhex("4D42450000000001")
CLIENT_TITLE = bytes.fromhex("4D42480000000001")
SECRET = b"a test secret"
PUBLIC, MANAGEMENT, PRE_ESTABLISHED = 16, 1, 40
CLIENTS = {
    Mechanism.LOW: 1,
    Mechanism.HIGH: 32,
    Mechanism.HIGH_MD5: 33,
    Mechanism.HIGH_SHA1: 34,
    Mechanism.HIGH_GMAC: 35,
    Mechanism.HIGH_SHA256: 36,
    Mechanism.HIGH_ECDSA: 37,
}


def keys(suite: Suite, *, server: bool) -> KeySet:
    """The symmetric keys that both share, own key pairs, and the other's public keys."""
    curve = suite.curve or signature.Curve.P256
    own, other = (signature.generate(curve, Random(f"keys/{one}")) for one in (server, not server))
    octets = suite.key_octets
    return KeySet(
        {
            KeyId.UNICAST_ENCRYPTION: bytes(range(octets)),
            KeyId.BROADCAST_ENCRYPTION: bytes(range(0x40, 0x40 + octets)),
            KeyId.AUTHENTICATION: bytes(range(0xC0, 0xC0 + octets)),
            KeyId.MASTER: bytes(range(0x80, 0x80 + octets)),
        },
        signing=own,
        agreement=own,
        peer_signing={CLIENT_TITLE if server else SERVER_TITLE: signature.public_key(other)},
        peer_agreement={CLIENT_TITLE if server else SERVER_TITLE: signature.public_key(other)},
    )


class Plant:
    """One logical device and what it holds; `session` connects to it, `meter` is our own client over such a session."""

    def __init__(self, suite: Suite = Suite.S0, policy: Policy = Policy.NOTHING) -> None:
        self.suite = suite
        self.now = 0
        self.secrets: list[tuple[int, bytes]] = []
        self.counter = count(1000)
        self.material = SecurityMaterial(
            SERVER_TITLE,
            keys(suite, server=True),
            lambda: next(self.counter),
            suite=suite,
            policy=policy,
            rng=Random("server keys"),
        )
        self.lamp = cosem.Data("0-0:96.13.0", value=axdr.u32(5), access={"value": Access.READ_WRITE})
        self.guarded = cosem.Data(
            "0-0:96.13.1", value=axdr.u32(6), access={"value": Access.READ_WRITE | Access.AUTHENTICATED_REQUEST}
        )
        self.sealed = cosem.Data("0-0:96.13.2", value=axdr.u32(7), access={"value": Access.READ | Access.ENCRYPTED_RESPONSE})
        associations = [Association(PUBLIC, rights=Rights(Access.READ, methods=False))]
        for mechanism, client in CLIENTS.items():
            secret = b"" if mechanism in (Mechanism.HIGH_GMAC, Mechanism.HIGH_ECDSA) else SECRET
            associations.append(Association(client, mechanism, secret, security=self.material, version=3))
        terms = Terms(CONFORMANCE, 1024, Context.LOGICAL_NAME_CIPHERED)
        associations.append(Association(PRE_ESTABLISHED, security=self.material, client_title=CLIENT_TITLE, pre_established=terms))
        self.device = LogicalDevice(
            b"MBE0000000000001",
            [self.lamp, self.guarded, self.sealed],
            associations,
            security=self.material,
            rng=Random("challenges"),
            on_change=lambda changed: self.secrets.append((changed.client_sap, changed.secret)),
        )
        self.server = Server({1: self.device})

    def session(self, client: int) -> Session:
        session = self.server.session(client, 1, 1200)
        assert session is not None
        return session

    def material_of_client(self, counters: Iterator[int] | None = None, title: bytes = CLIENT_TITLE) -> SecurityMaterial:
        own = counters if counters is not None else self.counter
        held = keys(self.suite, server=False)
        return SecurityMaterial(title, held, lambda: next(own), suite=self.suite, rng=Random("client keys"))

    def client(
        self,
        mechanism: Mechanism = Mechanism.HIGH_GMAC,
        protection: Protection = AUTHENTICATED_ENCRYPTED,
        *,
        secret: bytes = SECRET,
        dedicated: bytes = b"",
        material: SecurityMaterial | None = None,
    ) -> Client:
        """`protection` PLAIN: the context without ciphering."""
        authentication = Authentication(mechanism, secret, Random("client"), CLIENT_TITLE)
        security = Security(material or self.material_of_client(), protection=protection, dedicated_key=dedicated)
        return Client(CLIENTS[mechanism], 1, authentication=authentication, security=security)

    def meter(self, client: Client, session: Session | None = None) -> Meter:
        return Meter(Direct(session or self.session(client.client_sap), lambda: self.now), client)


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture(params=list(Suite), ids=lambda suite: suite.name)
def plant_of_each_suite(request: pytest.FixtureRequest) -> Plant:
    return Plant(request.param)


@pytest.fixture(scope="session")
def make_plant() -> Callable[..., Plant]:
    return Plant
