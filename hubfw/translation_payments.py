"""Top-ups of the gas meter by its token gateway (class 115), and what its account remembers as profiles (class 7).

A token is an order: success means that it waits, and `token_status` says what the meter made of it, once it has: until then, and
after a restart of the hub, not-processed. What is no 20 digits, and what waits already, is refused at once with other-reason, as a
refusal of the meter's is by an electricity meter. The logs are asked for like those of consumption (`translation_logs`): top-ups,
repayments of debts, and the newest snapshot of the account.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from devices.parts.prepaid import GATEWAY, TOKEN_DIGITS
from hubfw.translation import Gas, money_exponent
from hubfw.translation_account_orders import order
from hubfw.translation_logs import NEVER, AskedProfile, S
from protocols.core.codec import Frame
from protocols.core.errors import DecodeError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, InterfaceClass, Unit, date_time
from protocols.dlms.cosem.reference import Column
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.mirror import PrepaymentCommand
from protocols.zigbee.clusters.prepayment import ALL_DEBTS, NEWEST, DebtCreditStatus, Originator, Prepayment, TopUpResult
from protocols.zigbee.clusters.time import EPOCH

ROOM: Final = 32
_ALL: Final = 0
_EVERY_CAUSE: Final = 0xFFFFFFFF
_CREDIT: Final = 0
"""Snapshot payload type: debt and credit status."""

RESULTS: Final = {
    TopUpResult.ACCEPTED: TokenStatus.EXECUTION_OK,
    TopUpResult.SUPPLY_ON: TokenStatus.EXECUTION_OK,
    TopUpResult.SUPPLY_OFF: TokenStatus.EXECUTION_OK,
    TopUpResult.SUPPLY_ARMED: TokenStatus.EXECUTION_OK,
    TopUpResult.INVALID: TokenStatus.AUTHENTICATION_FAILURE,
    TopUpResult.DUPLICATE: TokenStatus.VALIDATION_FAILURE,
    TopUpResult.ERROR: TokenStatus.EXECUTION_FAILURE,
    TopUpResult.MAXIMUM_CREDIT: TokenStatus.EXECUTION_FAILURE,
    TopUpResult.KEYPAD_LOCKED: TokenStatus.EXECUTION_FAILURE,
    TopUpResult.TOO_LARGE: TokenStatus.EXECUTION_FAILURE,
}
"""What a meter's word on a top-up is as a token's status; the word itself is its description."""


@dataclass(frozen=True, slots=True)
class Value:
    """A column. `money`: it is a register in the account's scale."""

    name: str
    what: str
    make: Callable[[Any], Data]
    money: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """A row of the table: `flag` and `question` ask, `rows` gives (time, values) of an answer."""

    name: str
    what: str
    values: tuple[Value, ...]
    flag: PrepaymentCommand
    question: Frame
    answer: type[Frame]
    rows: Callable[[Any], Sequence[tuple[int, tuple[Any, ...]]]]


def _snapshot(frame: Prepayment.PublishPrepaySnapshot) -> list[tuple[int, tuple[int, ...]]]:
    if frame.snapshot_payload_type != _CREDIT:
        return []
    state = DebtCreditStatus.parse(frame.snapshot_payload)
    return [(frame.snapshot_time, (
        frame.snapshot_cause, state.credit_remaining, state.emergency_credit_remaining, state.accumulated_debt,
        state.debt_1_remaining, state.debt_2_remaining, state.debt_3_remaining,
    ))]  # fmt: skip


LOGS: Final[tuple[Log, ...]] = (
    Log(
        "7-0:99.98.8", "top-ups",
        (Value("7-0:129.8.1", "amount", axdr.i32, money=True), Value("7-0:129.8.2", "code", axdr.octets)),
        PrepaymentCommand.GET_TOP_UP_LOG, Prepayment.GetTopUpLog(NEWEST, _ALL), Prepayment.PublishTopUpLog,
        lambda frame: [(row.top_up_time, (row.top_up_amount, row.top_up_code or b"")) for row in frame.top_up_payload],
    ),
    Log(
        "7-0:99.98.10", "repayments of debts",
        (
            Value("7-0:129.10.1", "amount", axdr.u32, money=True), Value("7-0:129.10.2", "debt", lambda debt: axdr.u8(debt + 1)),
            Value("7-0:129.10.3", "what remains", axdr.u32, money=True),
        ),
        PrepaymentCommand.GET_DEBT_REPAYMENT_LOG, Prepayment.GetDebtRepaymentLog(NEWEST, _ALL, ALL_DEBTS),
        Prepayment.PublishDebtLog,
        lambda frame: [
            (row.collection_time, (row.amount_collected, row.debt_type, row.outstanding_debt)) for row in frame.debt_payload
        ],
    ),
    Log(
        "7-0:99.98.7", "snapshots of the account",
        (
            Value("7-0:129.7.1", "causes", axdr.u32), Value("7-0:129.7.2", "credit", axdr.i32, money=True),
            Value("7-0:129.7.3", "emergency credit", axdr.i32, money=True),
            Value("7-0:129.7.4", "accumulated debt", axdr.i32, money=True),
            *(Value(f"7-0:129.7.{4 + number}", f"debt {number}", axdr.u32, money=True) for number in (1, 2, 3)),
        ),
        PrepaymentCommand.GET_PREPAY_SNAPSHOT, Prepayment.GetPrepaySnapshot(0, NEVER, 0, _EVERY_CAUSE),
        Prepayment.PublishPrepaySnapshot, _snapshot,
    ),
)  # fmt: skip


