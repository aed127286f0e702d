"""A joiner and a stranger's trust centre: the default link key, a trust centre link key on request, binding, retries."""

from __future__ import annotations

from random import Random

import pytest

from protocols.core import crc
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee import aps, mac, nwk, security, zdo
from protocols.zigbee.node import (
    Joined,
    JoinFailed,
    NodeConfig,
    NodeType,
    PartnerKey,
    PartnerKeyFailed,
    Persist,
    S,
    SimpleDescriptor,
    Transmit,
    TxStatus,
)
from protocols.zigbee.stack import Stack
from tests.protocols.zigbee.cell import INSTALL_CODE, METER, CountersInMemory

STRANGER = 0x00124B0001020304
PAN, SHORT = 0x1A62, 0x1001
NETWORK_KEY, NEW_KEY = bytes(range(16)), bytes(range(16, 32))
OWN_KEY = security.preconfigured_link_key(INSTALL_CODE)


class Stranger:
    """What a stranger's trust centre says, frame by frame, to one node without a radio."""

    def __init__(self, *, default_link_key: bool, foreign: bool = True) -> None:
        config = NodeConfig(
            METER, NodeType.ROUTER, install_code=INSTALL_CODE, channels=(15,), default_link_key=default_link_key, foreign=foreign,
            link_status_period=None, endpoints=(SimpleDescriptor(1, 0x0501, (0x0702,)),),
        )  # fmt: skip
        self.stack = Stack(config, Random(1), CountersInMemory())
        self.now = 0
        self.effects: list[Effect] = []
        self.counter = 0

    def do(self, effects: list[Effect]) -> list[Effect]:
        """Take effects; every frame of the node is acknowledged."""
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Transmit):
                self.do(self.stack.confirm(effect.handle, TxStatus.ACKED, False, self.now))
        return effects

    def wait(self, seconds: float) -> None:
        end = self.now + int(seconds * S)
        while self.stack.deadline is not None and self.stack.deadline <= end:
            self.now = self.stack.deadline
            self.do(self.stack.expire(self.now))
        self.now = end

    def hear(self, psdu: bytes) -> None:
        self.do(self.stack.receive(psdu, self.now))

    def told(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def associate(self) -> None:
        self.do(self.stack.join(self.now))
        payload = mac.BeaconPayload(0x8422, 0xDD, 0xFFFFFF, 0)
        self.hear(mac.beacon(1, PAN, 0, 0xCFFF, payload))
        self.wait(1)
        self.hear(mac.association_response(2, PAN, METER, STRANGER, SHORT, 0))

    def say(self, apdu: bytes, *, secure: bool = True) -> None:
        """An APS frame in a NWK frame."""
        self.counter += 1
        control = nwk.VERSION_PRO | (nwk.SECURITY if secure else 0)
        header = nwk.Header(control, SHORT, 0, 30, self.counter & 0xFF, None, None).build()
        if secure:
            auxiliary = security.Auxiliary(0x28, self.counter, STRANGER, 0).build()
            apdu = security.seal(NETWORK_KEY, STRANGER.to_bytes(8, "little"), header, auxiliary, apdu)
        else:
            apdu = header + apdu
        self.hear(crc.append_kermit(mac.SHORT_HEADER.pack(0x8861, self.counter & 0xFF, PAN, SHORT, 0) + apdu))

    def command(self, frame: Frame, link: bytes, identifier: int, *, secure: bool = True) -> None:
        self.counter += 1
        key = security.LinkKey(link, "").derived(identifier)
        auxiliary = security.Auxiliary(identifier | 0x20, self.counter, STRANGER).build()
        sealed = security.seal(key, STRANGER.to_bytes(8, "little"), bytes((0x21, self.counter & 0xFF)), auxiliary, frame.build())
        self.say(sealed, secure=secure)

    def give_network_key(self, link: bytes) -> None:
        descriptor = aps.NetworkKeyDescriptor(NETWORK_KEY, 0, METER, STRANGER)
        self.command(descriptor, link, security.KEY_TRANSPORT_KEY, secure=False)

    def join(self) -> None:
        self.associate()
        self.give_network_key(security.DEFAULT_LINK_KEY)
        assert self.stack.joined
        self.effects.clear()

    def ask(self, cluster: int, request: Frame) -> bytes:
        """The answer to a ZDO request."""
        self.effects.clear()
        header = aps.DataHeader(aps.DATA, 0, None, cluster, 0, 0, self.counter & 0xFF)
        self.say(header.build() + request.build())
        (answer,) = self.heard()
        header, at = aps.DataHeader.parse_from(answer, 0)
        assert header.cluster == cluster | zdo.RESPONSE
        return answer[at:]

    @property
    def keys(self) -> dict[str, bytes]:
        """The keys that the node holds."""
        return dict(self.stack.labelled_keys())

    def heard(self) -> list[bytes]:
        """APS frames that the node sent us."""
        frames = []
        for effect in self.effects:
            if isinstance(effect, Transmit) and effect.psdu[0] & 7 == mac.DATA:
                msdu = effect.psdu[9:-2]
                header, at = nwk.Header.parse_from(msdu, 0)
                if header.destination == 0 and not header.control & nwk.TYPE:
                    frames.append(security.unseal(NETWORK_KEY, METER.to_bytes(8, "little"), msdu, at, at + 14))
        return frames


def test_the_default_link_key_is_the_published_one() -> None:
    # Every home-automation host's: 5A 69 67 42 65 65 41 6C 6C 69 61 6E 63 65 30 39.
    assert security.DEFAULT_LINK_KEY.hex() == "5a6967426565416c6c69616e63653039"


@pytest.mark.parametrize("link", [OWN_KEY, security.DEFAULT_LINK_KEY], ids=["install code", "default"])
def test_either_key_lets_a_node_in_that_takes_the_default(link: bytes) -> None:
    stranger = Stranger(default_link_key=True)
    stranger.associate()
    stranger.give_network_key(link)
    assert stranger.told(Joined)
    assert link in stranger.keys.values()


def test_the_default_key_lets_nobody_in_elsewhere() -> None:
    stranger = Stranger(default_link_key=False)
    stranger.associate()
    stranger.give_network_key(security.DEFAULT_LINK_KEY)
    assert not stranger.told(Joined)
    stranger.give_network_key(OWN_KEY)
    assert stranger.told(Joined)


def test_any_other_key_lets_nobody_in_and_spoils_nothing() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.associate()
    stranger.give_network_key(NEW_KEY)
    assert not stranger.told(Joined)
    stranger.give_network_key(OWN_KEY)
    assert stranger.told(Joined)


def test_once_inside_the_default_key_brings_no_other_network_key() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.associate()
    stranger.give_network_key(OWN_KEY)
    other = aps.NetworkKeyDescriptor(NEW_KEY, 1, METER, STRANGER)
    stranger.command(other, security.DEFAULT_LINK_KEY, security.KEY_TRANSPORT_KEY)
    assert NEW_KEY not in stranger.keys.values()


@pytest.mark.parametrize(("foreign", "pauses"), [(True, [S, S, S]), (False, [60 * S, 120 * S, 240 * S])])
def test_a_join_is_tried_again_at_once_only_among_strangers(foreign: bool, pauses: list[int]) -> None:
    stranger = Stranger(default_link_key=True, foreign=foreign)
    for _ in pauses:
        stranger.do(stranger.stack.join(stranger.now))
        stranger.wait(10)
    assert [failed.retry_after for failed in stranger.told(JoinFailed) if isinstance(failed, JoinFailed)] == pauses


def test_a_trust_centre_link_key_is_asked_for_proved_and_kept() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.join()
    stranger.do(stranger.stack.request_partner_key(STRANGER, stranger.now))
    (request,) = stranger.heard()
    stranger.effects.clear()
    assert request[0] == aps.COMMAND | aps.SECURITY
    auxiliary, end = security.Auxiliary.parse_from(request, 2)
    assert auxiliary.control & security.KEY_IDENTIFIER == security.DATA_KEY
    opened = security.unseal(security.DEFAULT_LINK_KEY, METER.to_bytes(8, "little"), request, 2, end)
    assert opened == b"\x08\x04"
    given = aps.TrustCentreKeyDescriptor(NEW_KEY, METER, STRANGER)
    stranger.command(given, security.DEFAULT_LINK_KEY, security.KEY_LOAD_KEY)
    (verify,) = stranger.heard()
    assert verify[0] == aps.COMMAND  # under the network key alone
    assert aps.commands.parse(verify[2:]) == aps.VerifyKey(4, METER, security.LinkKey(NEW_KEY, "").verification)
    assert not stranger.told(PartnerKey)
    stranger.command(aps.ConfirmKey(0, 4, METER), NEW_KEY, security.DATA_KEY)
    assert stranger.told(PartnerKey) == [PartnerKey(STRANGER)]
    assert stranger.told(Persist)
    stranger.wait(10)
    assert stranger.keys["trust centre link key 00124B0001020304"] == NEW_KEY
    assert not stranger.told(PartnerKeyFailed)


@pytest.mark.parametrize("status", [0xAD, None])
def test_a_key_that_is_not_confirmed_is_not_kept(status: int | None) -> None:
    stranger = Stranger(default_link_key=True)
    stranger.join()
    stranger.do(stranger.stack.request_partner_key(STRANGER, stranger.now))
    stranger.command(aps.TrustCentreKeyDescriptor(NEW_KEY, METER, STRANGER), security.DEFAULT_LINK_KEY, security.KEY_LOAD_KEY)
    if status is not None:
        stranger.command(aps.ConfirmKey(status, 4, METER), NEW_KEY, security.DATA_KEY)
    stranger.wait(10)
    assert stranger.told(PartnerKeyFailed)
    keys = stranger.keys.values()
    assert NEW_KEY not in keys
    assert security.DEFAULT_LINK_KEY in keys


def test_a_trust_centre_link_key_that_nobody_asked_for_is_refused() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.join()
    stranger.command(aps.TrustCentreKeyDescriptor(NEW_KEY, METER, STRANGER), security.DEFAULT_LINK_KEY, security.KEY_LOAD_KEY)
    stranger.command(aps.ConfirmKey(0, 4, METER), NEW_KEY, security.DATA_KEY)
    assert NEW_KEY not in stranger.keys.values()
    assert stranger.heard() == []


def test_bindings_come_and_go_and_the_table_ends() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.join()

    def bind(cluster: int, request: int = zdo.BIND, endpoint: int = 1, source: int = METER) -> int:
        frame = zdo.BindRequest(9, source, endpoint, cluster, 3, None, STRANGER, 1)
        return zdo.StatusResponse.parse(stranger.ask(request, frame)).status

    assert [bind(cluster) for cluster in range(17)] == [zdo.SUCCESS] * 16 + [zdo.TABLE_FULL]
    assert bind(3) == zdo.SUCCESS  # again
    assert bind(3, zdo.UNBIND) == zdo.SUCCESS
    assert bind(3, zdo.UNBIND) == zdo.NO_ENTRY
    assert bind(17) == zdo.SUCCESS
    assert bind(4, endpoint=2) == zdo.INVALID_ENDPOINT
    assert bind(4, source=STRANGER) == zdo.NOT_SUPPORTED
    table = zdo.BindingsResponse.parse(stranger.ask(zdo.BINDINGS, zdo.BindingsRequest(1, 14)))
    assert (table.total, table.start, [entry.cluster for entry in table.entries]) == (16, 14, [15, 17])


def test_the_power_descriptor_tells_mains() -> None:
    stranger = Stranger(default_link_key=True)
    stranger.join()
    answer = stranger.ask(zdo.POWER_DESCRIPTOR, zdo.AddressOfInterest(5, SHORT))
    assert answer.hex() == "0500" + "0110" + "10c1"
    assert stranger.ask(zdo.POWER_DESCRIPTOR, zdo.AddressOfInterest(5, 0x7777)).hex() == "0581" + "7777"
