"""The installer of a home: comes, fits, waits for the home network, has the head end read the hub, and writes down how it went.

No answer of the hub is "no WAN": then all is taken away again or left in place, as the bench file says, and another visit follows
until one ends well or there were as many as may be. A visit whose home network does not come together is aborted, too.
A hub without WAN has no time to give, so nobody's clock is set until there is one. Not modelled: old meters that stay; who pays for
the second visit.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.supply import Battery
from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.reading import names
from tools.bench.commissioning import missing
from tools.bench.home import Home
from tools.bench.installation import Installation, hub_of
from tools.headend.head_end import HeadEnd

PATIENCE = HOUR
"""How long a visit waits for the home network."""
TRIES = 3
"""Reads of the hub that must fail before there is no WAN."""


class Outcome(StrEnum):
    """How a visit ended."""

    COMPLETE = "complete"
    NO_WAN = "complete, no WAN"
    ABORTED = "aborted"
    REFUSED = "refused"


class Attendance(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a visit. `began`, `ended`: UTC ns. `reason`: why it did not end well, or empty."""

    visit: int
    began: int
    ended: int
    outcome: Outcome
    reason: str


class Installer:
    """Works at one home by its `[home.installation]`. `record` has all visits so far, the oldest first."""

    def __init__(self, home: Home, declared: Installation, head_end: HeadEnd) -> None:
        self.record: list[Attendance] = []
        self._home = home
        self._declared = declared
        self._head_end = head_end
        self._kernel = home.kernel
        self._away: list[Board] = []
        hub = hub_of(home.declared.values())
        assert hub is not None  # the bench file was checked
        self._refusal = declared.refusal(hub)
        if self._refusal is not None:
            self._take_away()
        if declared.wan_from_h:
            self._wan(False)
            self._kernel.at(int(declared.wan_from_h * HOUR), self._wan, True, who=home.name)
        self._kernel.spawn(self._work(), who=f"{home.name}/installer")

    @property
    def failed(self) -> str | None:
        """Why nothing is in place now, after a visit; None: something is, or nobody was there yet."""
        if not self.record or self.record[-1].outcome not in (Outcome.ABORTED, Outcome.REFUSED):
            return None
        return f"installation {self.record[-1].outcome}: {self.record[-1].reason}"

    async def _work(self) -> None:
        while True:
            began = self._kernel.utc
            outcome, reason = await self._visit()
            done = Attendance(visit=len(self.record) + 1, began=began, ended=self._kernel.utc, outcome=outcome, reason=reason)
            self.record.append(done)
            self._kernel.log.emit(
                f"{self._home.name}/installer", "installation", {"visit": done.visit, "outcome": str(outcome), "reason": reason}
            )
            if outcome in (Outcome.COMPLETE, Outcome.REFUSED) or done.visit == self._declared.visits:
                return
            await self._kernel.sleep(int(self._declared.next_visit_h * HOUR))

    async def _visit(self) -> tuple[Outcome, str]:
        if self._refusal is not None:
            return Outcome.REFUSED, self._refusal
        self._fit()
        patience = self._kernel.now + PATIENCE
        while not getattr(self._home.hub.firmware, "commissioned", False):
            if self._kernel.now >= patience:
                reason = "; ".join(missing(self._home))
                self._take_away()
                return Outcome.ABORTED, reason
            await self._kernel.sleep(S)
        unreached = await self._unreached()
        if unreached is None:
            return Outcome.COMPLETE, ""
        if self._declared.without_wan == "complete":
            return Outcome.NO_WAN, unreached
        self._take_away()
        return Outcome.ABORTED, f"no WAN: {unreached}"

    async def _unreached(self) -> str | None:
        """Why the head end gets no answer from the hub; None: it does."""
        why = ""
        for _ in range(TRIES):
            try:
                await self._head_end.ask(self._home.hub.name, HUB, names)
            except RemoteProtocolError as error:
                why = str(error)
                await self._kernel.sleep(MIN)
            else:
                return None
        return why

    def _take_away(self) -> None:
        for board in self._home.boards.values():
            if isinstance(board.supply, Battery):
                if board.supply.live:
                    board.supply.remove()
                    self._away.append(board)
            elif board.powered:
                board.cut()
                self._away.append(board)

    def _fit(self) -> None:
        for board in self._away:
            if isinstance(board.supply, Battery):
                board.supply.insert()
            else:
                board.power_on()
        self._away.clear()

    def _wan(self, there: bool) -> None:
        self._home.net.host(self._home.hub.name).covered = there
