"""Tariff device and hand-held unit: each against scripts of octets, and both against each other over a line (bad input A18)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError
from protocols.iec62056_21 import (
    Baud,
    Block,
    DataSet,
    Denied,
    Discarded,
    Done,
    Failed,
    Fault,
    Foreign,
    HandHeldUnit,
    Handover,
    Identification,
    Identified,
    Opened,
    OptionSelect,
    Purpose,
    ReadOut,
    Refused,
    TariffDevice,
    Value,
)
from protocols.iec62056_21.characters import with_parity, without_parity

S = 1_000_000_000
MODE_C = Identification("MBE", "5", "ESME")
MODE_E = Identification("MBE", "5", "ESME", "2")
SIGN_ON = b"/?!\r\n"
SETS = (DataSet.of("0.0.0", "E6 0000001"), DataSet.of("1-0:1.8.0*255", "004321.000", "kWh"))


@dataclass
class Shown:
    """Registers in a dict; `locked` refuses everything."""

    values: dict[str, tuple[Value, ...]] = field(default_factory=lambda: {each.address: each.values for each in SETS})

    def readout(self) -> Iterable[DataSet]:
        return [DataSet(*item) for item in self.values.items()]

    def read(self, address: str) -> tuple[Value, ...]:
        if address not in self.values:
            raise Refused(Fault.ADDRESS)
        return self.values[address]

    def write(self, address: str, values: tuple[Value, ...]) -> None:
        self.read(address)
        self.values[address] = values


def sent(effects: Iterable[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Send))


def rates(effects: Iterable[Effect]) -> list[int]:
    return [effect.rate for effect in effects if isinstance(effect, Baud)]


class Reader:
    """A script's hand: says octets to a device, and hears what comes of it when it has reacted."""

    def __init__(self, device: TariffDevice) -> None:
        self.device, self.now = device, 0
        self.effects: list[Effect] = []

    def say(self, octets: bytes) -> bytes:
        """What is answered, the reaction time awaited."""
        self.effects = self.device.feed(octets, self.now)
        while self.device.deadline is not None and self.device.deadline <= self.now + S:
            self.now = self.device.deadline
            self.effects += self.device.expire(self.now)
        return sent(self.effects)

    def wait(self, seconds: float) -> list[Effect]:
        end = self.now + int(seconds * S)
        effects: list[Effect] = []
        while self.device.deadline is not None and self.device.deadline <= end:
            self.now = self.device.deadline
            effects += self.device.expire(self.now)
        self.now = end
        return effects


@pytest.fixture
def reader() -> Reader:
    return Reader(TariffDevice(MODE_E, Shown(), password="12345678"))


def programming(reader: Reader, rate: str = "5") -> Reader:
    reader.say(SIGN_ON)
    assert reader.say(OptionSelect("0", rate, "1").build()) == Block("P0", "(00000000)").build()
    return reader


DATA = b"\x020.0.0(E6 0000001)\r\n1-0:1.8.0*255(004321.000*kWh)\r\n!\r\n\x03"


@pytest.mark.dlms("server 62056-21 mode C", "server 62056-21 readout")
def test_mode_c_readout(reader: Reader) -> None:
    assert reader.say(SIGN_ON) == b"/MBE5\\2ESME\r\n"
    answer = reader.say(b"\x06050\r\n")
    assert answer[:-1] == DATA
    assert rates(reader.effects) == [9600]
    assert rates(reader.wait(5)) == [300]
    assert reader.say(SIGN_ON) == b"/MBE5\\2ESME\r\n"


def test_the_reaction_time_is_kept(reader: Reader) -> None:
    assert reader.device.feed(SIGN_ON, 0) == []
    assert 200_000_000 <= (reader.device.deadline or 0) <= 1_500_000_000


def test_parity_is_answered_with_parity(reader: Reader) -> None:
    assert reader.say(with_parity(SIGN_ON)) == with_parity(b"/MBE5\\2ESME\r\n")
    assert without_parity(reader.say(with_parity(b"\x06050\r\n")))[:-1] == DATA


def test_a_slower_rate_may_be_chosen_and_a_faster_one_not(reader: Reader) -> None:
    reader.say(SIGN_ON)
    assert reader.say(b"\x06060\r\n") == b""
    reader.say(b"\x06030\r\n")
    assert rates(reader.effects) == [2400]


