"""DataNotifications as a head end understands them; what is of another shape is kept as it came."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import S
from protocols.dlms import axdr
from protocols.dlms.cosem import date_time
from protocols.dlms.xdlms import DataNotification
from tools.headend.notices import FirstBreath, LastGasp, Unknown, understand

HUB = b"MBE0123456789ABC"
LOST = 1_768_348_800 * S
NOW = LOST + 200 * S


def _told(*items):
    return understand(DataNotification(1, b"", axdr.structure(*items)), NOW)


def test_the_two_that_a_hub_sends():
    lost = axdr.octets(date_time.encode(LOST))
    assert _told(axdr.octets(HUB), axdr.u16(1), lost, axdr.u32(180)) == LastGasp(HUB, NOW, LOST)
    assert _told(axdr.octets(HUB), axdr.u16(2), lost, axdr.u32(600)) == FirstBreath(HUB, NOW, LOST, 600)


@pytest.mark.parametrize(
    "items",
    [
        (),
        (axdr.octets(HUB),),
        (axdr.octets(HUB), axdr.u16(99), axdr.octets(date_time.encode(LOST)), axdr.u32(1)),
        (axdr.octets(HUB), axdr.u16(1), axdr.octets(b""), axdr.u32(1)),
        (axdr.octets(HUB), axdr.u16(1), axdr.octets(b"\xff" * 12), axdr.u32(1)),
        (axdr.octets(HUB), axdr.u16(1), axdr.octets(date_time.encode(LOST)), axdr.null()),
        (axdr.u16(1), axdr.u16(1), axdr.octets(date_time.encode(LOST)), axdr.u32(1)),
    ],
    ids=str,
)
def test_another_shape_is_kept_and_is_no_outage(items):
    notice = _told(*items)
    assert isinstance(notice, Unknown)
    assert notice.body == axdr.structure(*items)
