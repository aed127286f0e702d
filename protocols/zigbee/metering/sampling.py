"""Sampling: logs of consumption in short intervals, taken on request (SE 1.4 annex D.3, Start Sampling and Get Sampled Data).

A sample is the difference of a register at the two ends of its interval, both read when the interval began and ended; where one was
not (no power, or the clock jumped) the sample is INVALID. A sample is written once and counted from the start: none is lost or
doubled by a clock that is set back. So many logs of so many samples are kept; a log that is full makes room for a new one, the
oldest first. A part of an answer holds what goes into a small transfer; what the parts do not hold is asked for by its time.
Times are seconds since 2000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.metering.profile import INVALID, consumption
from protocols.zigbee.zcl.status import Status

NO_ROOM: Final = 0xFFFF
NOW: Final = 0
CANCEL: Final = 0xFFFFFFFF
LOGS: Final = 4
MOST: Final = 4_032
"""Samples in a log: twelve weeks of half hours, four weeks of ten minutes."""
IN_AN_ANSWER: Final = 36
_CHUNK: Final = 64
_BEFORE: Final = -1
_OCTETS: Final = 3

Registers = Mapping[int, Callable[[], int]]
"""By sample type, what reads the register."""


@dataclass(slots=True)
class Log:
    """One. `taken`: intervals that are over, _BEFORE until it has started; `base`: the register at the end of the last one."""

    id: int
    issuer_event_id: int
    start: int
    type: int
    interval: int
    most: int
    taken: int = _BEFORE
    base: int | None = None
    chunks: list[bytes] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether there are samples to come."""
        return self.taken < self.most

    @property
    def due(self) -> int:
        """When the next interval begins or ends."""
        return self.start + (self.taken + 1) * self.interval

    def sample(self, number: int) -> int:
        """One that was taken."""
        at = number % _CHUNK * _OCTETS
        return int.from_bytes(self.chunks[number // _CHUNK][at : at + _OCTETS], "little")

    def head(self) -> list[int | None]:
        """All but the samples, for non-volatile memory."""
        return [self.id, self.issuer_event_id, self.start, self.type, self.interval, self.most, self.taken, self.base]

    def advance(self, now: int, total: int) -> bool:
        """The register is read. True when an interval began or ended since."""
        over = min((now - self.start) // self.interval, self.most) if now >= self.start else _BEFORE
        if over <= self.taken:
            return False
        punctual = now == self.start + over * self.interval
        for number in range(max(self.taken, 0), over):
            known = punctual and number == over - 1 == self.taken
            self._append(number, consumption(self.base, total) if known else INVALID)
        self.taken = over
        self.base = total if punctual else None
        return True

    def _append(self, number: int, sample: int) -> None:
        if number % _CHUNK == 0:
            self.chunks.append(b"")
        self.chunks[-1] += sample.to_bytes(_OCTETS, "little")


class Sampler:
    """A meter's logs. `stored`: what `changes` gave, by key; `first`: the lowest identifier of a log."""

    __slots__ = ("_changed", "_deleted", "_first", "_logs", "_registers")

    def __init__(self, registers: Registers, stored: Mapping[str, object] | None = None, *, first: int = 1) -> None:
        self._registers = registers
        self._first = first
        self._logs: dict[int, Log] = {}
        self._changed: dict[str, object] = {}
        self._deleted: list[str] = []
        stored = stored or {}
        for key, value in stored.items():
            if "." not in key and isinstance(value, list):
                log = Log(*value)
                log.chunks = [bytes(chunk) for chunk in _chunks(log, stored)]
                self._logs[log.id] = log

    def changes(self) -> tuple[dict[str, object], list[str]]:
        """What is new since it was asked last, and what is gone: for one transaction of non-volatile memory."""
        changes = self._changed, [key for key in self._deleted if key not in self._changed]
        self._changed, self._deleted = {}, []
        return changes

    @property
    def deadline(self) -> int | None:
        """When a register is to be read next."""
        return min((log.due for log in self._logs.values() if log.running), default=None)

    def start(self, command: Metering.StartSampling, now: int) -> Metering.StartSamplingResponse | Status:
        """Begin a log, or cancel the one that this event began."""
        same = next((log for log in self._logs.values() if log.issuer_event_id == command.issuer_event_id), None)
        if command.start_sampling_time == CANCEL:
            if same is None:
                return Status.NOT_FOUND
            self._drop(same)
            return Status.SUCCESS
        start = command.start_sampling_time or now
        if not command.sample_request_interval or not command.max_number_of_samples or command.sample_type not in self._registers:
            return Status.INVALID_FIELD
        if start < now or start + command.max_number_of_samples * command.sample_request_interval >= CANCEL:
            return Status.INVALID_VALUE
        if same is not None:
            return Status.DUPLICATE_EXISTS
        if command.max_number_of_samples > MOST or not self._room():
            return Metering.StartSamplingResponse(NO_ROOM)
        identifier = next(number for number in range(self._first, NO_ROOM) if number not in self._logs)
        log = self._logs[identifier] = Log(
            identifier, command.issuer_event_id, start, command.sample_type,
            command.sample_request_interval, command.max_number_of_samples,
        )  # fmt: skip
        log.advance(now, self._registers[log.type]())
        self._changed[str(log.id)] = log.head()
        return Metering.StartSamplingResponse(identifier)

    def _room(self) -> bool:
        full = [log for log in self._logs.values() if not log.running]
        if len(self._logs) >= LOGS and full:
            self._drop(min(full, key=lambda log: log.due))
        return len(self._logs) < LOGS

    def _drop(self, log: Log) -> None:
        del self._logs[log.id]
        keys = [str(log.id), *(f"{log.id}.{number}" for number in range(len(log.chunks)))]
        self._changed = {key: value for key, value in self._changed.items() if key not in keys}
        self._deleted += keys

    def expire(self, now: int) -> None:
        """Read the registers of logs whose time has come."""
        for log in self._logs.values():
            if log.running and log.due <= now:
                before = len(log.chunks)
                log.advance(now, self._registers[log.type]())
                self._changed[str(log.id)] = log.head()
                for number in range(max(before - 1, 0), len(log.chunks)):
                    self._changed[f"{log.id}.{number}"] = log.chunks[number]

    def sampled(self, command: Metering.GetSampledData, parts: int = 1) -> list[Metering.GetSampledDataResponse] | Status:
        """The answer, in so many parts at most: the first samples that began at a time or later."""
        log = self._logs.get(command.sample_id)
        if log is None or log.type != command.sample_type:
            return Status.NOT_FOUND
        return sampled(command, log.start, log.interval, max(log.taken, 0), log.sample, parts)


def sampled(
    command: Metering.GetSampledData, start: int, interval: int, taken: int, sample: Callable[[int], int], parts: int = 1
) -> list[Metering.GetSampledDataResponse] | Status:
    """The answer from any log of samples, the first of which began at `start`."""
    if not command.number_of_samples:
        return Status.INVALID_FIELD
    first = max(-(-(command.earliest_sample_time - start) // interval), 0)
    end = min(first + min(command.number_of_samples, IN_AN_ANSWER * parts), taken)
    if end <= first:
        return Status.NOT_FOUND
    return [
        Metering.GetSampledDataResponse(
            command.sample_id, start + at * interval, command.sample_type, interval, min(IN_AN_ANSWER, end - at),
            [sample(number) for number in range(at, min(at + IN_AN_ANSWER, end))],
        )
        for at in range(first, end, IN_AN_ANSWER)
    ]  # fmt: skip


def _chunks(log: Log, stored: Mapping[str, object]) -> list[bytes]:
    chunks: list[bytes] = []
    while isinstance(chunk := stored.get(f"{log.id}.{len(chunks)}"), bytes):
        chunks.append(chunk)
    return chunks