class Payments:
    """Gateway and logs of one meter. `clock`: the hub's, which stands in the first column."""

    def __init__(self, gas: Gas, clock: InterfaceClass) -> None:
        self._gas = gas
        self._asked: deque[bytes] = deque(maxlen=ROOM)
        self._rows: dict[str, dict[bytes, list[Data]]] = {log.name: {} for log in LOGS}
        self._profiles: dict[str, AskedProfile] = {}
        self.gateway = cosem.TokenGateway(GATEWAY, accept=self._enter, time=lambda: date_time.encode((gas.now + EPOCH) * S))
        self.objects: list[InterfaceClass] = [self.gateway]
        for log in LOGS:
            values = [self._object(log, place, value) for place, value in enumerate(log.values, 1)]
            columns = Column(clock, 2), *(Column(value, 2) for value in values)
            self._profiles[log.name] = profile = AskedProfile(
                log.name, columns=columns, profile_entries=ROOM, asks=partial(order, gas, log.flag, log.question)
            )
            self.objects += [*values, profile]

    def _object(self, log: Log, place: int, value: Value) -> InterfaceClass:
        def newest() -> Data:
            rows = self._rows[log.name]
            if not rows:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, log.name)
            return rows[max(rows)][place]

        if not value.money:
            return cosem.Data(value.name, value=newest)
        return cosem.Register(value.name, value=newest, scaler_unit=lambda: (money_exponent(self._gas.reading), Unit.CURRENCY))

    def _enter(self, token: bytes) -> Judgement:
        if len(token) != TOKEN_DIGITS or not token.isdigit():
            return Judgement(TokenStatus.FORMAT_FAILURE)
        if any(isinstance(each, Prepayment.ConsumerTopUp) and each.top_up_code == token for each in self._gas.pending):
            return Judgement(TokenStatus.VALIDATION_FAILURE, (b"waits already",))
        top_up = Prepayment.ConsumerTopUp(Originator.ENERGY_SERVICE_INTERFACE, token)
        order(self._gas, PrepaymentCommand.CONSUMER_TOP_UP, top_up)
        self._asked.append(token)
        return Judgement(TokenStatus.NOT_PROCESSED, (b"waits",))

    def answered(self, frame: Frame) -> None:
        """What the meter said."""
        if isinstance(frame, Prepayment.ConsumerTopUpResponse):
            self._topped_up(frame)
        for log in LOGS:
            if isinstance(frame, log.answer):
                try:
                    self._take(log, log.rows(frame))
                except DecodeError:  # not a snapshot of an account
                    return

    def _topped_up(self, frame: Prepayment.ConsumerTopUpResponse) -> None:
        """The oldest that was asked about is answered; the last one's outcome is the gateway's. Others are a display's."""
        if frame.source_of_top_up != Originator.ENERGY_SERVICE_INTERFACE:
            return
        token = self._asked.popleft() if self._asked else None
        if token != self.gateway.token.value:
            return
        result = next((known for known in TopUpResult if known == frame.result_type), TopUpResult.ERROR)
        self._gas.translated += 1
        self.gateway.token_description = [axdr.octets(result.name.lower().replace("_", " ").encode())]
        self.gateway.token_status = (RESULTS[result], "")

    def _take(self, log: Log, new: Sequence[tuple[int, tuple[Any, ...]]]) -> None:
        rows = self._rows[log.name]
        for time, values in new:
            stamp = axdr.octets(date_time.encode((time + EPOCH) * S))
            row = [stamp, *(value.make(said) for value, said in zip(log.values, values, strict=True))]
            rows[time.to_bytes(4, "big") + axdr.structure(*row).build()] = row
        for old in sorted(rows)[:-ROOM]:
            del rows[old]
        self._gas.translated += len(new)
        self._profiles[log.name].restore(axdr.structure(*rows[key]).build() for key in sorted(rows))
