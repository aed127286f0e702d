"""An electricity meter behind the hub, as its SAP on the WAN: COSEM APDUs to and from it, unchanged.

A meter knows clients by their address alone. The WAN endpoint lets one connection have a client address at a time; when that
connection is gone, its association at the meter must go too, and nothing that the meter still says to it may reach the next
one. So the hub then asks for the release itself, and until the meter has answered (or stays silent for too long) that client
address is the hub's own: requests of a new connection wait, answers of the old one are dropped.

The same way the hub uses client 16 for a moment when it meets a meter for the first time, to ask its logical device name, and
client 1 to set the clock of a meter that has no radio to ask the time.

Not here: how APDUs get there (`han.tunnels`, `wired`), who may have a client address (`wan.endpoint`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from devices.runtime.kernel import S, Timer
from devices.runtime.tasks import Future
from hubfw.wan.endpoint import Reply
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import acse
from protocols.dlms.client import Client, Procedure, adrive
from protocols.dlms.reading import set_clock
from protocols.dlms.server import LOGICAL_DEVICE_NAME, MANAGEMENT_CLIENT, PUBLIC_CLIENT

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

T = TypeVar("T")

HELD: Final = 8
"""Requests that wait for a client address to be free."""
RELEASE_TIME: Final = 10 * S
"""How long a meter may take to answer the hub's own requests."""
RELEASE_ATTEMPTS: Final = 3
"""How often a meter that is known to hold an association is asked to end it."""

_AARE: Final = 0x61
_CONFIRMED_SERVICE_ERROR: Final = b"\x0e"
_RLRE: Final = 0x63
_EXCEPTION: Final = 0xD8


class Path(Protocol):
    """The way to one meter."""

    def send(self, client: int, apdu: bytes) -> None:
        """An APDU of a client. It may wait for the way to open, or be lost."""
        ...


@dataclass(slots=True)
class _Talk:
    """A client address at the meter. `associated`: the meter has said that it holds an association for it; `engaged`: it may.
    `own`: whom answers go to while the address is the hub's."""

    reply: Reply | None = None
    associated: bool = False
    engaged: bool = False
    own: Callable[[bytes], object] | None = None
    held: deque[bytes] = field(default_factory=deque)
    timer: Timer | None = None


