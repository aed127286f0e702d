"""Joining with certificates: the key that they made protects all; without one nothing is said (bad inputs F14, F15, F21)."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from devices.parts.certified_key import FAILURES, PAUSE
from devices.parts.han import HUB, Han, NoAnswer
from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.zigbee import security
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, scalar
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

HUB_EUI, METER_EUI, OTHER_EUI = (0x00DB_1234_5678_9A00 + n for n in range(3))
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC
CHANCE = Random(4)
FIRST, SECOND = (Authority(suite, 0x4D42, scalar(suite.curve, CHANCE.getrandbits)) for suite in (SUITE_1, SUITE_2))
FOREIGN = Authority(SUITE_1, 0xF0E1, scalar(SUITE_1.curve, CHANCE.getrandbits))


class Hub(Firmware):
    """Forms a network, lets two devices in, serves time, establishes keys."""

    authorities = (FIRST, SECOND)

    def boot(self, why: Reset) -> None:
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR, certified=True))
        esi = Endpoint(1, 0x0500)
        esi.serve(Time, {Time.time: 753_000_000})
        esi.use(Metering)
        self.certified: list[int] = []
        key = self.han.certify(esi, [authority.issue(self.board.eui64, Random(1).getrandbits) for authority in self.authorities])
        key.established = self.certified.append
        self.han.add(esi)
        self.han.form()
        for eui64 in (METER_EUI, OTHER_EUI):
            self.han.stack.trust_centre.add(eui64, INSTALL_CODE)
        self.han.apply(self.han.stack.permit(254, self.now))


class NewHub(Hub):
    authorities = (SECOND,)


class Meter(Firmware):
    """Joins as a router, and reads the hub's time when it may."""

    type = NodeType.ROUTER
    authorities = (FIRST, SECOND)

    def boot(self, why: Reset) -> None:
        self.joined: list[int] = []
        self.time: object = None
        config = NodeConfig(self.board.eui64, self.type, install_code=INSTALL_CODE, certified=True)
        self.han = Han(self, config)
        endpoint = Endpoint(1, 0x0501)
        endpoint.serve(Metering, {Metering.status: 0})
        endpoint.use(Time)
        issued = [authority.issue(self.board.eui64, Random(2).getrandbits) for authority in self.authorities]
        self.han.certify(endpoint, issued)
        self.han.add(endpoint)
        self.spawn(self.run())

    async def run(self) -> None:
        await self.han.join()
        self.joined.append(self.now)
        self.time = (await self.han.read(HUB, 1, Time, [Time.time]))[Time.time]


class Sleeper(Meter):
    type = NodeType.SLEEPY_END_DEVICE


class OldMeter(Meter):
    authorities = (FIRST,)


class Stranger(Meter):
    authorities = (FOREIGN,)


@pytest.fixture
def kernel():
    return Kernel(seed=1)


@pytest.fixture
def mains(kernel):
    return Mains(kernel)


@pytest.fixture
def air(kernel):
    return Air(kernel, "home1")


@pytest.fixture
def place(kernel, mains, air):
    """Put a board with this firmware on the air."""

    def put(name, firmware, eui64):
        return Board(kernel, name, firmware=firmware, supply=MainsSupply(mains), eui64=eui64, radio=air.radio(name))

    return put


def told(kernel):
    """Every outcome of an exchange: who says so, and what."""
    outcomes = []
    kernel.log.subscribe(
        lambda now, who, kind, data: outcomes.append((who, data["outcome"])) if kind == "han.key-establishment" else None
    )
    return outcomes


def link_key(board, partner):
    """(kind, key) that a board holds with a partner."""
    state = board.nvm.get("han/network")
    return next((record["kind"], record["key"]) for record in state["link_keys"] if record["partner"] == partner)


@pytest.mark.parametrize(("meter", "suite"), [(Meter, 2), (OldMeter, 1), (Sleeper, 2)])
def test_who_joins_has_a_key_that_certificates_made(kernel, place, meter, suite):
    hub, board = place("hub", Hub, HUB_EUI), place("meter", meter, METER_EUI)
    kernel.run_until(20 * S)
    kind, key = link_key(hub, METER_EUI)
    assert (kind, key) == link_key(board, HUB_EUI)
    assert kind == security.CERTIFIED
    assert key != security.preconfigured_link_key(INSTALL_CODE)
    assert board.firmware.time == 753_000_000
    assert hub.firmware.certified == [METER_EUI]
    assert suite == max(authority.suite.bit for authority in meter.authorities)


