"""When a push is sent (class 40, Blue Book 4.4.8): windows, random delay, repetitions."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, PushSetup, date_time
from protocols.dlms.cosem.push import Message, TransportService
from protocols.dlms.cosem.push_delivery import PushDelivery

S = date_time.SECOND
NIGHT = (bytes.fromhex("FFFFFFFFFF160000008000FF"), bytes.fromhex("FFFFFFFFFF040000008000FF"))  # 22:00 to 04:00
ONCE = (bytes.fromhex("07E80505FF0A0000008000FF"), bytes.fromhex("07E80505FF0B0000008000FF"))


def at(text: str) -> int:
    return date_time.from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def push_setup(windows=(), spread=0, retries=0, delay=0) -> PushSetup:
    return PushSetup(
        "0-0:25.9.0", push_object_list=axdr.array([]), send_destination_and_method=(TransportService.TCP, b"x", Message.A_XDR),
        communication_window=windows, randomisation_start_interval=spread, number_of_retries=retries, repetition_delay=delay,
    )  # fmt: skip


def delivery(windows=(), **settings: int) -> PushDelivery:
    return PushDelivery(push_setup(windows, **settings), Random(1))


NOON = at("2024-05-05T12:00")


def test_with_nothing_set_a_push_is_sent_at_once_and_once() -> None:
    push = delivery()
    assert (push.deadline, push.expire(NOON)) == (None, False)
    push.begin(NOON)
    assert push.deadline == NOON
    assert push.expire(NOON)
    push.sent()
    assert (push.deadline, push.expire(NOON + S)) == (None, False)


def test_what_fails_is_repeated_so_often_and_no_more() -> None:
    push = delivery(retries=2, delay=60)
    push.begin(NOON)
    for after, more in ((0, True), (61, True), (122, False)):
        now = NOON + after * S
        assert push.deadline == now
        assert push.expire(now)
        push.begin(now)  # asked for again meanwhile: it is the same push
        assert push.deadline is None
        assert push.failed(now + S) is more
    assert push.deadline is None
    push.begin(NOON + 200 * S)
    assert push.deadline == NOON + 200 * S


def test_the_delay_is_drawn_within_its_interval() -> None:
    push = delivery(spread=600)
    delays = set()
    for _ in range(50):
        push.begin(NOON)
        assert push.deadline is not None
        assert 0 <= push.deadline - NOON < 600 * S
        assert not push.expire(push.deadline - 1)
        delays.add(push.deadline)
        assert push.expire(push.deadline)
        push.sent()
    assert len(delays) > 40


@pytest.mark.parametrize("now, opens", [
    ("2024-05-05T12:00", "2024-05-05T22:00"),
    ("2024-05-05T22:00", "2024-05-05T22:00"),
    ("2024-05-05T23:30", "2024-05-05T23:30"),
    ("2024-05-06T03:59:59", "2024-05-06T03:59:59"),
    ("2024-05-06T04:00", "2024-05-06T22:00"),
])  # fmt: skip
def test_a_push_waits_for_its_window(now: str, opens: str) -> None:
    push = delivery([NIGHT])
    push.begin(at(now))
    assert push.deadline == at(opens)
    assert push.expire(at(opens))


def test_the_next_of_several_windows_counts_and_a_closed_one_never_opens_again() -> None:
    push = delivery([NIGHT, ONCE])
    push.begin(at("2024-05-05T09:00"))
    assert push.deadline == at("2024-05-05T10:00")
    late = delivery([ONCE])
    late.begin(at("2024-05-05T11:00"))
    assert late.deadline is None


def test_a_repetition_that_misses_the_window_waits_for_the_next() -> None:
    push = delivery([NIGHT], retries=1, delay=600)
    push.begin(at("2024-05-05T22:00"))
    assert push.expire(at("2024-05-05T22:00"))
    assert push.failed(at("2024-05-06T03:55"))
    assert push.deadline == at("2024-05-06T04:05")
    assert not push.expire(at("2024-05-06T04:05"))
    assert push.deadline == at("2024-05-06T22:00")
    assert push.expire(at("2024-05-06T22:00"))
    assert not push.failed(at("2024-05-06T22:01"))


def test_windows_are_checked_when_they_are_written() -> None:
    setup = push_setup()
    window = axdr.array([axdr.structure(axdr.octets(NIGHT[0]), axdr.octets(bytes.fromhex("FFFFFFFFFF180000008000FF")))])
    with pytest.raises(AccessError) as caught:
        setup.write(4, window)
    assert caught.value.result == 13
    setup.write(4, axdr.array([axdr.structure(*(axdr.octets(bound) for bound in NIGHT))]))
    assert len(setup.communication_window.value) == 1
