"""The line between hub and WAN module: messages whole, in order and once over a wire that loses and spoils octets."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.wan_module import messages
from protocols.wan_module.line import ATTEMPTS, QUIET, REPEAT, WAITING, Down, Heard, Line, Up


class Pair:
    """A hub's and a module's end. `spoil(octets)` is the wire."""

    def __init__(self, seed: int = 1, spoil=lambda data: data) -> None:
        self.now = 0
        self.hub = Line(lambda: Random(seed).getrandbits(32))
        self.module = Line()
        self.spoil = spoil
        self.heard: dict[Line, list[Effect]] = {self.hub: [], self.module: []}

    def apply(self, line: Line, effects: list[Effect]) -> None:
        """What is sent arrives after everything else of the same moment, as it does on a wire."""
        under_way: deque[tuple[Line, bytes]] = deque()
        while True:
            other = self.module if line is self.hub else self.hub
            for effect in effects:
                if isinstance(effect, Send):
                    under_way.append((other, self.spoil(effect.data)))
                else:
                    self.heard[line].append(effect)
            if not under_way:
                return
            line, octets = under_way.popleft()
            effects = line.feed(octets, self.now)

    def run(self, ns: int) -> None:
        end = self.now + ns
        while True:
            due = [(line.deadline, line) for line in (self.hub, self.module) if line.deadline is not None]
            when, line = min(due, key=lambda each: each[0], default=(end + 1, self.hub))
            if when > end:
                break
            self.now = max(when, self.now)
            self.apply(line, line.expire(self.now))
        self.now = end

    def messages(self, line: Line) -> list[bytes]:
        return [effect.message for effect in self.heard[line] if isinstance(effect, Heard)]


@given(
    st.lists(st.binary(min_size=1, max_size=80), max_size=12),
    st.lists(st.binary(min_size=1, max_size=80), max_size=12),
    st.integers(),
)
def test_messages_arrive_once_in_order_over_a_bad_wire(down: list[bytes], up: list[bytes], seed: int) -> None:
    chance = Random(seed)

    def spoil(data: bytes) -> bytes:
        luck = chance.random()
        if luck < 0.1:
            return b""
        return data[:-3] + b"\x00" + data[-2:] if luck < 0.2 else data

    pair = Pair(seed, spoil)
    pair.apply(pair.hub, pair.hub.start(0))
    pair.run(60 * REPEAT)
    assert (pair.hub.up, pair.module.up) == (True, True)
    for one in down:
        pair.apply(pair.hub, pair.hub.send(one, pair.now))
    for one in up:
        pair.apply(pair.module, pair.module.send(one, pair.now))
    pair.run(400 * REPEAT)
    if Down() not in pair.heard[pair.hub] + pair.heard[pair.module]:  # six attempts may all fail
        assert (pair.messages(pair.module), pair.messages(pair.hub)) == (down, up)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_rubbish_and_cuts_do_no_harm(rubbish: bytes, cut: int) -> None:
    pair = Pair()
    pair.apply(pair.hub, pair.hub.feed(rubbish, 0))
    pair.apply(pair.module, pair.module.feed(rubbish[:cut], 0) + pair.module.feed(rubbish[cut:], 0))
    pair.apply(pair.hub, pair.hub.start(0))
    pair.run(5 * REPEAT)
    pair.apply(pair.hub, pair.hub.send(b"here", pair.now))
    assert pair.messages(pair.module)[-1:] == [b"here"]


def test_a_hub_that_starts_anew_makes_the_module_forget() -> None:
    pair = Pair()
    pair.apply(pair.hub, pair.hub.start(0))
    pair.apply(pair.hub, pair.hub.send(b"one", 0))
    pair.hub = Line(lambda: 7)
    pair.heard[pair.hub] = []
    pair.apply(pair.hub, pair.hub.start(0))
    pair.apply(pair.hub, pair.hub.send(b"two", 0))
    assert pair.heard[pair.module] == [Up(), Heard(b"one"), Up(), Heard(b"two")]


def test_a_start_that_comes_twice_is_one() -> None:
    starts: list[bytes] = []
    pair = Pair(spoil=lambda data: data)
    effects = pair.hub.start(0)
    starts += [effect.data for effect in effects if isinstance(effect, Send)]
    pair.apply(pair.hub, effects)
    pair.apply(pair.hub, pair.hub.send(b"one", 0))
    pair.apply(pair.module, pair.module.feed(starts[0], 0))
    pair.apply(pair.hub, pair.hub.send(b"two", 0))
    assert pair.messages(pair.module) == [b"one", b"two"]


def test_a_silent_module_is_noticed_after_silence_and_six_attempts() -> None:
    pair = Pair()
    pair.apply(pair.hub, pair.hub.start(0))
    pair.spoil = lambda data: b""
    pair.run(QUIET + ATTEMPTS * REPEAT - 1)
    assert pair.hub.up
    pair.run(1)
    assert not pair.hub.up
    assert pair.heard[pair.hub] == [Up(), Down()]
    pair.spoil = lambda data: data
    pair.run(2 * REPEAT)
    assert pair.hub.up


def test_what_waits_is_bounded() -> None:
    pair = Pair()
    pair.apply(pair.hub, pair.hub.start(0))
    pair.spoil = lambda data: b""
    for _ in range(WAITING + 1):
        pair.apply(pair.hub, pair.hub.send(b"more", 0))
    assert pair.hub.up
    pair.apply(pair.hub, pair.hub.send(b"more", 0))
    assert not pair.hub.up


def test_a_down_line_takes_nothing() -> None:
    line = Line(lambda: 1)
    assert line.send(b"x", 0) == []
    line.start(0)
    line.stop()
    assert (line.deadline, line.expire(10 * REPEAT)) == (None, [])


@pytest.mark.parametrize(
    "message",
    [
        messages.Register(b"home1/hub"), messages.Open(2, 4059, b"dcc"), messages.Data(2, b"\x00\x01"), messages.Datagram(4, 9, b"dcc", b""),
        messages.Accepted(1, 4059, 50000, b"dcc"), messages.Progress(2, 0xFFFFFFFF, True), messages.Hello(b"cellular", b"1", b"1.0"),
    ],
)  # fmt: skip
def test_messages_are_read_as_they_are_built(message) -> None:
    known = messages.from_module if message.tag > 0x40 or message.tag in (0x07, 0x0C) else messages.from_hub
    assert known.parse(message.build()) == message


@given(st.binary(max_size=60))
def test_any_octets_are_a_message_or_refused(octets: bytes) -> None:
    for known in (messages.from_hub, messages.from_module):
        try:
            assert known.parse(octets).build() == octets
        except RemoteProtocolError:
            continue
