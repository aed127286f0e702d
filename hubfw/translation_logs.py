"""Logs of the gas meter as profiles (class 7): half hours from Get Sampled Data, midnights from Get Snapshot.

A sleeping meter answers at its next wake. The method `capture` has it asked for what is newer than the newest row, of the last day
where there is none; `PENDING` shows that the question waits, and the rows are there once it is answered. A half hour has its
consumption and stands at its end, a midnight the register and its tiers; what the meter marks as invalid is null. Rows are kept
until the next restart of the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hubfw.translation import Gas
from protocols.core.codec import Frame
from protocols.core.errors import DecodeError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, InterfaceClass, ProfileGeneric, Unit, date_time
from protocols.dlms.cosem.interface import method
from protocols.dlms.cosem.reference import Column
from protocols.dlms.cosem.types import I8
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import INVALID
from protocols.zigbee.metering.snapshots import Assembly, Cause, Registers, Snapshot

S: Final = 1_000_000_000
DAY: Final = 86_400
HALF_HOURS, MIDNIGHTS = "7-0:99.1.0", "7-0:98.2.0"
SAMPLE, REGISTER = "7-0:128.8.1", "7-0:128.6.1"
PROFILE: Final = 1
"""Sample identifier of the half hours."""
DELIVERED: Final = 0
MOST_SAMPLES: Final = 288
ROOM: Final = 48 * 31
NEVER: Final = 0xFFFFFFFF
UNKNOWN: Final = 0xFFFF_FFFF_FFFF
"""A register that the meter could not tell."""


@dataclass(frozen=True, slots=True)
class Log:
    """A row of the table: `flag` and `question` (for what is later than a time) ask, `command` is the answer."""

    name: str
    what: str
    value: str
    question: type[Frame]
    answer: type[Frame]
    flag: Functional
    ask: Callable[[int], Frame]


LOGS: Final = (
    Log(HALF_HOURS, "half hours", SAMPLE, Metering.GetSampledData, Metering.GetSampledDataResponse, Functional.GET_SAMPLED_DATA,
        lambda since: Metering.GetSampledData(PROFILE, since, DELIVERED, MOST_SAMPLES)),
    Log(MIDNIGHTS, "midnights", REGISTER, Metering.GetSnapshot, Metering.PublishSnapshot, Functional.GET_SNAPSHOT,
        lambda since: Metering.GetSnapshot(since + 1, NEVER, 0, Cause.GENERAL)),
)  # fmt: skip


class AskedProfile(ProfileGeneric, id=7, version=1):
    """A profile whose rows come from a meter that is asleep: `capture` has it asked."""

    def __init__(self, logical_name: str, *, columns: Sequence[Column], profile_entries: int, asks: Callable[[], object]) -> None:
        super().__init__(logical_name, columns=columns, profile_entries=profile_entries)
        self.asks = asks

    @method(2, I8)
    def capture(self, argument: Data) -> None:
        """Have the meter asked at its next wake."""
        self.asks()


class Logs:
    """Both logs of one meter. `time`: the clock's, which stands in the first column."""

    def __init__(self, gas: Gas, clock: InterfaceClass) -> None:
        self._gas = gas
        self._rows: dict[str, dict[int, Data]] = {log.name: {} for log in LOGS}
        self._assembly = Assembly()
        self._profiles: dict[str, AskedProfile] = {}
        self.objects: list[InterfaceClass] = []
        for log in LOGS:
            value = cosem.Register(log.value, value=self._newest(log), scaler_unit=(-3, Unit.CUBIC_METRE))
            columns = Column(clock, 2), Column(value, 2)
            profile = AskedProfile(log.name, columns=columns, profile_entries=ROOM, asks=self._asker(log))
            self._profiles[log.name] = profile
            self.objects += [value, profile]

    def _newest(self, log: Log) -> Callable[[], Data]:
        def read() -> Data:
            rows = self._rows[log.name]
            if not rows:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, log.name)
            return rows[max(rows)]

        return read

    def _asker(self, log: Log) -> Callable[[], None]:
        def ask() -> None:
            rows = self._rows[log.name]
            self._gas.order(log.flag, log.ask(max(rows) if rows else max(self._gas.now - DAY, 0)))

        return ask

    def answered(self, frame: Frame) -> None:
        """What the meter said, asked by whomever."""
        if isinstance(frame, Metering.GetSampledDataResponse) and (frame.sample_id, frame.sample_type) == (PROFILE, DELIVERED):
            start, interval = frame.sample_start_time, frame.sample_request_interval
            samples = enumerate(frame.samples, 1)
            self._take(HALF_HOURS, {start + number * interval: sample(used) for number, used in samples})
        elif isinstance(frame, Metering.PublishSnapshot) and frame.snapshot_cause & Cause.GENERAL:
            try:
                snapshot = self._assembly.add(frame)
                if snapshot is not None:
                    self._take(MIDNIGHTS, {snapshot.time: _register(snapshot)})
            except DecodeError:  # not a snapshot of registers
                return

    def _take(self, name: str, new: Mapping[int, Data]) -> None:
        rows = self._rows[name]
        rows.update(new)
        for old in sorted(rows)[:-ROOM]:
            del rows[old]
        self._gas.translated += len(new)
        self._profiles[name].restore(row(time, rows[time]) for time in sorted(rows))


def row(time: int, value: Data) -> bytes:
    """Of a profile, at a time (seconds since 2000)."""
    octets: bytes = axdr.structure(axdr.octets(date_time.encode((time + EPOCH) * S)), value).build()
    return octets


def sample(used: int) -> Data:
    """Litres; null where the meter has none."""
    return axdr.null() if used == INVALID else axdr.u32(used)


def _register(snapshot: Snapshot) -> Data:
    registers: Any = Registers.parse(snapshot.payload)
    return axdr.null() if registers.summation == UNKNOWN else axdr.u64(registers.summation)
