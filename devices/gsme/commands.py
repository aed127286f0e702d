"""Commands of Metering at the gas meter, when it is awake: snapshots of midnights, the profile, samples in short intervals (GB).

They come held by the mirror, and are fetched on its flags; the answers go back there. A snapshot is the register at a midnight, as
the half-hour log has it. Sample 1 is that log: a half hour each. Other logs are begun by Start Sampling and kept here until they
are asked for: a sample costs flash and no radio. Not here: orders for the supply (`valve`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from devices.parts.profile_log import HALF_HOUR, ProfileLog
from devices.runtime.kernel import DAY, S, Timer
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.metering.profile import consumption
from protocols.zigbee.metering.sampling import Sampler, sampled
from protocols.zigbee.metering.snapshots import ROUND, Cause, PayloadType, Registers, Snapshot, Snapshots
from protocols.zigbee.zcl.endpoint import Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from protocols.zigbee.zcl.endpoint import Instance

PROFILE: Final = 1
"""Sample identifier of the half hours."""
DAILY: Final = 31
"""Snapshots of midnights that are shown."""
PARTS: Final = 8
"""Parts of an answer at most: it is awake only now and then."""
_DELIVERED: Final = 0
_SAMPLING: Final = "sampling/"


class Commands:
    """On a Metering server. `read()`: take a reading, which is in flash then, and give the litres."""

    __slots__ = ("_firmware", "_log", "_read", "_sampler", "_taken", "_timer")

    def __init__(self, firmware: Firmware, metering: Instance, log: ProfileLog, read: Callable[[], int]) -> None:
        self._firmware = firmware
        self._log = log
        self._read = read
        self._taken = 0
        self._timer: Timer | None = None
        self._sampler = self._stored() if next(firmware.board.nvm.keys(_SAMPLING), None) else None
        metering.on(Metering.GetSnapshot, lambda command, request: Snapshots().get(command, self._midnights()))
        metering.on(Metering.GetSampledData, self._sampled)
        metering.on(Metering.StartSampling, self._start)
        firmware.board.rtc.on_set.append(self._arm)
        self._arm()

    # --- snapshots and profile: the log ---

    def _midnights(self) -> Iterator[Snapshot]:
        rtc = self._firmware.board.rtc
        today = rtc.read() // DAY if rtc.valid else 0
        for day in range(max(today - DAILY + 1, 0), today + 1):
            row = self._log.at(day * DAY)
            if row is not None:
                registers = Registers(row.total, 1, [row.total]).build()
                yield Snapshot(ROUND | day, seconds(row.at), Cause.GENERAL, PayloadType.TIERS_DELIVERED_NO_BILLING, registers)

    def _sampled(self, command: Metering.GetSampledData, request: Request) -> Outcome:
        if command.sample_id != PROFILE:
            return Status.NOT_FOUND if self._sampler is None else self._sampler.sampled(command, PARTS)
        first, last = self._log.first, self._log.last
        if first is None or last is None or command.sample_type != _DELIVERED:
            return Status.NOT_FOUND

        def used(number: int) -> int:
            before, after = self._log.at(first.at + number * HALF_HOUR), self._log.at(first.at + (number + 1) * HALF_HOUR)
            return consumption(None if before is None else before.total, None if after is None else after.total)

        return sampled(command, seconds(first.at), HALF_HOUR // S, (last.at - first.at) // HALF_HOUR, used, PARTS)

    # --- sampling ---

    def _stored(self) -> Sampler:
        nvm = self._firmware.board.nvm
        stored = {key.removeprefix(_SAMPLING): nvm.get(key) for key in nvm.keys(_SAMPLING)}
        return Sampler({_DELIVERED: lambda: self._taken}, stored, first=PROFILE + 1)

    def _save(self, sampler: Sampler) -> None:
        changed, gone = sampler.changes()
        changed = {_SAMPLING + key: value for key, value in changed.items()}
        self._firmware.board.nvm.commit(changed, [_SAMPLING + key for key in gone])

    def _start(self, command: Metering.StartSampling, request: Request) -> Outcome:
        rtc = self._firmware.board.rtc
        if not rtc.valid:
            return Status.FAILURE
        self._sampler = self._sampler or self._stored()
        self._taken = self._read()
        outcome = self._sampler.start(command, seconds(rtc.read()))
        self._save(self._sampler)
        self._arm()
        return outcome

    def _arm(self) -> None:
        """Have the register read when a sample is due on the meter's clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = None if self._sampler is None else self._sampler.deadline
        rtc = self._firmware.board.rtc
        if due is not None and rtc.valid:
            self._timer = self._firmware.at(rtc.when((due + EPOCH) * S), self._sample)

    def _sample(self) -> None:
        self._timer = None
        if self._sampler is not None:
            self._taken = self._read()
            self._sampler.expire(seconds(self._firmware.board.rtc.read()))
            self._save(self._sampler)
        self._arm()
