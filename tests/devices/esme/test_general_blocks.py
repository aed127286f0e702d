"""General block transfer to the meter: through the hub's tunnel and on the optical port, streams of several APDUs an answer."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR
from protocols.dlms import access, axdr, hdlc
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.client import Client
from protocols.dlms.initiate import Conformance
from protocols.dlms.meter import Meter

GENERAL = CONFORMANCE & ~(
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


@pytest.fixture(params=["tunnel", "optical"])
def exchange(request, meter):
    """A way to the meter as client 16, and the APDUs that came on it."""
    meter.run(3 * HOUR)
    came = []
    if request.param == "tunnel":
        through = meter.tunnel().exchange(16)
    else:
        head = meter.head()
        assert isinstance(head.connect(), hdlc.Connected)

        def through(apdu):
            if not apdu and not head.effects:  # the server speaks when it is polled
                head.apply(head.link.poll(meter.kernel.now))
            return head.exchange(apdu)

    def kept(apdu):
        came.append(through(apdu))
        return came[-1]

    return kept, came


def test_the_object_list_comes_in_general_blocks(meter, exchange):
    through, came = exchange
    client = Client(16, 1, conformance=GENERAL, max_pdu=200)
    found = Meter(through, client)
    found.associate()
    assert {str(entry) for entry in found.objects()} == {str(entry) for entry in meter.direct().objects()}
    blocks = [apdu for apdu in came if apdu[0] == 0xE0]
    assert len(blocks) > 20
    assert sum(bool(apdu[1] & 0x40) for apdu in blocks) > len(blocks) * 0.7  # most are inside of a stream
    assert max(len(apdu) for apdu in came) <= 200


def test_one_access_asks_for_everything(meter, exchange):
    through, came = exchange
    client = Client(16, 1, max_pdu=100)
    found = Meter(through, client)
    found.associate()
    log, clock, refused, missing = found.access([
        access.get("0-0:99.1.0", 7, 2), access.get("0-0:1.0.0", 8, 2), access.action("0-0:96.3.10", 70, 1),
        access.get("1-0:99.99.9", 3, 2),
    ])  # fmt: skip
    assert len(log.value) >= 5
    assert clock.tag == axdr.Tag.OCTET_STRING
    assert (refused.result, missing.result) == (3, 4)
    assert meter.meter.switch.closed
    assert any(apdu[0] == 0xE0 for apdu in came)
