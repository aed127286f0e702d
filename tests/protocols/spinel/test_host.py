"""The host's side of the line, against the co-processor of this project and against scripts of octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.crc import append_kermit
from protocols.core.effects import Effect, Send
from protocols.spinel import rcp
from protocols.spinel.hdlc_lite import Decoder, encode
from protocols.spinel.host import ANSWER, WAITING, Confirmed, Found, Heard, Host, Identified, Measured, Refused, Scanned, Tuning
from protocols.spinel.message import Command, Message, Property, Status, pack

TUNING = Tuning(channel=15, pan_id=0x1A62, short=0x1001, eui64=0x00DB1234567890A1, rx_on_when_idle=True)
PSDU = append_kermit(bytes.fromhex("618807621A00000110") + b"hello")


def said(effects: list[Effect]) -> list[Message]:
    """The messages on the line."""
    decoder = Decoder()
    return [Message.parse(frame) for effect in effects if isinstance(effect, Send) for frame in decoder.feed(effect.data)]


def answer(message: Message, name: Property | None = None, value: bytes | None = None) -> bytes:
    """What a co-processor says to a message; by default, that it is so."""
    told = message.property if name is None else name
    return encode(Message(message.transaction, Command.PROPERTY_IS, told, message.value if value is None else value).build())


RESET = encode(Message(0, Command.PROPERTY_IS, Property.LAST_STATUS, pack(Status.RESET_SOFTWARE)).build())


def test_it_asks_who_the_co_processor_is_where_that_is_wanted() -> None:
    host, theirs = Host(identify=True), rcp.Rcp(0x0123456789ABCDEF)
    waiting, told = list(host.start(0)), []
    for _ in range(20):
        effects, waiting = waiting, []
        for effect in effects:
            if isinstance(effect, Send):
                for answered in theirs.feed(effect.data):
                    if isinstance(answered, Send):
                        waiting += host.feed(answered.data, 0)
            else:
                told.append(effect)
    assert told == [Identified(rcp.VERSION, 0x0123456789ABCDEF)]
    assert host.ready


def test_one_that_does_not_say_who_it_is_is_set_up_all_the_same() -> None:
    host = Host(identify=True)
    host.configure(TUNING, 0)
    (version,) = said(host.feed(RESET, 0))
    assert (version.command, version.property) == (Command.PROPERTY_GET, Property.NCP_VERSION)
    (address,) = said(host.feed(answer(version, Property.LAST_STATUS, pack(Status.PROPERTY_NOT_FOUND)), 0))
    (first,) = said(host.feed(answer(address, value=b"short"), 0))
    assert first.property == Property.PHY_ENABLED


class Line:
    """A host and our co-processor, joined without delay."""

    def __init__(self) -> None:
        self.host, self.rcp = Host(), rcp.Rcp(0x0123456789ABCDEF)
        self.told: list[Effect] = []
        self.tuned: list[rcp.Configure] = []
        self.sent: list[rcp.Transmit] = []
        self.waits: list[rcp.Listen] = []

    def do(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.radio(self.rcp.feed(effect.data))
            else:
                self.told.append(effect)

    def radio(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.do(self.host.feed(effect.data, 0))
            elif isinstance(effect, rcp.Configure):
                self.tuned.append(effect)
            elif isinstance(effect, rcp.Transmit):
                self.sent.append(effect)
            elif isinstance(effect, rcp.Listen):
                self.waits.append(effect)


@pytest.fixture
def line() -> Line:
    line = Line()
    line.do(line.host.configure(TUNING, 0))
    line.do(line.host.start(0))
    return line


def test_a_co_processor_is_reset_and_tuned(line: Line) -> None:
    assert line.host.ready
    assert line.tuned[-1] == rcp.Configure(15, 0x1A62, 0x1001, 0x00DB1234567890A1, True, False)
    assert line.host.deadline is None
    assert line.told == []


def test_without_an_address_it_hears_everything_until_it_has_one(line: Line) -> None:
    line.do(line.host.configure(Tuning(15, 0x1A62, 0xFFFF, TUNING.eui64, True), 0))
    assert line.tuned[-1].promiscuous
    before = len(line.tuned)
    line.do(line.host.configure(TUNING, 0))
    # The address first: in between, the radio hears and acknowledges both.
    assert [(each.short, each.promiscuous) for each in line.tuned[before:]] == [(0x1001, True), (0x1001, False)]


def test_frames_go_out_and_are_confirmed_one_after_the_other(line: Line) -> None:
    line.do(line.host.transmit(1, PSDU, 0))
    line.do(line.host.transmit(2, PSDU, 0))
    assert [each.psdu for each in line.sent] == [PSDU]
    line.radio(line.rcp.confirm(line.sent[0].handle, Status.OK, True))
    line.radio(line.rcp.confirm(line.sent[1].handle, Status.NO_ACK, False))
    assert line.told == [Confirmed(1, Status.OK, True), Confirmed(2, Status.NO_ACK, False)]


def test_frames_are_heard_with_their_quality(line: Line) -> None:
    line.radio(line.rcp.receive(PSDU, 200, 0))
    assert line.told == [Heard(PSDU, 200)]


def test_settings_that_are_so_already_are_not_made_again(line: Line) -> None:
    assert line.host.configure(TUNING, 0) == []
    (only,) = said(line.host.configure(Tuning(16, 0x1A62, 0x1001, TUNING.eui64, True), 0))
    assert (only.command, only.property, only.value) == (Command.PROPERTY_SET, Property.PHY_CHANNEL, b"\x10")


def test_silence_ends_in_another_reset_and_nothing_is_left_unconfirmed() -> None:
    host = Host()
    host.configure(TUNING, 0)
    host.start(0)
    host.feed(RESET, 1)
    host.transmit(7, PSDU, 2)
    assert host.deadline == 1 + ANSWER
    effects = host.expire(1 + ANSWER)
    assert Confirmed(7, Status.NO_ACK, False) in effects
    assert [message.command for message in said(effects)] == [Command.RESET]
    assert not host.ready
    assert host.transmit(8, PSDU, 3 + ANSWER) == [Confirmed(8, Status.NO_ACK, False)]


def test_a_co_processor_that_resets_by_itself_is_set_up_again(line: Line) -> None:
    line.do(line.host.transmit(1, PSDU, 0))
    line.tuned.clear()
    line.radio(line.rcp.start())
    assert Confirmed(1, Status.NO_ACK, False) in line.told
    assert line.tuned[-1].channel == 15


def test_a_refused_setting_is_told_and_the_next_one_made() -> None:
    host = Host()
    host.configure(TUNING, 0)
    host.start(0)
    (enable,) = said(host.feed(RESET, 0))
    effects = host.feed(answer(enable, Property.LAST_STATUS, pack(Status.INVALID_ARGUMENT)), 0)
    assert effects[0] == Refused(Property.PHY_ENABLED, Status.INVALID_ARGUMENT)
    assert [message.property for message in said(effects)] == [Property.MAC_RAW_STREAM_ENABLED]


def test_a_line_that_is_gone_confirms_what_was_under_way(line: Line) -> None:
    line.do(line.host.transmit(1, PSDU, 0))
    assert line.host.stop(5) == [Confirmed(1, Status.NO_ACK, False)]
    assert line.host.deadline is None


def test_the_queue_has_an_end(line: Line) -> None:
    for handle in range(WAITING + 2):
        line.do(line.host.transmit(handle, PSDU, 0))
    assert line.told == [Confirmed(WAITING + 1, Status.NOMEM, False)]


@given(st.lists(st.binary(max_size=40), max_size=8), st.booleans())
def test_nothing_that_a_line_says_breaks_a_host(pieces: list[bytes], framed: bool) -> None:
    host = Host()
    host.configure(TUNING, 0)
    host.start(0)
    host.feed(RESET, 0)
    host.transmit(1, PSDU, 0)
    for piece in pieces:
        host.feed(encode(b"\x81" + piece) if framed else piece, 1)
    while host.deadline is not None and host.deadline < 10 * ANSWER:
        host.expire(host.deadline)


BEACON = append_kermit(bytes.fromhex("00802a 621a 0000 ffcf 00 00 00 2284 a1907856 3412db00 ffffff 00"))


def test_a_scan_tells_of_the_networks_channel_by_channel(line: Line) -> None:
    line.do(line.host.scan((15, 20), 100_000_000, 0))
    assert (line.tuned[-1].channel, line.waits[-1].duration) == (15, 100_000_000)
    assert line.sent[-1].psdu[:2] + line.sent[-1].psdu[3:-2] == bytes.fromhex("0308ffffffff07")
    line.radio(line.rcp.receive(BEACON, 200, 0))
    line.radio(line.rcp.receive(PSDU, 200, 0))
    (found,) = line.told
    assert isinstance(found, Found)
    assert (found.beacon.channel, found.beacon.pan_id, found.beacon.extended_pan_id.hex()) == (15, 0x1A62, "00db1234567890a1")
    line.do(line.host.scan((15,), 100_000_000, 0))
    line.do(line.host.measure(15, 100_000_000, 0))
    assert line.told[1:] == [Scanned(False), Measured(None)], "one at a time"
    line.radio(line.rcp.listened(line.waits[-1].scan))
    assert line.tuned[-1].channel == 20
    line.radio(line.rcp.listened(line.waits[-1].scan))
    assert line.told[3:] == [Scanned(True)]
    assert line.tuned[-1] == rcp.Configure(15, 0x1A62, 0x1001, 0x00DB1234567890A1, True, False)


def test_a_scan_of_a_co_processor_that_goes_or_does_not_scan_is_not_whole(line: Line) -> None:
    line.do(line.host.scan((15,), 100_000_000, 0))
    line.do(line.host.feed(RESET, 0))
    assert line.told == [Scanned(False)]
    line.do(line.host.start(0))
    line.told.clear()
    line.do(line.host.scan((99,), 100_000_000, 0))
    assert line.told == [Refused(Property.MAC_SCAN_MASK, Status.INVALID_ARGUMENT), Scanned(False)]
    line.do(line.host.scan((15,), 100_000_000, 0))
    line.radio(line.rcp.listened(line.waits[-1].scan))
    assert line.told[2:] == [Scanned(True)]
    assert Host().scan((15,), 100_000_000, 0) == [Scanned(False)]
