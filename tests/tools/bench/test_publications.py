"""Publications in bench files: what is refused, and with which word; what becomes commands."""

from __future__ import annotations

import pytest

from protocols.zigbee.calendar.table import ROWS as CALENDAR
from protocols.zigbee.price.table import ROWS
from protocols.zigbee.price.tariff import Active, tariff
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.status import Status
from tools.bench.config import loads
from tools.errors import BadInput

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.publish]]\n'
DAY_NIGHT = 'tiers = [{ label = "Day", pence = [30.1] }, { label = "Night", pence = [9.5] }]\n'


@pytest.mark.parametrize(("text", "word"), [
    ('kind = "tarif"\n', 'no kind of publication "tarif", did you mean "tariff"?'),
    ('kind = "critical-peak"\nminute = 5\n', 'no field "minute"'),
    ('kind = "tariff"\n' + DAY_NIGHT, "`weekdays` says when"),
    ('kind = "tariff"\n' + DAY_NIGHT + 'weekdays = ["00:00 Day", "7:00 Night"]\n', "is not a time and a tier"),
    ('kind = "tariff"\n' + DAY_NIGHT + 'weekdays = ["01:00 Day"]\n', "begin at 00:00"),
    ('kind = "tariff"\n' + DAY_NIGHT + 'weekdays = ["00:00 Day", "07:00 Night", "07:00 Day"]\n', "follow each other"),
    ('kind = "tariff"\nblocks = [1]\n' + DAY_NIGHT, "blocks need as many"),
])  # fmt: skip
def test_what_cannot_be_published_is_refused(text, word):
    with pytest.raises(BadInput, match=r".") as refused:
        loads(HOME + text)
    assert word in str(refused.value)


def test_a_tariff_becomes_commands_that_the_hub_takes_and_that_mean_the_same():
    text = 'kind = "tariff"\n' + DAY_NIGHT + 'weekdays = ["00:00 Night", "07:00 Day"]\nweekend = ["00:00 Night"]\n'
    (publication,) = loads(HOME + text).home[0].publish
    store, monday = Store(ROWS + CALENDAR), 9501 * 86_400  # 5 January 2026
    assert [store.publish(each, monday).status for each in publication.commands(1, monday)] == [Status.SUCCESS] * 8
    made = tariff(store, monday)
    assert [made.active(monday + 3600 * hour) for hour in (6, 7)] == [Active(2, 0, 9500), Active(1, 0, 30_100)]
    assert made.active(monday + 5 * 86_400 + 43_200) == Active(2, 0, 9500)
