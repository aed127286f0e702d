"""The gas meter's valve: closed or armed from afar, opened by a hand in the home, never by an order alone (GB; SE 1.4 annex D.3).

An order to close closes it, an order to arm makes a closed one ready; an order to open is refused, and one to arm an open valve
leaves it open. A hand (the button at the meter, or a display's Local Change Supply, which the mirror holds like any order) opens an
armed one on trial: gas may flow, but none is used until it has stabilised and was measured. More than the threshold of uncontrolled
flow closes the valve again; the trial counts as armed, so a battery that goes in it leaves a closed valve. Everything that is known
of the valve, and the reading at which it moved, is one record.

Want of credit (`account`) closes it, or does what was set for that.

Not here: what tamper does (no such sensor): what is set for it is kept and shown.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final

from devices.gsme.register import Register
from devices.parts.han import HUB
from devices.runtime.kernel import S, Timer
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.metering import Metering, SupplyStatus, Unit
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.metering.supply import Acknowledge, Policy, SupplyControl, local
from protocols.zigbee.zcl.endpoint import Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.firmware import Firmware
    from protocols.zigbee.zcl.endpoint import Instance

BUTTON: Final = "valve"
KEY: Final = "gas/valve"
LITRES: Final = 1000
"""A cubic metre."""
WORDS: Final = {SupplyStatus.OFF: "CLOSED", SupplyStatus.OFF_ARMED: "ARMED", SupplyStatus.ON: "OPEN"}
"""What the display calls it."""
EVENTS: Final = {
    SupplyStatus.OFF: EventId.SUPPLY_OFF, SupplyStatus.OFF_ARMED: EventId.SUPPLY_ARMED, SupplyStatus.ON: EventId.SUPPLY_ON
}  # fmt: skip
"""What its event log does."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which flow on an opened valve is closed again. `event`: of who set it last; 0: nobody has.

    Flow is `value * multiplier / divisor` in `unit` an hour. It may stabilise for tenths of a second, and is measured for seconds.
    """

    value: int = 300
    unit: int = Unit.CUBIC_METRES
    multiplier: int = 1
    divisor: int = 10_000
    stabilisation: int = 50
    measurement: int = 60
    event: int = 0

    def exceeded_by(self, litres_an_hour: int) -> bool:
        """Whether that is uncontrolled flow."""
        return litres_an_hour * self.divisor > self.value * self.multiplier * LITRES


class Valve:
    """On a Metering server. `keep(record)`: put it in flash, with a reading in the same record; `acknowledge`: tell who ordered."""

    def __init__(
        self,
        firmware: Firmware,
        register: Register,
        keep: Callable[[dict[str, object]], object],
        acknowledge: Callable[[Metering.SupplyStatusResponse], object],
    ) -> None:
        self._firmware = firmware
        self._register = register
        self._keep = keep
        self._acknowledge = acknowledge
        self._server: Instance
        self._timer: Timer | None = None
        self._trial: Timer | None = None
        self.happened: Callable[[int], object] = lambda event: None
        """Told that the valve has moved, or what made it."""
        status, control, threshold = firmware.board.nvm.get(KEY, [SupplyStatus.ON, None, []])
        self.status = SupplyStatus(status)
        self.control = SupplyControl(self._obey, restores=False, stored=control)
        self.threshold = Threshold(*threshold)
        self._told = self.status
        register.pass_gas(valve=self.status is SupplyStatus.ON)

    def serve(self, metering: Instance) -> None:
        """Take orders on this server, and show what they set."""
        self._server = metering
        metering.on(Metering.ChangeSupply, self._ordered)
        metering.on(Metering.LocalChangeSupply, self._asked)
        metering.on(Metering.SetSupplyStatus, self._set_policy)
        metering.on(Metering.SetUncontrolledFlowThreshold, self._set_threshold)
        metering[Metering.supply_status] = lambda: self.status
        metering[Metering.supply_tamper_state] = lambda: self.control.policy.tamper
        metering[Metering.supply_depletion_state] = lambda: self.control.policy.depletion
        self._show()
        self._firmware.board.rtc.on_set.append(self._arm)
        self._arm()

    @property
    def trying(self) -> bool:
        """The valve is open on trial."""
        return self._trial is not None

    @property
    def shown(self) -> tuple[SupplyStatus, Threshold, Policy]:
        """What the attributes come from."""
        return self.status, self.threshold, self.control.policy

    @property
    def word(self) -> str:
        """For the display."""
        return "TEST" if self.trying else WORDS[self.status]

    def _show(self) -> None:
        """What somebody has set is an attribute from then on, and in every report."""
        if self.threshold.event:
            self._server[Metering.uncontrolled_flow_threshold] = lambda: self.threshold.value
            self._server[Metering.uncontrolled_flow_threshold_unit_of_measure] = lambda: self.threshold.unit
            self._server[Metering.uncontrolled_flow_threshold_multiplier] = lambda: self.threshold.multiplier
            self._server[Metering.uncontrolled_flow_threshold_divisor] = lambda: self.threshold.divisor
            self._server[Metering.flow_stabilization_period] = lambda: self.threshold.stabilisation
            self._server[Metering.flow_measurement_period] = lambda: self.threshold.measurement
        if self.control.policy.issuer_event_id:
            self._server[Metering.supply_uncontrolled_flow_state] = lambda: self.control.policy.uncontrolled_flow

    # --- orders from afar ---

    def _obey(self, wanted: SupplyStatus) -> SupplyStatus:
        if wanted is SupplyStatus.OFF:
            self._move(SupplyStatus.OFF)
        elif wanted is SupplyStatus.OFF_ARMED and self.status is SupplyStatus.OFF:
            self._move(SupplyStatus.OFF_ARMED)
        return self.status

    def _move(self, status: SupplyStatus) -> None:
        """Have the valve so, and no trial; what is in flash follows at the end of the order, in one record."""
        if self._trial is not None:
            self._trial.cancel()
            self._trial = None
        self.status = status
        self._register.pass_gas(valve=status is SupplyStatus.ON)

    def _save(self) -> None:
        self._keep({KEY: [int(self.status), self.control.plain(), list(astuple(self.threshold))]})
        self._firmware.board.log("gsme.valve", {"state": self.status.name, "trial": self.trying})
        if self.status is not self._told:
            self._told = self.status
            self.happened(EVENTS[self.status])

    def _ordered(self, command: Metering.ChangeSupply, request: Request) -> Outcome:
        message = request.message
        if message.source != HUB or message.source_eui64 is None:
            return Status.NOT_AUTHORIZED
        outcome = self.control.change(command, message.source_eui64, message.source_endpoint, self._seconds)
        self._save()
        self._arm()
        return outcome

    def _set_policy(self, command: Metering.SetSupplyStatus, request: Request) -> Outcome:
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        outcome = self.control.set_policy(command)
        if outcome is Status.SUCCESS:
            self._save()
            self._show()
        return outcome

    def _set_threshold(self, command: Metering.SetUncontrolledFlowThreshold, request: Request) -> Outcome:
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        scale = command.divisor, command.multiplier, command.measurement_period
        if command.unit_of_measure != Unit.CUBIC_METRES or not all(scale):
            return Status.INVALID_FIELD
        if command.issuer_event_id < self.threshold.event:
            return Status.FAILURE
        self.threshold = Threshold(
            command.uncontrolled_flow_threshold, command.unit_of_measure, command.multiplier, command.divisor,
            command.stabilisation_period, command.measurement_period, command.issuer_event_id,
        )  # fmt: skip
        self._save()
        self._show()
        return Status.SUCCESS

    # --- want of credit ---

    def deplete(self) -> None:
        """There is no credit: as was set for that, else closed."""
        self._move(SupplyStatus.OFF_ARMED if self.control.policy.depletion == SupplyStatus.OFF_ARMED else SupplyStatus.OFF)
        self._save()

    def arm(self) -> None:
        """There is credit again: a closed valve waits for a hand."""
        if self.status is SupplyStatus.OFF:
            self._move(SupplyStatus.OFF_ARMED)
            self._save()

    # --- an order for a time ---

    @property
    def _seconds(self) -> int | None:
        rtc = self._firmware.board.rtc
        return seconds(rtc.read()) if rtc.valid else None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due, rtc = self.control.deadline, self._firmware.board.rtc
        if due is not None and rtc.valid:
            self._timer = self._firmware.at(rtc.when((due + EPOCH) * S), self._due)

    def _due(self) -> None:
        self._timer = None
        now = self._seconds
        effects = [] if now is None else self.control.expire(now)
        if self.control.pending is None:
            self._save()
        for effect in effects:
            if isinstance(effect, Acknowledge):
                self._acknowledge(effect.response)
        self._arm()

    # --- a hand in the home ---

    def _asked(self, command: Metering.LocalChangeSupply, request: Request) -> Outcome:
        outcome = local(command, self.status)
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        if outcome is Status.SUCCESS:
            self.press()
        return outcome

    def press(self) -> None:
        """A hand opens an armed valve on trial, and no other."""
        if self.status is SupplyStatus.OFF_ARMED and not self.trying:
            self._register.pass_gas(valve=True, appliances=False)
            self._trial = self._firmware.after(self.threshold.stabilisation * S // 10, self._stable)
            self._save()

    def _stable(self) -> None:
        self._trial = self._firmware.after(self.threshold.measurement * S, self._measured, self._register.flowed)

    def _measured(self, before: int) -> None:
        flow = (self._register.flowed - before) // (self.threshold.measurement * S)
        leaks = self.threshold.exceeded_by(flow)
        self._move(self._after_leak if leaks else SupplyStatus.ON)
        self._save()
        if leaks:
            self._firmware.board.log("gsme.uncontrolled-flow", {"litres_an_hour": flow})
            self.happened(EventId.EXCESS_FLOW)

    @property
    def _after_leak(self) -> SupplyStatus:
        """Nothing that can be set lets gas flow on."""
        wanted = self.control.policy.uncontrolled_flow
        return SupplyStatus.OFF_ARMED if wanted == SupplyStatus.OFF_ARMED else SupplyStatus.OFF
