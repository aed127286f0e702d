"""Long values in a ciphered context: each service's own blocks are protected one by one, general blocks carry what is protected."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.dlms import access, axdr
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.client import Client
from protocols.dlms.direct import Direct
from protocols.dlms.initiate import Conformance
from protocols.dlms.meter import Meter
from protocols.dlms.security.context import Kind, Protection

LONG = axdr.octets(bytes(range(256)) * 20)
OTHER = axdr.octets(bytes(range(255, -1, -1)) * 17)
OWN_BLOCKS = (
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


@pytest.mark.parametrize("kind", [Kind.GLO, Kind.DED, Kind.GENERAL_GLO, Kind.GENERAL_DED])
@pytest.mark.parametrize("conformance", [CONFORMANCE, CONFORMANCE & ~OWN_BLOCKS], ids=["own blocks", "general blocks"])
def test_long_values_both_ways(plant: Any, kind: Kind, conformance: Conformance) -> None:
    plant.lamp.value = LONG
    dedicated = bytes(range(16)) if kind in (Kind.DED, Kind.GENERAL_DED) else b""
    material = plant.material_of_client()
    security = Security(material, protection=Protection(kind, True, True), dedicated_key=dedicated)
    authentication = Authentication(Mechanism.HIGH_GMAC, b"", material.rng, material.title)
    client = Client(35, 1, authentication=authentication, security=security, conformance=conformance)
    through, carried = Direct(plant.session(35)), []

    def exchange(data: bytes) -> bytes:
        answer = through(data)
        carried.extend((data, answer))
        return answer

    with Meter(exchange, client) as meter:
        assert meter.get("0-0:96.13.0", 1, 2) == LONG
        meter.set("0-0:96.13.0", 1, 2, OTHER)
        outcomes = meter.access([access.get("0-0:96.13.0", 1, 2), access.set("0-0:96.13.0", 1, 2, LONG)])
        assert outcomes == [OTHER, axdr.null()]
    assert plant.lamp.value == LONG
    assert max(len(octets) for octets in carried) <= 1200
    assert not any(piece in octets for octets in carried for piece in (LONG.value[:32], OTHER.value[:32]))
