"""Limiter (class 71): what is done when a value stays above its threshold, and when it is back below. Blue Book 4.5.9.

The firmware gives the monitored value and the time to `evaluate`, which tells the scripts to execute; `deadline` says when
to look again though nothing has changed. Times are UTC ns, durations in the attributes are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.activation import ACTIVATION_TIME, NEVER, moment
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute
from protocols.dlms.cosem.timed import NO_SCRIPT, SCRIPT, Call
from protocols.dlms.cosem.types import BOOLEAN, I8, LOGICAL_NAME, U16, U32, Array, Structure
from protocols.dlms.obis import Obis

VALUE_DEFINITION = Structure(class_id=U16, logical_name=LOGICAL_NAME, attribute_index=I8)
EMERGENCY_PROFILE = Structure(emergency_profile_id=U16, emergency_activation_time=ACTIVATION_TIME, emergency_duration=U32)
ACTIONS = Structure(action_over_threshold=SCRIPT, action_under_threshold=SCRIPT)
MOST_PROFILES: Final = 32


class Limiter(InterfaceClass, id=71, version=0):
    """`monitored_value`: (class, logical name, attribute). The thresholds are of the type of the monitored value.

    The emergency threshold counts while an emergency profile whose identifier is in the group list lasts.
    """

    monitored_value: Attribute = attribute(2, VALUE_DEFINITION)
    threshold_active: Attribute = attribute(3)
    threshold_normal: Attribute = attribute(4, access=Access.READ_WRITE)
    threshold_emergency: Attribute = attribute(5, access=Access.READ_WRITE)
    min_over_threshold_duration: Attribute = attribute(6, U32, default=0, access=Access.READ_WRITE)
    min_under_threshold_duration: Attribute = attribute(7, U32, default=0, access=Access.READ_WRITE)
    emergency_profile: Attribute = attribute(8, EMERGENCY_PROFILE, default=(0, NEVER, 0), access=Access.READ_WRITE)
    emergency_profile_group_id_list: Attribute = attribute(9, Array(U16, MOST_PROFILES), default=(), access=Access.READ_WRITE)
    emergency_profile_active: Attribute = attribute(10, BOOLEAN)
    actions: Attribute = attribute(11, ACTIONS, default=(NO_SCRIPT, NO_SCRIPT), access=Access.READ_WRITE)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        monitored_value: tuple[int, Obis, int],
        threshold_normal: Source,
        threshold_emergency: Source,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
        **given: Source,
    ) -> None:
        self._emergency = False
        self._over = False
        self._since: int | None = None
        self._deadline: int | None = None
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            monitored_value=monitored_value,
            threshold_active=self._threshold,
            threshold_normal=threshold_normal,
            threshold_emergency=threshold_emergency,
            emergency_profile_active=lambda: self._emergency,
            **given,
        )

    @property
    def over(self) -> bool:
        """Whether the action over the threshold was the last one."""
        return self._over

    @property
    def deadline(self) -> int | None:
        """When to evaluate again though the value has not changed: UTC ns, None for not."""
        return self._deadline

    def evaluate(self, value: float, now: int) -> list[Call]:
        """The scripts to execute for a value at this moment, as a rule none. `now`: UTC ns, never running backwards."""
        ends = self._enter_or_leave_emergency(now)
        crossed = (value > self._threshold().value) != self._over
        if not crossed:
            self._since, self._deadline = None, ends
            return []
        if self._since is None:
            self._since = now
        duration = self.min_under_threshold_duration if self._over else self.min_over_threshold_duration
        at = self._since + duration.value * SECOND
        if at > now:
            self._deadline = at if ends is None else min(at, ends)
            return []
        self._over = not self._over
        self._since, self._deadline = None, ends
        table, number = self.actions.value[0 if self._over else 1].value
        return [Call.script(now, table.value, number.value)] if number.value else []

    def _threshold(self) -> Data:
        return self.threshold_emergency if self._emergency else self.threshold_normal

    def _enter_or_leave_emergency(self, now: int) -> int | None:
        """Whether the emergency profile is active from here on; when that changes next."""
        identifier, begins, duration = self.emergency_profile.value
        begin = moment(begins)
        active = False
        change = None
        if begin is not None and axdr.u16(identifier.value) in self.emergency_profile_group_id_list.value:
            end = begin + duration.value * SECOND
            active = begin <= now < end
            change = begin if now < begin else end if active else None
        if active != self._emergency:
            self._emergency = active
            self.changed(Limiter.emergency_profile_active)
        return change
