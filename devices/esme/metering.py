"""What the meter does with the commands of Metering: profiles, fast poll mode, snapshots, sampling, the supply (SE 1.4 annex D.3).

Profiles are COSEM's half-hour log; the snapshots of midnights and of billing days are its daily and its billing log. What is kept
beside them (orders for the supply, snapshots on request, schedules, samples) is in flash before it is answered, and made when it is
first needed. The hub alone may change the supply, its limits, and schedules; at a display an armed supply is switched on and no
more. Demand is read when it is asked for: fast poll mode tells displays how often they may ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from devices.esme.history import DERIVED, History
from devices.esme.limits import Limits
from devices.esme.meter import Meter
from devices.esme.timed_objects import BILLING_LOG
from devices.parts.han import HUB, Han, NoAnswer
from devices.parts.metrology import POWER_FACTOR
from devices.runtime.kernel import DAY, S, Timer
from protocols.core.codec import Frame
from protocols.dlms.cosem import ControlState, InterfaceClass, date_time
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.fast_poll import FastPoll
from protocols.zigbee.metering.profile import LARGEST, MOST, Period, profile
from protocols.zigbee.metering.sampling import Sampler
from protocols.zigbee.metering.schedules import Schedules
from protocols.zigbee.metering.snapshots import (
    ACCEPTED,
    CAUSE_NOT_SUPPORTED,
    NO_SNAPSHOT,
    ROUND,
    Cause,
    PayloadType,
    Registers,
    Snapshot,
    Snapshots,
)
from protocols.zigbee.metering.supply import Acknowledge, SupplyControl, local
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

DEFAULT_UPDATE, LEAST_UPDATE = 10, 2
"""Seconds between two readings of demand by a display, as a rule and in fast poll mode."""
DAILY: Final = 31
"""Snapshots of midnights that are shown."""
TARIFF_CALENDAR, TARIFF_CHARGE = Obis("0-0:13.0.0"), Obis("0-0:19.20.0")
SUPPLY_STATES: Final = {
    ControlState.DISCONNECTED: SupplyStatus.OFF,
    ControlState.READY_FOR_RECONNECTION: SupplyStatus.OFF_ARMED,
    ControlState.CONNECTED: SupplyStatus.ON,
}
_TYPES: Final = frozenset({PayloadType.TIERS_DELIVERED_NO_BILLING, PayloadType.TIERS_RECEIVED_NO_BILLING})
_CAUSES: Final = int(sum(Cause))
_BILLING: Final = 0x4000_0000
_SUPPLY, _SNAPSHOTS, _SCHEDULES, _SAMPLING = "metering/supply", "metering/snapshots", "metering/schedules", "sampling/"
_CHANGES: Final = (
    (TARIFF_CALENDAR, "activate_passive_calendar", Cause.CHANGE_OF_CALENDAR),
    (TARIFF_CHARGE, "activate_passive_unit_charge", Cause.CHANGE_OF_TARIFF_INFORMATION | Cause.CHANGE_OF_PRICE_MATRIX),
)
"""Methods of COSEM objects that a snapshot is taken for."""


class Commands:
    """The Metering server on an endpoint. Its timer follows the meter's clock."""

    __slots__ = (
        "_device", "_firmware", "_han", "_history", "_limits", "_meter", "_sampler", "_schedules", "_snapshots", "_timer",
        "fast_poll", "supply",
    )  # fmt: skip

    def __init__(
        self, firmware: Firmware, han: Han, endpoint: Endpoint, meter: Meter, limits: Limits, device: LogicalDevice
    ) -> None:
        self._firmware = firmware
        self._han = han
        self._meter = meter
        self._limits = limits
        self._device = device
        self._history = History(meter, firmware.board.rtc)
        self.fast_poll = FastPoll(DEFAULT_UPDATE, LEAST_UPDATE)
        nvm = firmware.board.nvm
        self.supply = SupplyControl(self._obey, restores=True, stored=nvm.get(_SUPPLY))
        self._snapshots: Snapshots | None = None
        self._schedules = self._stored_schedules() if _SCHEDULES in nvm else None
        self._sampler = self._stored_samples() if next(nvm.keys(_SAMPLING), None) else None
        self._timer: Timer | None = None
        server = endpoint.server(Metering)
        server.derive(TABLE, self._read)
        server.on(Metering.GetProfile, lambda command, request: profile(command, self._history.profile))
        server.on(Metering.RequestFastPollMode, lambda command, request: self.fast_poll.request(command, request.now, self.seconds))
        server.on(Metering.TakeSnapshot, self._take)
        server.on(Metering.GetSnapshot, lambda command, request: self._kept_snapshots().get(command, self._followed()))
        server.on(Metering.ScheduleSnapshot, self._schedule)
        server.on(Metering.StartSampling, self._start_sampling)
        server.on(Metering.GetSampledData, self._sampled)
        server.on(Metering.ChangeSupply, self._change_supply)
        server.on(Metering.LocalChangeSupply, self._change_locally)
        server.on(Metering.SetSupplyStatus, self._set_policy)
        server.on(Metering.ResetLoadLimitCounter, self._reset_counter)
        limits.on_exceeded = self._exceeded
        for name, method, cause in _CHANGES:
            self._watch(name, method, cause)
        firmware.board.rtc.on_set.append(self._arm)
        self._arm()

    @property
    def seconds(self) -> int | None:
        """Since 2000, UTC; None: the clock has no time."""
        rtc = self._firmware.board.rtc
        return max(rtc.read() // S - EPOCH, 0) if rtc.valid else None

    def _read(self, identifier: int) -> object:
        derived = DERIVED.get(identifier)
        return derived(self._history) if derived is not None else _OWN[identifier](self)

    # --- time ---

    def _arm(self) -> None:
        """Have the timer run when something is due on the meter's clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        machines = (self.supply, self._schedules, self._sampler)
        due = min((time for each in machines if each is not None and (time := each.deadline) is not None), default=None)
        rtc = self._firmware.board.rtc
        if due is not None and rtc.valid:
            self._timer = self._firmware.at(rtc.when((due + EPOCH) * S), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self.seconds
        if now is not None:
            if self._sampler is not None:
                self._sampler.expire(now)
                self._save_samples()
            if self._schedules is not None and (due := self._schedules.expire(now)):
                taken = [self._snapshot(each.cause | Cause.SCHEDULED, each.payload_type, now) for each in due]
                self._firmware.board.nvm.put({_SCHEDULES: self._schedules.plain(), _SNAPSHOTS: self._kept_snapshots().plain()})
                self._firmware.spawn(self._publish(taken))
            for effect in self.supply.expire(now):
                assert isinstance(effect, Acknowledge)
                self._firmware.spawn(self._tell(effect.eui64, effect.endpoint, effect.response))
            self._save_supply()
        self._arm()

    async def _tell(self, eui64: int, endpoint: int, command: Frame) -> None:
        with suppress(NoAnswer):
            await self._han.tell(await self._han.find(eui64), endpoint, command)

    async def _publish(self, snapshots: list[Snapshot]) -> None:
        with suppress(NoAnswer):
            for snapshot in snapshots:
                for part in snapshot.parts(1):
                    await self._han.tell(HUB, 1, part)

    # --- snapshots ---

    def _kept_snapshots(self) -> Snapshots:
        if self._snapshots is None:
            self._snapshots = Snapshots(self._firmware.board.nvm.get(_SNAPSHOTS))
        return self._snapshots

    def _snapshot(self, cause: int, payload_type: int, now: int) -> Snapshot:
        payload = _registers(self._meter.export_wh, 0)
        if payload_type == PayloadType.TIERS_DELIVERED_NO_BILLING:
            payload = _registers(self._meter.import_wh)
        return self._kept_snapshots().take(cause, payload_type, payload, now)

    def _keep(self, cause: int, now: int) -> Snapshot:
        """Take one of what was delivered."""
        taken = self._snapshot(cause, PayloadType.TIERS_DELIVERED_NO_BILLING, now)
        self._firmware.board.nvm.put({_SNAPSHOTS: self._kept_snapshots().plain()})
        return taken

    def _take(self, command: Metering.TakeSnapshot, request: Request) -> Outcome:
        now = self.seconds
        if now is None:
            return Status.FAILURE
        if command.snapshot_cause & ~_CAUSES:
            return Metering.TakeSnapshotResponse(NO_SNAPSHOT, CAUSE_NOT_SUPPORTED)
        taken = self._keep(command.snapshot_cause | Cause.MANUALLY_TRIGGERED, now)
        return Metering.TakeSnapshotResponse(taken.id, ACCEPTED)

    def _watch(self, name: Obis, method: str, cause: Cause) -> None:
        thing = self._device.find(name)
        if thing is None:
            return

        def changed(_: InterfaceClass, member: object) -> None:
            now = self.seconds
            if now is not None and getattr(member, "name", "") == method:
                self._keep(cause, now)

        thing.watch(changed)

    def _followed(self) -> Iterator[Snapshot]:
        """The snapshots that are rows of other logs: of midnights, and of billing days."""
        kind = PayloadType.TIERS_DELIVERED_NO_BILLING
        for row in self._meter.days.rows(DAILY):
            yield Snapshot(ROUND | row.at // DAY, row.at // S - EPOCH, Cause.GENERAL, kind, _registers(row.total))
        billed = self._device.find(BILLING_LOG)
        for cells in billed.read(2).value if billed is not None else ():
            time = date_time.instant(cells.value[0].value)
            if time is not None:
                seconds = time // S - EPOCH
                number = ROUND | _BILLING | seconds // 60
                yield Snapshot(number, seconds, Cause.END_OF_BILLING_PERIOD, kind, _registers(cells.value[1].value))

    def _stored_schedules(self) -> Schedules:
        return Schedules(frozenset(map(int, _TYPES)), _CAUSES, self._firmware.board.nvm.get(_SCHEDULES))

    def _schedule(self, command: Metering.ScheduleSnapshot, request: Request) -> Outcome:
        now = self.seconds
        if not _from_hub(request):
            return Status.NOT_AUTHORIZED
        if now is None:
            return Status.FAILURE
        if not command.snapshot_schedule_payload or command.command_index >= max(command.command_count, 1):
            return Status.INVALID_FIELD
        self._schedules = self._schedules or self._stored_schedules()
        response = self._schedules.take(command, now)
        self._firmware.board.nvm.put({_SCHEDULES: self._schedules.plain()})
        self._arm()
        return response

    # --- sampling ---

    def _stored_samples(self) -> Sampler:
        nvm, meter = self._firmware.board.nvm, self._meter
        registers: dict[int, Callable[[], int]] = {
            0: lambda: meter.import_wh, 1: lambda: meter.export_wh, 2: lambda: meter.import_varh, 3: lambda: meter.export_varh
        }  # fmt: skip
        return Sampler(registers, {key.removeprefix(_SAMPLING): nvm.get(key) for key in nvm.keys(_SAMPLING)})

    def _save_samples(self) -> None:
        assert self._sampler is not None
        changed, gone = self._sampler.changes()
        changed = {_SAMPLING + key: value for key, value in changed.items()}
        self._firmware.board.nvm.commit(changed, [_SAMPLING + key for key in gone])

    def _start_sampling(self, command: Metering.StartSampling, request: Request) -> Outcome:
        now = self.seconds
        if now is None:
            return Status.FAILURE
        self._sampler = self._sampler or self._stored_samples()
        outcome = self._sampler.start(command, now)
        self._save_samples()
        self._arm()
        return outcome

    def _sampled(self, command: Metering.GetSampledData, request: Request) -> Outcome:
        return Status.NOT_FOUND if self._sampler is None else self._sampler.sampled(command)

    # --- supply ---

    def _obey(self, wanted: SupplyStatus) -> SupplyStatus:
        switch = self._meter.switch
        if wanted == SupplyStatus.ON:
            switch.reconnect()
        elif wanted == SupplyStatus.OFF or switch.closed:
            switch.disconnect()
        if wanted == SupplyStatus.OFF_ARMED:
            switch.arm()
        return SUPPLY_STATES[switch.state]

    def _save_supply(self) -> None:
        nvm, plain = self._firmware.board.nvm, self.supply.plain()
        if nvm.get(_SUPPLY) != plain and (_SUPPLY in nvm or plain != SupplyControl(self._obey, restores=True).plain()):
            nvm.put({_SUPPLY: plain})

    def _change_supply(self, command: Metering.ChangeSupply, request: Request) -> Outcome:
        message = request.message
        if not _from_hub(request) or message.source_eui64 is None:
            return Status.NOT_AUTHORIZED
        outcome = self.supply.change(command, message.source_eui64, message.source_endpoint, self.seconds)
        self._save_supply()
        self._arm()
        return outcome

    def _change_locally(self, command: Metering.LocalChangeSupply, request: Request) -> Outcome:
        outcome = local(command, SUPPLY_STATES[self._meter.switch.state])
        if outcome is Status.SUCCESS:
            self._meter.switch.press()
        return outcome

    def _set_policy(self, command: Metering.SetSupplyStatus, request: Request) -> Outcome:
        if not _from_hub(request):
            return Status.NOT_AUTHORIZED
        outcome = self.supply.set_policy(command)
        if outcome is Status.SUCCESS:
            self._limits.opens = command.load_limit_supply_state in (SupplyStatus.OFF, SupplyStatus.OFF_ARMED)
            self._save_supply()
        return outcome

    def _reset_counter(self, command: Metering.ResetLoadLimitCounter, request: Request) -> Outcome:
        if not _from_hub(request):
            return Status.NOT_AUTHORIZED
        self.supply.counter = 0
        self._save_supply()
        return Status.SUCCESS

    def _exceeded(self) -> None:
        self.supply.exceeded()
        self._save_supply()

    @property
    def load_limit_state(self) -> SupplyStatus:
        """What a load above its limit does to the supply."""
        return SupplyStatus.OFF if self._limits.opens else SupplyStatus.UNCHANGED

    @property
    def load_limit(self) -> int:
        """Watts; LARGEST + 1: no limit."""
        return min(self._limits.threshold, LARGEST + 1)

    @property
    def delivered(self) -> int:
        """Wh: all that was delivered is in the one tier in use."""
        return self._meter.import_wh


def _from_hub(request: Request) -> bool:
    return request.message.source == HUB


def _registers(total: int, tiers: int = 1) -> bytes:
    return Registers(total, tiers, [total] * tiers).build()


_M: Final = Metering
_ROWS: Final[tuple[tuple[Attribute[int], Callable[[Commands], object]], ...]] = (
    (_M.power_factor, lambda commands: POWER_FACTOR),
    (_M.daily_freeze_time, lambda commands: 0),
    (_M.historical_freeze_time, lambda commands: 0),
    (_M.default_update_period, lambda commands: commands.fast_poll.default),
    (_M.fast_poll_update_period, lambda commands: commands.fast_poll.least),
    (_M.profile_interval_period, lambda commands: Period.MINUTES_30),
    (_M.max_number_of_periods_delivered, lambda commands: MOST),
    (_M.active_register_tier_delivered, lambda commands: 1),
    (_M.current_tier_summation_delivered[1], lambda commands: commands.delivered),
    (_M.demand_limit, lambda commands: commands.load_limit),
    (_M.demand_integration_period, lambda commands: 30),
    (_M.number_of_demand_subintervals, lambda commands: 1),
    (_M.load_limit_supply_state, lambda commands: commands.load_limit_state),
    (_M.load_limit_counter, lambda commands: commands.supply.counter),
    (_M.supply_tamper_state, lambda commands: commands.supply.policy.tamper),
    (_M.supply_depletion_state, lambda commands: commands.supply.policy.depletion),
    (_M.supply_uncontrolled_flow_state, lambda commands: commands.supply.policy.uncontrolled_flow),
    (_M.proposed_change_supply_implementation_time, lambda commands: commands.supply.implementation_time),
    (_M.proposed_change_supply_status, lambda commands: getattr(commands.supply.pending, "status", None)),
)
_OWN: Final = {attribute.id: read for attribute, read in _ROWS}
TABLE: Final[Mapping[int, object]] = {**DERIVED, **_OWN}
"""Attributes of the cluster beside those of `zcl`."""
