"""The user interface: who is connected to the central company, and messages that pass, octet by octet, in the event log.

A private network of its own: it has latency and loses nothing. Not here: TLS, signatures, queues of a user that is away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from devices.runtime.kernel import DAY, MIN, MS, Kernel
from devices.runtime.tasks import Event, Future
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from tools.central.messages import (
    Acknowledgement,
    Alert,
    AnyMessage,
    Closed,
    Failure,
    Mended,
    Message,
    Refusal,
    Reopened,
    Request,
    Response,
    Ticket,
    build,
    parse,
)

MESSAGE: Final = "user.message"
"""Kind of event: a message's octets, by `sender>receiver`."""
CENTRAL: Final = "central company"
LATENCY: Final = 20 * MS
TIMEOUT: Final = 5 * MIN
"""Until a request is acknowledged or turned away."""
LONGEST: Final = 21 * DAY
"""Until it is answered: a meter that calls once a week may miss a call."""
KEPT: Final = 1_000


class Refused(RemoteProtocolError):
    """The central company has turned a request away."""


class UserInterface:
    """Whoever is connected, by name."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._ends: dict[str, Callable[[str, bytes], object]] = {}

    def connect(self, name: str, on_octets: Callable[[str, bytes], object]) -> None:
        """`on_octets(sender, octets)` for each message to `name`. Raises LocalProtocolError when the name is taken."""
        if name in self._ends:
            raise LocalProtocolError(f"{name} is connected")
        self._ends[name] = on_octets

    def send(self, sender: str, receiver: str, octets: bytes) -> None:
        """Have a message delivered; nobody of that name: it is lost."""
        self.kernel.log.emit(f"{sender}>{receiver}", MESSAGE, octets)
        end = self._ends.get(receiver)
        if end is not None:
            self.kernel.after(LATENCY, end, sender, octets, who=receiver)


class User:
    """One user's end. `alerts` and `tickets` are what came unasked, newest last; `on_ticket` is called for each ticket."""

    def __init__(self, interface: UserInterface, name: str) -> None:
        self.name = name
        self.alerts: deque[Alert] = deque(maxlen=KEPT)
        self.tickets: dict[int, Ticket | Closed | Reopened] = {}
        """The last word on each ticket, by its number."""
        self.on_ticket: Callable[[Ticket], object] | None = None
        self._interface = interface
        self._last = 0
        self._open: dict[int, Future[Response | Failure | Refusal]] = {}
        self._heard: dict[int, Event] = {}
        """What is open was acknowledged, or more."""
        interface.connect(name, self._received)

    async def request(self, service: str, device: str, item: str = "") -> str:
        """Ask, and await what the device answers. Raises Refused; RemoteProtocolError where nothing came of it."""
        self._last = number = self._last + 1
        answer: Future[Response | Failure | Refusal] = Future()
        heard = self._heard[number] = Event()
        self._open[number] = answer
        self.send(Request(transaction=number, service=service, device=device, item=item))
        try:
            with self._interface.kernel.timeout(TIMEOUT):
                await heard.wait()
            with self._interface.kernel.timeout(LONGEST):
                told = await answer
        except TimeoutError:
            raise RemoteProtocolError(f"no answer of the {CENTRAL}") from None
        finally:
            del self._open[number], self._heard[number]
        if isinstance(told, Refusal):
            raise Refused(told.reason)
        if isinstance(told, Failure):
            raise RemoteProtocolError(told.reason)
        return told.value

    def mended(self, ticket: int) -> None:
        """Say that a ticket's fault is gone."""
        self.send(Mended(transaction=ticket))

    def send(self, message: Message) -> None:
        """Send any message."""
        self._interface.send(self.name, CENTRAL, build(message))

    def _received(self, sender: str, octets: bytes) -> None:
        message: AnyMessage = parse(octets)
        if isinstance(message, Acknowledgement | Response | Failure | Refusal) and message.transaction in self._heard:
            self._heard[message.transaction].set()
        match message:
            case Response() | Failure() | Refusal():
                answer = self._open.get(message.transaction)
                if answer is not None and not answer.done:
                    answer.set_result(message)
            case Alert():
                self.alerts.append(message)
            case Ticket():
                self.tickets[message.transaction] = message
                if self.on_ticket is not None:
                    self.on_ticket(message)
            case Closed() | Reopened():
                self.tickets[message.transaction] = message
            case Acknowledgement() | Request() | Mended():
                pass  # an acknowledgement only says that it goes on; the others are what users send
