"""Devices whose radio is a dongle: they join through it, sleep behind it, hold frames behind it, and outlive its unplugging."""

from __future__ import annotations

import pytest

from devices import rcp
from devices.parts.han import Han
from devices.rcp.firmware import HOST
from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.port import Port
from devices.runtime.radio import TxStatus
from devices.runtime.supply import Battery
from protocols.core.crc import append_kermit
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint
from tools.air.dongle import DongleRadio

HUB, METER, DONGLE = 0x00DB_1234_5678_9A00, 0x00DB_1234_5678_9A01, 0x00DB_1234_5678_9A99
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
DELAY = 2 * MS
"""Of the line between host and dongle, each way."""


class Hub(Firmware):
    def boot(self, why: Reset) -> None:
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR))
        self.han.add(Endpoint(1, 0x0500))
        self.han.form()
        self.han.stack.trust_centre.add(METER, INSTALL_CODE)
        self.han.apply(self.han.stack.permit(254, self.now))


class Meter(Firmware):
    type = NodeType.ROUTER

    def boot(self, why: Reset) -> None:
        self.han = Han(self, NodeConfig(self.board.eui64, self.type, install_code=INSTALL_CODE))
        endpoint = Endpoint(1, 0x0501)
        endpoint.serve(Metering, {Metering.current_summation_delivered: 4711})
        self.han.add(endpoint)
        self.spawn(self.han.join())


class Sleeper(Meter):
    type = NodeType.SLEEPY_END_DEVICE


class Plugged:
    """A kernel with an air, a dongle on it, and a radio that drives the dongle over a line with a delay."""

    def __init__(self):
        self.kernel = Kernel(seed=5)
        self.air = Air(self.kernel, "home1/air")
        self.inputs = Inputs(self.kernel)
        self.radio = DongleRadio(self.inputs, "home1/meter.air")
        self.dongle = Board(
            self.kernel, "dongle", firmware=rcp.Firmware, supply=Battery(self.kernel), eui64=DONGLE, radio=self.air.radio("dongle")
        )
        self.plug = Port(self.kernel, "plug")
        self.plug.powered = True
        self.kernel.run_until(1)
        self.radio.slot.on_output = lambda data: self.kernel.after(DELAY, self.plug.write, data, who="line")
        self.plug.on_receive = lambda data: self.inputs.feed("home1/meter.air", Happening.DATA, data, at=self.kernel.now + DELAY)
        self.plug_in()

    def plug_in(self):
        self.plug.attach(self.dongle.uart(HOST))
        self.inputs.feed("home1/meter.air", Happening.OPEN)

    def pull_out(self):
        self.plug.detach()
        self.inputs.feed("home1/meter.air", Happening.CLOSE)

    def run(self, time):
        self.kernel.run_until(self.kernel.now + time)

    def hub(self):
        return Board(self.kernel, "hub", firmware=Hub, supply=Battery(self.kernel), eui64=HUB, radio=self.air.radio("hub", 1, 0))

    def meter(self, firmware):
        return Board(self.kernel, "meter", firmware=firmware, supply=Battery(self.kernel), eui64=METER, radio=self.radio)


@pytest.fixture
def plugged():
    return Plugged()


def read(plugged, hub):
    han = hub.firmware.han
    task = hub.firmware.spawn(
        han.read(han.stack.address_of(METER), 1, Metering, [Metering.current_summation_delivered], acknowledged=False)
    )
    plugged.run(11 * S)
    return task.result()[Metering.current_summation_delivered]


def test_a_dongle_measures_the_energy_of_a_channel(plugged):
    levels = []
    plugged.run(S)
    plugged.radio.configure(channel=20, pan_id=0xFFFF, short=0xFFFF, eui64=METER, rx_on_when_idle=True)
    plugged.radio.on_energy = levels.append
    plugged.run(S)
    speaker = plugged.air.radio("speaker", 1, 0)
    speaker.configure(channel=15, pan_id=1, short=1, eui64=1, rx_on_when_idle=True)
    for channel in (15, 25):
        plugged.radio.measure(channel=channel, duration=100 * MS)
        plugged.run(50 * MS)
        speaker.transmit(1, append_kermit(bytes.fromhex("4188010100ffff0100")))
        plugged.run(S)
    assert levels[0] > 100 > levels[1], levels
    plugged.radio.measure(channel=15, duration=100 * MS)
    plugged.run(50 * MS)
    plugged.pull_out()
    plugged.run(S)
    plugged.radio.measure(channel=15, duration=100 * MS)
    plugged.run(S)
    assert levels[2:] == [None, None]


