"""Bad inputs G11, G12 and E12 on a living home whose tunnels carry GB's messages: a display asks hub and meter for what is not its.

After each the electricity meter is read through its tunnel and a message still reaches the gas meter.
"""

from __future__ import annotations

import pytest

from devices.parts.han import HUB, Refused
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.tunneling import DLMS, GB_HRGP, TransferStatus, Tunneling, TunnelStatus
from protocols.zigbee.mirror.transfer import GetResponse
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.status import Status
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCH = """
profile = "gb"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "ppmid"
at = [5, -4]
"""
REQUEST_REFUSED, CLOSE_REFUSED = 0x81BA, 0x81A4


class Live:
    """A commissioned home; its PPMID does not behave."""

    def __init__(self):
        self.home = Told(config.loads(BENCH))
        commission(self.home)
        self.home.run_until(HOUR)
        self.ppmid = self.home.ppmid.firmware
        self.esme = self.ppmid.han.stack.address_of(self.home.esme.eui64)
        self.restarts = []
        self.home.log.subscribe(lambda now, who, kind, data: self.restarts.append((who, data)), ["power"])

    def task(self, coro):
        task = self.home.kernel.spawn(coro, who="test")
        self.home.until(lambda: task.done, within=MIN)
        return task.result()

    def ask(self, address, command, expect):
        return self.task(self.ppmid.han.request(address, 1, command, expect))

    def request(self, address, protocol=GB_HRGP, flow_control=0, manufacturer=0xFFFF):
        """(status, identifier)."""
        command = Tunneling.RequestTunnel(protocol, manufacturer, flow_control, 1500)
        answer = self.ask(address, command, Tunneling.RequestTunnelResponse)
        return answer.tunnel_status, answer.tunnel_id

    def transfer(self, address: int, tunnel, data: bytes):
        """The status of the error that comes back."""
        command = Tunneling.TransferDataClientToServer(tunnel, data)
        answer = self.ask(address, command, Tunneling.TransferDataErrorServerToClient)
        assert answer.tunnel_id == tunnel
        return answer.transfer_data_status

    def codes(self, name):
        return [event["code"] for event in self.home.events("event", self.home.board(name).name)]


@pytest.fixture(scope="module")
def live():
    return Live()


@pytest.fixture(autouse=True)
def all_is_well(live):
    yield
    assert live.home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    arrived = []
    live.home.gsme.firmware.inbox.act = lambda message: arrived.append(message) or ()
    live.home.hub.firmware.deliver(live.home.gsme.eui64, f"after {live.home.now}".encode())
    live.home.until(lambda: bool(arrived), within=31 * MIN)
    assert not live.restarts


@pytest.fixture
def tunnel(live):
    """The display has one at the hub."""
    status, identifier = live.request(HUB)
    assert status == TunnelStatus.SUCCESS
    yield identifier
    live.task(live.ppmid.han.confirm(HUB, 1, Tunneling.CloseTunnel(identifier)))


def test_g11_data_for_a_tunnel_that_is_not_there_is_not_yours_or_is_too_much(live, tunnel):
    gas = next(each for each in live.home.hub.firmware.mailbox.tunnels if each.id != tunnel)
    heard = len(live.home.events("hub.message"))
    assert live.transfer(HUB, 0x7777, b"\x01") == TransferStatus.NO_SUCH_TUNNEL
    assert live.transfer(HUB, gas.id, b"\x03whose?") == TransferStatus.WRONG_DEVICE
    assert live.transfer(HUB, tunnel, bytes(1501)) == TransferStatus.DATA_OVERFLOW
    assert live.transfer(live.esme, 0, b"\xddhello") == TransferStatus.WRONG_DEVICE  # the hub's
    assert live.transfer(live.esme, 0x7777, b"\xddhello") == TransferStatus.NO_SUCH_TUNNEL
    assert len(live.home.events("hub.message")) == heard


