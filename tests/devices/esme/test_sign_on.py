"""The optical port over IEC 62056-21: readout, programming mode, mode E into HDLC, at the rates of a real line, and back to 300."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.port import Port
from protocols.core.effects import Send
from protocols.dlms import hdlc
from protocols.dlms.meter import Meter
from protocols.iec62056_21 import (
    Baud,
    DataSet,
    Denied,
    Discarded,
    Done,
    Failed,
    HandHeldUnit,
    Handover,
    Identified,
    Opened,
    Purpose,
    ReadOut,
)
from protocols.iec62056_21.characters import with_parity, without_parity

IDENTIFICATION = b"/MBE5\\2ESME\r\n"


class Reader:
    """A probe with a UART of its own rate, and a hand-held unit behind it."""

    def __init__(self, meter, purpose, baud=9600, **how):
        self.meter = meter
        self.port = Port(meter.kernel, "probe")
        self.port.baud = 300
        self.wire = self.port.attach(meter.board.uart("optical"), baud=baud)
        self.unit = HandHeldUnit(purpose, **how)
        self.news = []
        self.rates = []
        self.port.on_receive = lambda data: self.apply(self.unit.feed(data, meter.kernel.now))

    def apply(self, effects):
        for effect in effects:
            match effect:
                case Send(data=data):
                    self.port.write(data)
                case Baud(rate=rate):
                    self.port.baud = rate
                    self.rates.append(rate)
                case Identified() | Discarded():
                    pass
                case _:
                    self.news.append(effect)

    def do(self, effects):
        self.apply(effects)
        kernel = self.meter.kernel
        for _ in range(4000):
            if self.news:
                return self.news.pop(0)
            kernel.run_until(kernel.now + S // 20)
            if self.unit.deadline is not None and self.unit.deadline <= kernel.now:
                self.apply(self.unit.expire(kernel.now))
        raise AssertionError("nothing happened")

    def sign_on(self):
        return self.do(self.unit.sign_on(self.meter.kernel.now))


@pytest.fixture
def reader(meter):
    return lambda purpose, **how: Reader(meter, purpose, **how)


def test_the_main_registers_are_read_out_at_the_agreed_rate(meter, reader):
    meter.run(2 * HOUR)
    probe = reader(Purpose.READOUT)
    found = probe.sign_on()
    assert isinstance(found, ReadOut)
    values = {each.address: each.value for each in found.data_sets}
    assert values["1-0:1.8.0"].number == Decimal(meter.meter.import_wh) / 1000
    assert values["1-0:1.8.0"].unit == "kWh"
    assert (values["1-0:32.7.0"].text, values["1-0:32.7.0"].unit) == ("230.0", "V")
    assert values["0-0:96.1.0"].text == "E6 0000001"
    assert {"1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0", "1-0:1.7.0", "0.9.1", "0.9.2"} <= set(values)
    assert probe.rates == [9600, 300]


@pytest.mark.parametrize("rate", [300, 1200, 4800])
def test_a_slower_reader_is_served_at_its_rate(reader, rate):
    assert isinstance(reader(Purpose.READOUT, rate=rate).sign_on(), ReadOut)


@pytest.mark.parametrize("parity", [True, False])
def test_mode_e_leads_into_hdlc_and_its_end_back_to_300_baud(meter, reader, parity):
    meter.run(HOUR)
    probe = reader(Purpose.HDLC, parity=parity)
    assert probe.sign_on() == Handover(9600)
    head = meter.head(plug=probe.port)
    assert isinstance(head.connect(), hdlc.Connected)
    client = Meter(head.exchange)
    client.associate()
    assert client.register("1-0:1.8.0").value == meter.meter.import_wh
    meter.run(MIN)
    assert client.register("1-0:1.8.0").value == meter.meter.import_wh
    head.apply(head.link.disconnect(meter.kernel.now))
    assert isinstance(head.effect(), hdlc.Disconnected)
    probe.port.baud = 300
    heard = []
    probe.port.on_receive = heard.append
    probe.port.write(b"/?!\r\n")
    meter.run(2 * S)
    assert b"".join(heard) == IDENTIFICATION


def test_at_another_rate_nobody_understands(meter, reader):
    probe = reader(Purpose.HDLC)
    assert probe.sign_on() == Handover(9600)
    probe.port.baud = 300
    heard = []
    probe.port.on_receive = heard.append
    probe.port.write(hdlc.Frame.unnumbered(hdlc.Kind.SNRM, hdlc.Address(1), hdlc.Address(16), poll=True).build())
    meter.run(10 * S)
    assert heard == []
    meter.run(60 * S)  # nobody has connected: a sign-on is heard again
    probe.port.write(b"/?!\r\n")
    meter.run(2 * S)
    assert b"".join(heard) == IDENTIFICATION


def test_hdlc_needs_no_sign_on_and_a_sign_on_no_silence(meter):
    head = meter.head()
    head.connect()
    head.apply(head.link.disconnect(meter.kernel.now))
    assert isinstance(head.effect(), hdlc.Disconnected)
    heard = []
    head.port.on_receive = heard.append
    head.port.write(b"\x00" * 9 + with_parity(b"/?!\r\n"))
    meter.run(2 * S)
    assert without_parity(b"".join(heard)) == IDENTIFICATION
    meter.run(5 * S)
    head.port.on_receive = lambda data: head.apply(head.link.feed(data, meter.kernel.now))
    assert isinstance(head.connect(), hdlc.Connected)


def test_a_reader_who_left_his_link_open_is_followed_by_a_sign_on(meter, reader):
    """At a port without rates: a pty, TCP. On a line at 9600 baud nobody hears 300."""
    probe = reader(Purpose.HDLC, baud=None)
    assert probe.sign_on() == Handover(9600)
    head = meter.head(plug=probe.port)
    head.connect()
    Meter(head.exchange).associate()
    frame = hdlc.Frame.unnumbered(hdlc.Kind.DISC, hdlc.Address(2), hdlc.Address(16), poll=True, information=b"/?!\r\n").build()
    place = frame.index(b"/?")
    for piece in (frame[:place], frame[place:]):  # in a frame it is no sign-on
        probe.port.write(piece)
    meter.run(S)
    assert Meter(head.exchange).register("1-0:1.8.0").value == meter.meter.import_wh
    heard = []
    probe.port.on_receive = heard.append
    probe.port.write(b"/?!\r\n")
    meter.run(S)
    assert b"".join(heard) == IDENTIFICATION
    assert not any(device.opened for device in meter.firmware.server.devices.values())


@pytest.mark.parametrize("before", [bytes(600), bytes.fromhex("0142300371"), b"\x01B0\x03\r\n"])
def test_what_readers_send_before_a_sign_on_does_no_harm(meter, reader, before):
    """Wake-up of battery devices, and the break in the two ways it is seen."""
    probe = reader(Purpose.READOUT)
    probe.port.write(before)
    meter.run(25 * S)
    assert isinstance(probe.sign_on(), ReadOut)


def test_a_programming_session_reads_and_writes_nothing(meter, reader):
    probe = reader(Purpose.PROGRAMMING)
    unit, now = probe.unit, meter.kernel
    assert isinstance(probe.sign_on(), Opened)
    found = probe.do(unit.read("1.8.0", now.now))
    assert isinstance(found, Done)
    assert found.data_set.value.number == Decimal(meter.meter.import_wh) / 1000
    assert probe.do(unit.read("0-0:96.1.0*255", now.now, "R5")) == Done("0-0:96.1.0*255(E6 0000001)")
    assert probe.do(unit.read("9.9.9", now.now)) == Denied("ERR02")
    write = DataSet.of("1.8.0", "0")
    assert probe.do(unit.write(write, now.now)) == Denied("ERR03")
    assert probe.do(unit.password("00000000", now.now)) == Done("")
    assert probe.do(unit.write(write, now.now)) == Denied("ERR03")


def test_pulling_the_head_ends_it(meter, reader):
    probe = reader(Purpose.PROGRAMMING)
    assert isinstance(probe.sign_on(), Opened)
    probe.wire.unplug()
    meter.run(S)
    assert isinstance(reader(Purpose.READOUT).sign_on(), ReadOut)


# --- A18 on the live meter


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"/?!", id="no CR LF"),
        pytest.param(b"/?" + b"1" * 200 + b"!\r\n", id="200 characters"),
        pytest.param(b"/?!\r\n", id="ACK never comes"),
        pytest.param(b"/?!\r\n\x06", id="half an ACK"),
        pytest.param(b"/" * 3000, id="strokes"),
    ],
)
def test_a_bad_sign_on_leads_back_to_idle_and_300_baud(meter, reader, octets):
    """Bad input A18."""
    probe = reader(Purpose.READOUT)
    probe.port.on_receive = None
    probe.port.write(octets)
    meter.run(120 * S if len(octets) > 1000 else 12 * S)
    probe.port.on_receive = lambda data: probe.apply(probe.unit.feed(data, meter.kernel.now))
    assert isinstance(probe.sign_on(), ReadOut)


def test_a_bad_baud_letter_leads_back_to_idle(meter, reader):
    """Bad input A18."""
    probe = reader(Purpose.READOUT)
    said = []
    probe.port.on_receive = said.append
    probe.port.write(b"/?!\r\n")
    meter.run(2 * S)
    probe.port.write(b"\x060X0\r\n")
    meter.run(5 * S)
    assert b"".join(said) == IDENTIFICATION
    probe.port.on_receive = lambda data: probe.apply(probe.unit.feed(data, meter.kernel.now))
    assert isinstance(probe.sign_on(), ReadOut)


def test_a_meter_that_says_nothing_fails_the_reader(meter, reader):
    meter.board.cut(off_for=HOUR)
    probe = reader(Purpose.READOUT)
    assert isinstance(probe.sign_on(), Failed)
