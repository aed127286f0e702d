"""A ZigBee stack on a board's radio: effects applied, one timer, state in NVM, joining, discovery.

Firmware uses `devices.parts.han.Han`, which puts ZCL endpoints on this. Calls that wait for the air are coroutines; a
sleeper keeps polling for as long as one of them waits. Addresses are short addresses. This module knows no ZCL.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from devices.parts.deadline import Deadline
from devices.runtime.nvm import Counter, Nvm
from devices.runtime.radio import Radio
from devices.runtime.tasks import Future, Task
from protocols.core.effects import Effect
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import zdo
from protocols.zigbee.backup import Backup
from protocols.zigbee.node import (
    RX_ON_DEVICES,
    Configure,
    Delivered,
    DeviceJoined,
    DeviceLeft,
    Dropped,
    Joined,
    JoinFailed,
    JoinRefused,
    Left,
    MatchResponse,
    Measure,
    NodeConfig,
    NodeType,
    ParentLost,
    PartnerKey,
    PartnerKeyFailed,
    Persist,
    S,
    Transmit,
    TrustCentreReplaced,
    TxStatus,
    Undelivered,
    ZdoResponse,
)
from protocols.zigbee.stack import Stack
from protocols.zigbee.zcl.security import SMART_ENERGY

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

E = TypeVar("E", bound=Effect)

HUB = 0x0000
"""The coordinator's short address."""
ANSWER_TIMEOUT = 10 * S
DISCOVERY_TIME = 2 * S
AWAKE = S // 2
"""A sleeper that waits for something polls on in pieces of this length."""
ZIGBEE_3 = 21
"""Revision from which on a trust centre gives link keys on request."""
NETWORK = "han/network"
"""Where the network state is in NVM."""
STEP = 1024
"""Numbers that a frame counter reserves at a time."""
_COUNTER = "han/counter/"


class NoAnswer(RemoteProtocolError):
    """The peer was not reached, or did not answer in time."""


class Refused(RemoteProtocolError):
    """The peer answered with a status that is not success."""

    def __init__(self, status: int, name: str = "") -> None:
        super().__init__(f"refused: {name or hex(status)}")
        self.status = status


_TOLD: Mapping[type[Effect], tuple[str, tuple[str, ...]]] = MappingProxyType({
    Joined: ("han.joined", ("short", "pan_id", "channel", "resumed")),
    JoinFailed: ("han.join-failed", ("reason",)),
    Left: ("han.left", ("rejoin",)),
    ParentLost: ("han.parent-lost", ()),
    DeviceJoined: ("han.admitted", ("eui64", "short")),
    JoinRefused: ("han.refused", ("eui64", "reason")),
    DeviceLeft: ("han.gone", ("eui64", "short", "aged")),
    PartnerKey: ("han.partner-key", ("eui64",)),
    TrustCentreReplaced: ("han.trust-centre-replaced", ("eui64", "before")),
})  # fmt: skip
"""What the event log tells of a node's network life: effect to kind and fields. No keys."""


