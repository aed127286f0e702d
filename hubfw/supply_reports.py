"""What leaves the premises of what the hub knows of their supply: which meters' outages, and whose voltage alerts.

Outages are told for all electricity meters and the hub's own sense; or for the meters of a list that the head end reads and
writes (`0-0:128.30.10`: an array of EUI-64s; one of all ones is everybody, and none is silence). The hub's own record is kept all
the same. A home whose meters are outside the central company tells nothing, and nothing can be enabled there.

Voltage alerts (`0-0:128.30.11`): an array of structure (EUI-64, threshold, excursions counted). A meter of that list says when its
voltage leaves its limits; at as many excursions as its threshold one alert is told, with their number, and the count begins anew. A
voltage that comes and goes is told so often at once, and then once in a while (`allowance`), with all that were counted meanwhile.
The count is in the array as it is read, and is zero where it is written. Which voltage is inside, the meter judges.

Not here: when a loss is an outage (`outage`), sending (`wan.notifier`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from hubfw.allowance import Allowance
from hubfw.config import Config
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.metering import Status

if TYPE_CHECKING:
    from devices.runtime.board import Board

OUTAGE_REPORTS: Final = "0-0:128.30.10"
VOLTAGE_ALERTS: Final = "0-0:128.30.11"
VOLTAGE_ALERT: Final = 6
"""Event code; the body is a structure of the meter's EUI-64 and how many excursions it had."""
EVERYBODY: Final = 0xFFFFFFFFFFFFFFFF
MOST: Final = 16
"""Meters in a list, as many as the device log has lines."""

_REPORTS, _ALERTS = "supply/reports", "supply/alerts"
_OUTSIDE = "supply/outside"


class SupplyReports:
    """The two lists. `now()`: of the kernel. `tell(code, body)`: what is to be stored for the head end to be told; `start()` sends
    it, once stored."""

    def __init__(
        self,
        board: Board,
        config: Config,
        now: Callable[[], int],
        tell: Callable[[int, Data], Mapping[str, object]],
        start: Callable[[], object],
    ) -> None:
        self._board = board
        self._now = now
        self._allowance = Allowance()
        self._central = config.central
        self._tell = tell
        self._start = start
        first = (EVERYBODY,) if config.outage_reports is None else config.outage_reports
        self._chosen: list[int] = board.nvm.get(_REPORTS, list(first))
        self._alerts: dict[int, tuple[int, int]] = {
            eui64: (after, count)
            for eui64, after, count in board.nvm.get(_ALERTS, [[eui64, after, 0] for eui64, after in config.voltage_alerts])
        }
        self._outside: list[int] = board.nvm.get(_OUTSIDE, [])

    def objects(self) -> Iterable[InterfaceClass]:
        """For the hub's logical device."""
        write = {"value": Access.READ_WRITE}
        yield cosem.Data(OUTAGE_REPORTS, value=self._listed, access=write, on={"value": self._choose})
        yield cosem.Data(VOLTAGE_ALERTS, value=self._counted, access=write, on={"value": self._enable})

    def outage(self, sources: Iterable[str]) -> bool:
        """Whether an outage that these have told of (EUI-64s in hexadecimal digits; or the hub's own sense) is told."""
        return self._central and any(eui64 == EVERYBODY or f"{eui64:016X}" in sources for eui64 in self._chosen)

    def heard(self, eui64: int, status: int) -> None:
        """An electricity meter's Metering Status."""
        outside = bool(status & Status.POWER_QUALITY)
        if eui64 not in self._alerts or outside == (eui64 in self._outside):
            return
        self._outside = [each for each in self._outside if each != eui64] + [eui64] * outside
        stored: dict[str, object] = {_OUTSIDE: self._outside}
        if outside and self._central:
            after, count = self._alerts[eui64]
            count += 1
            told = count >= after and self._allowance.take(self._now())
            self._alerts[eui64] = after, 0 if told else count
            stored |= self._kept()
            if told:
                self._board.log("hub.voltage-alert", {"eui64": eui64, "excursions": count})
                stored |= self._tell(VOLTAGE_ALERT, axdr.structure(axdr.octets(eui64.to_bytes(8, "big")), axdr.u32(count)))
        self._board.nvm.put(stored)
        self._start()

    def _kept(self) -> dict[str, object]:
        return {_ALERTS: [[eui64, after, count] for eui64, (after, count) in self._alerts.items()]}

    # --- the objects ---

    def _listed(self) -> Data:
        chosen = self._chosen if self._central else []
        return axdr.array(axdr.octets(eui64.to_bytes(8, "big")) for eui64 in chosen)

    def _counted(self) -> Data:
        alerts = self._alerts if self._central else {}
        return axdr.array(
            axdr.structure(axdr.octets(eui64.to_bytes(8, "big")), axdr.u8(after), axdr.u32(count))
            for eui64, (after, count) in alerts.items()
        )

    def _choose(self, value: Data) -> None:
        self._admit(OUTAGE_REPORTS)
        self._chosen = [_eui64(each, OUTAGE_REPORTS) for each in _array(value, OUTAGE_REPORTS)]
        self._board.nvm.put({_REPORTS: self._chosen})

    def _enable(self, value: Data) -> None:
        self._admit(VOLTAGE_ALERTS)
        alerts: dict[int, tuple[int, int]] = {}
        for line in _array(value, VOLTAGE_ALERTS):
            match line:
                case [meter, int(after), int()] if 1 <= after <= 255:
                    alerts[_eui64(meter, VOLTAGE_ALERTS)] = after, 0
                case _:
                    raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, VOLTAGE_ALERTS)
        self._alerts = alerts
        self._outside = [eui64 for eui64 in self._outside if eui64 in alerts]
        self._board.nvm.put({_OUTSIDE: self._outside, **self._kept()})

    def _admit(self, name: str) -> None:
        if not self._central:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, f"{name}: meters outside the central company tell nothing")


def _array(value: Data, name: str) -> list[object]:
    items = value.python
    if not isinstance(items, list):
        raise AccessError(DataAccessResult.TYPE_UNMATCHED, name)
    if len(items) > MOST:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, name)
    return items


def _eui64(value: object, name: str) -> int:
    if not isinstance(value, bytes) or len(value) != 8:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, name)
    return int.from_bytes(value, "big")
