"""A head end on the virtual network: asks logical devices behind hubs, on a schedule or at once, and takes notices.

It is a DLMS client like any other: one connection for each conversation, the bench's access profile (client 16 reads, client 1
with the password writes). What it keeps is bounded. For a meter on a real network there is `meterbench read`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.net import Closed, Host, Stream
from devices.runtime.tasks import Event, Future, Task
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import apdu, wrapper
from protocols.dlms.client import Client, Procedure, adrive
from protocols.dlms.server import MANAGEMENT_CLIENT, PUBLIC_CLIENT
from protocols.dlms.xdlms import DataNotification
from protocols.zigbee import gateway
from tools.headend.callers import Caller
from tools.headend.notices import Calling, Notice, understand, understand_event
from tools.headend.traffic import Traffic

T = TypeVar("T")
N = TypeVar("N", bound=Notice)

PORT = 4059
OWN = "head end"
"""Who asks where nobody is named."""
ANSWER_TIMEOUT = 30 * S
EXCHANGE = "headend.exchange"
"""Kind of note: a request to a hub's logical device, and how long its answer took."""
KEPT = 10_000
"""Notices, and answers of one schedule, that are kept: the newest."""

REMEMBERED = 1_000
"""Notifications by which a repeated one is known."""

Question = Callable[[Client], Procedure[T]]
"""What to do in an association: `lambda client: client.get("1-0:1.8.0", 3, 2)`."""


class NoAnswer(RemoteProtocolError):
    """The hub could not be reached, or nothing came back in time."""


