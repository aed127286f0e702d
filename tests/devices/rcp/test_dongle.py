"""The dongle on the air: hosts' scripts at one end, meters and other dongles at the other."""

from __future__ import annotations

import pytest

from devices import rcp
from devices.rcp.firmware import HOST
from devices.runtime.air import Air
from devices.runtime.board import Board
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.port import Port
from devices.runtime.supply import Mains, MainsSupply
from protocols.core.crc import append_kermit
from protocols.spinel.beacon import ScanBeacon
from protocols.spinel.hdlc_lite import Decoder, encode
from protocols.spinel.message import Command, Message, Property, Received, Status, pack, unpack

ONE, OTHER = 0x00DB_1234_5678_9A01, 0x00DB_1234_5678_9A02
PAN = 0x1234
SHORT = {ONE: 0x0001, OTHER: 0x0002}


class Host:
    """A host that says what the test says, and keeps what it hears."""

    def __init__(self, kernel, board):
        self.kernel = kernel
        self.port = Port(kernel, f"host of {board.name}")
        self.port.powered = True
        self.port.attach(board.uart(HOST))
        self.heard = []
        self._decoder = Decoder()
        self._transaction = 0
        self.port.on_receive = lambda data: self.heard.extend(map(Message.parse, self._decoder.feed(data)))

    def ask(self, command, name=None, value=b""):
        """The answer to a message."""
        self._transaction = self._transaction % 15 + 1
        self.heard.clear()
        self.port.write(encode(Message(self._transaction, command, name, value).build()))
        self.kernel.run_until(self.kernel.now + 200 * MS)
        return next((message for message in self.heard if message.transaction == self._transaction), None)

    def get(self, name):
        answer = self.ask(Command.PROPERTY_GET, name)
        assert (answer.command, answer.property) == (Command.PROPERTY_IS, name)
        return answer.value

    def set(self, name, value):
        answer = self.ask(Command.PROPERTY_SET, name, value)
        assert (answer.command, answer.property, answer.value) == (Command.PROPERTY_IS, name, value)

    def refused(self, command, name, value=b""):
        answer = self.ask(command, name, value)
        assert (answer.command, answer.property) == (Command.PROPERTY_IS, Property.LAST_STATUS)
        return Status(unpack(answer.value)[0])

    def on(self, eui64):
        self.set(Property.PHY_ENABLED, b"\1")
        self.set(Property.PHY_CHANNEL, b"\x0f")
        self.set(Property.MAC_EXTENDED_ADDRESS, eui64.to_bytes(8, "big"))
        self.set(Property.MAC_SHORT_ADDRESS, SHORT[eui64].to_bytes(2, "little"))
        self.set(Property.MAC_PAN_ID, PAN.to_bytes(2, "little"))
        self.set(Property.MAC_RX_ON_WHEN_IDLE, b"\1")
        self.set(Property.MAC_RAW_STREAM_ENABLED, b"\1")

    def send(self, psdu):
        """The status of a transmission, and whether the acknowledgement said that a frame is held."""
        answer = self.ask(Command.PROPERTY_SET, Property.STREAM_RAW, len(psdu).to_bytes(2, "little") + psdu + b"\x0f\x04\x03\x01")
        assert answer.property == Property.LAST_STATUS
        status, at = unpack(answer.value)
        return Status(status), bool(answer.value[at]) if len(answer.value) > at else None

    @property
    def frames(self):
        return [
            Received.parse(message.value)
            for message in self.heard
            if message.property == Property.STREAM_RAW and not message.transaction
        ]


@pytest.fixture
def kernel():
    return Kernel(seed=1)


@pytest.fixture
def place(kernel):
    """Plug in a dongle."""
    air, mains = Air(kernel, "home1"), Mains(kernel)

    def put(name, eui64):
        board = Board(kernel, name, firmware=rcp.Firmware, supply=MainsSupply(mains), eui64=eui64, radio=air.radio(name))
        kernel.run_until(kernel.now + 1)
        host = Host(kernel, board)
        host.air = air
        return host

    return put