def test_nak_repeats_the_readout_a_few_times(reader: Reader) -> None:
    reader.say(SIGN_ON)
    first = reader.say(b"\x06050\r\n")
    assert [reader.say(b"\x15") for _ in range(4)] == [first, first, first, b""]


@pytest.mark.dlms("server 62056-21 mode E")
def test_mode_e_is_confirmed_at_the_new_rate_and_handed_over(reader: Reader) -> None:
    reader.say(with_parity(SIGN_ON))
    assert reader.say(with_parity(b"\x06252\r\n")) == bytes.fromhex("06B235B28D0A")  # Green Book 5, figure 17
    assert [type(effect) for effect in reader.effects] == [Baud, Send, Handover]
    assert reader.effects[-1] == Handover(9600)
    assert reader.device.resting


def test_a_device_without_mode_e_does_not_offer_it() -> None:
    reader = Reader(TariffDevice(MODE_C, Shown()))
    assert reader.say(SIGN_ON) == b"/MBE5ESME\r\n"
    assert reader.say(b"\x06252\r\n") == b""


@pytest.mark.dlms("server 62056-21 mode B")
def test_mode_b_changes_its_rate_unasked() -> None:
    reader = Reader(TariffDevice(Identification("MBE", "E", "old"), Shown()))
    answer = reader.say(SIGN_ON)
    assert answer.startswith(b"/MBEEold\r\n\x02")
    assert rates(reader.effects) == [9600]
    assert rates(reader.wait(5)) == [300]


@pytest.mark.dlms("server 62056-21 mode A")
def test_mode_a_stays_at_300() -> None:
    reader = Reader(TariffDevice(Identification("MBE", "z", "older"), Shown()))
    assert reader.say(SIGN_ON)[12:-1] == DATA
    assert rates(reader.effects) == []
    assert rates(reader.wait(60)) == [300]


def test_a_device_with_an_address() -> None:
    reader = Reader(TariffDevice(MODE_C, Shown(), address="0042"))
    assert reader.say(b"/?43!\r\n") == b""
    assert reader.say(b"/?42!\r\n") == MODE_C.build()


# --- A18: sign-ons that are none


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"/?!", id="no CR LF"),
        pytest.param(b"/?" + b"0" * 200, id="200 characters"),
        pytest.param(b"/" * 5000, id="5000 strokes"),
        pytest.param(b"\x00\xff\x15\x06", id="noise"),
        pytest.param(with_parity(b"/?!\r") + b"\x8a", id="wrong parity at the end"),
        pytest.param(b"/?!\r\r\n", id="two CR"),
    ],
)
def test_a_sign_on_that_is_none_is_not_answered_and_the_next_one_is(reader: Reader, octets: bytes) -> None:
    assert reader.say(octets) == b""
    assert rates(reader.wait(3)) in ([], [300])
    assert reader.device.resting
    assert reader.say(SIGN_ON) == MODE_E.build()


@pytest.mark.parametrize(
    "option",
    [
        b"",
        b"\x06",
        b"\x060",
        b"\x060X0\r\n",
        b"\x06090\r\n",
        b"\x06950\r\n",
        b"\x06059\r\n",
        b"\x06\x06\x06\x06\x06\x06",
        b"\x15" * 9,
    ],
)
def test_an_option_select_that_is_none_leads_back_to_idle(reader: Reader, option: bytes) -> None:
    """A bad baud letter, an acknowledgement that never comes: idle and 300 baud after the time-out."""
    reader.say(SIGN_ON)
    assert reader.say(option) == b""
    assert rates(reader.effects + reader.wait(4)) == [300]
    assert reader.device.resting
    assert reader.device.deadline is None
    assert reader.say(SIGN_ON) == MODE_E.build()


def test_who_signs_on_again_is_answered_again(reader: Reader) -> None:
    assert [reader.say(SIGN_ON) for _ in range(3)] == [MODE_E.build()] * 3


def test_what_comes_while_an_answer_is_due_is_dropped(reader: Reader) -> None:
    reader.device.feed(SIGN_ON, 0)
    assert [type(effect) for effect in reader.device.feed(SIGN_ON, 1)] == [Discarded]


