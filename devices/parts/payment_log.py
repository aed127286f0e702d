"""What an account remembers: top-ups, repayments of debts, snapshots. Newest first, each log of a fixed size, kept in flash.

`image` goes to flash with the account itself: a top-up that counts is in the log, and the other way round. Times are ZigBee UTC in
seconds, amounts the account's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeVar

from devices.runtime.nvm import Nvm
from protocols.zigbee.clusters.prepayment import ALL_DEBTS, DebtPayment, Prepayment, TopUp

T = TypeVar("T")

TOP_UPS, REPAYMENTS, SNAPSHOTS = 10, 10, 8
_KEY: Final = "payment-log"
_ROWS_A_FRAME: Final = 3
"""Of a log: what one frame carries for sure."""


class PaymentLog:
    """The three logs."""

    def __init__(self, nvm: Nvm) -> None:
        top_ups, repayments, snapshots, added, number = nvm.get(_KEY, [[], [], [], 0, 0])
        self.top_ups: deque[tuple[bytes, int, int, int]] = deque((tuple(row) for row in top_ups), TOP_UPS)
        """Code, amount, time, originator."""
        self.repayments: deque[tuple[int, int, int, int]] = deque((tuple(row) for row in repayments), REPAYMENTS)
        """Time, amount, debt (0 to 2), what remains."""
        self._snapshots: deque[tuple[int, int, int, bytes]] = deque((tuple(row) for row in snapshots), SNAPSHOTS)
        self.added: int = added
        """All that was ever topped up."""
        self._number: int = number

    def image(self) -> dict[str, object]:
        """For flash."""
        logs: list[object] = [[list(row) for row in log] for log in (self.top_ups, self.repayments, self._snapshots)]
        return {_KEY: [*logs, self.added, self._number]} if self.added or self._number or self.repayments else {}

    def topped_up(self, code: bytes, amount: int, now: int, originator: int) -> None:
        """A top-up was credited."""
        self.top_ups.appendleft((code, amount, now, originator))
        self.added += amount

    def repaid(self, now: int, amount: int, debt: int, remaining: int) -> None:
        """Some of a debt was collected."""
        self.repayments.appendleft((now, amount, debt, remaining))

    def snapshot(self, now: int, cause: int, payload: bytes) -> None:
        """Keep how the account stands."""
        self._number += 1
        self._snapshots.appendleft((self._number, now, cause, payload))

    # --- answers ---

    def publish_top_ups(self, query: Prepayment.GetTopUpLog) -> list[Prepayment.PublishTopUpLog]:
        """Top-ups until a time, at most so many (0: all), in as many frames as it takes."""
        rows = [TopUp(code, amount, time) for code, amount, time, _ in self.top_ups if time <= query.latest_end_time]
        parts = list(_parts(rows[: query.number_of_records or len(rows)]))
        return [Prepayment.PublishTopUpLog(index, len(parts), part) for index, part in enumerate(parts)]

    def publish_repayments(self, query: Prepayment.GetDebtRepaymentLog) -> list[Prepayment.PublishDebtLog]:
        """Repayments of one debt or of all, until a time."""
        rows = [
            DebtPayment(time, amount, debt, remaining)
            for time, amount, debt, remaining in self.repayments
            if time <= query.latest_end_time and query.debt_type in (debt, ALL_DEBTS)
        ]
        parts = list(_parts(rows[: query.number_of_debts or len(rows)]))
        return [Prepayment.PublishDebtLog(index, len(parts), part) for index, part in enumerate(parts)]

    def publish_snapshot(self, query: Prepayment.GetPrepaySnapshot) -> list[Prepayment.PublishPrepaySnapshot]:
        """The snapshot at an offset among those of the causes between two times; none: nothing fits."""
        found = [
            row for row in self._snapshots
            if query.earliest_start_time <= row[1] <= query.latest_end_time and row[2] & query.snapshot_cause
        ]  # fmt: skip
        if query.snapshot_offset >= len(found):
            return []
        number, time, cause, payload = found[query.snapshot_offset]
        return [Prepayment.PublishPrepaySnapshot(number, time, len(found), 0, 1, cause, 0, payload)]


def _parts(rows: list[T]) -> Iterator[list[T]]:
    for at in range(0, len(rows), _ROWS_A_FRAME):
        yield rows[at : at + _ROWS_A_FRAME]
