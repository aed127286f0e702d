"""Messages between the gas meter and remote parties, through its tunnel at the hub (GB): fetched and given while it is awake.

The meter opens the tunnel once it is on the network, and again when it is gone; a hub that is busy is asked at the next wake. It
fetches one message at a time and gives its answers before it asks for the next; the hub's word on how many wait is not relied
on: an empty answer ends the fetch. A message equal to the one before is a repetition of the hub's, which did not learn that it
had arrived. What waits to be given, and by what a repetition is known, is in non-volatile memory, in one record with what a message
changed there: a message is acted on once, whatever the power does.

Not here: what a message says and does (`inbox`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from devices.parts.han import HUB, Han, NoAnswer
from devices.parts.inbox import Inbox
from devices.parts.tunnel import TunnelClients
from devices.runtime.kernel import S
from devices.runtime.tasks import Future
from protocols.core import aes
from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.zigbee.clusters.tunneling import GB_HRGP, Tunneling
from protocols.zigbee.mirror.transfer import LONGEST_MESSAGE, TRANSFERS, Get, GetResponse, Put
from protocols.zigbee.tunneling.client import Client, State
from protocols.zigbee.tunneling.effects import Closed, Opened, Peer, Received
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

MOST: Final = 32
"""Messages fetched at one wake."""
GIVEN_MOST: Final = 8
"""Messages that wait to be given; the oldest make room."""
REMEMBERED: Final = 16
"""Messages by which a repeated one is known: as many as a hub keeps for one meter."""
ANSWER: Final = 10 * S
SETTLE: Final = S // 2
"""After a message arrived at the hub, until it may be taken to know the tunnel."""

_STATE = "gas/messages"
_TUNNEL = "gas/tunnel"


class Messages:
    """The meter's end. `inbox` takes what comes."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: Endpoint, inbox: Inbox) -> None:
        self.inbox = inbox
        self._firmware = firmware
        self._nvm = firmware.board.nvm
        self._log = firmware.board.log
        self._han = han
        self._tunnels = TunnelClients(han, endpoint, self._heard)
        self._client: Client | None = None
        self._opening: Future[None] | None = None
        self._answer: Future[GetResponse] | None = None
        self._busy = False
        self._wanted = False
        self._tried = False
        self._closed = 0
        """How often the tunnel was found to be gone; identifiers may come again after a restart of the hub."""
        state = self._nvm.get(_STATE, {"last": [], "waiting": []})
        self._taken: list[bytes] = state["last"]
        """Hashes of the messages taken last: another hub may give again what its predecessor gave after its backup."""
        self._waiting: list[bytes] = state["waiting"]

    async def connect(self) -> Peer:
        """Have the tunnel open; where it leads. Raises NoAnswer."""
        self._tried = True
        if self._client is None:
            peer, stale = await self._find()
            if self._client is None:
                self._opening = Future()
                self._client = self._tunnels.open(peer, GB_HRGP, stale=stale, retry=None)
        client = self._client
        if client.state is not State.OPEN:
            self._opening = self._opening or Future()
            if client.state is not State.OPENING:
                self._tunnels.apply(client.open(self._firmware.now))
            with self._han.awake:
                await self._opening
        return client.peer

    async def _find(self) -> tuple[Peer, int | None]:
        """Where the hub has tunnels, and the one that it may still have for us. Raises NoAnswer."""
        stored = self._nvm.get(_TUNNEL)
        if stored is not None:
            return Peer(HUB, stored["endpoint"]), stored["tunnel"]
        found = await self._han.match([Tunneling.id], destination=HUB)
        if not found:
            raise NoAnswer("the hub has no tunnels")
        return Peer(*found[0]), None

    async def wake(self) -> None:
        """At each wake: open the tunnel if it never was since boot, or the hub was busy, and give what waits."""
        await self._work()

    async def fetch(self) -> None:
        """Give what waits, and fetch what the hub has."""
        self._wanted = True
        await self._work()

    async def _work(self) -> None:
        if self._busy:
            return
        self._busy = True
        try:
            if not self._tried or (self._client is not None and self._client.state is State.WAITING):
                await self.connect()
            await self.give()
            while self._wanted:
                self._wanted = False
                await self._fetch()
        except NoAnswer as reason:
            self._wanted = False
            self._log("gsme.tunnel-silent", {"reason": str(reason)})
        finally:
            self._busy = False

    async def _fetch(self) -> None:
        for _ in range(MOST):
            response = await self._get()
            if not response.message:
                break  # whatever number the one before promised
            self._take(response.message)
            await self.give()
            if not response.remaining:
                break

    def rejoined(self) -> None:
        """The meter is on the network anew. The hub has forgotten its tunnel, if it heard of that: it is closed before the next."""
        if self._client is not None:
            self._tunnels.drop(self._client.peer)
            self._client = None
        self._tried = False
        self._end("joined anew")

    def forget(self) -> None:
        """The meter has left its network, and the tunnel with it."""
        self.rejoined()
        self._nvm.delete(_TUNNEL)

    def put(self, *messages: bytes) -> None:
        """Have messages given to the hub at the next wake. Raises LocalProtocolError for a long one."""
        for message in messages:
            if not 0 < len(message) <= LONGEST_MESSAGE:
                raise LocalProtocolError(f"a message of {len(message)} octets, and 1 to {LONGEST_MESSAGE} go through a tunnel")
        self._keep(self._taken, [*self._waiting, *messages])

    async def give(self) -> None:
        """Give what waits. Raises NoAnswer."""
        for _ in range(2 * GIVEN_MOST):
            if not self._waiting:
                return
            message = self._waiting[0]
            peer = await self.connect()
            closed = self._closed
            with self._han.awake:
                await self._tunnels.transfer(peer, Put(message).build())
                await self._firmware.sleep(SETTLE)
            if self._closed == closed and self._waiting[:1] == [message]:
                self._keep(self._taken, self._waiting[1:])

    async def _get(self) -> GetResponse:
        """One answer of the hub; through a new tunnel where the hub does not know this one. Raises NoAnswer."""
        for _ in range(2):
            peer = await self.connect()
            self._answer = Future()
            try:
                with self._han.awake:
                    await self._tunnels.transfer(peer, Get().build())
                    with self._firmware.timeout(ANSWER):
                        return await self._answer
            except _TunnelGone:
                continue
            except TimeoutError:
                break
            finally:
                self._answer = None
        raise NoAnswer("the hub did not answer a request for a message")

    def _take(self, message: bytes) -> None:
        mark = aes.mmo(message)
        if mark in self._taken:
            self._log("gsme.message-repeated", {"octets": len(message)})
            return
        with self._nvm.together():
            self._keep([*self._taken, mark][-REMEMBERED:], [*self._waiting, *self.inbox.take(message)])

    def _keep(self, taken: list[bytes], waiting: Sequence[bytes]) -> None:
        self._taken, self._waiting = taken, list(waiting)[-GIVEN_MOST:]
        self._nvm.put({_STATE: {"last": self._taken, "waiting": self._waiting}})

    # --- the tunnel ---

    def _heard(self, effect: Opened | Received | Closed) -> None:
        if isinstance(effect, Opened):
            self._nvm.put({_TUNNEL: {"endpoint": effect.peer.endpoint, "tunnel": effect.tunnel}})
            self._log("gsme.tunnel-open", {"tunnel": effect.tunnel, "limit": effect.limit})
            if self._opening is not None:
                self._opening.set_result(None)
                self._opening = None
        elif isinstance(effect, Closed):
            self._closed += 1
            self._log("gsme.tunnel-closed", {"reason": effect.reason})
            self._end(effect.reason)
        else:
            self._received(effect.data)

    def _end(self, reason: str) -> None:
        """Nobody who waits for the tunnel, or for an answer through it, waits on."""
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done:
            answer.set_exception(_TunnelGone())
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.set_exception(NoAnswer(f"no tunnel: {reason}"))

    def _received(self, data: bytes) -> None:
        try:
            transfer = TRANSFERS.parse(data)
        except DecodeError as error:
            self._log("gsme.bad-transfer", {"reason": str(error)})
            return
        if not isinstance(transfer, GetResponse):
            self._log("gsme.bad-transfer", {"reason": f"not for a meter: {type(transfer).__name__}"})
        elif self._answer is not None and not self._answer.done:
            self._answer.set_result(transfer)
        elif transfer.message:  # late: the hub knows that it arrived, and will not give it again
            self._take(transfer.message)


class _TunnelGone(RemoteProtocolError):
    """The hub does not know the tunnel."""