@pytest.fixture
def two(place):
    """Two dongles on one network."""
    hosts = place("one", ONE), place("other", OTHER)
    for host, eui64 in zip(hosts, (ONE, OTHER), strict=True):
        host.on(eui64)
    return hosts


def data(source, destination, *, acknowledge=True, payload=b"hello"):
    control = 0x8841 | (0x20 if acknowledge else 0)
    addresses = PAN.to_bytes(2, "little") + destination.to_bytes(2, "little") + source.to_bytes(2, "little")
    return append_kermit(control.to_bytes(2, "little") + b"\x07" + addresses + payload)


def data_request(source):
    addresses = PAN.to_bytes(2, "little") + SHORT[OTHER].to_bytes(2, "little") + source.to_bytes(2, "little")
    return append_kermit(bytes.fromhex("638801") + addresses + b"\x04")


def test_a_reset_is_told_to_nobody_in_particular(place):
    host = place("one", ONE)
    host.on(ONE)
    host.heard.clear()
    host.port.write(encode(Message(0, Command.RESET).build()))
    host.kernel.run_until(host.kernel.now + S)
    assert host.heard == [Message(0, Command.PROPERTY_IS, Property.LAST_STATUS, pack(Status.RESET_SOFTWARE))]
    assert host.get(Property.PHY_ENABLED) == b"\0"
    assert host.get(Property.MAC_SHORT_ADDRESS) == b"\xfe\xff"


def test_what_every_host_asks_first(place):
    host = place("one", ONE)
    assert host.get(Property.PROTOCOL_VERSION) == b"\4\3"
    assert host.get(Property.NCP_VERSION).endswith(b"\0")
    assert host.get(Property.HARDWARE_ADDRESS) == ONE.to_bytes(8, "big")
    assert host.get(Property.PHY_CHANNELS_SUPPORTED) == bytes(range(11, 27))
    assert host.get(Property.INTERFACE_TYPE) == b"\3"
    for name in (Property.RCP_API_VERSION, Property.RCP_MIN_HOST_API_VERSION, Property.CAPABILITIES, Property.PHY_RX_SENSITIVITY):
        assert host.get(name)


def test_frames_go_from_one_to_the_other(two):
    one, other = two
    other.heard.clear()
    psdu = data(SHORT[ONE], SHORT[OTHER])
    assert one.send(psdu) == (Status.OK, False)
    (frame,) = other.frames
    assert frame.psdu == psdu
    assert frame.phy.channel == 15
    assert -100 <= frame.rssi <= -35


def test_the_checksum_is_made_by_the_radio(two):
    one, other = two
    other.heard.clear()
    psdu = data(SHORT[ONE], SHORT[OTHER])
    assert one.send(psdu[:-2] + b"\0\0")[0] == Status.OK
    assert [frame.psdu for frame in other.frames] == [psdu]


def test_nobody_there_is_no_ack(two):
    one, _ = two
    assert one.send(data(SHORT[ONE], 0x0077))[0] == Status.NO_ACK
    assert one.send(data(SHORT[ONE], 0x0077, acknowledge=False))[0] == Status.OK


@pytest.mark.parametrize(("table", "pending"), [(None, True), (b"", False), (SHORT[ONE].to_bytes(2, "little"), True)])
def test_source_matching_decides_the_frame_pending_bit(two, table, pending):
    one, other = two
    if table is not None:
        other.set(Property.MAC_SOURCE_MATCH_ENABLED, b"\1")
        other.set(Property.MAC_SOURCE_MATCH_SHORT, table)
    assert one.send(data_request(SHORT[ONE])) == (Status.OK, pending)