class Meter:
    """A target of the WAN endpoint. `path` is set by who makes the way."""

    def __init__(self, firmware: Firmware, eui64: int) -> None:
        self.eui64 = eui64
        self.path: Path | None = None
        self.unclaimed = 0
        """APDUs from the meter that were for nobody."""
        self._firmware = firmware
        self._talks: dict[int, _Talk] = {}

    # --- the WAN's side ---

    def request(self, client: int, apdu: bytes, reply: Reply) -> None:
        """An APDU for the meter."""
        talk = self._talks.setdefault(client, _Talk())
        talk.reply = reply
        if talk.own is None:
            self._send(client, talk, apdu)
        elif len(talk.held) < HELD:
            talk.held.append(apdu)
        else:
            self._log("meter.dropped", client, "too many requests wait")

    def release(self, client: int) -> None:
        """The client's connection is gone: its association is ended on its behalf."""
        talk = self._talks.get(client)
        if talk is None:
            return
        talk.reply = None
        talk.held.clear()
        if talk.own is not None:
            return
        if talk.engaged:
            self._end_association(client, talk)
        else:
            del self._talks[client]

    # --- the meter's side ---

    def received(self, client: int, apdu: bytes) -> None:
        """An APDU from the meter."""
        talk = self._talks.get(client)
        if talk is None or not apdu:
            self.unclaimed += 1
            return
        if apdu[0] == _RLRE:
            talk.associated = talk.engaged = False
        elif apdu[0] == _AARE:
            talk.associated = talk.associated or _accepted(apdu)
            talk.engaged = talk.associated or _may_hold(apdu)
        elif apdu[0] == _EXCEPTION:
            talk.engaged = talk.associated  # an AARQ that did not decipher, or a request where nothing is open
        if talk.own is not None:
            talk.own(apdu)
        elif talk.reply is not None:
            talk.reply(apdu)
        else:
            self.unclaimed += 1

    # --- the hub's own use of a client address ---

    async def ask_name(self) -> bytes:
        """The meter's logical device name. Raises RemoteProtocolError when it does not tell, or the address is in use."""
        name = await self.ask(lambda client: client.get(LOGICAL_DEVICE_NAME, 1, 2))
        if not isinstance(name.value, bytes) or not 0 < len(name.value) <= 16:
            raise RemoteProtocolError(f"not a logical device name: {name.python!r}")
        return name.value

    async def ask(self, question: Callable[[Client], Procedure[T]]) -> T:
        """Ask the meter something as the public client. Raises RemoteProtocolError as `ask_name`."""
        return await self._ask(Client(PUBLIC_CLIENT), question)

    async def set_clock(self, password: bytes) -> None:
        """Set the meter's clock by the hub's. Raises RemoteProtocolError when it is not set, or the address is in use."""
        rtc = self._firmware.board.rtc
        await self._ask(Client(MANAGEMENT_CLIENT, password=password), lambda client: set_clock(client, rtc.read()))

    async def manage(self, password: bytes, question: Callable[[Client], Procedure[T]]) -> T:
        """Ask or tell the meter something as its management client. Raises RemoteProtocolError as `set_clock`."""
        return await self._ask(Client(MANAGEMENT_CLIENT, password=password), question)

    async def _ask(self, client: Client, question: Callable[[Client], Procedure[T]]) -> T:
        """Have an association of the hub's own for one question. Raises RemoteProtocolError."""
        address = client.client_sap
        if address in self._talks:
            raise RemoteProtocolError("the client address is in use")
        talk = self._talks[address] = _Talk()
        answer: Future[bytes] = Future()

        def take(apdu: bytes) -> None:
            if not answer.done:
                answer.set_result(apdu)

        async def exchange(apdu: bytes) -> bytes:
            nonlocal answer
            answer = Future()
            if apdu:
                self._send(address, talk, apdu)
            return await answer

        talk.own = take
        try:
            with self._firmware.timeout(RELEASE_TIME):
                await adrive(client.associate(), exchange)
                found = await adrive(question(client), exchange)
                await adrive(client.release(), exchange)
        except TimeoutError:
            raise RemoteProtocolError("no answer") from None
        finally:
            if talk.engaged:
                self._end_association(address, talk)
            else:
                self._hand_back(address, talk)
        return found

    def _end_association(self, client: int, talk: _Talk, attempts: int = RELEASE_ATTEMPTS) -> None:
        talk.own = lambda apdu: self._hand_back(client, talk) if apdu[0] == _RLRE else None
        talk.timer = self._firmware.after(RELEASE_TIME, self._not_released, client, talk, attempts - 1)
        self._send(client, talk, acse.RLRQ.of().build())

    def _not_released(self, client: int, talk: _Talk, attempts: int) -> None:
        if talk.associated and attempts:
            self._end_association(client, talk, attempts)
        else:
            self._hand_back(client, talk)

    def _hand_back(self, client: int, talk: _Talk) -> None:
        """The client address is the WAN's again; what waited for it goes."""
        if talk.timer is not None:
            talk.timer.cancel()
            talk.timer = None
        talk.own = None
        talk.associated = talk.engaged = False
        held, talk.held = talk.held, deque()
        for apdu in held:
            self._send(client, talk, apdu)
        if talk.reply is None:
            del self._talks[client]

    def _send(self, client: int, talk: _Talk, apdu: bytes) -> None:
        talk.engaged = True
        if self.path is None:
            self._log("meter.dropped", client, "there is no way to the meter")
        else:
            self.path.send(client, apdu)

    def _log(self, kind: str, client: int, reason: str) -> None:
        self._firmware.board.log(kind, {"eui64": self.eui64, "client": client, "reason": reason})


def _accepted(apdu: bytes) -> bool:
    """Whether an AARE opens an association."""
    try:
        return acse.AARE.parse(apdu).result == acse.Result.ACCEPTED
    except DecodeError:
        return False


def _may_hold(apdu: bytes) -> bool:
    """Whether the meter may hold an association after an AARE that says no: it cannot be read, or gives no reason, as a meter
    does where an association is open already. Where the initiate request was at fault there is none."""
    try:
        response = acse.AARE.parse(apdu)
    except DecodeError:
        return True
    unexplained = response.diagnostic in (None, acse.Diagnostic.NO_REASON_GIVEN)
    return unexplained and response.user_information[:1] != _CONFIRMED_SERVICE_ERROR