class Line:
    """A connection to a hub for one client and one SAP: APDUs out and in, counted in `traffic`."""

    def __init__(self, kernel: Kernel, host: Host, hub: str, client: int, sap: int, traffic: Traffic) -> None:
        self._kernel = kernel
        self._host = host
        self._traffic = traffic
        self._ports = client, sap
        self._splitter = wrapper.Splitter()
        self._received: deque[bytes] = deque()
        self._news = Event()
        self._error = ""
        self._stream = host.connect(hub, PORT)
        self._stream.on_data = self._data
        self._stream.on_close = self._closed

    async def exchange(self, request: bytes) -> bytes:
        """Send an APDU (nothing when it is empty) and await the next one. Raises NoAnswer."""
        client, sap = self._ports
        began, answered = self._kernel.now, False
        try:
            answer = await self._exchange(client, sap, request)
            answered = True
        finally:
            # How long it took is for who measures; it is no part of the run.
            told = {"hub": self._stream.peer, "sap": sap, "apdu": request[:2], "ns": self._kernel.now - began, "answered": answered}
            self._kernel.log.note(self._host.name, EXCHANGE, told)
        return answer

    async def _exchange(self, client: int, sap: int, request: bytes) -> bytes:
        if request:
            octets = wrapper.wrap(client, sap, request)
            self._traffic.add(len(octets), self._kernel.now)
            self._stream.send(octets)
        try:
            with self._kernel.timeout(ANSWER_TIMEOUT):
                while not self._received:
                    if self._error:
                        raise NoAnswer(f"{self._stream.peer} SAP {sap}: {self._error}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NoAnswer(f"{self._stream.peer} SAP {sap}: no answer in {ANSWER_TIMEOUT // S} s") from None
        return self._received.popleft()

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._stream.closed is not None

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _data(self, data: bytes) -> None:
        client, sap = self._ports
        try:
            for pdu in self._splitter.feed(data):
                self._traffic.add(wrapper.HEADER_SIZE + len(pdu.apdu), self._kernel.now)
                if (pdu.source, pdu.destination) == (sap, client):
                    self._received.append(pdu.apdu)
        except RemoteProtocolError as error:
            self._error = str(error)
            self._stream.close()
        self._news.set()

    def _closed(self, why: Closed) -> None:
        self._error = why.value
        self._news.set()


class Turn:
    """Whose turn it is to use one association: one taker at a time, in the order of asking."""

    def __init__(self) -> None:
        self._waiting: deque[Future[None]] = deque()
        self._taken = False

    async def take(self) -> None:
        """Wait for it, and have it."""
        if self._taken:
            ours: Future[None] = Future()
            self._waiting.append(ours)
            try:
                await ours
            except BaseException:  # who waited is gone: the turn goes to the next
                if ours.done:
                    self.give()
                else:
                    self._waiting.remove(ours)
                raise
        self._taken = True

    def give(self) -> None:
        """Let the next one have it."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._taken = False


@dataclass(slots=True)
class Schedule(Generic[T]):
    """A question asked again and again. `answers` are (UTC ns, answer), `failures` (UTC ns, why); the newest are kept."""

    answers: deque[tuple[int, T]] = field(default_factory=lambda: deque(maxlen=KEPT))
    failures: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    task: Task[None] | None = None

    def cancel(self) -> None:
        """Ask no more."""
        if self.task is not None:
            self.task.cancel()


class HeadEnd:
    """One head end on one host. Hubs push to its `PORT`. Every public `async` call is for tasks of the kernel."""

    def __init__(self, kernel: Kernel, host: Host, password: bytes) -> None:
        self.kernel = kernel
        self.host = host
        self.received: deque[Notice] = deque(maxlen=KEPT)
        self.on_notice: Callable[[Notice], object] | None = None
        self.bad = 0
        """Connections and datagrams that brought no notification."""
        self.repeated = 0
        """Notifications that came before: hubs deliver at least once, under the same long-invoke-id."""
        self.traffic: dict[str, Traffic] = {}
        """What crossed the WAN for each requester: its questions with their answers, wrapper PDUs."""
        self.callers: dict[str, Caller] = {}
        """By host: meters that have the network for a while only."""
        self.secrets: dict[tuple[str, int], bytes] = {}
        """Passwords of client 1 that were changed, by hub and SAP; the others are the bench's."""
        self._password = password
        self._seen: deque[tuple[bytes, int]] = deque(maxlen=REMEMBERED)
        self._turns: dict[tuple[str, int, int], Turn] = {}
        host.listen(PORT, self._accept)
        host.listen(gateway.PORT, self._accept_packets)
        host.bind(PORT).on_datagram = self._datagram

    # --- notices ---

    def notices(self, kind: type[N]) -> list[N]:
        """All notices of a kind that are kept, oldest first."""
        return [notice for notice in self.received if isinstance(notice, kind)]

    def _accept(self, stream: Stream) -> None:
        splitter = wrapper.Splitter()

        def data(octets: bytes) -> None:
            try:
                for pdu in splitter.feed(octets):
                    self._notified(pdu.apdu)
            except RemoteProtocolError as error:
                self._refused(stream.peer, error)
                stream.close()

        stream.on_data = data

    def _accept_packets(self, stream: Stream) -> None:
        """From a hub whose application layer is `gateway`."""
        splitter = gateway.Splitter()

        def data(octets: bytes) -> None:
            try:
                for message in splitter.feed(octets):
                    told = gateway.NotifyAPSMessage.parse(message)
                    self._heard(understand_event(told.packet, self.kernel.utc), told.number)
            except RemoteProtocolError as error:
                self._refused(stream.peer, error)
                stream.close()

        stream.on_data = data

    def _datagram(self, peer: str, port: int, octets: bytes) -> None:
        try:
            self._notified(wrapper.unwrap(octets).apdu)
        except RemoteProtocolError as error:
            self._refused(peer, error)

    def _refused(self, peer: str, error: RemoteProtocolError) -> None:
        self.bad += 1
        self.kernel.log.emit(self.host.name, "headend.bad", {"peer": peer, "reason": str(error)})

    def _notified(self, octets: bytes) -> None:
        frame = apdu.parse(octets)
        if not isinstance(frame, DataNotification):
            raise RemoteProtocolError(f"{type(frame).__name__} where only notifications are expected")
        self._heard(understand(frame, self.kernel.utc), frame.long_invoke)

    def _heard(self, notice: Notice, number: int) -> None:
        if notice.hub and (notice.hub, number) in self._seen:
            self.repeated += 1
            return
        self._seen.append((notice.hub, number))
        self.received.append(notice)
        self.kernel.log.emit(self.host.name, "headend.notice", {"kind": type(notice).__name__, "hub": notice.hub.hex()})
        if isinstance(notice, Calling):
            for caller in self.callers.values():
                if caller.name == notice.hub:
                    caller.called(notice.seconds)
        if self.on_notice is not None:
            self.on_notice(notice)

    # --- questions ---

    def client(self, sap: int, *, writes: bool = False, hub: str = "") -> Client:
        """A client of the bench's access profile for a logical device behind a hub."""
        if writes:
            return Client(MANAGEMENT_CLIENT, sap, self.secrets.get((hub, sap), self._password))
        return Client(PUBLIC_CLIENT, sap)

    def line(self, hub: str, client: Client, requester: str = OWN) -> Line:
        """A connection to a hub's host for a client. Its traffic is the requester's."""
        traffic = self.traffic.setdefault(requester, Traffic())
        return Line(self.kernel, self.host, hub, client.client_sap, client.server_sap, traffic)

    async def ask(self, hub: str, sap: int, question: Question[T], *, writes: bool = False, requester: str = OWN) -> T:
        """Associate, ask, release, for whom it is. Raises RemoteProtocolError: NoAnswer, a refusal, or an answer that is none."""
        return await self.ask_as(self.client(sap, writes=writes, hub=hub), hub, question, requester=requester)

    async def ask_as(self, client: Client, hub: str, question: Question[T], *, requester: str = OWN) -> T:
        """As `ask`, as some client."""
        turn = await self.turn(hub, client)
        line = self.line(hub, client, requester)
        try:
            await adrive(client.associate(), line.exchange)
            answer = await adrive(question(client), line.exchange)
            await adrive(client.release(), line.exchange)
        finally:
            line.close()
            turn.give()
        if hub in self.callers:
            self.callers[hub].heard()
        return answer

    async def turn(self, hub: str, client: Client) -> Turn:
        """Wait until nobody here speaks to that logical device as that client: a hub lets one connection do so at a time.

        And, where it is a meter that calls, until it can be asked: NoAnswer when it does not call. `give` it in the end.
        """
        turn = self._turns.setdefault((hub, client.client_sap, client.server_sap), Turn())
        await turn.take()
        caller = self.callers.get(hub)
        if caller is not None:
            there = False
            try:
                there = await caller.present()
            finally:
                if not there:
                    turn.give()
            if not there:
                raise NoAnswer(f"{hub}: no call in {caller.patience // MIN} min")
        return turn

    def schedule(
        self, period: int, hub: str, sap: int, question: Question[T], *, first: int | None = None, requester: str = OWN
    ) -> Schedule[T]:
        """Ask every `period` ns, first at `first` (ns of the run; default: one period from now). A failure is kept, too."""
        schedule: Schedule[T] = Schedule()
        start = self.kernel.now + period if first is None else first
        ask = partial(self.ask, hub, sap, question, requester=requester)
        schedule.task = self.kernel.spawn(self._run(schedule, start, period, ask), who=self.host.name)
        return schedule

    async def _run(self, schedule: Schedule[T], due: int, period: int, ask: Callable[[], Awaitable[T]]) -> None:
        while True:
            await self.kernel.sleep(max(due - self.kernel.now, 0))
            try:
                answer = await ask()
            except RemoteProtocolError as error:
                schedule.failures.append((self.kernel.utc, str(error)))
            else:
                schedule.answers.append((self.kernel.utc, answer))
            due += period

    # --- for code outside the run ---

    def settle(self, question: Awaitable[T]) -> T:
        """Run the kernel until an `async` call is done; its result. Not from inside the run."""
        task = self.kernel.spawn(_await(question), who=self.host.name)
        while not task.done:
            due = self.kernel.next_due()
            if due is None:
                raise NoAnswer("nothing will ever happen in this run again")
            self.kernel.run_until(due)
        return task.result()


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
