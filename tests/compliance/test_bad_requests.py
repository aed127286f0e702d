"""Bad inputs C1 to C22: wrong A-XDR, wrong services and wrong associations, each put to the server of a meter that lives.

A case is a dialogue of bad_requests.py. After each the meter's clock, switch, registers and log are as they were, and the next
good request is answered, in the same association and in a new one. Answers are judged by their octets and not by our parsers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from devices import esme
from devices.runtime.kernel import MIN
from protocols.dlms.association import Throttle
from protocols.dlms.server import Session
from tests.compliance.bad_requests import (
    AARQ_LLS,
    AARQ_PUBLIC,
    ALONE,
    ASSOCIATED,
    CLOCK,
    GENERAL_BLOCKS,
    GET,
    GOOD_GET,
    IN_BLOCKS,
    LARGE,
    LAST,
    MANAGEMENT,
    NEW_TIME,
    OBJECTS,
    PUBLIC,
    SILENCE,
    SMALL,
    Acceptance,
    Carries,
    Dialogue,
    Rejection,
    general,
    put,
)  # fmt: skip
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

LAB: Final = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "dlms-lab.toml"


class Live:
    """A meter in its home, and its COSEM server."""

    def __init__(self) -> None:
        self.run = Run(load(LAB))
        commission(self.run)
        self.run.run_until(95 * MIN)  # three half hours in the log
        firmware = self.run.homes["home1"]["esme"].firmware
        assert isinstance(firmware, esme.Firmware)
        self.firmware: Final = firmware

    def session(self, client: int = MANAGEMENT) -> Session:
        session = self.firmware.server.session(client, 1, LARGE)
        assert session is not None
        return session

    def associated(self, max_pdu: int = LARGE, conformance: str = "007E1F") -> Session:
        session = self.session()
        self.says(session, AARQ_LLS.format(max_pdu).replace("007E1F", conformance), Acceptance())
        return session

    def says(self, session: Session, request: str, expected: object) -> None:
        """Let the session hear a request; its one answer, or its silence, must be what is expected."""
        answers = [answer.hex().upper() for answer in session.receive(bytes.fromhex(request), self.run.now)]
        if expected is SILENCE:
            assert answers == []
            return
        assert len(answers) == 1
        wanted = expected.replace(" ", "") if isinstance(expected, str) else expected
        assert wanted == answers[0], request[:200]

    def still_serves(self, session: Session) -> None:
        name = b"\t\x10" + self.firmware.server.devices[1].name
        self.says(session, GOOD_GET, "C401C100" + name.hex().upper())

    @property
    def state(self) -> tuple[object, ...]:
        """All that a client could have changed."""
        meter, board = self.firmware.meter, self.firmware.board
        rows = meter.half_hours.rows()
        return board.rtc.read(), meter.switch.mode, meter.switch.state, meter.switch.closed, meter.import_wh, meter.highest, rows


GOOD: Final = {PUBLIC: AARQ_PUBLIC, MANAGEMENT: AARQ_LLS}


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture
def unharmed(live: Live) -> Iterator[None]:
    """Nothing has changed, and others are served."""
    live.run.run(for_=Throttle.PAUSE)  # so that the wrong secrets of one case do not slow the next
    before = live.state
    yield
    assert live.state == before
    live.still_serves(live.associated())


def play(live: Live, session: Session, dialogue: Dialogue) -> None:
    for request, expected in dialogue:
        live.says(session, request, expected)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("dialogue", ASSOCIATED.values(), ids=ASSOCIATED)
def test_in_an_association(live: Live, dialogue: Dialogue) -> None:
    session = live.associated()
    play(live, session, dialogue)
    live.still_serves(session)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("dialogue", SMALL.values(), ids=SMALL)
def test_in_a_long_get(live: Live, dialogue: Dialogue) -> None:
    session = live.associated(128)
    (first,) = session.receive(bytes.fromhex(f"{GET}{OBJECTS}00"), live.run.now)
    assert first[:8].hex().upper() == "C402C10000000001"
    play(live, session, dialogue)
    live.still_serves(session)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("dialogue", IN_BLOCKS.values(), ids=IN_BLOCKS)
def test_in_general_blocks(live: Live, dialogue: Dialogue) -> None:
    session = live.associated(1024, GENERAL_BLOCKS)
    play(live, session, dialogue)
    live.still_serves(session)
    answers = [answer.hex().upper() for answer in session.receive(bytes.fromhex(general(1, GOOD_GET, LAST)), live.run.now)]
    assert [Carries("C401C100") == answer for answer in answers] == [True]


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("client, dialogue", ALONE.values(), ids=ALONE)
def test_before_an_association(live: Live, client: int, dialogue: Dialogue) -> None:
    session = live.session(client)
    play(live, session, dialogue)
    if client in GOOD:
        live.says(session, GOOD[client].format(LARGE), Acceptance())
        live.still_serves(session)


def test_c4_a_length_longer_than_needed_is_taken(live: Live) -> None:
    """And never sent: what was written comes back with the shortest."""
    session, before = live.associated(), live.state
    mode = before[1]
    now = live.firmware.board.rtc.read()
    live.says(session, put("09810C" + NEW_TIME), "C501C100")
    live.says(session, put("0982000C" + NEW_TIME), "C501C100")
    (answer,) = session.receive(bytes.fromhex(f"{GET}{CLOCK}00"), live.run.now)
    assert answer[:8].hex().upper() == "C401C100090C07EA"
    live.firmware.board.rtc.set(now)
    assert (live.state, live.firmware.meter.switch.mode) == (before, mode)


def test_c20_guessing_is_slowed(live: Live) -> None:
    session = live.session()
    guess = AARQ_LLS.replace("35363738", "35363739").format(LARGE)
    for _ in range(5):
        live.says(session, guess, Rejection(13))
    (answer,) = session.receive(bytes.fromhex(AARQ_LLS.format(LARGE)), live.run.now)
    assert "A203020102" in answer.hex().upper()  # rejected-transient, though the password is right
    live.run.run(for_=MIN)
    live.says(session, AARQ_LLS.format(LARGE), Acceptance())
    live.still_serves(session)
