"""Supply control: changes of the supply, now or at a time, and what the supply does by itself (SE 1.4 annex D.3, Change Supply).

An order for now does not touch one that waits; a later order that waits takes the place of an earlier one; 0xFFFFFFFF takes back
the one that waits. Orders are counted by their issuer event: one that is not newer than the last is refused, so that none is
carried out twice. An order whose time passed without power is carried out at the next chance, once. Who may order is the owner's to
say, and so is what becomes of an order to switch on: where a hand is needed it only arms. Times are seconds since 2000.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Final

from protocols.core.effects import Effect
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.zcl.status import Status

NOW: Final = 0
CANCEL: Final = 0xFFFFFFFF
NONE_PENDING: Final = 0xFFFFFFFF
_ACKNOWLEDGE: Final = 0x01

ON, OFF, ARMED, UNCHANGED = SupplyStatus.ON, SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.UNCHANGED


class Acknowledge(Effect, frozen=True):
    """Tell who ordered it what the supply is now."""

    eui64: int
    endpoint: int
    response: Metering.SupplyStatusResponse


@dataclass(frozen=True, slots=True)
class Pending:
    """An order that waits. `eui64`, `endpoint`: who gave it."""

    provider_id: int
    issuer_event_id: int
    time: int
    status: int
    bits: int
    eui64: int
    endpoint: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What the supply is to do by itself, values of `SupplyStatus`. `issuer_event_id`: of who said so last."""

    tamper: int = UNCHANGED
    depletion: int = UNCHANGED
    uncontrolled_flow: int = UNCHANGED
    load_limit: int = UNCHANGED
    issuer_event_id: int = 0


def local(command: Metering.LocalChangeSupply, status: SupplyStatus) -> Status:
    """What somebody at a display may do: SUCCESS where an armed supply is to be switched on. `status`: what it is."""
    if command.proposed_supply_status not in (ARMED, ON):
        return Status.INVALID_FIELD
    return Status.SUCCESS if command.proposed_supply_status == ON and status == ARMED else Status.NOT_AUTHORIZED


class SupplyControl:
    """`obey(status)` moves the supply, and gives what it is then. `restores`: whether an order from afar may switch on.

    `plain` and `stored`: for non-volatile memory.
    """

    __slots__ = ("_last", "_obey", "_restores", "counter", "pending", "policy")

    def __init__(
        self, obey: Callable[[SupplyStatus], SupplyStatus], *, restores: bool, stored: list[list[int] | None] | None = None
    ) -> None:
        self._obey = obey
        self._restores = restores
        order, policy, rest = stored or [None, None, None]
        self.pending = None if order is None else Pending(*order)
        self.policy = Policy() if policy is None else Policy(*policy)
        self._last, self.counter = rest or (0, 0)

    def plain(self) -> list[list[int] | None]:
        """All of it."""
        pending = None if self.pending is None else list(astuple(self.pending))
        return [pending, list(astuple(self.policy)), [self._last, self.counter]]

    @property
    def deadline(self) -> int | None:
        """When the order that waits is due."""
        return None if self.pending is None else self.pending.time

    @property
    def implementation_time(self) -> int:
        """The attribute's value."""
        return NONE_PENDING if self.pending is None else self.pending.time

    def change(
        self, command: Metering.ChangeSupply, eui64: int, endpoint: int, now: int | None
    ) -> Metering.SupplyStatusResponse | Status:
        """An order. `now` None: the time is not known, and an order for a time is refused."""
        if command.implementation_date_time == CANCEL:
            return self._cancel(command)
        if command.proposed_supply_status not in (OFF, ARMED, ON):
            return Status.INVALID_FIELD
        if command.proposed_supply_status == ON and not self._restores:
            return Status.NOT_AUTHORIZED
        if command.issuer_event_id <= self._last:
            return Status.DUPLICATE_EXISTS if command.issuer_event_id == self._last else Status.FAILURE
        order = Pending(
            command.provider_id, command.issuer_event_id, command.implementation_date_time,
            command.proposed_supply_status, command.supply_control_bits, eui64, endpoint,
        )  # fmt: skip
        if order.time == NOW:
            self._last = order.issuer_event_id
            response = self._carry_out(order, now or 0)
            return response if order.bits & _ACKNOWLEDGE else Status.SUCCESS
        if now is None or order.time < now:
            return Status.INVALID_VALUE
        self._last = order.issuer_event_id
        self.pending = order
        return Status.SUCCESS

    def _cancel(self, command: Metering.ChangeSupply) -> Status:
        waits = self.pending
        if waits is None or (waits.provider_id, waits.issuer_event_id) != (command.provider_id, command.issuer_event_id):
            return Status.NOT_FOUND
        self.pending = None
        return Status.SUCCESS

    def _carry_out(self, order: Pending, time: int) -> Metering.SupplyStatusResponse:
        status = self._obey(SupplyStatus(order.status))
        return Metering.SupplyStatusResponse(order.provider_id, order.issuer_event_id, time, status)

    def set_policy(self, command: Metering.SetSupplyStatus) -> Status:
        """What the supply is to do by itself from now on."""
        states = (
            command.supply_tamper_state, command.supply_depletion_state, command.supply_uncontrolled_flow_state,
            command.load_limit_supply_state,
        )  # fmt: skip
        if any(state > UNCHANGED for state in states):
            return Status.INVALID_FIELD
        if command.issuer_event_id < self.policy.issuer_event_id:
            return Status.FAILURE
        self.policy = Policy(*states, command.issuer_event_id)
        return Status.SUCCESS

    def exceeded(self) -> None:
        """The load was beyond its limit."""
        self.counter = min(self.counter + 1, 0xFE)

    def expire(self, now: int) -> list[Effect]:
        """Carry out the order that waits, if its time has come."""
        order = self.pending
        if order is None or order.time > now:
            return []
        response = self._carry_out(order, order.time)
        self.pending = None
        return [Acknowledge(order.eui64, order.endpoint, response)] if order.bits & _ACKNOWLEDGE else []
