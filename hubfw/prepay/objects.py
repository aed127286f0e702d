"""What the head end sees of the accounts: objects of the gas proxy, and of the hub for electricity.

`0-0:128.52.x` are a manufacturer's objects: balance and lent credit (micropence), cut-off, half hours left and half hours without
contact; the sixth has the meter asked at its next report (1: volume, 2: cut-off, 3: status), the seventh is what it answered last,
the eighth how many half hours gas flows on without contact, which the head end programs.
The valve is GB's disconnect control, its orders carried out at the meter's next report; a token gateway takes top-ups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hubfw.prepay.account import Account
from hubfw.prepay.gas import QUESTIONS, GasPrepay
from hubfw.prepay.purse import Outcome
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, ControlState, InterfaceClass, Unit, date_time
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.hub_prepayment.cluster import Valve

BALANCE, LENT, CUT_OFF, LEFT, FAILED, QUESTION, ANSWER, DELAY = (f"0-0:128.52.{number}" for number in range(1, 9))
VALVE: Final = "0-0:96.3.10"
GATEWAY: Final = "0-0:19.40.0"
STATUS: Final = {
    Outcome.CREDITED: TokenStatus.EXECUTION_OK,
    Outcome.USED: TokenStatus.VALIDATION_FAILURE,
    Outcome.WRONG: TokenStatus.AUTHENTICATION_FAILURE,
    Outcome.NO_ACCOUNT: TokenStatus.EXECUTION_FAILURE,
}
MICROPENCE: Final = -8
"""In pounds."""
LONGEST_DELAY: Final = 48 * 30
"""Half hours: thirty days; a time-out is of the order of several days."""


def account_objects(account: Account, enter: Callable[[str], Outcome], time: Callable[[], bytes]) -> list[InterfaceClass]:
    """Balance, lent credit, and the gateway for tokens."""
    return [
        cosem.Register(BALANCE, value=lambda: axdr.i64(account.balance), scaler_unit=(MICROPENCE, Unit.CURRENCY)),
        cosem.Register(LENT, value=lambda: axdr.i64(account.lent), scaler_unit=(MICROPENCE, Unit.CURRENCY)),
        cosem.TokenGateway(GATEWAY, accept=lambda token: _judge(enter, token), time=time),
    ]


def gas_objects(gas: GasPrepay) -> list[InterfaceClass]:
    """What the meter is to do, and how long without contact."""
    state = {Valve.OPEN: ControlState.CONNECTED, Valve.CLOSED: ControlState.DISCONNECTED}
    return [
        cosem.Register(CUT_OFF, value=lambda: axdr.u64(gas.cut_off), scaler_unit=(-3, Unit.CUBIC_METRE)),
        cosem.Data(LEFT, value=lambda: axdr.u16(gas.contact.left)),
        cosem.Data(FAILED, value=lambda: axdr.u16(min(gas.contact.failed, 0xFFFF))),
        cosem.Data(
            QUESTION,
            value=lambda: axdr.u8(gas.question),
            access={"value": Access.READ_WRITE},
            on={"value": lambda value: _ask(gas, value.value)},
        ),
        cosem.Data(ANSWER, value=lambda: _answer(gas)),
        cosem.Data(
            DELAY,
            value=lambda: axdr.u16(gas.contact.delay),
            access={"value": Access.READ_WRITE},
            on={"value": lambda value: _program(gas, value.value)},
        ),
        cosem.DisconnectControl(
            VALVE,
            output_state=lambda: axdr.boolean(gas.valve is Valve.OPEN),
            control_state=lambda: axdr.enum(state[gas.valve]),
            on={
                "remote_disconnect": lambda argument: gas.order(Valve.CLOSED),
                "remote_reconnect": lambda argument: gas.order(Valve.OPEN),
            },
        ),
    ]


def _ask(gas: GasPrepay, question: int) -> None:
    if question > len(QUESTIONS):
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"question {question}")
    gas.ask(question)


def _program(gas: GasPrepay, delay: int) -> None:
    if not 0 < delay <= LONGEST_DELAY:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a time-out of {delay} half hours")
    gas.program(delay)


def _answer(gas: GasPrepay) -> Data:
    """Structure: time, volume, cut-off, half hours left, valve; null where the answer does not say it."""
    if gas.answer is None:
        return axdr.null()
    utc, told = gas.answer
    kinds = {"volume": axdr.u64, "cut_off": axdr.u64, "delay": axdr.u16, "valve": axdr.enum}
    values = [kind(getattr(told, name)) if hasattr(told, name) else axdr.null() for name, kind in kinds.items()]
    return axdr.structure(axdr.octets(date_time.encode(utc)), *values)


def _judge(enter: Callable[[str], Outcome], token: bytes) -> Judgement:
    outcome = enter(token.decode("ascii", "replace"))
    return Judgement(STATUS[outcome], (outcome.value.encode(),))
