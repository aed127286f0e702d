"""Requests and their answers, from the client's side: invoke-ids, protection, blocks, and what comes between.

Green Book 9.4. Everything that a `Client` asks goes through `ask` here. A procedure yields an APDU to send and is sent the one
that came back. Empty octets ask for one more APDU without sending: what came was for somebody else, or was a part. When to give
up waiting is the driver's to know: it closes the procedure, or sends empty octets to say that nothing came, upon which a general
block transfer repeats itself a few times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from enum import IntEnum
from typing import Any, Final, TypeAlias, TypeVar, overload

import msgspec

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import access, apdu, axdr, xdlms
from protocols.dlms.association import Terms
from protocols.dlms.blocks import MAX_ITEMS, OVERHEAD, Outgoing
from protocols.dlms.general_block import TAG, GeneralBlock, Transfer
from protocols.dlms.initiate import Conformance
from protocols.dlms.security.context import PLAIN, ClearContext, Protection, SecurityLayer
from protocols.dlms.xdlms import Datablock, DataNotification, DataNotificationConfirm, EventNotificationRequest

T = TypeVar("T")
F = TypeVar("F", bound=Frame)
G = TypeVar("G", bound=Frame)
H = TypeVar("H", bound=Frame)

Procedure: TypeAlias = Generator[bytes, bytes, T]
"""Yields APDUs to send, is sent those that come back, returns the result. Raises RemoteProtocolError."""
Event: TypeAlias = "DataNotification | EventNotificationRequest"
"""What a server tells without being asked."""

Taken: TypeAlias = "xdlms.SetResponseDatablock | xdlms.ActionResponseNextPblock"
Following: TypeAlias = "xdlms.SetRequestWithDatablock | xdlms.ActionRequestWithPblock"
Blocks: TypeAlias = "Iterator[tuple[Frame, Datablock]]"

NO_BLOCK: Final = Datablock(0, 0, b"")
WINDOW: Final = 32
"""Blocks of a general block transfer that are taken in one stream."""
REPEATS: Final = 3
"""How often the last word of a general block transfer is said again to a server that is silent."""
_BLOCK: Final = bytes((TAG,))


class Refused(RemoteProtocolError):
    """The server answered with an exception-response. `state_error` and `service_error` are its two codes.

    `invocation_counter`: the one that the server expected, where ours was too low.
    """

    def __init__(self, frame: xdlms.ExceptionResponse) -> None:
        state = code_name(xdlms.StateError, frame.state_error)
        service = code_name(xdlms.ServiceError, frame.service_error)
        expected = "" if frame.invocation_counter is None else f", {frame.invocation_counter} expected"
        super().__init__(f"exception-response: {state}, {service}{expected}")
        self.state_error = frame.state_error
        self.service_error = frame.service_error
        self.invocation_counter = frame.invocation_counter


class Requester:
    """Asks, one request after the other. `max_pdu`: octets it can take in one APDU.

    `on_notification` is given the events that arrive between answers.
    """

    def __init__(self, max_pdu: int, on_notification: Callable[[Event], None] | None) -> None:
        self.terms: Terms | None = None
        self._layer: SecurityLayer = ClearContext()
        self._protection = PLAIN
        self._max_pdu = max_pdu
        self._on_notification = on_notification
        self._last_invoke = 0
        self._last_long_invoke = 0
        self._transfer: Transfer | None = None

    def event(self) -> Procedure[Event]:
        """The next event that the server tells by itself; other APDUs are let go by. `confirmation` answers it."""
        while True:
            data = yield b""
            frame, _protection = self._understand((yield from self._blocks(data)) if data[:1] == _BLOCK else data)
            if isinstance(frame, DataNotification | EventNotificationRequest):
                return frame

    def confirmation(self, event: Event) -> bytes | None:
        """The APDU that confirms an event, sealed, to be sent as it is; None: none is wanted."""
        if not isinstance(event, DataNotification) or not event.long_invoke & access.LONG_CONFIRMED:
            return None
        return self._sealed(DataNotificationConfirm(event.long_invoke, b""))

    # --- one request and its answer

    @overload
    def _ask(self, request: Frame, kind: type[F], /) -> Procedure[F]: ...
    @overload
    def _ask(self, request: Frame, kind: type[F], second: type[G], /) -> Procedure[F | G]: ...
    @overload
    def _ask(self, request: Frame, kind: type[F], second: type[G], third: type[H], /) -> Procedure[F | G | H]: ...
    def _ask(self, request: Frame, *kinds: type[Frame]) -> Procedure[Any]:
        """Send a request and wait for an answer of one of these kinds; what belongs elsewhere is let go by."""
        self._transfer = None
        sealed = self._sealed(request)
        if self.terms is None or len(sealed) <= self.terms.max_pdu:
            data = yield sealed
        else:
            data = yield self._first_block(sealed, self.terms)
        while True:
            frame, protection = self._understand((yield from self._blocks(data)) if data[:1] == _BLOCK else data)
            if isinstance(frame, kinds):
                if not self._layer.admits(protection):
                    raise RemoteProtocolError(f"{type(frame).__name__} came with less protection than we want")
                if not _belongs_elsewhere(frame, request):
                    return frame
                data = yield b""
            elif isinstance(frame, xdlms.ExceptionResponse):
                raise Refused(frame)
            elif isinstance(frame, DataNotification | EventNotificationRequest):
                data = yield self._tell(frame, protection)
            elif _belongs_elsewhere(frame, request):
                data = yield b""
            else:
                raise RemoteProtocolError(f"{type(frame).__name__} came in answer to {type(request).__name__}")

    def _understand(self, data: bytes) -> tuple[Frame, Protection]:
        """The frame that came, and how it was protected."""
        plain, protection = self._layer.open(data)
        return apdu.parse(plain, axdr.MAX_ITEMS if self._transfer is None else MAX_ITEMS), protection

    def _tell(self, event: Event, protection: Protection) -> bytes:
        """Hand an event over; the confirmation that it wants, or nothing."""
        if not self._layer.admits(protection):
            raise RemoteProtocolError(f"{type(event).__name__} came with less protection than we want")
        if self._on_notification is not None:
            self._on_notification(event)
        return self.confirmation(event) or b""

    # --- general block transfer

    def _first_block(self, sealed: bytes, terms: Terms) -> bytes:
        """Begin to send what is longer than agreed."""
        if Conformance.GENERAL_BLOCK_TRANSFER not in terms.conformance:
            raise LocalProtocolError(f"a request of {len(sealed)} octets, where APDUs of {terms.max_pdu} were agreed")
        # One block at a time: a procedure cannot send two APDUs without waiting for an answer.
        self._transfer = Transfer(terms.max_pdu, WINDOW, stream=1)
        (block,) = self._transfer.send((sealed,))
        return block.build()

    def _blocks(self, data: bytes) -> Procedure[bytes]:
        """What came in blocks, of which `data` is the first, or acknowledges the first of ours."""
        transfer = self._transfer
        if transfer is None or (GeneralBlock.parse(data).begins and not transfer.sending):
            limit = self.terms.max_pdu if self.terms else self._max_pdu
            transfer = self._transfer = Transfer(limit, WINDOW, stream=1)
        repeated = 0
        while True:
            if data:
                if data[:1] != _BLOCK:  # no answer in blocks after all
                    return data
                repeated = 0
                whole, answers = transfer.receive(GeneralBlock.parse(data))
                if whole is not None:
                    return whole
            else:
                repeated += 1
                answers = transfer.repeat()
                if repeated > REPEATS:
                    raise RemoteProtocolError(f"the server is silent in a block transfer, after {REPEATS} repeats")
            data = yield answers[0].build() if answers else b""

    # --- blocks of a service

    @overload
    def _send(self, frames: Blocks, taken: type[Taken], kind: type[F], /) -> Procedure[F]: ...
    @overload
    def _send(self, frames: Blocks, taken: type[Taken], kind: type[F], second: type[G], /) -> Procedure[F | G]: ...
    @overload
    def _send(
        self, frames: Blocks, taken: type[Taken], kind: type[F], second: type[G], third: type[H], /
    ) -> Procedure[F | G | H]: ...
    def _send(self, frames: Blocks, taken: type[Taken], *kinds: type[Frame]) -> Procedure[Any]:
        """Send a request in blocks, each one `taken` before the next; the answer to the last, or an early one."""
        ask: Any = self._ask
        for frame, block in frames:
            response = yield from ask(frame, *kinds, taken)
            if not isinstance(response, taken):
                return response
            if response.number != block.number or block.last:
                raise RemoteProtocolError(f"block {response.number} was acknowledged where {block.number} was sent")

    def _cut(self, first: Frame, following: type[Following], raw: bytes) -> Blocks:
        """A transfer's frames and their blocks: the first goes into `first`, the others into frames `following`."""
        outgoing = Outgoing((raw,))
        room = self._limit - len(first.build()) - 2  # two more octets for a longer length
        if room <= 0:
            raise LocalProtocolError(f"{type(first).__name__} alone fills an APDU of {self._limit} octets")
        block = Datablock(*outgoing.cut(room))
        yield msgspec.structs.replace(first, block=block), block
        while not block.last:
            block = Datablock(*outgoing.cut(self._limit - OVERHEAD))
            yield following(self._last_invoke | xdlms.CONFIRMED | xdlms.HIGH_PRIORITY, block), block

    def _sealed(self, frame: Frame) -> bytes:
        return self._layer.seal(frame.build(), self._protection)

    def _fits(self, request: Frame, blocks: Conformance) -> bool:
        """Whether a request goes as it is: there is room, or its service has no blocks of its own (`blocks` is their bit)."""
        agreed = self.terms is None or blocks in self.terms.conformance
        return not agreed or len(request.build()) <= self._limit

    def _invoke(self) -> int:
        self._last_invoke = (self._last_invoke + 1) & xdlms.INVOKE_ID
        return self._last_invoke | xdlms.CONFIRMED | xdlms.HIGH_PRIORITY

    def _long_invoke(self) -> int:
        self._last_long_invoke = (self._last_long_invoke + 1) & access.LONG_INVOKE_ID
        return self._last_long_invoke | access.LONG_CONFIRMED | access.LONG_HIGH_PRIORITY

    @property
    def _limit(self) -> int:
        """Octets of the longest plain APDU that goes as one."""
        return (self.terms.max_pdu if self.terms else self._max_pdu) - self._layer.overhead(self._protection)