def test_octets_of_another_protocol_are_handed_back(reader: Reader) -> None:
    assert reader.device.feed(b"~\xa0\x07", 0) == [Foreign(b"~\xa0\x07")]
    assert reader.device.feed(b"/?~\xa0", 0) == [Discarded("no sign-on", b"/?"), Foreign(b"~\xa0")]


# --- programming mode


def test_reading_registers(reader: Reader) -> None:
    programming(reader)
    assert reader.say(Block("R1", "0.0.0()").build()) == Block("", "(E6 0000001)").build()
    assert reader.say(Block("R5", "0.0.0()").build()) == Block("", "0.0.0(E6 0000001)").build()
    assert reader.say(Block("R1", "9.9.9()").build()) == Block("", "(ERR02)").build()
    assert reader.say(Block("R2", "0.0.0()").build()) == Block("", "(ERR01)").build()
    assert reader.say(Block("R1", "0.0.0").build()) == Block("", "(ERR04)").build()
    assert reader.say(bytes.fromhex("0142300371")) == b""
    assert rates(reader.effects) == [300]


def test_writing_needs_the_password(reader: Reader) -> None:
    programming(reader)
    new = Block("W1", "0.0.0(new)").build()
    assert reader.say(new) == Block("", "(ERR03)").build()
    assert reader.say(Block("P1", "(12345678)").build()) == b"\x06"
    assert reader.say(new) == b"\x06"
    assert reader.say(Block("R1", "0.0.0()").build()) == Block("", "(new)").build()


def test_three_wrong_passwords_end_it(reader: Reader) -> None:
    programming(reader)
    wrong = Block("P1", "(87654321)").build()
    answers = [reader.say(wrong) for _ in range(3)]
    assert answers == [Block("", "(ERR03)").build()] * 2 + [bytes.fromhex("0142300371")]
    assert rates(reader.effects) == [300]
    assert reader.device.resting


def test_a_damaged_command_is_asked_for_again_and_nak_gets_the_answer_again(reader: Reader) -> None:
    programming(reader)
    good = Block("R1", "0.0.0()").build()
    for wrong in (good[:-1] + b"\x00", b"\x01R1\x020.0.0()\x03" + b"\x7f", b"\x01Q1\x03\x61"):
        assert reader.say(wrong) == b"\x15"
    answer = reader.say(good)
    assert [reader.say(b"\x15") for _ in range(3)] == [answer] * 3
    assert reader.say(b"\x15") == bytes.fromhex("0142300371")


def test_half_a_command_is_asked_for_again(reader: Reader) -> None:
    programming(reader)
    assert reader.say(b"\x01R1\x020.0") == b""
    assert sent(reader.wait(3)) == b"\x15"
    assert reader.say(Block("R1", "0.0.0()").build()) == Block("", "(E6 0000001)").build()


def test_a_silent_session_ends_after_a_minute(reader: Reader) -> None:
    programming(reader)
    assert reader.wait(50) == []
    assert rates(reader.wait(11)) == [300]


def test_partial_blocks_both_ways(reader: Reader) -> None:
    programming(reader)
    reader.say(Block("P1", "(12345678)").build())
    text = "0.0.0(" + "x" * 100 + ")"
    assert reader.say(Block("W3", text[:50], partial=True).build()) == b"\x06"
    assert reader.say(Block("W3", text[50:]).build()) == b"\x06"
    parts = [Block.parse(reader.say(Block("R3", "0.0.0()").build()))]
    while parts[-1].partial:
        parts.append(Block.parse(reader.say(b"\x06")))
    assert len(parts) == 2
    assert "".join(part.text or "" for part in parts) == "(" + "x" * 100 + ")"
    assert reader.say(b"\x06") == b""


def test_a_write_without_end_is_refused(reader: Reader) -> None:
    programming(reader)
    reader.say(Block("P1", "(12345678)").build())
    answers = [reader.say(Block("W3", "x" * 200, partial=True).build()) for _ in range(6)]
    assert answers == [b"\x06"] * 5 + [Block("", "(ERR04)").build()]
    assert reader.say(Block("W1", "0.0.0(new)").build()) == b"\x06"


