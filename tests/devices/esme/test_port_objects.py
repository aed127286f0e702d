"""What the port setup objects say is what the port does."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import S
from protocols.dlms import axdr, hdlc
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.ports import RATES, BaudRate

HDLC, SIGN_ON = "0-0:22.0.0", "0-0:20.0.0"
LARGEST = hdlc.Limits(2030, 2030, 7, 7)
SNRM = hdlc.Frame.unnumbered(hdlc.Kind.SNRM, hdlc.Address(1), hdlc.Address(16), poll=True, information=LARGEST.build())


def test_the_hdlc_object_says_what_the_port_offers(meter):
    head, heard = meter.head(), []
    head.port.on_receive = heard.append
    head.port.write(SNRM.build())
    meter.run(S)
    (answer,) = hdlc.Deframer().feed(b"".join(heard))
    offered = hdlc.Limits.parse(answer.information)
    client = meter.direct()
    assert [client.get(HDLC, 23, number).value for number in range(3, 7)] == [
        offered.window_transmit, offered.window_receive, offered.information_transmit, offered.information_receive,
    ]  # fmt: skip
    assert RATES[BaudRate(client.get(HDLC, 23, 2).value)] == 9_600


def test_the_sign_on_object_says_what_a_sign_on_meets(meter):
    client = meter.direct()
    assert [client.get(SIGN_ON, 19, number).value for number in (2, 3, 4)] == [0, BaudRate.B300, BaudRate.B9600]


@pytest.mark.parametrize("name, kind, number, value", [
    (HDLC, 23, 5, axdr.u16(64)), (SIGN_ON, 19, 4, axdr.enum(3)), (SIGN_ON, 19, 7, axdr.octets(b"00000000")),
])  # fmt: skip
def test_the_setup_cannot_be_changed(meter, name, kind, number, value):
    with pytest.raises(AccessError, match="read-write-denied"):
        meter.manager().set(name, kind, number, value)


@pytest.mark.parametrize("number", [7, 8, 9])
def test_passwords_cannot_be_read(meter, number):
    with pytest.raises(AccessError, match="read-write-denied"):
        meter.manager().get(SIGN_ON, 19, number)
