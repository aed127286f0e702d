"""The premises' time as the hub tells it over the HAN: zone and daylight saving of its clock object, in the Time cluster's terms.

The clock object (class 8, 0-0:1.0.0 of SAP 1) is set from the WAN; a new hub has Greenwich time with the summer of Great Britain.
Who switches tariffs by it: the hub's publishers for what displays ask (`publisher`), each display and the gas meter for what they
show and charge (by this zone, which they fetch), and the electricity meter's activity calendar by its own clock object. Logs,
mirrors and everything that is measured stay in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.recurrence import split
from protocols.dlms.cosem.zone import Zone as Rule
from protocols.dlms.cosem.zone import saving_rule
from protocols.zigbee.clusters.time import EPOCH

if TYPE_CHECKING:
    from protocols.zigbee.calendar.schedule import Zone

SUMMER_BEGINS: Final = bytes.fromhex("FFFF03FE07010000008000FF")
"""Last Sunday of March, 01:00 local normal time."""
SUMMER_ENDS: Final = bytes.fromhex("FFFF0AFE07020000008000FF")
"""Last Sunday of October, 02:00 local summer time."""
SAVING: Final = 60
"""Minutes."""
GREAT_BRITAIN: Final = Rule(0, SAVING, saving_rule(SUMMER_BEGINS), saving_rule(SUMMER_ENDS))


def zone(utc: int, rule: Rule = GREAT_BRITAIN) -> Zone:
    """The zone at a time (seconds since 2000), with the summer that it is in, or else the year's."""
    from protocols.zigbee.calendar.schedule import Zone  # a home where nobody asks does without calendars

    now = (utc + EPOCH) * SECOND
    standard = rule.normal // SECOND
    year = split(now + rule.normal)[0].year
    here = rule.changes(year)
    if here is None:
        return Zone(standard)
    begins, ends = here
    if begins > ends:  # summer is over the turn of the year
        other = rule.changes(year - 1 if now < ends else year + 1)
        if other is None:
            return Zone(standard)
        begins, ends = (other[0], ends) if now < ends else (begins, other[1])
    shift = (rule.offset(begins) - rule.normal) // SECOND
    return Zone(standard, begins // SECOND - EPOCH, ends // SECOND - EPOCH, shift)