@pytest.mark.parametrize("firmware", [Meter, Sleeper])
def test_a_device_joins_through_a_dongle_at_the_first_attempt_and_is_read(plugged, firmware):
    failed = []
    plugged.kernel.log.subscribe(lambda *event: failed.append(event), ["han.join-failed"])
    hub, meter = plugged.hub(), plugged.meter(firmware)
    plugged.run(10 * S)
    assert meter.firmware.han.stack.joined
    assert failed == []
    if firmware is Sleeper:
        meter.firmware.han.apply(meter.firmware.han.stack.stay_awake(plugged.kernel.now + 20 * S, plugged.kernel.now))
    assert read(plugged, hub) == 4711


def test_a_dongle_that_was_pulled_out_is_set_up_again(plugged):
    hub, _ = plugged.hub(), plugged.meter(Meter)
    plugged.run(10 * S)
    plugged.pull_out()
    plugged.run(30 * S)
    plugged.plug_in()
    plugged.run(5 * S)
    assert read(plugged, hub) == 4711


class Ends:
    """A radio whose user keeps what it is told."""

    def __init__(self, plugged):
        self.confirmed = []
        self.heard = []
        plugged.radio.on_confirm = lambda *told: self.confirmed.append(told)
        plugged.radio.on_receive = lambda psdu, lqi: self.heard.append(psdu)
        plugged.radio.configure(channel=15, pan_id=0x1234, short=0x0001, eui64=METER, rx_on_when_idle=True)
        plugged.run(S)


def data(destination):
    addresses = (0x1234).to_bytes(2, "little") + destination.to_bytes(2, "little") + (1).to_bytes(2, "little")
    return append_kermit(bytes.fromhex("618807") + addresses + b"hello")


def test_a_frame_is_held_for_a_sleeper_until_it_asks(plugged):
    ends = Ends(plugged)
    sleeper, got, told = plugged.air.radio("sleeper", 2, 0), [], []
    sleeper.on_receive = lambda psdu, lqi: got.append(psdu)
    sleeper.on_confirm = lambda *confirm: told.append(confirm)
    sleeper.configure(channel=15, pan_id=0x1234, short=0x0005, eui64=0x55, rx_on_when_idle=False)
    plugged.radio.transmit(9, data(0x0005), indirect=True)
    plugged.run(3 * S)
    assert (got, ends.confirmed) == ([], [])
    request = append_kermit(bytes.fromhex("638801") + (0x1234).to_bytes(2, "little") + b"\x01\x00\x05\x00\x04")
    sleeper.transmit(1, request)
    plugged.run(S)
    assert told == [(1, TxStatus.ACKED, True)]
    assert got == [data(0x0005)]
    assert ends.confirmed == [(9, TxStatus.ACKED, False)]


def test_a_frame_that_nobody_fetches_expires_and_one_for_nobody_is_not_acknowledged(plugged):
    ends = Ends(plugged)
    plugged.radio.transmit(9, data(0x0005), indirect=True)
    plugged.radio.transmit(10, data(0x0006))
    plugged.run(10 * S)
    assert ends.confirmed == [(10, TxStatus.NO_ACK, False), (9, TxStatus.EXPIRED, False)]


def test_what_a_dongle_cannot_do_is_our_mistake(plugged):
    with pytest.raises(LocalProtocolError, match="not configured"):
        plugged.radio.transmit(1, data(0x0005))
    with pytest.raises(LocalProtocolError, match="channel page 28"):
        plugged.radio.configure(channel=0, pan_id=1, short=1, eui64=1, rx_on_when_idle=True, page=28)
