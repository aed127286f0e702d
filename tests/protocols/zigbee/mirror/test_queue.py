"""Messages that wait for a sleeper: order, age, bounds, restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.zigbee.mirror.queue import CAPACITY, DAY, Queue
from protocols.zigbee.mirror.transfer import EMPTY, LONGEST_MESSAGE, TRANSFERS, Get, GetResponse, Put

UTC = 1_767_225_600 * 1_000_000_000


def test_messages_come_in_order_and_stay_until_they_have_arrived():
    queue = Queue()
    for message in (b"one", b"two", b"three"):
        queue.put(message, UTC)
    head = queue.head
    assert (head.message, len(queue)) == (b"one", 3)
    assert queue.head is head
    assert queue.done(head.number)
    assert not queue.done(head.number)
    assert queue.head.message == b"two"


def test_a_message_is_dropped_a_day_after_it_came():
    queue = Queue()
    queue.put(b"old", UTC)
    queue.put(b"young", UTC + 1)
    assert queue.deadline == UTC + DAY
    assert queue.expire(UTC + DAY - 1) == []
    assert [each.message for each in queue.expire(UTC + DAY)] == [b"old"]
    assert queue.head.message == b"young"


def test_a_message_that_came_when_the_time_was_not_known_counts_from_when_it_is():
    queue = Queue()
    queue.put(b"x", None)
    assert queue.deadline is None
    assert queue.expire(UTC + 10 * DAY) == []
    assert [each.since for each in queue.date(UTC)] == [UTC]
    assert queue.date(UTC + 1) == []
    assert queue.deadline == UTC + DAY


def test_it_is_bounded():
    queue = Queue()
    for message in (b"", bytes(LONGEST_MESSAGE + 1)):
        with pytest.raises(LocalProtocolError):
            queue.put(message, UTC)
    for _ in range(CAPACITY):
        queue.put(bytes(LONGEST_MESSAGE), UTC)
    with pytest.raises(LocalProtocolError):
        queue.put(b"one more", UTC)
    assert len(queue) == CAPACITY


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.just(None)), max_size=40), st.randoms(use_true_random=False))
def test_nothing_is_lost_doubled_or_out_of_order_over_restarts(steps, random):
    """`None`: the head arrives. Before each step the queue may be restarted from what it stored."""
    queue, kept, model, arrived = Queue(), {}, [], []
    for step in steps:
        if random.getrandbits(1):
            stored = list(kept.values())
            random.shuffle(stored)
            queue = Queue(stored)
        if step is None:
            head = queue.head
            if head is not None:
                arrived.append(head.message)
                queue.done(head.number)
                del kept[head.number]
        elif len(queue) < CAPACITY:
            waiting = queue.put(step, UTC)
            assert waiting.number not in kept
            kept[waiting.number] = waiting
            model.append(step)
    while (head := queue.head) is not None:
        arrived.append(head.message)
        queue.done(head.number)
    assert arrived == model


def test_transfers_are_as_gb_frames_them():
    assert Get().build() == b"\x01"
    assert GetResponse(3, b"message").build() == b"\x02\x03message"
    assert EMPTY.build() == b"\x02\x00"
    assert Put(b"message").build() == b"\x03message"
    for octets in (b"\x01", b"\x02\x00", b"\x02\x07abc", b"\x03", b"\x03abc"):
        assert TRANSFERS.parse(octets).build() == octets


@given(st.binary(max_size=40))
def test_other_octets_are_refused(octets):
    try:
        assert TRANSFERS.parse(octets).build() == octets
    except DecodeError:
        assert octets != b"\x01"
        assert octets[:1] != b"\x03"
