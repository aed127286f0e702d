"""The meter's push: a client's or a script's word, a UI frame on the optical port, repeated while nobody is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from devices.esme.cosem import device_name
from devices.runtime.kernel import MIN, S
from devices.runtime.port import Port
from protocols.dlms import axdr, hdlc
from protocols.dlms.cosem import date_time
from protocols.dlms.xdlms import DataNotification

PUSH = "0-0:25.9.0"


class Ear:
    """A head on the optical port that only listens."""

    def __init__(self, bench):
        self.deframer = hdlc.Deframer()
        self.heard = []
        self.port = Port(bench.kernel, "ear")
        self.port.attach(bench.board.uart("optical"), baud=9600)
        self.port.on_receive = lambda data: self.heard.extend(self.deframer.feed(data))

    @property
    def notifications(self):
        frames = [frame for frame in self.heard if isinstance(frame, hdlc.Frame) and frame.kind is hdlc.Kind.UI]
        return [(frame.destination.upper, DataNotification.parse(frame.information[3:])) for frame in frames]


def push(bench):
    bench.manager().action(PUSH, 40, 1, axdr.i8(0))


@pytest.mark.dlms("class 40 method 1")
def test_a_push_tells_name_time_and_energy_to_the_head_on_the_port(meter):
    ear = Ear(meter)
    push(meter)
    meter.run(2 * S)
    ((client, first),) = ear.notifications
    name, clock, energy = first.body.value
    assert client == 16
    assert name == axdr.octets(device_name(meter.board.eui64))
    assert abs(date_time.to_datetime(date_time.instant(clock.value)) - meter.direct().clock()) < timedelta(seconds=3)
    assert clock.value[:9] == first.date_time[:9]
    assert energy.value == pytest.approx(meter.meter.import_wh, abs=2)
    push(meter)
    meter.run(2 * S)
    assert [notification.long_invoke for _, notification in ear.notifications] == [first.long_invoke, first.long_invoke + 1]


def test_a_push_to_nobody_is_repeated_three_times(meter):
    push(meter)
    meter.run(90 * S)  # sent twice, to nobody
    ear = Ear(meter)
    meter.run(60 * S)
    assert len(ear.notifications) == 1
    meter.run(10 * MIN)
    assert len(ear.notifications) == 1
    pushes = [data["gone"] for _, who, kind, data in meter.premises.events if (who, kind) == ("esme", "push")]
    assert pushes == [False, False, True]


def test_a_push_waits_for_its_window(meter):
    ear = Ear(meter)
    now = date_time.to_datetime(meter.board.rtc.read())
    opens, closes = now + timedelta(minutes=5), now + timedelta(minutes=15)
    window = axdr.structure(*(axdr.octets(date_time.encode(date_time.from_datetime(at))) for at in (opens, closes)))
    meter.manager().set(PUSH, 40, 4, axdr.array([window]))
    push(meter)
    meter.run(4 * MIN)
    assert ear.notifications == []
    meter.run(2 * MIN)
    assert len(ear.notifications) == 1
