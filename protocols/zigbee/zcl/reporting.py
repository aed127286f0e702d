"""Configured reporting of an endpoint, sans-I/O (07-5123 clauses 2.5.7 to 2.5.11).

A peer configures which attributes it wants and how often; `expire` gives the reports that are due at `deadline`. Values
bound to callables cannot announce a change: the firmware that knows of one says `changed`, and the minimum interval and
the reportable change decide. Reports go back to who configured them. What is configured can be stored (`plain`, `restore`).
Time-outs for reports *to* us are not supervised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.node import S
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.foundation import (
    REPORTED_BY_YOU,
    ConfigureReporting,
    ConfigureReportingResponse,
    Intervals,
    ReadReportingConfiguration,
    ReadReportingConfigurationResponse,
    ReportingOutcome,
    ReportingState,
)
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from protocols.zigbee.zcl.endpoint import Endpoint, Instance

MAX_ENTRIES = 32
NEVER = 0xFFFF


class Report(Effect, frozen=True):
    """A Report Attributes frame for a peer: short address and endpoint."""

    destination: tuple[int, int]
    cluster: int
    payload: bytes


@dataclass(slots=True)
class Entry:
    """One attribute reported to one peer. Times in ns."""

    instance: Instance
    attribute: Attribute[object]
    destination: tuple[int, int]
    intervals: Intervals
    sent: int
    value: object
    change_waits: bool = False

    @property
    def due(self) -> int | None:
        """When the next report is."""
        if self.change_waits:
            return self.sent + self.intervals.minimum * S
        return self.sent + self.intervals.maximum * S if self.intervals.maximum else None

    def differs(self, value: object) -> bool:
        """Whether a change from the last report is worth one."""
        change = self.intervals.change
        if change is None or value is None or self.value is None:
            return value != self.value
        return abs(cast(int, value) - cast(int, self.value)) >= max(cast(int, change), 1)


class Reporting:
    """The reporting table of an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.entries: dict[tuple[int, int, int], Entry] = {}
        self.configured: Callable[[], object] = lambda: None
        """Called when what is configured has changed."""

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted, ns."""
        return min((due for entry in self.entries.values() if (due := entry.due) is not None), default=None)

    def expire(self, now: int) -> list[Report]:
        """The reports that are due."""
        return self._send([entry for entry in self.entries.values() if (due := entry.due) is not None and due <= now], now)

    def changed(self, instance: Instance, attribute: Attribute[object]) -> None:
        """The value may have changed: the report of it, if it is worth one, is due when `deadline` says."""
        entry = self.entries.get((instance.cluster.id, instance.side, attribute.id))
        if entry is not None and entry.differs(instance[attribute]):
            entry.change_waits = True

    def _send(self, entries: Iterable[Entry], now: int) -> list[Report]:
        together: dict[tuple[tuple[int, int], int, int], list[Entry]] = {}
        for entry in entries:
            entry.sent, entry.value, entry.change_waits = now, entry.instance[entry.attribute], False
            key = (entry.destination, entry.instance.cluster.id, entry.instance.side)
            together.setdefault(key, []).append(entry)
        reports = []
        for (destination, cluster, _), group in together.items():
            instance = group[0].instance
            attributes = [entry.attribute for entry in group]
            for payload in self.endpoint.report(instance.cluster, attributes, side=instance.side):
                reports.append(Report(destination, cluster, payload))
        return reports

    def configure(self, instance: Instance, command: ConfigureReporting, peer: tuple[int, int], now: int) -> Frame:
        """Take a peer's wishes, each on its own."""
        refused, before = [], self.plain()
        for record in command.records:
            status = self._configure(instance, record.attribute, record.reporting, peer, now)
            if status:
                refused.append(ReportingOutcome(status, record.direction, record.attribute))
        if self.plain() != before:
            self.configured()
        return ConfigureReportingResponse(refused or [ReportingOutcome(Status.SUCCESS)])

    def _configure(self, instance: Instance, id: int, reporting: Intervals | int, peer: tuple[int, int], now: int) -> Status:
        attribute = instance.cluster.attributes[instance.side].get(id)
        if attribute is None or attribute not in instance or not isinstance(reporting, Intervals):
            return Status.UNSUPPORTED_ATTRIBUTE
        if not attribute.reports:
            return Status.UNREPORTABLE_ATTRIBUTE
        if reporting.type is not attribute.type:
            return Status.INVALID_DATA_TYPE
        key = (instance.cluster.id, int(instance.side), id)
        if reporting.maximum == NEVER or (reporting.maximum == 0 and reporting.minimum == NEVER):
            self.entries.pop(key, None)
            return Status.SUCCESS
        if reporting.maximum and reporting.minimum > reporting.maximum:
            return Status.INVALID_VALUE
        if key not in self.entries and len(self.entries) >= MAX_ENTRIES:
            return Status.INSUFFICIENT_SPACE
        self.entries[key] = Entry(instance, attribute, peer, reporting, now, instance[attribute])
        return Status.SUCCESS

    def plain(self) -> list[list[object]]:
        """What is configured, as plain values."""
        return [
            [*key, *entry.destination, entry.intervals.minimum, entry.intervals.maximum, entry.intervals.change]
            for key, entry in self.entries.items()
        ]

    def restore(self, stored: Iterable[Sequence[object]], now: int) -> None:
        """Take up what `plain` gave: the intervals begin anew. What the endpoint no longer has is left out."""
        for cluster, side, id, address, endpoint, minimum, maximum, change in cast("Iterable[Sequence[int]]", stored):
            instance = next((each for key, each in self.endpoint.instances.items() if key == (cluster, side)), None)
            attribute = None if instance is None else instance.cluster.attributes[instance.side].get(id)
            if instance is not None and attribute is not None and attribute in instance:
                intervals = Intervals(attribute.type, minimum, maximum, change)
                entry = Entry(instance, attribute, (address, endpoint), intervals, now, instance[attribute])
                self.entries[cluster, int(side), id] = entry

    def read(self, instance: Instance, command: ReadReportingConfiguration) -> Frame:
        """How attributes are reported now."""
        states = []
        for query in command.records:
            entry = self.entries.get((instance.cluster.id, int(instance.side), query.attribute))
            if query.attribute not in instance.held or query.direction != REPORTED_BY_YOU:
                states.append(ReportingState(Status.UNSUPPORTED_ATTRIBUTE, query.direction, query.attribute))
            elif entry is None:
                states.append(ReportingState(Status.NOT_FOUND, query.direction, query.attribute))
            else:
                states.append(ReportingState(Status.SUCCESS, query.direction, query.attribute, entry.intervals))
        return ReadReportingConfigurationResponse(states)
