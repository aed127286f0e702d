"""Fast samples of the gas meter as a profile (class 7): begun by its capture period, kept in the meter, sent when asked for.

A write of `capture_period` (a minute to an hour) has the meter begin a log of so many seconds at its next wake: it holds a day of
five-minute samples. They cost no radio and no WAN until the method `capture` asks for what is newer than the newest row here. Which
log the meter has begun is in flash; the rows are kept until the next restart of the hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hubfw.translation import Gas
from hubfw.translation_logs import DELIVERED, MOST_SAMPLES, NEVER, ROOM, AskedProfile, row, sample
from hubfw.translation_orders import NOW
from protocols.core.codec import Frame
from protocols.dlms import cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, Unit
from protocols.dlms.cosem.reference import Column
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional

SAMPLES: Final = "7-0:99.2.0"
NEWEST: Final = "7-0:128.8.2"
SHORTEST, LONGEST = 60, 3_600
NO_ROOM: Final = 0xFFFF
_KEY: Final = "gas/samples"


class FastSamples:
    """The profile of one meter. `clock`: the hub's, which stands in the first column."""

    def __init__(self, gas: Gas, clock: InterfaceClass) -> None:
        self._gas = gas
        self._rows: dict[int, Data] = {}
        self._log, period = gas.kept(_KEY, [None, 0])
        value = cosem.Register(NEWEST, value=self._newest, scaler_unit=(-3, Unit.CUBIC_METRE))
        self.profile = AskedProfile(SAMPLES, columns=(Column(clock, 2), Column(value, 2)), profile_entries=ROOM, asks=self._ask)
        self.profile.capture_period = period
        self.profile.access = {"capture_period": Access.READ_WRITE}
        self.profile.on = {"capture_period": self._begin}
        self.objects: list[InterfaceClass] = [value, self.profile]

    def _newest(self) -> Data:
        if not self._rows:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, SAMPLES)
        return self._rows[max(self._rows)]

    def _begin(self, period: Data) -> None:
        if not SHORTEST <= period.value <= LONGEST:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"samples of {period.value} s")
        command = Metering.StartSampling(self._gas.event(), NOW, DELIVERED, period.value, MOST_SAMPLES)
        self._gas.order(Functional.GET_SAMPLED_DATA, command)
        self._keep(None, period.value)

    def _keep(self, log: int | None, period: int) -> None:
        self._log = log
        self._gas.keep(_KEY, [log, period])

    def _ask(self) -> None:
        if self._log is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "nothing is sampled")
        since = max(self._rows, default=0)
        self._gas.order(Functional.GET_SAMPLED_DATA, Metering.GetSampledData(self._log, since, DELIVERED, MOST_SAMPLES))

    def answered(self, frame: Frame) -> None:
        """What the meter said, asked by whomever."""
        if isinstance(frame, Metering.StartSamplingResponse):
            self._keep(None if frame.sample_id == NO_ROOM else frame.sample_id, self.profile.capture_period.value)
        elif isinstance(frame, Metering.GetSampledDataResponse) and (frame.sample_id, frame.sample_type) == (self._log, DELIVERED):
            start, interval = frame.sample_start_time, frame.sample_request_interval
            if interval and start + len(frame.samples) * interval < NEVER:
                self._take({start + number * interval: sample(used) for number, used in enumerate(frame.samples, 1)})

    def _take(self, new: Mapping[int, Any]) -> None:
        self._rows.update(new)
        for old in sorted(self._rows)[:-ROOM]:
            del self._rows[old]
        self._gas.translated += len(new)
        self.profile.restore(row(time, self._rows[time]) for time in sorted(self._rows))