class NvmCounters:
    """The stack's frame counters, reserved ahead in NVM."""

    def __init__(self, nvm: Nvm) -> None:
        self._nvm = nvm
        self._counters: dict[str, Counter] = {}

    @property
    def lives(self) -> int:
        """Of the node: more after each restart of one that was heard; 0: it never was."""
        return sum(self._nvm.get(key) // STEP for key in self._nvm.keys(f"counter/{_COUNTER}"))

    def next(self, name: str) -> int:
        """The next number of the counter `name`."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = self._nvm.counter(f"{_COUNTER}{name}", STEP)
        return counter.next()


class Awake:
    """`with awake:`, any number of times at once: something is awaited, so that a sleeper has to go on polling."""

    __slots__ = ("_begin", "needed")

    def __init__(self, begin: Callable[[], object]) -> None:
        self._begin = begin
        self.needed = 0

    def __enter__(self) -> None:
        self.needed += 1
        self._begin()

    def __exit__(self, *_: object) -> None:
        self.needed -= 1


class _Mute:
    """What a node has in place of a radio that is taken from it: nothing is sent, and nobody confirms it."""

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None: ...
    def configure(self, *, channel: int, pan_id: int, short: int, eui64: int, rx_on_when_idle: bool, page: int = 0) -> None: ...
    def measure(self, *, channel: int, duration: int) -> None: ...


class Node:
    """One node's stack, for as long as the board has power."""

    def __init__(self, firmware: Firmware, config: NodeConfig) -> None:
        self.firmware = firmware
        self.board = firmware.board
        self.config = config
        counters = NvmCounters(self.board.nvm)
        self.lives = counters.lives
        """As of now, when the power has come"""
        self.stack = Stack(config, self.board.rng("han"), counters)
        self._kernel = self.board.kernel
        self._effects: deque[Effect] = deque()
        self._applying = False
        self._waits: dict[object, Future[Any]] = {}
        self._matches: dict[int, list[tuple[int, int]]] = {}
        self.awake = Awake(self._stay_awake)
        self._polling = False
        self._search: Task[Joined] | None = None
        self._timer = Deadline(firmware, lambda: self.stack.deadline, lambda: self.apply(self.stack.expire(self.now)))
        self._listeners: dict[type[Effect], list[Callable[[Any], object]]] = {}
        dual = config.sub_ghz and config.type is NodeType.COORDINATOR
        radios = (self.board.radio, self.board.sub_ghz) if dual else (self.board.radio,)
        self._radios: tuple[Radio | _Mute, ...] = radios
        for interface, radio in enumerate(radios):
            radio.on_receive = partial(self._receive, interface=interface) if interface else self._receive
            radio.on_confirm = self._confirm
        self.board.radio.on_energy = lambda level: self.apply(self.stack.measured(level, self.now))

    @property
    def now(self) -> int:
        """The board's monotonic counter, ns."""
        return self._kernel.now

    def on(self, kind: type[E], handler: Callable[[E], object]) -> None:
        """Hear of an effect of the stack (DeviceJoined, DeviceAnnounced, Left, ...), after it was applied."""
        self._listeners.setdefault(kind, []).append(handler)

    def hush(self) -> None:
        """Neither send nor hear anything any more, whatever comes due, until the board restarts."""
        for radio in self._radios:
            if not isinstance(radio, _Mute):
                radio.reset()
        self._radios = tuple(_Mute() for _ in self._radios)

    # --- network life ---

    def form(self, successor_of: Backup | None = None) -> None:
        """Coordinator: take up the stored network, or start one: another hub's where there is a backup of that."""
        stored = self.board.nvm.get(NETWORK)
        self.apply(self.stack.form(self.now, successor_of) if stored is None else self.stack.resume(stored, self.now))

    async def join(self) -> Joined:
        """Be on the network: take up the stored one without a frame, or join, as often and as late as the stack says."""
        stored = self.board.nvm.get(NETWORK)
        if stored is None:
            return await self._until_joined(self.stack.join)
        return cast(Joined, await self._wait(Joined, lambda: self.stack.resume(stored, self.now)))

    async def rejoin(self) -> Joined:
        """Look for the network again until it is found; who asks meanwhile waits for the same search."""
        if self._search is None or self._search.done:
            self._search = self.firmware.spawn(self._until_joined(self.stack.rejoin))
        return await self._search

    async def _until_joined(self, attempt: Callable[[int], list[Effect]]) -> Joined:
        while True:
            outcome = await self._wait(Joined, lambda: attempt(self.now))
            if isinstance(outcome, Joined):
                return outcome
            await self.firmware.sleep(outcome.retry_after)

    def _left(self, effect: Left) -> None:
        if effect.rejoin:
            self.firmware.spawn(self.rejoin())
        else:
            self.board.nvm.delete(NETWORK)
            if self._search is not None:
                self._search.cancel()

    def poll(self) -> None:
        """Sleepy: fetch what the parent holds."""
        self.apply(self.stack.poll(self.now))

    async def partner_key(self, eui64: int) -> None:
        """Share a link key with a device, brokered by the trust centre. Raises NoAnswer."""
        self._on_network()
        await self._wait((PartnerKey, eui64), lambda: self.stack.request_partner_key(eui64, self.now))

    async def renew_key(self) -> None:
        """Have a trust centre of ZigBee 3.0 replace the link key that we joined with; an older one has no such thing to give."""
        try:
            answer = await self._ask_zdo(lambda: self.stack.node_descriptor(HUB, self.now))
            descriptor = answer.descriptor if isinstance(answer, zdo.NodeDescriptorResponse) else None
            if descriptor is not None and descriptor.revision >= ZIGBEE_3:
                await self.partner_key(self.stack.trust_centre_eui64)
        except NoAnswer as reason:
            self.board.log("han.key-kept", {"reason": str(reason)})

    # --- discovery ---

    async def match(
        self, clusters: Iterable[int], *, served: bool = True, destination: int = RX_ON_DEVICES, time: int = DISCOVERY_TIME
    ) -> list[tuple[int, int]]:
        """Who serves (or else uses) one of these clusters: (address, endpoint), as they answer within `time`. Raises NoAnswer."""
        self._on_network()
        wanted = tuple(clusters)
        inputs, outputs = (wanted, ()) if served else ((), wanted)
        sequence, effects = self.stack.match(destination, SMART_ENERGY, inputs, outputs, self.now)
        found = self._matches[sequence] = []
        self.apply(effects)
        with self.awake:
            await self.firmware.sleep(time)
        del self._matches[sequence]
        return found

    def _matched(self, effect: MatchResponse) -> None:
        found = self._matches.get(effect.sequence)
        if found is not None:
            found.extend((effect.source, endpoint) for endpoint in effect.endpoints)

    async def active_endpoints(self, address: int) -> list[int]:
        """A device's endpoints. Raises NoAnswer, Refused."""
        response = await self._ask_zdo(lambda: self.stack.active_endpoints(address, self.now))
        if not isinstance(response, zdo.ActiveEndpointsResponse):
            raise NoAnswer(f"not a list of endpoints: {response!r}")
        if response.status:
            raise Refused(response.status)
        return list(response.endpoints)

    async def node_descriptor(self, address: int) -> zdo.NodeDescriptor:
        """A device's node descriptor. Raises NoAnswer, Refused."""
        response = await self._ask_zdo(lambda: self.stack.node_descriptor(address, self.now))
        if not isinstance(response, zdo.NodeDescriptorResponse) or response.descriptor is None:
            raise Refused(getattr(response, "status", zdo.NOT_SUPPORTED))
        return response.descriptor

    async def simple_descriptor(self, address: int, endpoint: int) -> zdo.Descriptor:
        """The simple descriptor of an endpoint. Raises NoAnswer, Refused."""
        response = await self._ask_zdo(lambda: self.stack.simple_descriptor(address, endpoint, self.now))
        if not isinstance(response, zdo.SimpleDescriptorResponse) or not response.descriptor:
            raise Refused(getattr(response, "status", zdo.NOT_SUPPORTED))
        return zdo.Descriptor.parse(response.descriptor)

    async def neighbours(self, address: int) -> list[zdo.Neighbour]:
        """A device's neighbour table, a few entries at a time. Raises NoAnswer, Refused."""
        table: list[zdo.Neighbour] = []
        while True:
            response = await self._ask_zdo(partial(self.stack.neighbours, address, len(table), self.now))
            if not isinstance(response, zdo.NeighboursResponse) or response.status:
                raise Refused(getattr(response, "status", zdo.NOT_SUPPORTED))
            table += response.entries
            if not response.entries or len(table) >= response.total:
                return table

    async def find(self, eui64: int) -> int:
        """A device's address, asked on the air when it is not known. Raises NoAnswer."""
        known = self.stack.address_of(eui64)
        if known is None:
            await self._ask_zdo(lambda: self.stack.find(eui64, self.now))
            known = self.stack.address_of(eui64)
        if known is None:
            raise NoAnswer(f"{eui64:016X} has no address")
        return known

    async def identify(self, address: int) -> int:
        """The EUI-64 of the device at an address, asked on the air when it is not known. Raises NoAnswer."""
        if self.stack.eui64_of(address) is None:
            await self._ask_zdo(lambda: self.stack.extended_address(address, self.now))
        known = self.stack.eui64_of(address)
        if known is None:
            raise NoAnswer(f"{address:#06x} has no EUI-64")
        return known

    async def _ask_zdo(self, ask: Callable[[], tuple[int, list[Effect]]]) -> object:
        self._on_network()
        sequence, effects = ask()
        name = ZdoResponse, sequence
        try:
            with self.awake, self.firmware.timeout(ANSWER_TIMEOUT):
                return await self._wait(name, lambda: effects)
        except TimeoutError:
            raise NoAnswer("no answer from the device objects") from None
        finally:
            self._waits.pop(name, None)

    def _on_network(self) -> None:
        if not self.stack.joined:
            raise NoAnswer("not on a network")

    def shares_key(self, address: int) -> bool:
        """Whether link-key clusters can be spoken with a device."""
        partner = self.stack.eui64_of(address)
        return partner is not None and self.stack.has_link_key(partner)

    # --- the stack's effects ---

    def apply(self, effects: Sequence[Effect]) -> None:
        """Carry out effects, those of nested calls after those at hand, and keep the timer."""
        if effects:
            self._effects.extend(effects)
        if self._applying:
            return
        if effects:
            self._carry_out(self._effects)
        deadline = self.stack.timers.deadline
        if deadline is not None and deadline < self._timer.due:
            self._timer.arm()

    def _carry_out(self, queue: deque[Effect]) -> None:
        self._applying = True
        try:
            while queue:
                effect = queue.popleft()
                kind = type(effect)
                act = _ACTS.get(kind)
                if act is not None:
                    act(self, effect)
                if kind in self._listeners:
                    for listener in self._listeners[kind]:
                        listener(effect)
        finally:
            self._applying = False

    def _tell(self, effect: Effect) -> None:
        told, fields = _TOLD[type(effect)]
        self.board.log(told, {field: getattr(effect, field) for field in fields})

    def _transmit(self, effect: Transmit) -> None:
        self._radios[effect.interface].transmit(effect.handle, effect.psdu, indirect=effect.indirect)

    def _receive(self, psdu: bytes, lqi: int, interface: int = 0) -> None:
        self.apply(self.stack.receive(psdu, self._kernel.now, lqi, interface))

    def _confirm(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        self.apply(self.stack.confirm(handle, status, frame_pending, self._kernel.now))

    def _configure(self, effect: Configure) -> None:
        self._radios[effect.interface].configure(
            page=effect.page,
            channel=effect.channel,
            pan_id=effect.pan_id,
            short=effect.short,
            eui64=self.config.eui64,
            rx_on_when_idle=effect.rx_on_when_idle,
        )

    def _dropped(self, effect: Dropped) -> None:
        self.board.log("han.dropped", {"layer": effect.layer, "reason": effect.reason, "psdu": effect.psdu})

    # --- waiting ---

    async def _wait(self, name: object, start: Callable[[], Sequence[Effect]]) -> Any:
        """Await the effect that resolves `name`; tasks that wait for the same share it."""
        future = self._waits.setdefault(name, Future())
        self.apply(start())
        return await future

    def _resolve(self, name: object, value: object) -> None:
        future = self._waits.pop(name, None)
        if future is not None:
            future.set_result(value)

    def _fail(self, name: object, reason: str) -> None:
        future = self._waits.pop(name, None)
        if future is not None:
            future.set_exception(NoAnswer(reason))

    def _stay_awake(self) -> None:
        if not self._polling:
            self._poll_on()

    def _poll_on(self) -> None:
        self._polling = self.awake.needed > 0 and self.config.type is NodeType.SLEEPY_END_DEVICE
        if self._polling:
            self.apply(self.stack.stay_awake(self.now + AWAKE, self.now))
            self.firmware.after(AWAKE, self._poll_on)


Act = Callable[[Node, Any], object]


def _told(act: Act) -> Act:
    """The event log hears of it first."""

    def both(node: Node, effect: Effect) -> None:
        node._tell(effect)
        act(node, effect)

    return both


_ACTED: Mapping[type[Effect], Act] = {
    Transmit: Node._transmit,
    Configure: Node._configure,
    Measure: lambda node, effect: node._radios[0].measure(channel=effect.channel, duration=effect.duration),
    Persist: lambda node, effect: node.board.nvm.put({NETWORK: effect.state}),
    Delivered: lambda node, effect: node._resolve(effect.handle, None),
    Undelivered: lambda node, effect: node._fail(effect.handle, effect.reason),
    Joined: lambda node, effect: node._resolve(Joined, effect),
    JoinFailed: lambda node, effect: node._resolve(Joined, effect),
    Left: Node._left,
    ParentLost: lambda node, effect: node.firmware.spawn(node.rejoin()),
    PartnerKey: lambda node, effect: node._resolve((PartnerKey, effect.eui64), None),
    PartnerKeyFailed: lambda node, effect: node._fail((PartnerKey, effect.eui64), "no key from the trust centre"),
    MatchResponse: Node._matched,
    ZdoResponse: lambda node, effect: node._resolve((ZdoResponse, effect.sequence), effect.response),
    Dropped: Node._dropped,
}
_ACTS: Mapping[type[Effect], Act] = dict.fromkeys(_TOLD, Node._tell) | {
    kind: _told(act) if kind in _TOLD else act for kind, act in _ACTED.items()
}
"""What every node does about an effect, before those who listen hear of it. One table for all nodes."""