def test_the_key_outlives_a_restart_and_is_not_made_twice(kernel, mains, place):
    place("hub", Hub, HUB_EUI)
    board = place("meter", Meter, METER_EUI)
    kernel.run_until(20 * S)
    before = link_key(board, HUB_EUI)
    outcomes = told(kernel)
    mains.off(5 * S)
    kernel.run_until(60 * S)
    assert board.firmware.joined
    assert board.firmware.time == 753_000_000
    assert link_key(board, HUB_EUI) == before
    assert outcomes == []


def test_nothing_is_said_under_the_key_of_the_install_code(kernel, place):
    """Before the exchange the hub's clusters answer FAILURE, and nothing of ours goes out (SE 1.4 5.4.6)."""
    place("hub", Hub, HUB_EUI)
    board = place("meter", Stranger, METER_EUI)
    kernel.run_until(4 * S)
    han = board.firmware.han
    assert han.stack.joined
    assert not han.shares_key(HUB)
    with pytest.raises(NoAnswer, match="no link key"):
        han.send(HUB, 1, Time.id, bytes(3))


def test_f21_an_unknown_issuer_makes_the_device_leave_and_come_back_later(kernel, place):
    hub, board = place("hub", Hub, HUB_EUI), place("meter", Stranger, METER_EUI)
    outcomes = told(kernel)
    kernel.run_until(60 * S)
    assert outcomes == [("hub", "unknown issuer"), ("meter", "partner: unknown issuer")]
    assert not board.firmware.han.stack.joined
    assert board.firmware.joined == []
    hub.firmware.han.apply(hub.firmware.han.stack.permit(254, kernel.now))
    kernel.run_until(PAUSE + 60 * S)
    assert len(outcomes) == 2  # the hub no longer lets anybody in
    hub.firmware.han.apply(hub.firmware.han.stack.permit(254, kernel.now))
    kernel.run_until(kernel.now + 16 * MIN)
    assert outcomes[2:4] == outcomes[:2]


def test_two_devices_at_once_both_have_their_keys_in_the_end(kernel, place):
    hub = place("hub", Hub, HUB_EUI)
    boards = [place("meter", Meter, METER_EUI), place("sleeper", Sleeper, OTHER_EUI)]
    kernel.run_until(60 * S)
    assert sorted(hub.firmware.certified) == [METER_EUI, OTHER_EUI]
    keys = {link_key(board, HUB_EUI)[1] for board in boards}
    assert len(keys) == 2


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_a_bad_radio_makes_it_slower_and_no_worse(kernel, mains, loss, place):
    air = Air(kernel, "home2", loss=loss)
    boards = [
        Board(kernel, name, firmware=firmware, supply=MainsSupply(mains), eui64=eui64, radio=air.radio(name))
        for name, firmware, eui64 in (("hub", Hub, HUB_EUI), ("meter", Meter, METER_EUI))
    ]
    kernel.run_until(20 * MIN)
    assert link_key(boards[0], METER_EUI) == link_key(boards[1], HUB_EUI)
    assert boards[1].firmware.time == 753_000_000


def test_f21_ten_failures_are_followed_by_a_long_pause(kernel, place):
    place("hub", NewHub, HUB_EUI)
    place("meter", OldMeter, METER_EUI)
    attempts = []
    kernel.log.subscribe(lambda now, who, kind, data: attempts.append(now) if kind == "han.key-establishment" else None)
    kernel.run_until(60 * MIN)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert all(30 * S <= pause <= 65 * S for pause in pauses[: FAILURES - 1])
    assert PAUSE <= pauses[FAILURES - 1] <= 2 * PAUSE + 5 * S
    assert pauses[FAILURES] <= 65 * S


def test_who_joins_anew_begins_with_the_install_code(kernel, place):
    hub = place("hub", Hub, HUB_EUI)
    board = place("meter", Meter, METER_EUI)
    kernel.run_until(20 * S)
    first = link_key(hub, METER_EUI)
    board.firmware.han.apply(board.firmware.han.stack.leave(kernel.now))
    board.firmware.spawn(board.firmware.run())
    kernel.run_until(60 * S)
    second = link_key(hub, METER_EUI)
    assert second == link_key(board, HUB_EUI)
    assert second[0] == security.CERTIFIED
    assert second != first