@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([
    SIGN_ON, b"\x06051\r\n", b"\x06050\r\n", b"\x06252\r\n", b"\x06", b"\x15", Block("R1", "0.0.0()").build(),
    Block("P1", "(12345678)").build(), Block("W3", "0.0.0(", partial=True).build(), bytes.fromhex("0142300371"),
])), max_size=12))  # fmt: skip
def test_after_anything_and_silence_the_next_sign_on_is_answered(pieces: list[bytes]) -> None:
    reader = Reader(TariffDevice(MODE_E, Shown(), password="12345678"))
    for piece in pieces:
        reader.say(piece)
    reader.wait(200)
    assert reader.device.deadline is None
    assert reader.say(SIGN_ON) == MODE_E.build()


@given(st.booleans(), st.lists(st.integers(1, 7), max_size=40))
def test_any_split_gives_the_same(parity: bool, cuts: list[int]) -> None:
    """A whole session, octet by octet, in pieces, at once."""
    script = [
        SIGN_ON, b"\x06051\r\n", Block("P1", "(12345678)").build(), Block("R5", "0.0.0()").build(),
        Block("W3", "0.0.0(ab", partial=True).build(), Block("W3", "cd)").build(), Block("R1", "0.0.0()").build(), b"\x15",
    ]  # fmt: skip

    def session(cuts: list[int]) -> list[bytes]:
        reader, answers, sizes = Reader(TariffDevice(MODE_E, Shown(), password="12345678")), [], iter(cuts)
        for message in script:
            octets, answer = with_parity(message) if parity else message, b""
            while octets:
                size = next(sizes, len(octets))
                answer += reader.say(octets[:size])
                octets = octets[size:]
            answers.append(answer)
        return answers

    assert session(cuts) == session([])


# --- both machines


class Line:
    """Both machines on one line that cuts octets as it likes, drops what `spoil` says, and knows the rate of each end."""

    def __init__(self, device: TariffDevice, unit: HandHeldUnit, spoil: Callable[[int, bytes], bytes], cut: int) -> None:
        self.device, self.unit, self.now = device, unit, 0
        self.spoil, self.cut, self.count = spoil, cut, 0
        self.rates = [300, 300]
        self.news: list[Effect] = []
        self.handed_over = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        self.count += 1
        data = self.spoil(self.count, data)
        return (data[at : at + self.cut] for at in range(0, len(data), self.cut))

    def apply(self, effects: list[Effect], end: int) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    other, rate = (self.device, self.unit)[end], self.rates[end]
                    for piece in self.pieces(data):
                        self.now += 10 * len(piece) * S // rate
                        # without the same rate at both ends nothing sensible arrives
                        heard = piece if rate == self.rates[1 - end] else bytes(len(piece))
                        self.apply(other.feed(heard, self.now), 1 - end)
                case Baud(rate=rate):
                    self.rates[end] = rate
                case Handover() if end == 1:
                    self.handed_over = True
                case _ if end == 0 and not isinstance(effect, Discarded):
                    self.news.append(effect)

    def until_news(self) -> Effect:
        for _ in range(10_000):
            interesting = [each for each in self.news if not isinstance(each, Identified)]
            if interesting:
                self.news = []
                return interesting[0]
            due = [(end.deadline, number) for number, end in ((0, self.unit), (1, self.device)) if end.deadline is not None]
            if not due:
                break
            at, number = min(due)
            self.now = max(self.now, at)
            self.apply((self.unit, self.device)[number].expire(self.now), number)
        raise AssertionError("nothing happened")


def line(identification: Identification, purpose: Purpose, *, parity: bool = True, cut: int = 32, rate: int = 19_200,
         spoil: Callable[[int, bytes], bytes] = lambda count, data: data) -> Line:  # fmt: skip
    made = Line(
        TariffDevice(identification, Shown(), password="12345678"), HandHeldUnit(purpose, rate=rate, parity=parity), spoil, cut
    )
    made.apply(made.unit.sign_on(0), 0)
    return made


@pytest.mark.dlms("client 62056-21 mode A", "client 62056-21 mode B", "client 62056-21 mode C", "client 62056-21 readout")
@pytest.mark.parametrize("parity", [True, False])
@pytest.mark.parametrize("cut", [1, 2, 7, 32])
@pytest.mark.parametrize("letter", ["z", "A", "F", "0", "5", "6"])
def test_every_mode_reads_out(letter: str, cut: int, parity: bool) -> None:
    made = line(Identification("MBE", letter, "ESME"), Purpose.READOUT, parity=parity, cut=cut)
    assert made.until_news() == ReadOut(SETS)
    assert made.rates[0] == 300


