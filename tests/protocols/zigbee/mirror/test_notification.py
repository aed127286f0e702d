"""Which flags a mirror tells, how long they stay, and the commands that they stand for."""

from __future__ import annotations

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import Functional, ManagementCommand, PrepaymentCommand, PriceCommand, Scheme
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.mirror.notification import Notifications

SNAPSHOT = Metering.GetSnapshot(1, 2, 0, 3)


@pytest.fixture
def flags():
    return Notifications()


def test_scheme_a_has_one_word_and_scheme_b_five(flags):
    flags.set(Functional.TIME_SYNC)
    flags.set(PriceCommand.PUBLISH_PRICE)
    flags.set(PrepaymentCommand.GET_TOP_UP_LOG)
    flags.set(ManagementCommand.UPDATE_CIN)
    assert flags.answer(Scheme.A) == [0x4]
    assert flags.answer(Scheme.B) == [0x4, 0x1, 0, 0x80, 0x100]


def test_flags_as_the_table_of_the_standard_has_them():
    """Numbers of SE 1.4 annex D.3.3.3.1 as the public cluster library has them."""
    assert Functional.TUNNEL_MESSAGE_PENDING == 0x0020_0000
    assert Functional.CHANNEL_CHANGE_PENDING == 0x0400_0000
    assert Functional.NETWORK_KEY_ACTIVE == 0x0000_8000
    assert PrepaymentCommand.GET_DEBT_REPAYMENT_LOG == 0x0200


def test_what_is_only_told_is_told_once_and_what_asks_to_be_fetched_stays(flags):
    flags.set(Functional.NEW_OTA_FIRMWARE)
    flags.set(Functional.TUNNEL_MESSAGE_PENDING)
    flags.set(Functional.STAY_AWAKE_REQUEST_HAN)
    assert flags.told(flags.answer(Scheme.B))
    assert flags.answer(Scheme.A) == [Functional.TUNNEL_MESSAGE_PENDING | Functional.STAY_AWAKE_REQUEST_HAN]
    assert not flags.told(flags.answer(Scheme.B))
    assert flags.withdraw(Functional.TUNNEL_MESSAGE_PENDING)
    assert not flags.withdraw(Functional.TUNNEL_MESSAGE_PENDING)
    assert flags.answer(Scheme.A) == [Functional.STAY_AWAKE_REQUEST_HAN]


def test_what_was_set_after_the_answer_was_made_is_not_taken_for_told(flags):
    flags.set(Functional.TIME_SYNC)
    words = flags.answer(Scheme.B)
    flags.set(Functional.NEW_OTA_FIRMWARE)
    flags.told(words)
    assert flags.answer(Scheme.A) == [Functional.NEW_OTA_FIRMWARE]


def test_a_held_command_stays_until_it_has_arrived(flags):
    flags.hold(Functional.GET_SNAPSHOT, SNAPSHOT)
    flags.told(flags.answer(Scheme.B))
    assert flags.answer(Scheme.A) == [Functional.GET_SNAPSHOT]
    ((place, command),) = flags.fetched(0, Functional.GET_SNAPSHOT | Functional.GET_SAMPLED_DATA)
    newer = Metering.GetSnapshot(5, 6, 0, 3)
    flags.hold(Functional.GET_SNAPSHOT, newer)
    flags.gone(place, command)
    assert [held for _, held in flags.fetched(0, Functional.GET_SNAPSHOT)] == [newer]
    flags.gone(place, newer)
    assert flags.answer(Scheme.A) == [0]
    with pytest.raises(LocalProtocolError):
        flags.hold(Functional.TUNNEL_MESSAGE_PENDING, SNAPSHOT)
    with pytest.raises(LocalProtocolError):
        flags.hold(Functional.PUSH_HISTORICAL_METERING_DATA, SNAPSHOT)


def test_they_outlive_a_restart(flags):
    flags.hold(Functional.GET_SNAPSHOT, SNAPSHOT)
    flags.hold(PrepaymentCommand.GET_TOP_UP_LOG, Prepayment.GetTopUpLog(7, 3))
    flags.set(Functional.TIME_SYNC)
    again = Notifications.from_plain(flags.plain(), (Metering, Prepayment))
    assert again == flags
