"""The coordinator's side of the Sub-GHz cluster: its own airtime, and whom it asks to be silent (SE 1.4 annex D.13.2).

The coordinator counts what it sends in an hour, and for whom. From the limited state on the device that cost most is asked to send
no ZCL messages for some minutes, from the critical state on all are; who speaks all the same is asked again, and not heard.
Limits are shares of an hour below what the regulation allows (2.5 % for devices of ETSI EN 303 204), which the radio keeps by
itself (`duty_cycle`). Counts are of this boot. Not here: firmware images, which have a wait of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from protocols.core.effects import Effect
from protocols.zigbee.sub_ghz.duty_cycle import HOUR, MINUTE, DutyCycle

SUSPENSION = 5
"""Minutes for which a device is asked to be silent."""
_CLIENTS = 32


class DutyState(IntEnum):
    """What the airtime of the last hour allows."""

    NORMAL = 0
    LIMITED = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares of an hour (0..1) from which on the state is limited, and critical."""

    limited: float = 0.015
    critical: float = 0.020


class Suspend(Effect, frozen=True):
    """Send SuspendZclMessages to this device."""

    eui64: int
    minutes: int


class Server:
    """One coordinator's account. Times are ns; devices are EUI-64."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = DutyState.NORMAL
        self._own = DutyCycle(1.0)
        self._for: dict[int, DutyCycle] = {}
        self._until: dict[int, int] = {}
        self._chosen: int | None = None

    def spend(self, eui64: int | None, airtime: int, now: int) -> list[Suspend]:
        """The radio sends for so long, to a device or (None) to everybody."""
        before = self._judge(now)
        self._own.spend(now, airtime)
        if eui64 is not None:
            account = self._for.get(eui64)
            if account is None and len(self._for) < _CLIENTS:
                account = self._for[eui64] = DutyCycle(1.0)
            if account is not None:
                account.spend(now, airtime)
        if self._judge(now) <= before or not self._for:
            return []
        if self.state is DutyState.CRITICAL:
            return [self._silence(each, now) for each in self._for]
        self._chosen = max(self._for, key=lambda each: self._for[each].spent)
        return [self._silence(self._chosen, now)]

    def share(self, now: int) -> float:
        """Of the last hour, 0..1, spent sending."""
        self._own.used(now)
        return self._own.spent / HOUR

    def minutes(self, eui64: int, now: int) -> int:
        """For how long a device is to be silent; 0: it may speak."""
        return -(-max(self._until.get(eui64, 0) - now, 0) // MINUTE)

    def heard(self, eui64: int, now: int) -> int:
        """A ZCL message of a device arrived: the minutes of which it is to be told again, 0 when it may be answered."""
        self._judge(now)
        if eui64 not in self._for:
            return 0
        renewed = self.state is DutyState.CRITICAL or (self.state is DutyState.LIMITED and eui64 == self._chosen)
        if renewed and not self.minutes(eui64, now):
            self._silence(eui64, now)
        return self.minutes(eui64, now)

    def _judge(self, now: int) -> DutyState:
        share = self.share(now)
        self.state = DutyState((share >= self.limits.limited) + (share >= self.limits.critical))
        return self.state

    def _silence(self, eui64: int, now: int) -> Suspend:
        self._until[eui64] = now + SUSPENSION * MINUTE
        return Suspend(eui64, SUSPENSION)
