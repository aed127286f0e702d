"""What the meter keeps for Metering's commands: orders for the supply, schedules, snapshots on request, samples (SE 1.4 annex D.3).

The snapshots of midnights and of billing days are rows of COSEM's daily and billing logs, and not kept a second time. All else is
in flash before it is answered. The hub alone may change the supply, its limits, and schedules; at a display an armed supply is
switched on and no more. Few meters are ever asked for any of this: `metering` makes it when one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar, cast

from devices.esme.limits import Limits
from devices.esme.meter import Meter
from devices.esme.metering import SAMPLING, SUPPLY_STATES, seconds
from devices.esme.timed_objects import BILLED, BILLING_LOG
from devices.parts.han import HUB, Han, NoAnswer
from devices.runtime.kernel import DAY, S, Timer
from protocols.core.codec import Frame
from protocols.dlms.cosem import date_time
from protocols.dlms.logical_device import LogicalDevice
from protocols.zigbee.clusters import time as zigbee_time
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
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
from protocols.zigbee.zcl.endpoint import Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

C = TypeVar("C", bound=Frame)

DAILY: Final = 31
"""Snapshots of midnights that are shown."""
_TYPES: Final = frozenset({PayloadType.TIERS_DELIVERED_NO_BILLING, PayloadType.TIERS_RECEIVED_NO_BILLING})
_CAUSES: Final = int(sum(Cause))
_BILLING: Final = 0x4000_0000
_SUPPLY, _SNAPSHOTS, _SCHEDULES = "metering/supply", "metering/snapshots", "metering/schedules"


class Orders:
    """One meter's. Its timer follows the meter's clock."""

    __slots__ = ("_device", "_firmware", "_han", "_limits", "_meter", "_sampler", "_schedules", "_snapshots", "_timer", "supply")

    def __init__(self, firmware: Firmware, han: Han, meter: Meter, limits: Limits, device: LogicalDevice) -> None:
        self._firmware = firmware
        self._han = han
        self._meter = meter
        self._limits = limits
        self._device = device
        nvm = firmware.board.nvm
        self.supply = SupplyControl(self._obey, restores=True, stored=nvm.get(_SUPPLY))
        self._snapshots: Snapshots | None = None
        self._schedules = self._stored_schedules() if _SCHEDULES in nvm else None
        self._sampler = self._stored_samples() if next(nvm.keys(SAMPLING), None) else None
        self._timer: Timer | None = None
        firmware.board.rtc.on_set.append(self._arm)
        self._arm()

    @property
    def seconds(self) -> int | None:
        """Since 2000, UTC; None: the clock has no time."""
        return seconds(self._firmware.board.rtc)

    def obey(self, command: Frame, request: Request) -> Outcome:
        """Act on a command of HANDLERS."""
        return _HANDLERS[type(command)](self, command, request)

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
        payload = _registers(self._meter.export_wh)
        if payload_type == PayloadType.TIERS_DELIVERED_NO_BILLING:
            payload = _registers(self._meter.import_wh, *self._meter.tiers())
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

    def changed(self, cause: int) -> None:
        """Something was changed that a snapshot is taken for."""
        now = self.seconds
        if now is not None:
            self._keep(cause, now)

    def _followed(self) -> Iterator[Snapshot]:
        """The snapshots that are rows of other logs: of midnights, and of billing days."""
        kind = PayloadType.TIERS_DELIVERED_NO_BILLING
        for row in self._meter.days.rows(DAILY):
            registers = _registers(row.total, *(row.totals[1:] or row.totals[:1]))
            yield Snapshot(ROUND | row.at // DAY, zigbee_time.seconds(row.at), Cause.GENERAL, kind, registers)
        billed = self._device.find(BILLING_LOG)
        for cells in billed.read(2).value if billed is not None else ():
            time = date_time.instant(cells.value[0].value)
            if time is not None:
                at = zigbee_time.seconds(time)
                number = ROUND | _BILLING | at // 60
                total = cells.value[1].value
                tiers = self._firmware.board.nvm.get(BILLED, {}).get(str(at // 60), [total])
                yield Snapshot(number, at, Cause.END_OF_BILLING_PERIOD, kind, _registers(total, *tiers))

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
        return Sampler(registers, {key.removeprefix(SAMPLING): nvm.get(key) for key in nvm.keys(SAMPLING)})

    def _save_samples(self) -> None:
        assert self._sampler is not None
        changed, gone = self._sampler.changes()
        changed = {SAMPLING + key: value for key, value in changed.items()}
        self._firmware.board.nvm.commit(changed, [SAMPLING + key for key in gone])

    def _get(self, command: Metering.GetSnapshot, request: Request) -> Outcome:
        return self._kept_snapshots().get(command, self._followed())

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

    def exceeded(self) -> None:
        """The load was above its limit for long enough."""
        self.supply.exceeded()
        self._save_supply()


def _from_hub(request: Request) -> bool:
    return request.message.source == HUB


def _registers(total: int, *tiers: int) -> bytes:
    return Registers(total, len(tiers), list(tiers)).build()


def _row(kind: type[C], handler: Callable[[Orders, C, Request], Outcome]) -> tuple[type[Frame], Handler]:
    return kind, cast(Handler, handler)


Handler = Callable[[Orders, Frame, Request], Outcome]
_HANDLERS: Final[Mapping[type[Frame], Handler]] = dict((
    _row(Metering.TakeSnapshot, Orders._take),
    _row(Metering.GetSnapshot, Orders._get),
    _row(Metering.ScheduleSnapshot, Orders._schedule),
    _row(Metering.StartSampling, Orders._start_sampling),
    _row(Metering.GetSampledData, Orders._sampled),
    _row(Metering.ChangeSupply, Orders._change_supply),
    _row(Metering.LocalChangeSupply, Orders._change_locally),
    _row(Metering.SetSupplyStatus, Orders._set_policy),
    _row(Metering.ResetLoadLimitCounter, Orders._reset_counter),
))  # fmt: skip
