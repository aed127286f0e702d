"""The fault desk: the central company and who maintains the home networks, at work together on a fault (paper A, question 24.5).

A check asks each hub over the WAN what it has, and each meter of the estate for its register. A hub that does not answer is a fault
of the WAN, and the provider's; a meter that does not, behind one that does, is a fault of the home network, and its hub's owner's.
Each fault is a ticket to who answers for it. Who says that it is mended is believed once a check finds so; else it is open again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.reading import names, register
from tools.bench.home import Home
from tools.central.messages import Closed, Message, Reopened, Ticket
from tools.headend.bench import BenchHeadEnd
from tools.headend.fault_report import PROVIDER, Fault, owner

FAULT_DESK: Final = "fault desk"
"""Whose its questions are."""
REGISTERS: Final[Mapping[str, str]] = {
    "esme": "1-0:1.8.0", "gsme": "7-0:3.0.0", "mbus-gas": "7-0:3.0.0", "mbus-heat": "6-0:1.0.0", "prepay-gas": "7-0:3.0.0",
}  # fmt: skip
"""Kinds of meter, and the register that shows that the way to it is whole."""


class FaultDesk:
    """Open tickets, by number. `send(maintainer, message)` reaches who maintains."""

    def __init__(self, head_end: BenchHeadEnd, homes: Mapping[str, Home]) -> None:
        self.open: dict[int, Fault] = {}
        self._head_end = head_end
        self._homes = homes
        self._last = 0
        self._dark: dict[str, None] = {}

    def supply(self, premises: str, *, lost: bool) -> None:
        """Its hub tells that supply is gone, or back. Who is silent without supply is not at fault."""
        if lost:
            self._dark[premises] = None
        else:
            self._dark.pop(premises, None)

    async def check(self, premises: str) -> list[Fault]:
        """What is wrong there now; nothing where the supply is known to be gone."""
        if premises in self._dark:
            return []
        home = self._homes[premises]
        try:
            await self._head_end.ask(home.hub.name, HUB, names)
        except RemoteProtocolError as error:
            return [Fault(home=premises, leg="WAN", what=str(error), answers=PROVIDER)]
        found = []
        for label, device in home.declared.items():
            if device.kind in REGISTERS:
                question = partial(register, name=REGISTERS[device.kind])
                try:
                    await self._head_end.request(FAULT_DESK, f"{premises}/{label}", question)
                except RemoteProtocolError as error:
                    found.append(Fault(home=premises, leg="HAN", what=f"{label}: {error}", answers=owner(home)))
        return found

    def ticket(self, fault: Fault) -> Ticket | None:
        """A ticket for a fault; None where one is open already."""
        if any(self._same(fault, each) for each in self.open.values()):
            return None
        self._last += 1
        self.open[self._last] = fault
        return Ticket(transaction=self._last, premises=fault.home, leg=fault.leg, what=fault.what)

    async def judge(self, number: int) -> Message:
        """Whether a ticket's fault is gone, by a check. Raises KeyError for one that is not open."""
        fault = self.open[number]
        for each in await self.check(fault.home):
            if self._same(fault, each) or each.leg == "WAN":  # behind a hub that does not answer nobody knows
                return Reopened(transaction=number, what=each.what)
        self.open.pop(number, None)
        return Closed(transaction=number)

    @staticmethod
    def _same(one: Fault, other: Fault) -> bool:
        return (one.home, one.leg, one.what.partition(":")[0]) == (other.home, other.leg, other.what.partition(":")[0])