def test_g12_tunnels_that_are_refused_and_the_events_that_tell(live):
    before = live.codes("esme").count(REQUEST_REFUSED), live.codes("hub").count(REQUEST_REFUSED)
    for address in (live.esme, HUB):
        assert live.request(address, DLMS)[0] == TunnelStatus.PROTOCOL_NOT_SUPPORTED
        assert live.request(address, 7)[0] == TunnelStatus.PROTOCOL_NOT_SUPPORTED
        assert live.request(address, manufacturer=0x1234)[0] == TunnelStatus.PROTOCOL_NOT_SUPPORTED
        assert live.request(address, flow_control=1)[0] == TunnelStatus.FLOW_CONTROL_NOT_SUPPORTED
        status, identifier = live.request(address)
        assert status == TunnelStatus.SUCCESS
        assert live.request(address)[0] == TunnelStatus.BUSY
        live.task(live.ppmid.han.confirm(address, 1, Tunneling.CloseTunnel(identifier)))
    after = live.codes("esme").count(REQUEST_REFUSED), live.codes("hub").count(REQUEST_REFUSED)
    assert after == (before[0] + 5, before[1] + 5)


def test_g12_no_identifier_is_left(live):
    machine = live.home.esme.firmware._tunnel.tunnels
    machine.capacity, capacity = len(machine.tunnels), machine.capacity
    assert live.request(live.esme) == (TunnelStatus.NO_MORE_TUNNEL_IDS, 0xFFFF)
    machine.capacity = capacity


def test_g12_closing_what_is_anothers_is_refused_with_an_event(live):
    before = live.codes("esme").count(CLOSE_REFUSED)
    with pytest.raises(Refused) as refused:
        live.task(live.ppmid.han.confirm(live.esme, 1, Tunneling.CloseTunnel(0)))
    assert refused.value.status == Status.NOT_FOUND
    assert live.codes("esme").count(CLOSE_REFUSED) == before + 1


def test_only_devices_of_the_log_have_tunnels_at_the_hub():
    home = Live()
    answered = []
    home.ppmid.han.on(Message, lambda message: answered.append(message.payload) if message.cluster == Tunneling.id else None)
    home.ppmid.han.command(HUB, 1, Tunneling.RequestTunnel(GB_HRGP, 0xFFFF, 0, 1500))
    home.home.run(for_=S)
    assert len(answered) == 1
    home.home.hub.firmware.log._devices.pop(home.home.ppmid.eui64)
    home.ppmid.han.command(HUB, 1, Tunneling.RequestTunnel(GB_HRGP, 0xFFFF, 0, 1500))
    home.home.run(for_=MIN)
    assert len(answered) == 1  # nobody hears who is in no line of the log


def test_a_transfer_that_is_none_of_gbs_is_dropped(live, tunnel):
    bad = len(live.home.events("mailbox.bad"))
    for octets in (b"", b"\x04", b"\x01\x01", b"\x02"):
        command = Tunneling.TransferDataClientToServer(tunnel, octets)
        live.task(live.ppmid.han.tell(HUB, 1, command))
    live.home.run(for_=S)
    assert len(live.home.events("mailbox.bad")) == bad + 4


def test_e12_a_number_of_waiting_messages_that_is_not_so_ends_with_the_empty_answer(live):
    """The hub's mailbox says that 3 are left, and has none: the meter asks once more, and goes to sleep."""
    home, mailbox = live.home, live.home.hub.firmware.mailbox
    given = []
    asked = []
    home.gsme.firmware.inbox.act = lambda message: given.append(message) or ()
    give = mailbox.answer

    def lie(eui64):
        answer = give(eui64)
        asked.append(answer.build())
        return GetResponse(3, answer.message) if answer.message else answer

    mailbox.answer = lie
    home.hub.firmware.deliver(home.gsme.eui64, b"the only one")
    home.run(for_=35 * MIN)
    mailbox.answer = give
    assert given == [b"the only one"]
    assert asked == [b"\x02\x00the only one", b"\x02\x00"]
    before = home.gsme.firmware.radio_time.total
    home.run(for_=MIN)
    assert home.gsme.firmware.radio_time.total == before


def test_e12_two_messages_at_once_are_done_one_after_the_other(live):
    """The answer to the first is out before the second is asked for."""
    order = []
    live.home.gsme.firmware.inbox.act = lambda message: order.append("given") or [b"answer to " + message]
    live.home.hub.firmware.on_message = lambda eui64, message: order.append("answered")
    for message in (b"one", b"two"):
        live.home.hub.firmware.deliver(live.home.gsme.eui64, message)
    live.home.run(for_=31 * MIN)
    assert order == ["given", "answered"] * 2
