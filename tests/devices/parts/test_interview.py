"""Meters in a stranger's network: interviewed and read under the network key alone; the gas meter awake until then."""

from __future__ import annotations

from collections import Counter

import pytest

from devices import gsme
from devices.parts.han import Han, NoAnswer
from devices.runtime.air import Air, OnAir
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.supply import Battery
from protocols.zigbee import mac
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.key_establishment.certificates import SUITE_1, Authority
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

HOST, METER = 0x00124B0001020304, 0x00DB_1234_5678_9A02
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
AUTHORITY = Authority(SUITE_1, 0x4D42, 12345)


class Host(Firmware):
    """A coordinator that knows nothing of certificates, and speaks under the network key."""

    def boot(self, why: Reset) -> None:
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR, certified=True, foreign=True))
        self.han.add(Endpoint(1, 0x0065))
        self.han.form()
        self.han.stack.trust_centre.add(METER, INSTALL_CODE)
        self.han.apply(self.han.stack.permit(254, self.now))


class CertifiedHost(Host):
    """One that does have certificates, of the meter's authority."""

    def boot(self, why: Reset) -> None:
        super().boot(why)
        endpoint = self.han.endpoints[1]
        self.han.certify(endpoint, (AUTHORITY.issue(HOST, self.board.rng("certificate").getrandbits),))
        self.han.add(endpoint)


class Scene:
    def __init__(self, firmware=Host):
        self.kernel = kernel = Kernel(seed=3)
        self.polls = Counter()
        self.events = []
        kernel.log.subscribe(self._frame, ["air.frame"])
        kernel.log.subscribe(lambda now, who, kind, data: self.events.append(data), ["han.key-establishment"])
        air = Air(kernel, "home1/air")
        self.host = Board(kernel, "host", firmware=firmware, supply=Battery(kernel), eui64=HOST, radio=air.radio("host"))
        credentials = AUTHORITY.issue(METER, kernel.rng("certificate").getrandbits)
        config = gsme.Config(INSTALL_CODE, credentials=(credentials,), foreign=True)
        self.meter = Board(
            kernel, "gsme", firmware=lambda board: gsme.Firmware(board, config), supply=Battery(kernel), eui64=METER,
            radio=air.radio("gsme"), flash=Flash(2048 * KIB),
        )  # fmt: skip

    def _frame(self, now, who, kind, data):
        psdu = OnAir.unpack(data).psdu
        if psdu[0] & 7 == mac.COMMAND and psdu[-3] == 0x04:
            self.polls[now // S] += 1

    def run(self, time):
        self.kernel.run_until(self.kernel.now + time)

    def read(self):
        host = self.host.firmware
        attributes = [Metering.current_summation_delivered]
        address = host.han.stack.address_of(METER)
        task = host.spawn(host.han.read(address, 1, Metering, attributes))
        self.run(15 * S)
        return task.result()[Metering.current_summation_delivered]


def test_the_gas_meter_is_awake_until_a_minute_after_it_was_read():
    scene = Scene()
    scene.run(5 * MIN)
    assert all(scene.polls[second] >= 2 for second in range(60, 300))
    assert scene.read() == scene.meter.firmware.register.reading.litres
    read_at = scene.kernel.now // S
    assert scene.polls[read_at - 1] >= 2
    scene.run(4 * MIN)
    assert not any(scene.polls[second] for second in range(read_at + 120, read_at + 230))
    with pytest.raises(NoAnswer):
        scene.read()


def test_that_nobody_offers_key_establishment_is_said_once_and_is_no_obstacle():
    scene = Scene()
    scene.run(2 * MIN)
    assert scene.events == [{"eui64": HOST, "outcome": "not offered"}]
    assert scene.read() > 0


def test_key_establishment_is_done_where_it_is_offered():
    scene = Scene(CertifiedHost)
    scene.run(2 * MIN)
    assert [event["outcome"] for event in scene.events] == ["established", "established"]
    assert scene.meter.firmware.han.stack.has_link_key(HOST)
    assert scene.read() > 0