def test_source_match_entries_come_and_go(two):
    _, other = two
    other.set(Property.MAC_SOURCE_MATCH_ENABLED, b"\1")
    address = ONE.to_bytes(8, "big")
    assert other.ask(Command.PROPERTY_INSERT, Property.MAC_SOURCE_MATCH_EXTENDED, address).command == Command.PROPERTY_INSERTED
    assert other.get(Property.MAC_SOURCE_MATCH_EXTENDED) == address
    assert other.ask(Command.PROPERTY_REMOVE, Property.MAC_SOURCE_MATCH_EXTENDED, address).command == Command.PROPERTY_REMOVED
    assert other.refused(Command.PROPERTY_REMOVE, Property.MAC_SOURCE_MATCH_EXTENDED, address) == Status.ITEM_NOT_FOUND


def test_promiscuous_hears_what_is_for_others(two, place):
    one, other = two
    sniffer = place("sniffer", 0xAA)
    sniffer.set(Property.PHY_ENABLED, b"\1")
    sniffer.set(Property.PHY_CHANNEL, b"\x0f")
    sniffer.set(Property.MAC_RAW_STREAM_ENABLED, b"\1")
    sniffer.set(Property.MAC_PROMISCUOUS_MODE, b"\1")
    sniffer.heard.clear()
    psdu = data(SHORT[ONE], SHORT[OTHER])
    one.send(psdu)
    assert [frame.psdu for frame in sniffer.frames] == [psdu]
    sniffer.set(Property.MAC_PROMISCUOUS_MODE, b"\0")
    other.send(data(SHORT[OTHER], SHORT[ONE]))
    assert sniffer.frames == []


def test_an_energy_scan_tells_of_each_channel_and_ends(place):
    host = place("one", ONE)
    assert host.refused(Command.PROPERTY_SET, Property.MAC_SCAN_STATE, b"\2") == Status.INVALID_STATE
    assert host.get(Property.PHY_RSSI) == b"\x7f"
    host.on(ONE)
    host.set(Property.MAC_SCAN_MASK, bytes((11, 15)))
    host.set(Property.MAC_SCAN_PERIOD, (50).to_bytes(2, "little"))
    host.set(Property.MAC_SCAN_STATE, b"\2")
    host.kernel.run_until(host.kernel.now + S)
    results = [message.value[0] for message in host.heard if message.property == Property.MAC_ENERGY_SCAN_RESULT]
    assert results == [11, 15]
    assert host.heard[-1] == Message(0, Command.PROPERTY_IS, Property.MAC_SCAN_STATE, b"\0")
    assert host.get(Property.MAC_SCAN_STATE) == b"\0"


def energies(host):
    """Channel to dBm of the scan whose results have come."""
    results = [message.value for message in host.heard if message.property == Property.MAC_ENERGY_SCAN_RESULT]
    return {value[0]: int.from_bytes(value[1:2], "little", signed=True) for value in results}


def test_an_energy_scan_hears_who_is_on_the_air_and_one_called_off_is_silent(two):
    one, other = two
    one.set(Property.MAC_SCAN_MASK, bytes((15, 20)))
    one.set(Property.MAC_SCAN_PERIOD, (500).to_bytes(2, "little"))
    one.set(Property.MAC_SCAN_STATE, b"\2")
    assert one.refused(Command.PROPERTY_SET, Property.MAC_SCAN_STATE, b"\2") == Status.IN_PROGRESS
    one.heard.clear()
    other.send(data(SHORT[OTHER], SHORT[ONE]))
    one.kernel.run_until(one.kernel.now + S)
    heard = energies(one)
    assert heard[20] < -80 < heard[15]
    assert one.get(Property.PHY_RSSI) == (heard[20]).to_bytes(1, "little", signed=True), "nobody speaks now"
    one.set(Property.MAC_SCAN_STATE, b"\2")
    one.set(Property.MAC_SCAN_STATE, b"\0")
    one.kernel.run_until(one.kernel.now + 2 * S)
    assert energies(one) == {}


