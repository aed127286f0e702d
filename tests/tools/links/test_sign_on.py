"""The reader's side of a sign-on over a blocking stream, through heads that echo and heads that do not; and mode D overheard."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from protocols.core.effects import Effect, Send
from protocols.iec62056_21 import Baud, DataSet, Fault, Handover, Identification, Push, Refused, TariffDevice, Value
from tools.errors import LinkDown
from tools.links.echo import Echoing
from tools.links.sign_on import enter_hdlc, overhear, read_out
from tools.links.stream import Closing, Stream

SECOND = 1_000_000_000
SETS = (DataSet.of("1-0:1.8.0", "004321.000", "kWh"), DataSet.of("0.9.1", "120000"))


class Shown:
    def readout(self) -> Iterable[DataSet]:
        return SETS

    def read(self, address: str) -> tuple[Value, ...]:
        raise Refused(Fault.ADDRESS)

    def write(self, address: str, values: tuple[Value, ...]) -> None:
        raise Refused(Fault.DENIED)


class Head(Closing):
    """A probe on a meter whose answers come as soon as they are listened for. Both ends' rates must agree."""

    def __init__(self, identification: Identification, *, echoes: bool) -> None:
        self.meter = TariffDevice(identification, Shown())
        self.echoes = echoes
        self.now = 0
        self.waiting = b""
        self.rates = {"reader": 0, "meter": 300}
        self.handed_over = False

    def set_rate(self, baud: int) -> None:
        self.rates["reader"] = baud

    def write(self, data: bytes) -> None:
        assert self.rates["reader"] == self.rates["meter"]
        self.waiting += data if self.echoes else b""
        self.carry_out(self.meter.feed(data, self.now))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self.waiting += data
                case Baud(rate=rate):
                    self.rates["meter"] = rate
                case Handover():
                    self.handed_over = True

    def read(self, timeout: float) -> bytes:
        if not self.waiting and self.meter.deadline is not None and self.meter.deadline <= self.now + SECOND:
            self.now = self.meter.deadline
            self.carry_out(self.meter.expire(self.now))
        data, self.waiting = self.waiting[:7], self.waiting[7:]
        return data

    def close(self) -> None:
        self.waiting = b""


def through(head: Head) -> Stream:
    return Echoing(head) if head.echoes else head


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("letter", ["z", "B", "5"])
def test_a_readout_in_every_mode(letter: str, echoes: bool) -> None:
    head = Head(Identification("MBe", letter, "head"), echoes=echoes)
    assert read_out(through(head)) == (Identification("MBe", letter, "head"), SETS)
    assert head.rates["reader"] == 300


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("rate", [300, 2400, 19_200])
def test_mode_e_leaves_both_ends_at_the_agreed_rate(rate: int, echoes: bool) -> None:
    head = Head(Identification("MBe", "6", "head", "2"), echoes=echoes)
    assert enter_hdlc(through(head), rate=rate) == rate
    assert head.rates == {"reader": rate, "meter": rate}
    assert head.handed_over


def test_a_meter_without_hdlc() -> None:
    with pytest.raises(LinkDown, match="does not offer HDLC"):
        enter_hdlc(Head(Identification("MBe", "5", "head"), echoes=False))


class Air(Closing):
    """A meter of mode D: it says the same thing once, in the middle of noise."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.rate = 0

    def set_rate(self, baud: int) -> None:
        self.rate = baud

    def write(self, data: bytes) -> None:
        raise AssertionError("nobody speaks to a device of mode D")

    def read(self, timeout: float) -> bytes:
        data, self.octets = self.octets[:5], self.octets[5:]
        return data

    def close(self) -> None:
        return


def test_a_device_of_mode_d_is_overheard() -> None:
    push = Push(Identification("MBE", "3", "pusher"), SETS)
    air = Air(b"\x00~" + push.build() + b"\x00")
    assert overhear(air, 0.2) == (push.identification, SETS)
    assert air.rate == 2400
    with pytest.raises(LinkDown, match="nothing was said"):
        overhear(Air(b"noise"), 0.05)
