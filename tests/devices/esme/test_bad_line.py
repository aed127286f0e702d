"""Bad inputs A1 to A17 and A19 at a live meter's optical port: the right reaction, and after each the next good frame works."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from devices.runtime.kernel import S
from protocols.core import crc
from protocols.dlms import hdlc
from protocols.dlms.hdlc import Address, Deframer, Frame, Kind, Limits
from protocols.dlms.meter import Meter

CLIENT, SERVER = Address(16), Address(1)
COMMAND, RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"
AARQ = bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400001E1D0400")
"""Without security, 1,024 octets (Green Book's example with its sizes changed)."""
READ_CLOCK = bytes.fromhex("C001C1000800000100" + "00FF0200")
PDU_TOO_LONG = bytes.fromhex("D80104")


def u(kind: Kind, information: bytes = b"", *, poll: bool = True, to: Address = SERVER) -> bytes:
    return Frame.unnumbered(kind, to, CLIENT, poll=poll, information=information).build()


def s(kind: Kind, received: int, *, poll: bool = True) -> bytes:
    return Frame.numbered(kind, SERVER, CLIENT, receive=received, poll=poll).build()


def i(sent: int, received: int, apdu: bytes, *, poll: bool = True, more: bool = False, heading: bytes = COMMAND) -> bytes:
    return Frame.numbered(
        Kind.I, SERVER, CLIENT, send=sent, receive=received, poll=poll, information=heading + apdu, segmented=more
    ).build()


def damaged(octets: bytes, bit: int, at: int) -> bytes:
    return octets[:at] + bytes((octets[at] ^ 1 << bit,)) + octets[at + 1 :]


class Pen:
    """Octets of any kind into the meter's optical port, and the frames that come back."""

    def __init__(self, meter) -> None:
        self.meter, self.head = meter, meter.head()
        self.head.port.baud = 9600  # whatever the meter does
        self.deframer, self.heard = Deframer(), []
        self.head.port.on_receive = lambda data: self.heard.extend(self.deframer.feed(data))

    def say(self, *octets: bytes, wait: int = 2 * S) -> list[Frame]:
        """What is answered once all has gone over the wire, and `wait` ns more."""
        for each in octets:
            self.head.port.write(each)
        self.meter.run(sum(map(len, octets)) * 10 * S // 9600 + wait)
        heard, self.heard = self.heard, []
        return heard

    def kinds(self, *octets: bytes) -> list[Kind]:
        return [frame.kind for frame in self.say(*octets)]

    def associate(self, limits: bytes = b"") -> None:
        """Data link and association; N(S) and N(R) are 1 then."""
        assert self.kinds(u(Kind.SNRM, limits)) == [Kind.UA]
        (aare,) = self.say(i(0, 0, AARQ))
        assert aare.information.startswith(RESPONSE + b"\x61")


@pytest.fixture
def pen(meter):
    """At the end a good client on the same line is served."""
    found = Pen(meter)
    yield found
    head = meter.head(plug=found.head.port)
    assert isinstance(head.connect(), hdlc.Connected)
    client = Meter(head.exchange)
    client.associate()
    assert client.register("1-0:1.8.0").value == meter.meter.import_wh


@pytest.fixture
def associated(pen) -> Pen:
    pen.associate()
    return pen


GOOD = i(1, 1, READ_CLOCK)


@pytest.mark.parametrize("at", [-3, -2, 12, 5, 6])
def test_a1_a2_one_wrong_bit_gets_silence_and_the_repeat_an_answer(associated, at) -> None:
    """In the frame check, in the information, in the header check, in the control field."""
    for bit in (0, 7):
        assert associated.kinds(damaged(GOOD, bit, at)) == []
    assert associated.say(GOOD)[0].information.startswith(RESPONSE + b"\xc4")


def test_a2_header_check_wrong_and_frame_check_right(associated) -> None:
    octets = damaged(GOOD, 3, 6)
    assert associated.kinds(b"~" + crc.append_x25(octets[1:-3]) + b"~") == []
    assert associated.kinds(GOOD) == [Kind.I]


def test_a3_a_length_larger_than_what_follows(associated) -> None:
    """The inter-octet time-out drops it, and the frame that came too early is found then."""
    assert associated.say(GOOD[:-6], wait=S // 10) == []
    assert [frame.kind for frame in associated.say(GOOD, wait=3 * S)] == [Kind.I]


def test_a4_a_length_smaller_than_the_frame_hides_no_good_one(associated) -> None:
    liar = b"~" + crc.append_x25(bytes.fromhex("A00C032110")) + b"\x01\x02"
    assert associated.kinds(liar + GOOD) == [Kind.I]


@pytest.mark.parametrize("form", ["A003", "A000", "A7FF"])
def test_a5_lengths_out_of_range(pen, form) -> None:
    assert pen.kinds(b"~" + crc.append_x25(bytes.fromhex(form + "032193")) + b"~") == []


def test_a5_information_longer_than_agreed(associated) -> None:
    assert associated.kinds(i(1, 1, bytes(126))) == []
    assert associated.kinds(GOOD) == [Kind.I]


@pytest.mark.parametrize("form", ["00", "90", "B0", "F0"])
def test_a6_other_frame_formats(associated, form) -> None:
    octets = bytearray(GOOD)
    octets[1] = int(form, 16)
    assert associated.kinds(b"~" + crc.append_x25(bytes(octets[1:-3])) + b"~") == []
    assert associated.kinds(GOOD) == [Kind.I]


def test_a7_an_address_without_an_end(pen) -> None:
    assert pen.kinds(b"~" + crc.append_x25(bytes.fromhex("A00A020202022193")) + b"~") == []


@pytest.mark.parametrize("to", [Address(2), Address(0), Address(1, 0), Address(0x7F), Address(0x3FFF, 0x3FFF)])
def test_a8_other_stations_and_everybody_are_not_answered(associated, to) -> None:
    assert associated.kinds(u(Kind.SNRM, to=to), u(Kind.DISC, to=to), u(Kind.UI, COMMAND + READ_CLOCK, to=to)) == []
    assert associated.kinds(GOOD) == [Kind.I]


def test_a8_an_unconfirmed_request_is_not_answered(associated) -> None:
    assert associated.kinds(u(Kind.UI, COMMAND + READ_CLOCK, poll=False)) == []
    assert associated.kinds(GOOD) == [Kind.I]


def test_a9_numbered_frames_in_disconnected_mode(pen) -> None:
    assert pen.kinds(i(0, 0, AARQ)) == [Kind.DM]
    assert pen.kinds(s(Kind.RR, 0)) == [Kind.DM]
    assert pen.kinds(u(Kind.DISC)) == [Kind.DM]


def test_a10_out_of_order_and_repeated(associated) -> None:
    (ready,) = associated.say(i(3, 1, READ_CLOCK))
    assert (ready.kind, ready.receive_number) == (Kind.RR, 1)
    (first,) = associated.say(GOOD)
    (again,) = associated.say(GOOD)
    assert first == again  # the same answer, and not a second one: the clock has gone on


@pytest.mark.parametrize("octets", [i(1, 5, READ_CLOCK), s(Kind.RR, 6), s(Kind.RNR, 3)])
def test_a11_acknowledging_what_was_never_sent(associated, octets) -> None:
    (reject,) = associated.say(octets)
    assert (reject.kind, reject.information[0], reject.information[2]) == (Kind.FRMR, octets[5], 0x08)
    assert associated.kinds(GOOD) == [Kind.DM]


def test_a12_more_frames_than_the_window(pen) -> None:
    pen.associate(Limits(128, 128, 2, 2).build())
    request = [i(n % 8, 1, b"", poll=n == 6, more=True, heading=b"") for n in range(1, 7)]
    (ready,) = pen.say(*request)
    assert (ready.kind, ready.receive_number) == (Kind.RR, 3)  # two were taken, and the rest has to come again


def test_a13_segments_without_end(associated) -> None:
    answers = [frame for n in range(60) for frame in associated.say(i((n + 1) % 8, 1, bytes(100), more=True), wait=S // 5)]
    said = [frame.information for frame in answers if frame.kind is Kind.I]
    assert said[:1] == [RESPONSE + PDU_TOO_LONG]
    assert set(said) == {RESPONSE + PDU_TOO_LONG}
    assert {frame.kind for frame in answers} == {Kind.RR, Kind.I}


@pytest.mark.parametrize(
    "said",
    ["05020000 06020000 070400000000 080400000000", "0502FFFF 0602FFFF 0704000000FF 0804000000FF", "050100 060100 070100 080100"],
)
def test_a14_negotiation_with_nonsense(pen, said) -> None:
    parameters = bytes.fromhex(said.replace(" ", ""))
    (agreed,) = pen.say(u(Kind.SNRM, b"\x81\x80" + bytes((len(parameters),)) + parameters))
    limits = Limits.parse(agreed.information)
    assert agreed.kind is Kind.UA
    assert 1 <= limits.window_transmit <= 7
    assert 1 <= limits.window_receive <= 7
    assert limits.information_transmit >= 32
    (aare,) = pen.say(i(0, 0, AARQ))
    assert aare.information.startswith(RESPONSE + b"\x61")


def test_a15_flags_inside_a_frame(associated) -> None:
    """The answer is an exception, but it is one to the whole APDU."""
    (answer,) = associated.say(i(1, 1, b"~\x7e~\xa0\x07~"))
    assert answer.information.startswith(RESPONSE + b"\xd8")


def test_a16_any_split_and_shared_flags(associated) -> None:
    assert associated.kinds(*(bytes((octet,)) for octet in GOOD)) == [Kind.I]
    assert associated.kinds(s(Kind.RR, 2) + s(Kind.RR, 2)[1:]) == [Kind.RR, Kind.RR]


@pytest.mark.parametrize("noise", [b"~\xa7\xff", b"~\xa0", b"~", b"\xff\x00", b"/", b"/?"])
def test_a17_endless_noise_takes_no_memory(pen, noise) -> None:
    def flood(times: int) -> None:
        for _ in range(times):
            assert pen.say(noise * (600 // len(noise)), wait=S // 10) == []

    flood(5)
    tracemalloc.start()
    flood(50)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 64 * 1024
    pen.meter.run(3 * S)


def test_a17_random_noise(pen) -> None:
    rng = random.Random("noise on the line")
    for _ in range(60):
        pen.say(rng.randbytes(300), wait=S // 10)
    pen.meter.run(60 * S)


def test_a19_the_head_is_pulled_in_mid_frame(meter) -> None:
    pen = Pen(meter)
    pen.associate()
    pen.say(GOOD[:8], wait=0)
    pen.head.wire.unplug()
    meter.run(S)
    again = Pen(meter)
    assert again.kinds(GOOD[8:] + GOOD) == [Kind.DM]  # half a frame is gone, and so is the connection
    again.associate()
