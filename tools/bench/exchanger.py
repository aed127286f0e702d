"""The people who exchange a hub by `[home.exchange]`: a head end's clerk, and an engineer with a new hub under his arm.

The head end orders the old hub to hand over and fetches its last backup; the engineer puts a new hub in its place; the head end
restores the backup into it, waits until every device is back, has the old hub erased, and writes down what became of it. The
engineer takes the old hub away. Or the backup is carried in the engineer's hand-held terminal, and the head end does the rest.
Nobody touches another device, and the head end lists nobody anew. From the hand-over on nobody gives up because power or WAN are
away: what found no answer is done again, unless a look at the hub's record says that it is done.
Not here: a hub that died (`tools.bench.fitting` and a backup of some day before).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from devices import hht
from devices.parts import swap_client
from devices.parts.swap_client import Disposal, Order
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from tools.bench import device_config
from tools.bench.exchange import SUCCESSOR, Exchange
from tools.bench.fitting import fit
from tools.bench.home import Home
from tools.bench.identity import identify
from tools.headend.head_end import HeadEnd, NoAnswer, Question

T = TypeVar("T")
RESTART = 10 * S
"""How long a hub is given to restart."""
VISIT = HOUR // 4
"""How long the engineer waits for the terminal."""
PATIENCE = 6 * HOUR
"""How long the devices have to find the new hub, and how long somebody tries again who got no answer."""
AGAIN = MIN


class Exchanged(msgspec.Struct, frozen=True, kw_only=True):
    """The record of an exchange. `began`, `ended`: UTC ns. `failure`: why it did not end well, or empty."""

    began: int
    ended: int
    old: str
    new: str
    failure: str


class Exchanger:
    """Does it. `record` is None until it is done."""

    def __init__(self, home: Home, declared: Exchange, head_end: HeadEnd) -> None:
        self.record: Exchanged | None = None
        self._begun = False
        self._by_terminal = declared.by == "terminal"
        self._site = declared.site
        self._home = home
        self._head_end = head_end
        self._kernel = home.kernel
        successor = device_config.Hub(name=SUCCESSOR)
        home.identities.setdefault(SUCCESSOR, identify(self._kernel.seed, home.name, successor))
        self._kernel.at(int(declared.at_h * HOUR), self._begin, who=self._who)

    @property
    def _who(self) -> str:
        return f"{self._home.name}/exchange"

    @property
    def outcome(self) -> str:
        """How it stands, in words."""
        if self.record is None:
            return "under way" if self._begun else "still to come"
        return f"failed: {self.record.failure}" if self.record.failure else "complete"

    def _begin(self) -> None:
        self._begun = True
        self._kernel.spawn(self._work(), who=self._who)

    async def _work(self) -> None:
        began, old, failure = self._kernel.utc, self._home.hub, ""
        try:
            await self._do(old)
        except RemoteProtocolError as reason:
            failure = str(reason)
            self._say(f"failed: {failure}")
        new = self._home.hub
        serials = {"old": f"{old.eui64:016X}", "new": "" if new is old else f"{new.eui64:016X}"}
        self.record = Exchanged(began=began, ended=self._kernel.utc, failure=failure, **serials)

    async def _do(self, old: Board) -> None:
        new = await (self._carry(old) if self._by_terminal else self._send(old))
        self._say("the backup is restored")
        await self._back(new)
        await self._insist(old, swap_client.erase_once)
        await self._kernel.sleep(RESTART)
        serial, at = f"{old.eui64:016X}", self._kernel.utc
        await self._insist(new, lambda client: swap_client.dispose(client, serial, Disposal.ERASED, at))
        old.cut()
        self._say(f"{serial} is erased and taken away")

    def _change_kind(self) -> None:
        """Where the site comes in or leaves: the provider's hub for a supplier's, or the other way round."""
        if self._site is not None:
            label = self._home.of_kind("hub")[0]
            inside = self._site == "opts-in"
            other = msgspec.structs.replace(self._home.declared[label], central=inside, owner="provider" if inside else "supplier")
            self._home.declared[label] = other
            self._say(f"the site {self._site.replace('-', ' ')}: the new hub is {'the provider' if inside else 'its supplier'}'s")

    async def _send(self, old: Board) -> Board:
        """The backup goes over the WAN. The new hub."""
        await self._ask(old, lambda client: swap_client.order(client, Order.HAND_OVER))
        self._say(f"{old.eui64:016X} has handed over and is silent in the home")
        await self._kernel.sleep(RESTART)
        sealed = await self._insist(old, swap_client.last_backup)
        self._say(f"its last backup is fetched: {len(sealed)} octets, sealed")
        new = await self._fit()
        await self._insist(new, lambda client: swap_client.restore_once(client, sealed))
        return new

    async def _carry(self, old: Board) -> Board:
        """The backup goes in the terminal. The new hub."""
        await self._errand("fetch")
        self._say(f"{old.eui64:016X} has handed over and is silent in the home; its backup is in the terminal, sealed")
        new = await self._fit()
        await self._errand("deliver", PATIENCE)
        self._say("nothing of it is left in the terminal")
        return new

    async def _fit(self) -> Board:
        self._change_kind()
        new = fit(self._home, SUCCESSOR)
        self._say(f"{new.eui64:016X} is put in its place")
        await self._kernel.sleep(RESTART)
        return new

    async def _errand(self, button: str, patience: int = 0) -> None:
        """The engineer comes with the terminal, and presses a button of it; for so long he comes again where that has failed."""
        end = self._kernel.now + patience
        while True:
            try:
                return await self._visit(button)
            except RemoteProtocolError:
                if self._kernel.now >= end:
                    raise
            await self._kernel.sleep(AGAIN)

    async def _visit(self, button: str) -> None:
        label = self._home.of_kind("hht")[0]
        terminal = self._home[label]
        visit = self._home.visit(self._home.of_kind("esme")[0], label)
        try:
            await self._until(lambda: isinstance(terminal.firmware, hht.Firmware) and terminal.firmware.report is not None)
            assert isinstance(terminal.firmware, hht.Firmware)  # it was, a moment ago
            terminal.firmware.errand = None
            terminal.buttons.press(button)
            await self._until(lambda: isinstance(terminal.firmware, hht.Firmware) and terminal.firmware.errand is not None)
            told = terminal.firmware.errand or ""
        finally:
            visit.end()
        if told.startswith("FAILED"):
            raise RemoteProtocolError(f"the terminal: {told}")

    async def _until(self, done: Callable[[], bool]) -> None:
        end = self._kernel.now + VISIT
        while not done():
            if self._kernel.now >= end:
                raise RemoteProtocolError("the terminal is at work for too long")
            await self._kernel.sleep(S)

    async def _back(self, new: Board) -> None:
        """Until all devices are back and the mirrors full."""
        end = self._kernel.now + PATIENCE
        await self._kernel.sleep(RESTART)
        while not getattr(new.firmware, "commissioned", False):
            if self._kernel.now >= end:
                raise RemoteProtocolError("not every device has come back")
            await self._kernel.sleep(S)
        self._say("all devices are back, and nobody has paired one")

    async def _insist(self, hub: Board, question: Question[T]) -> T:
        """Ask until there is an answer."""
        end = self._kernel.now + PATIENCE
        while True:
            try:
                return await self._ask(hub, question)
            except NoAnswer:
                if self._kernel.now >= end:
                    raise
            await self._kernel.sleep(AGAIN)

    async def _ask(self, hub: Board, question: Question[T]) -> T:
        return await self._head_end.ask(hub.name, HUB, question, writes=True)

    def _say(self, step: str) -> None:
        self._kernel.log.emit(self._who, "exchange", {"step": step})
