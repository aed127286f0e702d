"""The gas meter's mirror: what the sleeping meter last reported, as one complete set with its time.

The meter pushes its attributes in pieces; the last piece carries Attribute Reporting Status = complete (SE 1.4 annex D.3).
Readers see the last complete set only, never a mixture of two wake-ups: pieces are kept aside until the set is complete, a
set that was broken off is dropped, and a set that lacks what the set before it had is refused until the meter configures its
mirror anew. The mirror answers everybody who asks for gas data, so the meter never has to be awake.

Not here: the mirror endpoint and its commands (`han`), what COSEM makes of the values (`translation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.zigbee.clusters.mirror import ReportingStatus
from protocols.zigbee.zcl.cluster import Attribute, Cluster

S = 1_000_000_000

PATIENCE = 30 * S
"""Pieces further apart than this belong to different sets."""

Key = tuple[int, int]
"""(cluster, attribute) identifiers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A complete set: values by (cluster, attribute), and the UTC (ns) at which the last piece arrived."""

    values: Mapping[Key, object]
    at: int

    def get(self, cluster: type[Cluster], attribute: Attribute[object]) -> object | None:
        """The value of an attribute, None when the meter did not report it."""
        return self.values.get((cluster.id, attribute.id))


@dataclass(slots=True)
class GasMirror:
    """One meter's mirror. `stored` restores the last complete set after a restart (see `plain`)."""

    meter: int
    reading: Reading | None = None
    refused: int = 0
    """Sets that were complete by their own word but lacked attributes."""
    _pieces: dict[Key, object] = field(default_factory=dict)
    _last_piece: int = 0
    _expected: frozenset[Key] = frozenset()

    def configure(self) -> None:
        """The meter configures its mirror: the next set may hold other attributes than the last."""
        self._pieces.clear()
        self._expected = frozenset()

    def report(self, cluster: type[Cluster], values: Mapping[Attribute[object], object], now: int, utc: int) -> bool:
        """A piece: values of one cluster. True when it completed a set, which readers see from now on."""
        if now - self._last_piece > PATIENCE:
            self._pieces.clear()
        self._last_piece = now
        status: object = ReportingStatus.PENDING
        for attribute, value in values.items():
            if attribute is Cluster.attribute_reporting_status:
                status = value
            else:
                self._pieces[cluster.id, attribute.id] = _storable(value)
        if status != ReportingStatus.COMPLETE:
            return False
        pieces, self._pieces = self._pieces, {}
        if not self._expected <= pieces.keys():
            self.refused += 1
            return False
        self._expected = frozenset(pieces)
        self.reading = Reading(pieces, utc)
        return True

    def plain(self) -> dict[str, object]:
        """The last complete set as plain values, for non-volatile memory."""
        reading = self.reading
        values = [] if reading is None else [[cluster, attribute, value] for (cluster, attribute), value in reading.values.items()]
        return {"meter": self.meter, "at": 0 if reading is None else reading.at, "values": values}

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> GasMirror:
        """What `plain` gave, read back after a restart."""
        meter, at, values = plain["meter"], plain["at"], plain["values"]
        if not (isinstance(meter, int) and isinstance(at, int) and isinstance(values, list)):
            raise TypeError(f"stored mirror: {plain!r}")
        mirror = cls(meter)
        if values:
            mirror.reading = Reading({(cluster, attribute): value for cluster, attribute, value in values}, at)
            mirror._expected = frozenset(mirror.reading.values)
        return mirror


def _storable(value: object) -> object:
    """Texts that are not UTF-8 lose what isn't: neither memory nor any reader could take it."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value
