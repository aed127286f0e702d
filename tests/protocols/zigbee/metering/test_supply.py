"""Supply control against the rules in few words: orders come once each, whatever the power does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.metering.supply import Acknowledge, SupplyControl
from protocols.zigbee.zcl.status import Status

OFF, ARMED, ON = SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.ON

ORDERS = st.lists(
    st.tuples(
        st.integers(1, 12), st.sampled_from([OFF, ARMED, ON]), st.one_of(st.just(0), st.integers(1, 500)), st.integers(0, 120)
    ),
    max_size=12,
)


@given(ORDERS, st.data())
def test_every_order_is_carried_out_at_most_once_and_in_its_time(orders, data):
    carried: list[SupplyStatus] = []

    def obey(status):
        carried.append(status)
        return status

    control = SupplyControl(obey, restores=True)
    now, last, waits, expected = 0, 0, None, []
    for event, status, at, pause in orders:
        if data.draw(st.booleans()):
            control = SupplyControl(obey, restores=True, stored=control.plain())
        outcome = control.change(Metering.ChangeSupply(1, event, 0, at, status, 1), 0xAB, 1, now)
        if event <= last:
            assert outcome is (Status.DUPLICATE_EXISTS if event == last else Status.FAILURE)
        elif at and at < now:
            assert outcome is Status.INVALID_VALUE
        elif at:
            assert outcome is Status.SUCCESS
            last, waits = event, (at, status, event)
        else:
            assert outcome.supply_status == status
            last = event
            expected.append(status)
        now += pause
        effects = control.expire(now)
        if waits is not None and waits[0] <= now:
            expected.append(waits[1])
            assert effects == [Acknowledge(0xAB, 1, Metering.SupplyStatusResponse(1, waits[2], waits[0], waits[1]))]
            waits = None
        else:
            assert effects == []
        assert control.deadline == (None if waits is None else waits[0])
    assert carried == expected


def test_h10_where_only_a_hand_switches_on_no_order_does():
    control = SupplyControl(lambda status: status, restores=False)
    assert control.change(Metering.ChangeSupply(1, 1, 0, 0, ON, 0), 1, 1, 5) is Status.NOT_AUTHORIZED
    assert control.change(Metering.ChangeSupply(1, 1, 0, 0, ARMED, 0), 1, 1, 5) is Status.SUCCESS
