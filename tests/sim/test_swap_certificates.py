"""A hub is exchanged: certificates of other parties that were imported into it go over, its private keys do not."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from devices.runtime.kernel import DAY, MIN, S
from hubfw.backup import CERTIFICATES
from protocols.core.ecc import Curve, generate, public_key
from protocols.dlms import axdr
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateType
from tests.sim import swap_rules
from tests.sim.test_hub_swap import Exchange, backup_contents

SETUP = "0-0:43.0.0"
GENERATE, REQUEST, IMPORT, REMOVE = 4, 5, 6, 8
SIGNATURE = CertificateType.DIGITAL_SIGNATURE
SUPPLIER, NETWORK_OPERATOR, REVOKED = b"SUPPLIER", b"OPERATOR", b"GONEAWAY"
YEAR = 365 * DAY
START = 1_768_348_800 * S

HOME = """
[access]
profile = "lab"
suite = 1
[access.keys]
unicast = "000102030405060708090A0B0C0D0E0F"
broadcast = "0F0E0D0C0B0A09080706050403020100"
authentication = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
master = "00112233445566778899AABBCCDDEEFF"
authority = "{authority}"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
"""


class Parties:
    """An authority, and public keys of others that it vouches for."""

    def __init__(self):
        self.authority = Authority("Root", Curve.P256, Random("root"), (START - YEAR, START + YEAR))
        self.keys = {
            title: public_key(generate(Curve.P256, Random(title.decode()))) for title in (SUPPLIER, NETWORK_OPERATOR, REVOKED)
        }

    def certificate(self, title):
        return self.authority.certify(title, self.keys[title], SIGNATURE)


@pytest.fixture
def parties():
    return Parties()


@pytest.fixture
def exchange(build, parties):
    home = build(HOME.format(authority=parties.authority.certificate.hex()))
    home.run(for_=10 * MIN)
    return Exchange(home)


def call(exchange, board, method, argument):
    return exchange.ask(board, lambda client: client.action(SETUP, 64, method, argument))


def certify(exchange, board, parties):
    """Have a hub make a pair of its own, and give it the authority's certificate for that."""
    call(exchange, board, GENERATE, axdr.enum(SIGNATURE))
    request = call(exchange, board, REQUEST, axdr.enum(SIGNATURE)).value
    call(exchange, board, IMPORT, axdr.octets(parties.authority.answer(request, SIGNATURE)))


def known(board):
    """Public keys of others, by title."""
    return dict(board.firmware.clients.security.keys.peer_signing)


def removal(title):
    """By entity: a client's certificate for signatures."""
    by_entity = axdr.structure(axdr.enum(1), axdr.enum(SIGNATURE), axdr.octets(title))
    return axdr.structure(axdr.enum(0), by_entity)


@pytest.mark.req("S-025", part=True)
def test_certificates_of_others_go_over_and_private_keys_do_not(exchange, parties):
    old = exchange.old
    certify(exchange, old, parties)
    for title in (SUPPLIER, NETWORK_OPERATOR, REVOKED):
        call(exchange, old, IMPORT, axdr.octets(parties.certificate(title)))
    call(exchange, old, REMOVE, removal(REVOKED))
    secret = bytes(old.nvm.get(CERTIFICATES)["own"][int(SIGNATURE)])
    assert swap_rules.left_behind(old, {"private key": secret}) == ["private key"]
    contents, _ = backup_contents(exchange.home, exchange.backup())
    sealed = exchange.hand_over()
    assert secret not in contents.build()
    assert old.eui64.to_bytes(8, "big").hex().upper().encode() not in msgspec.msgpack.encode(contents.kept[CERTIFICATES])
    new = exchange.fit()
    certify(exchange, new, parties)
    own = new.nvm.get(CERTIFICATES)["own"]
    exchange.restore(new, sealed)
    assert known(new) == {SUPPLIER: parties.keys[SUPPLIER], NETWORK_OPERATOR: parties.keys[NETWORK_OPERATOR]}
    assert swap_rules.left_behind(new, {"private key": secret}) == []
    assert new.nvm.get(CERTIFICATES)["own"] == own
    shown = exchange.ask(new, lambda client: client.get(SETUP, 64, 6))
    assert len(shown.value) == 4  # the authority, itself, and two others
