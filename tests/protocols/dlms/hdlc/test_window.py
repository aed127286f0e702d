"""A model of two stations on a bad line: frames lost, doubled and late, windows of any size, several APDUs to a request.

Whatever happens, requests are executed once and in order, and answers come once, whole and in order.
"""

from __future__ import annotations

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocols.core.effects import Effect, Send
from protocols.dlms.hdlc import Apdu, ClientLink, Connected, Discarded, Disconnected, Failed, Limits, Parameters, ServerLink
from protocols.dlms.hdlc.client import State

LIMITS = st.builds(Limits, st.integers(32, 64), st.integers(32, 64), st.integers(1, 7), st.integers(1, 7))
DAY = 86_400 * 1_000_000_000


class Stations(RuleBasedStateMachine):
    """Client and server, and what is on the line either way. The line keeps order; a doubled frame comes twice in a row."""

    @initialize(client=LIMITS, server=LIMITS)
    def connect(self, client: Limits, server: Limits) -> None:
        self.client = ClientLink(16, 1, Parameters(client, attempts=10_000))
        self.server = ServerLink([1], Parameters(server, inactivity_time_out=DAY))
        self.lines: dict[str, deque[bytes]] = {"out": deque(), "back": deque()}
        self.now = 0
        self.asked: list[bytes] = []
        self.executed: list[bytes] = []
        self.said: list[bytes] = []
        self.heard: list[bytes] = []
        self.lost_connection = False
        self.take(self.client.connect(0), "out")
        while self.client.state is not State.CONNECTED:
            self.deliver("out" if self.lines["out"] else "back")

    def take(self, effects: list[Effect], line: str) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self.lines[line].append(data)
                case Apdu(data=data) if line == "back":
                    self.executed.append(data)
                case Apdu(data=data):
                    self.heard.append(data)
                case Failed() | Disconnected():
                    self.lost_connection = True
                case Connected() | Discarded():
                    pass

    def deliver(self, line: str) -> None:
        data = self.lines[line].popleft()
        if line == "out":
            self.take(self.server.feed(data, self.now), "back")
        else:
            self.take(self.client.feed(data, self.now), "out")

    # --- what the owners do

    @precondition(lambda self: self.client.state is State.CONNECTED and len(self.heard) == len(self.said))
    @rule(size=st.integers(0, 400))
    def request(self, size: int) -> None:
        apdu = len(self.asked).to_bytes(2, "big") + bytes(size)
        self.asked.append(apdu)
        self.said.clear()
        self.heard.clear()
        self.take(self.client.request(apdu, self.now), "out")

    @precondition(lambda self: self.client.state is State.CONNECTED and len(self.heard) < len(self.said))
    @rule()
    def poll(self) -> None:
        self.take(self.client.poll(self.now), "out")

    @precondition(lambda self: len(self.executed) == len(self.asked) and self.asked and len(self.said) < 4)
    @rule(size=st.integers(0, 400))
    def answer(self, size: int) -> None:
        apdu = bytes((len(self.executed) & 0xFF, len(self.said))) + bytes(size)
        self.said.append(apdu)
        self.take(self.server.reply(16, 1, apdu, self.now), "back")

    # --- what the line does

    @precondition(lambda self: any(self.lines.values()))
    @rule(line=st.sampled_from(["out", "back"]), count=st.integers(1, 8))
    def carry(self, line: str, count: int) -> None:
        for _ in range(min(count, len(self.lines[line]))):
            self.deliver(line)

    @precondition(lambda self: any(self.lines.values()))
    @rule(line=st.sampled_from(["out", "back"]))
    def lose(self, line: str) -> None:
        if self.lines[line]:
            self.lines[line].popleft()

    @precondition(lambda self: any(self.lines.values()))
    @rule(line=st.sampled_from(["out", "back"]))
    def double(self, line: str) -> None:
        if self.lines[line]:
            self.lines[line].appendleft(self.lines[line][0])

    @rule()
    def time_passes(self) -> None:
        if self.client.deadline is not None:
            self.now = max(self.now, self.client.deadline)
            self.take(self.client.expire(self.now), "out")

    # --- what always holds

    @invariant()
    def executed_once_and_in_order(self) -> None:
        assert self.executed == self.asked[: len(self.executed)]

    @invariant()
    def answers_come_once_whole_and_in_order(self) -> None:
        assert self.heard == self.said[: len(self.heard)]

    @invariant()
    def the_connection_stands(self) -> None:
        assert not self.lost_connection

    def teardown(self) -> None:
        """Left alone, every request is carried out and every answer comes."""
        if not hasattr(self, "client"):
            return
        for _ in range(2_000):
            if any(self.lines.values()):
                self.deliver("out" if self.lines["out"] else "back")
            elif len(self.executed) < len(self.asked):
                self.time_passes()
            elif self.asked and not self.said:
                self.answer(3)
            elif len(self.heard) < len(self.said):
                self.poll() if self.client.state is State.CONNECTED else self.time_passes()
            else:
                break
        assert self.executed == self.asked
        assert self.heard == self.said


TestStations = Stations.TestCase