def drive(procedure: Procedure[T], exchange: Callable[[bytes], bytes]) -> T:
    """Run a procedure over a function that sends an APDU and gives the answer; sent nothing, it only waits for one."""
    try:
        data = next(procedure)
        while True:
            data = procedure.send(exchange(data))
    except StopIteration as done:
        result: T = done.value
        return result


async def adrive(procedure: Procedure[T], exchange: Callable[[bytes], Awaitable[bytes]]) -> T:
    """`drive` for tasks."""
    try:
        data = next(procedure)
        while True:
            data = procedure.send(await exchange(data))
    except StopIteration as done:
        result: T = done.value
        return result


def code_name(codes: type[IntEnum], code: int) -> str:
    """A code in words, or as it is."""
    return next((one.name.lower().replace("_", "-") for one in codes if one == code), str(code))


def _belongs_elsewhere(frame: Frame, request: Frame) -> bool:
    """Whether a frame is the answer to another request than this one."""
    asked, answered = getattr(request, "invoke", None), getattr(frame, "invoke", None)
    if asked is not None and answered is not None:
        return bool((asked ^ answered) & xdlms.INVOKE_ID)
    asked, answered = getattr(request, "long_invoke", None), getattr(frame, "long_invoke", None)
    return asked is not None and answered is not None and bool((asked ^ answered) & access.LONG_INVOKE_ID)
