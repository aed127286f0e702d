"""General block transfer: two ends over a line that loses, repeats and reorders; and the abuses of bad-inputs C18."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.dlms import general_block
from protocols.dlms.general_block import ABORT, LAST, STREAMING, Aborted, GeneralBlock, Transfer, unconfirmed

APDU = bytes(range(256)) * 4


def test_published_block(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    (vector,) = dlms_vectors("general-block-transfer")
    octets, expected = bytes.fromhex(vector["given"]["hex"]), vector["expect"]
    block = GeneralBlock.parse(octets)
    assert block.build() == octets
    assert (block.last, block.streaming, block.window) == (expected["last"], expected["streaming"], expected["window"])
    assert (block.number, block.acknowledged) == (expected["block"], expected["ack"])
    assert block.raw == bytes.fromhex(expected["data"])


class Line:
    """A client that asks in blocks and a server that answers in blocks; the line between loses what it is told to.

    Only the client notices silence, and says its last word again.
    """

    def __init__(self, client: Transfer, server: Transfer, lost: Iterable[bool] = ()) -> None:
        self.client, self.server, self.lose = client, server, chain(lost, repeat(False))
        self.sent = 0

    def carry(self, to: Transfer, blocks: list[GeneralBlock]) -> tuple[bytes | None, list[GeneralBlock]]:
        """What comes of blocks at the other end."""
        whole, answers = None, []
        for block in blocks:
            self.sent += 1
            assert self.sent < 2000
            if not next(self.lose):
                found, said = to.receive(GeneralBlock.parse(block.build()))
                whole, answers = found or whole, said or answers
        return whole, answers

    def ask(self, request: bytes, answer: bytes) -> tuple[bytes, bytes]:
        """The request as it arrives, and its answer as it does."""
        arrived, blocks = b"", self.client.send((request,))
        while True:
            whole, answers = self.carry(self.server, blocks)
            if whole is not None:
                arrived, answers = whole, self.server.send((answer,))
            returned, blocks = self.carry(self.client, answers)
            if returned is not None:
                return arrived, returned
            blocks = blocks or self.client.repeat()


@pytest.mark.parametrize("window", [1, 2, 5, 63])
@pytest.mark.parametrize("size", [64, 500, 2000])
def test_an_apdu_is_carried_over_and_answered(window: int, size: int) -> None:
    line = Line(Transfer(size, window), Transfer(size, window))
    assert line.ask(APDU, APDU[::-1]) == (APDU, APDU[::-1])
    blocks = -(-len(APDU) // (size - general_block.OVERHEAD))
    # The first stream is one block, for the window is not known yet; then each stream is acknowledged.
    towards = blocks + (0 if blocks == 1 else 1 + (blocks - 2) // window)
    away = blocks + (blocks - 1) // window
    assert line.sent == towards + away


def test_a_stream_hands_over_the_turn_at_its_end() -> None:
    sender = Transfer(64, 1)
    (first,) = sender.send((APDU,))
    assert (first.streaming, first.number, first.acknowledged) == (False, 1, 0)
    whole, stream = sender.receive(GeneralBlock(3, 1, 1, b""))
    assert whole is None
    assert [(block.number, block.streaming) for block in stream] == [(2, True), (3, True), (4, False)]
    assert {len(block.build()) for block in (first, *stream)} == {62}  # room is left for a longer length


@given(st.integers(1, 9), st.integers(1, 9), st.binary(min_size=1, max_size=1500), st.lists(st.booleans(), max_size=60))
def test_what_is_lost_is_sent_again(ours: int, theirs: int, apdu: bytes, lost: list[bool]) -> None:
    """Blocks, acknowledgements, first, last: all may be lost, both ways."""
    line = Line(Transfer(80, ours), Transfer(80, theirs), lost)
    assert line.ask(apdu, apdu[::-1]) == (apdu, apdu[::-1])


@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
def test_order_and_repeats_do_not_matter(order: list[int], again: list[int]) -> None:
    receiver = Transfer(500, 6)
    blocks = [GeneralBlock((LAST if n == 5 else STREAMING) | 6, n + 1, 0, bytes([n]) * 3) for n in range(6)]
    arrived = [whole for n in (*order, *again) if (whole := receiver.receive(blocks[n])[0]) is not None]
    assert arrived == [b"".join(block.raw for block in blocks)]


def test_a_gap_is_asked_for_by_number() -> None:
    receiver = Transfer(500, 8)
    assert receiver.receive(GeneralBlock(STREAMING | 1, 1, 0, b"a")) == (None, [])
    (answer,) = receiver.receive(GeneralBlock(LAST | 1, 3, 0, b"c"))[1]
    assert (answer.acknowledged, answer.raw, answer.window) == (1, b"", 8)
    assert receiver.receive(GeneralBlock(1, 2, 0, b"b"))[0] == b"abc"


def test_no_more_than_the_window_is_kept_behind_a_gap() -> None:
    receiver = Transfer(500, 2)
    for number in (2, 3, 4, 5, 60_000):
        receiver.receive(GeneralBlock(STREAMING | 1, number, 0, b"x"))
    (answer,) = receiver.receive(GeneralBlock(1, 1, 0, b"x"))[1]
    assert answer.acknowledged == 2  # 1 and 2: what was outside of the window is to be sent again


def test_acknowledgements_of_what_was_never_sent_say_nothing() -> None:
    sender = Transfer(64, 1)
    sender.send((APDU,))
    _, stream = sender.receive(GeneralBlock(1, 1, 500, b""))
    assert [block.number for block in stream] == [1]


def test_an_abort_ends_it() -> None:
    with pytest.raises(Aborted):
        Transfer(64, 1).receive(ABORT)


def test_too_much_is_not_collected() -> None:
    receiver = Transfer(500, 1)
    piece = bytes(60_000)
    for number in range(1, 70):
        receiver.receive(GeneralBlock(1, number, 0, piece))
    with pytest.raises(Aborted, match="octets"):
        receiver.receive(GeneralBlock(1, 70, 0, piece))


def test_numbers_do_not_wrap() -> None:
    sender = Transfer(general_block.OVERHEAD + 1, 1)
    sender.send(iter([b"x"] * 70_000))
    for number in range(1, 0xFFFF):
        sender.receive(GeneralBlock(1, 1, number, b""))
    with pytest.raises(Aborted, match="65535"):
        sender.receive(GeneralBlock(1, 1, 0xFFFF, b""))
    with pytest.raises(LocalProtocolError, match="65535"):
        unconfirmed((bytes(70_000),), general_block.OVERHEAD + 1)


def test_a_stream_without_acknowledgements() -> None:
    """Window 0: nobody answers, neither in the middle nor at the end."""
    receiver = Transfer(64, 5)
    *before, end = unconfirmed((APDU,), 64)
    assert [receiver.receive(block) for block in before] == [(None, [])] * len(before)
    assert receiver.receive(end) == (APDU, [])


@pytest.mark.parametrize("counted", [True, False])
def test_the_answer_continues_the_numbers(counted: bool) -> None:
    """Acknowledgements are blocks, too: data comes behind them, unless the other end does not count them."""
    server = Transfer(64, 4)
    (first,) = server.receive(GeneralBlock(1, 1, 0, b"ab"))[1]
    assert (first.number, first.acknowledged) == (1, 1)
    (second,) = server.receive(GeneralBlock(1, 2, counted, b"cd"))[1]
    assert (second.number, second.acknowledged) == (1 + counted, 2)
    assert server.receive(GeneralBlock(LAST | 1, 3, 2 * counted, b"ef")) == (b"abcdef", [])
    (answer,) = server.send((b"answer",))
    assert (answer.number, answer.acknowledged) == (1 + 2 * counted, 3)


def test_only_what_was_asked_for_is_held() -> None:
    """An answer is taken from its source as it is sent, a window ahead at the most."""
    taken = 0

    def rows() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"row" * 10

    sender = Transfer(100, 1)
    sender.send(rows())
    assert taken < 10
    sender.receive(GeneralBlock(5, 1, 1, b""))
    assert taken < 30
