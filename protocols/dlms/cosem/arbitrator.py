"""Arbitrator (class 68): which of several actors has its way with one resource. Blue Book 4.5.12.

Each actor may ask for the actions it has permission for, and stays with its last request. The action that has the most
weight of all requests together is done; a tie does nothing. Doing is the firmware's: it is told the script table and the
number of the script. Actors and actions count from 1; `last_outcome` 0 says that nothing was done yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.timed import SCRIPT
from protocols.dlms.cosem.types import BITS, I8, U8, U16, Array, Plain, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

MOST_ACTIONS: Final = 32
MOST_ACTORS: Final = 32
REQUEST = Structure(request_actor=U8, request_action_list=BITS)


class Arbitrator(InterfaceClass, id=68, version=0):
    """`permissions_table`: for each actor a bit for each action; `weightings_table`: for each actor a number for each action."""

    actions: Attribute = attribute(2, Array(SCRIPT, MOST_ACTIONS))
    permissions_table: Attribute = attribute(3, Array(BITS, MOST_ACTORS), access=Access.READ_WRITE)
    weightings_table: Attribute = attribute(4, Array(Array(U16, MOST_ACTIONS), MOST_ACTORS), access=Access.READ_WRITE)
    most_recent_requests_table: Attribute = attribute(5, Array(BITS))
    last_outcome: Attribute = attribute(6, U8, default=0)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        actions: Sequence[Plain],
        permissions_table: Sequence[str],
        weightings_table: Sequence[Sequence[int]],
        execute: Callable[[Obis, int], object],
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """`execute(script table, number)` is called for the outcome of each request that has one. It may raise AccessError."""
        self._execute = execute
        rows = {len(row) for row in (*permissions_table, *weightings_table)}
        if len(permissions_table) != len(weightings_table) or rows - {len(actions)}:
            raise LocalProtocolError(f"the tables of an arbitrator have a row for each actor, of {len(actions)} actions")
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            actions=actions,
            permissions_table=permissions_table,
            weightings_table=weightings_table,
            most_recent_requests_table=["0" * len(actions)] * len(permissions_table),
        )

    @method(1, REQUEST)
    def request_action(self, argument: Data) -> None:
        """An actor asks for actions, bit 0 for action 1; what it asked for before is forgotten. No bit: it wants nothing."""
        actor, wanted = (item.value for item in argument.value)
        permissions = self.permissions_table.value
        if not 1 <= actor <= len(permissions) or len(wanted) != len(self.actions.value):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        allowed = permissions[actor - 1].value
        if any(asked == "1" and may == "0" for asked, may in zip(wanted, allowed, strict=True)):
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(self.name))
        requests = list(self.most_recent_requests_table.value)
        requests[actor - 1] = axdr.bits(wanted)
        outcome = self._outcome(requests)
        if outcome:
            table, number = self.actions.value[outcome - 1].value
            self._execute(Obis(table.value), number.value)
            self.last_outcome = outcome
        self.most_recent_requests_table = axdr.array(requests)

    @method(2, I8)
    def reset(self, argument: Data) -> None:
        """Nobody has asked for anything, and nothing was done."""
        self.most_recent_requests_table = ["0" * len(self.actions.value)] * len(self.permissions_table.value)
        self.last_outcome = 0

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As any object; the tables keep their shape."""
        if selection is None and number in (Arbitrator.permissions_table.number, Arbitrator.weightings_table.number):
            self.attributes[number].type.admit(value)
            if [len(row.value) for row in value.value] != [len(row.value) for row in self.read(number).value]:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        super().write(number, value, selection)

    def _outcome(self, requests: Sequence[Data]) -> int:
        """The action with the highest weight, from 1; 0: none is asked for, or two have it."""
        weights = [0] * len(self.actions.value)
        for request, row in zip(requests, self.weightings_table.value, strict=True):
            for action, (asked, weight) in enumerate(zip(request.value, row.value, strict=True)):
                weights[action] += weight.value if asked == "1" else 0
        most = max(weights, default=0)
        return weights.index(most) + 1 if most and weights.count(most) == 1 else 0