@pytest.mark.parametrize(
    ("command", "name", "value", "status"),
    [
        (Command.PROPERTY_GET, 0x7FFF, b"", Status.PROPERTY_NOT_FOUND),
        (Command.PROPERTY_GET, Property.STREAM_RAW, b"", Status.INVALID_COMMAND_FOR_PROPERTY),
        (Command.PROPERTY_SET, Property.PROTOCOL_VERSION, b"\1", Status.INVALID_COMMAND_FOR_PROPERTY),
        (Command.PROPERTY_INSERT, Property.PHY_CHANNEL, b"\1", Status.INVALID_COMMAND_FOR_PROPERTY),
        (Command.PROPERTY_SET, Property.PHY_CHANNEL, b"\x05", Status.INVALID_ARGUMENT),
        (Command.PROPERTY_SET, Property.PHY_CHANNEL, b"", Status.INVALID_ARGUMENT),
        (Command.PROPERTY_SET, Property.PHY_ENABLED, b"\7", Status.PARSE_ERROR),
        (Command.PROPERTY_SET, Property.MAC_PAN_ID, b"\1", Status.PARSE_ERROR),
        (Command.PROPERTY_SET, Property.MAC_EXTENDED_ADDRESS, b"\1", Status.PARSE_ERROR),
        (Command.PROPERTY_SET, Property.STREAM_RAW, b"\5\0abcde", Status.INVALID_STATE),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(place, command, name, value, status):
    assert place("one", ONE).refused(command, name, value) == status


@pytest.mark.parametrize("value", [b"", b"\x05\0abc", b"\x03\0abc", (130).to_bytes(2, "little") + bytes(130), b"\5\0abcde\x05"])
def test_frames_that_cannot_be_sent(two, value):
    assert two[0].refused(Command.PROPERTY_SET, Property.STREAM_RAW, value) in (Status.PARSE_ERROR, Status.INVALID_ARGUMENT)
    assert two[0].send(data(SHORT[ONE], SHORT[OTHER]))[0] == Status.OK


def beacons(host):
    return [
        ScanBeacon.parse(message.value)
        for message in host.heard
        if (message.command, message.property) == (Command.PROPERTY_INSERTED, Property.MAC_SCAN_BEACON)
    ]


class Answering:
    """A coordinator that says where it is to whoever asks."""

    def __init__(self, air, name, channel, pan_id, permit):
        self.asked = 0
        self.radio = air.radio(name, 1, 0)
        specification = (0x4FFF | (0x8000 if permit else 0)).to_bytes(2, "little")
        payload = bytes.fromhex("002284") + pan_id.to_bytes(8, "little") + bytes.fromhex("ffffff00")
        head = bytes.fromhex("00802a") + pan_id.to_bytes(2, "little") + bytes(2)
        self.beacon = append_kermit(head + specification + bytes(2) + payload)
        self.radio.on_receive = self.hear
        self.radio.configure(channel=channel, pan_id=pan_id, short=0, eui64=pan_id, rx_on_when_idle=True)

    def hear(self, psdu, lqi):
        if psdu[:2] == b"\x03\x08" and psdu[3:8] == b"\xff\xff\xff\xff\x07":
            self.asked += 1
            self.radio.transmit(self.asked, self.beacon)


def test_an_active_scan_tells_of_each_network_and_the_radio_is_as_it_was(kernel, place):
    host = place("one", ONE)
    air = host.air
    open_one, closed = Answering(air, "hub15", 15, 0x1A62, True), Answering(air, "hub20", 20, 0x2B73, False)
    host.on(ONE)
    host.set(Property.MAC_PROMISCUOUS_MODE, b"\1")
    host.set(Property.MAC_SCAN_MASK, bytes((15, 20, 26)))
    host.set(Property.MAC_SCAN_PERIOD, (100).to_bytes(2, "little"))
    host.set(Property.MAC_SCAN_STATE, b"\1")
    kernel.run_until(kernel.now + 50 * MS)
    assert host.heard[0].value == b"\1"
    found = beacons(host)
    kernel.run_until(kernel.now + 100 * MS)
    ended = host.heard[-1]
    assert (ended.transaction, ended.property, ended.value) == (0, Property.MAC_SCAN_STATE, b"\0")
    found = beacons(host)
    assert [(each.channel, each.pan_id, each.short, each.joinable) for each in found] == [
        (15, 0x1A62, 0, True), (20, 0x2B73, 0, False),
    ]  # fmt: skip
    assert found[0].extended_pan_id == (0x1A62).to_bytes(8, "big")
    assert (open_one.asked, closed.asked) == (1, 1)
    assert host.frames == [], "beacons are told of once"
    closed.radio.configure(channel=15, pan_id=PAN, short=9, eui64=9, rx_on_when_idle=True)
    closed.radio.transmit(9, data(9, SHORT[ONE]))
    kernel.run_until(kernel.now + 50 * MS)
    assert [frame.psdu for frame in host.frames] == [data(9, SHORT[ONE])], "tuned in again as before"


def test_what_goes_not_together_with_an_active_scan_is_refused_and_it_can_be_called_off(kernel, place):
    host = place("one", ONE)
    assert host.refused(Command.PROPERTY_SET, Property.MAC_SCAN_STATE, b"\1") is Status.INVALID_STATE
    host.on(ONE)
    host.set(Property.MAC_SCAN_MASK, bytes((20, 21)))
    host.set(Property.MAC_SCAN_PERIOD, (1000).to_bytes(2, "little"))
    host.set(Property.MAC_SCAN_STATE, b"\1")
    assert host.get(Property.MAC_SCAN_STATE) == b"\1"
    frame = data(SHORT[ONE], 9)
    assert host.send(frame)[0] is Status.BUSY
    assert host.refused(Command.PROPERTY_GET, Property.PHY_RSSI) is Status.BUSY
    for state in (b"\1", b"\2"):
        assert host.refused(Command.PROPERTY_SET, Property.MAC_SCAN_STATE, state) is Status.IN_PROGRESS
    assert host.refused(Command.PROPERTY_SET, Property.MAC_SCAN_STATE, b"\3") is Status.INVALID_ARGUMENT
    host.set(Property.MAC_SCAN_STATE, b"\0")
    assert host.send(frame)[0] is Status.NO_ACK
    kernel.run_until(kernel.now + 3 * S)
    assert all(message.property != Property.MAC_SCAN_STATE for message in host.heard), "nothing comes of what was called off"
    host.set(Property.MAC_SCAN_STATE, b"\1")
    host.ask(Command.RESET)
    assert host.get(Property.MAC_SCAN_STATE) == b"\0"


def test_a_second_short_address_is_heard_and_acknowledged_until_it_is_taken_back(two):
    one, other = two
    assert other.get(Property.MAC_ALTERNATE_SHORT_ADDRESS) == b"\xfe\xff"
    assert one.send(data(SHORT[ONE], 0x0077))[0] is Status.NO_ACK
    other.set(Property.MAC_ALTERNATE_SHORT_ADDRESS, (0x0077).to_bytes(2, "little"))
    other.heard.clear()
    assert one.send(data(SHORT[ONE], 0x0077))[0] is Status.OK
    assert one.send(data(SHORT[ONE], SHORT[OTHER]))[0] is Status.OK
    assert [frame.psdu for frame in other.frames] == [data(SHORT[ONE], 0x0077), data(SHORT[ONE], SHORT[OTHER])]
    other.set(Property.MAC_ALTERNATE_SHORT_ADDRESS, b"\xfe\xff")
    assert one.send(data(SHORT[ONE], 0x0077))[0] is Status.NO_ACK