@pytest.mark.dlms("client 62056-21 mode E")
@pytest.mark.parametrize("parity", [True, False])
@pytest.mark.parametrize("rate", [300, 2400, 9600, 115_200])
def test_mode_e_hands_over_at_the_agreed_rate(rate: int, parity: bool) -> None:
    made = line(Identification("MBE", "6", "ESME", "2"), Purpose.HDLC, rate=rate, parity=parity)
    assert made.until_news() == Handover(min(rate, 19_200))
    assert made.rates == [min(rate, 19_200)] * 2
    assert made.handed_over


def test_a_device_that_does_not_confirm_is_believed() -> None:
    unit = HandHeldUnit(Purpose.HDLC, parity=False)
    unit.sign_on(0)
    unit.feed(MODE_E.build(), 0)
    assert sent(unit.expire(S)) == b"\x06252\r\n"
    assert unit.expire(4 * S) == [Handover(9600)]


def test_mode_e_where_there_is_none() -> None:
    for identification in (MODE_C, Identification("MBE", "A", "ESME")):
        assert isinstance(line(identification, Purpose.HDLC).until_news(), Failed)


def test_a_whole_programming_session() -> None:
    made = line(MODE_C, Purpose.PROGRAMMING)
    assert made.until_news() == Opened("00000000")
    unit = made.unit

    def do(effects: list[Effect]) -> Effect:
        made.apply(effects, 0)
        return made.until_news()

    assert do(unit.read("0.0.0", made.now, "R5")) == Done("0.0.0(E6 0000001)")
    assert Done("0.0.0(E6 0000001)").data_set == SETS[0]
    assert do(unit.write(DataSet.of("0.0.0", "x"), made.now)) == Denied("ERR03")
    assert do(unit.password("12345678", made.now)) == Done("")
    assert do(unit.write(DataSet.of("0.0.0", "y" * 120), made.now)) == Done("")
    assert do(unit.read("0.0.0", made.now, "R3")) == Done(f"({'y' * 120})")
    made.apply(unit.sign_off(made.now), 0)
    assert made.rates == [300, 300]
    with pytest.raises(LocalProtocolError):
        unit.read("0.0.0", made.now)


@given(st.sampled_from([Purpose.READOUT, Purpose.HDLC, Purpose.PROGRAMMING]), st.integers(1, 4), st.integers(0, 5), st.data())
def test_one_damaged_message_is_mended(purpose: Purpose, nth: int, bit: int, data: st.DataObject) -> None:
    """Lost, or with one wrong bit: what was wanted comes all the same, or a failure that is told; never something else."""
    lost = data.draw(st.booleans())

    def spoil(count: int, octets: bytes) -> bytes:
        if count != nth:
            return octets
        place = data.draw(st.integers(0, len(octets) - 1))
        return b"" if lost else octets[:place] + bytes((octets[place] ^ 1 << bit,)) + octets[place + 1 :]

    news = line(MODE_E, purpose, spoil=spoil).until_news()
    assert news in (ReadOut(SETS), Handover(9600), Opened("00000000")) or isinstance(news, Failed)


def test_a_device_that_says_nothing() -> None:
    unit = HandHeldUnit(Purpose.READOUT)
    effects = unit.sign_on(0)
    for second in range(3, 30, 3):
        effects += unit.expire(second * S)
    assert sent(effects) == with_parity(SIGN_ON) + SIGN_ON + with_parity(SIGN_ON)
    assert [type(effect) for effect in effects if not isinstance(effect, Send)] == [Failed, Baud]


@pytest.mark.parametrize("parity", [True, False])
def test_a_device_is_followed_in_how_it_answers(parity: bool) -> None:
    unit = HandHeldUnit(Purpose.READOUT, parity=parity)
    unit.sign_on(0)
    answer = MODE_C.build() if parity else with_parity(MODE_C.build())
    assert unit.feed(answer, 0) == [Identified(MODE_C)]
    option = b"\x06050\r\n"
    assert sent(unit.expire(S)) == (option if parity else with_parity(option))


def test_our_own_echo_is_no_identification() -> None:
    unit = HandHeldUnit(Purpose.READOUT, parity=False)
    unit.sign_on(0)
    assert [type(effect) for effect in unit.feed(SIGN_ON, 0)] == [Discarded]
    assert unit.feed(MODE_C.build(), 0) == [Identified(MODE_C)]
