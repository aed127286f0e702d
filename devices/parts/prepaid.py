"""A prepayment account as GB's meters have it: balance, emergency credit, accumulated debt; tariff, standing charge, debts.

What electricity and gas meters share: the objects' names and settings, the rule of the supply, and flash. Amounts are thousandths
of a penny. In prepayment mode the supply opens when no credit is in use, and is armed when one is again; in a friendly period (GB:
non-disablement) it stays, and opens at the end. Not here: what is used and what it costs, which token is authentic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from protocols.dlms import cosem
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, date_time
from protocols.dlms.cosem.account import AccountStatus, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.charge import NO_COMMODITY, ChargeType
from protocols.dlms.cosem.credit import CreditType
from protocols.dlms.cosem.interface import Hook
from protocols.dlms.cosem.payment import Payment
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.cosem.types import Plain
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.prepayment import TopUpResult

if TYPE_CHECKING:
    from devices.runtime.board import Board

SCALE: Final = -5
"""Thousandths of a penny, in pounds."""
PENCE: Final = 1_000
TOKEN_DIGITS: Final = 20
ACCOUNT, NEXT_ACCOUNT = Obis("0-0:19.0.0"), Obis("0-1:19.0.0")
BALANCE, EMERGENCY, ACCUMULATED = (Obis(f"0-0:19.10.{n}") for n in range(3))
TARIFF, TIME_DEBT_1, TIME_DEBT_2, PAYMENT_DEBT, STANDING, SECONDARY = (Obis(f"0-0:19.20.{n}") for n in range(6))
DEBTS: Final = (TIME_DEBT_1, TIME_DEBT_2, PAYMENT_DEBT)
GATEWAY: Final = Obis("0-0:19.40.0")
LARGEST_TOP_UP, LARGEST_BALANCE = Obis("0-0:94.44.2.10"), Obis("0-0:94.44.2.20")
TOP_UP_LIMIT, BALANCE_LIMIT = 5_000 * PENCE, 10_000 * PENCE
"""What they are at first."""
DAY: Final = 86_400
NO_DECIMALS: Final = 0
_STORED: Final = "payment/"
_DISABLED: Final = "payment/disabled"
_FRIENDLY: Final = "payment/friendly"


def configuration(consumed: Sequence[Obis], *, prepaid: bool) -> list[Plain]:
    """credit_charge_configuration as GB's head ends set it; `consumed`: the charges for consumption.

    Prepaid, emergency credit pays for consumption; the rest is owed meanwhile.
    """
    first, *more = consumed
    paid = (first, STANDING, *more)
    if not prepaid:
        return [(BALANCE, charge, "111") for charge in paid]
    return [
        *((BALANCE, charge, "111") for charge in (*paid, *DEBTS)),
        *((EMERGENCY, charge, "111") for charge in consumed),
        *((ACCUMULATED, charge, "111") for charge in (STANDING, TIME_DEBT_1, TIME_DEBT_2)),
    ]


class Supply(Protocol):
    """What lets somebody have what he pays for."""

    @property
    def closed(self) -> bool:
        """It is on."""

    @property
    def armed(self) -> bool:
        """A hand may switch it on."""

    def disconnect(self) -> object:
        """Off."""

    def arm(self) -> object:
        """Ready for a hand, where it is off."""


class Prepaid:
    """The account's objects and their rules. `consumed`: as `configuration` takes it.

    A meter says what was used (`payment`), which token is authentic (`judge`), and when periods are friendly (`coming`).
    """

    def __init__(
        self, board: Board, supply: Supply, charges: Sequence[cosem.Charge], consumed: Sequence[Obis],
        find: Callable[[Obis], InterfaceClass | None],
    ) -> None:  # fmt: skip
        self._board = board
        self._busy = False
        self.supply = supply
        self.consumed = tuple(consumed)
        self.judge: Callable[[bytes], Judgement] = refuse
        """What a token is worth, for who can tell."""
        self.may_be_prepaid = True
        self.why: TopUpResult | None = None
        """What the last top-up's refusal is called, where its status does not say it."""
        self.kept_with: Callable[[], dict[str, object]] = dict
        """What else goes to flash in the same transaction."""
        self.find = find
        self.on_change: Callable[[], object] = lambda: None
        """Told when anything of the account has changed, after the supply."""
        self._disabled: bool = board.nvm.get(_DISABLED, False)
        self._credits, self._charges = credits(), tuple(charges)
        own = account(ACCOUNT, credit_charge_configuration=configuration(consumed, prepaid=False))
        self.payment = Payment(own, self._credits, self._charges)
        self.payment.friendly = board.nvm.get(_FRIENDLY, False)
        self._made = self.payment.image()
        self.payment.restore({key.removeprefix(_STORED): board.nvm.get(key) for key in board.nvm.keys(_STORED)})
        self.gateway = cosem.TokenGateway(
            GATEWAY, accept=lambda token: self.judge(token), time=lambda: date_time.encode(board.rtc.read())
        )
        for thing in self.objects:
            thing.watch(lambda thing, member: self._save())

    @property
    def objects(self) -> tuple[InterfaceClass, ...]:
        """Account, credits and charges."""
        return self.payment.account, *self._credits, *self._charges

    def credit(self, name: Obis) -> cosem.Credit:
        """One of the credits."""
        return next(credit for credit in self._credits if credit.name == name)

    def charge(self, name: Obis) -> cosem.Charge:
        """One of the charges."""
        return next(charge for charge in self._charges if charge.name == name)

    @property
    def prepaid(self) -> bool:
        """Whether it is in prepayment mode."""
        return self.payment.account.mode == PaymentMode.PREPAYMENT

    def admit(self, mode: int) -> None:
        """Raises AccessError for prepayment where the meter may not be a payment meter."""
        if mode == PaymentMode.PREPAYMENT and not self.may_be_prepaid:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "its accuracy class is no payment meter's")

    @property
    def disabled(self) -> bool:
        """The supply is off for want of credit."""
        return self._disabled

    @property
    def friendly(self) -> bool:
        """It is a friendly period: want of credit opens no switch."""
        return self.payment.friendly

    @property
    def on_friendly_credit(self) -> bool:
        """The supply is on without credit, because the period is friendly."""
        return self._out and self.friendly and self.supply.closed

    @property
    def cuts(self) -> bool:
        """Whether want of credit does anything to the supply."""
        return True

    def coming(self, *, begins: bool, ahead: int) -> int | None:
        """When a friendly period next begins, or ends, within `ahead` ns: UTC ns."""
        return None

    def friendly_period(self, begins: bool) -> None:
        """One begins or ends. A supply that was off by then stays off."""
        if begins is not self.payment.friendly:
            self._board.nvm.put({_FRIENDLY: begins})
            self.payment.friendly = begins
            self._supply()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Whatever is changed within goes to flash together."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before
        self.payment.judge()
        self._save()

    def _kept(self) -> dict[str, object]:
        """What the meter itself keeps with the account."""
        return {}

    def _save(self) -> None:
        """Put what has changed in flash, in one transaction. What is as it was made takes no room there."""
        if self._busy:
            return
        nvm = self._board.nvm
        kept: dict[str, object] = {
            _STORED + key: value
            for key, value in self.payment.image().items()
            if value != self._made.get(key) or _STORED + key in nvm
        }
        kept |= self._kept()
        kept |= self.kept_with()
        news = {key: value for key, value in kept.items() if nvm.get(key) != value}
        if news:
            nvm.put(news)
            self._supply()

    @property
    def _out(self) -> bool:
        return self.prepaid and self.payment.in_use is None

    def _supply(self) -> None:
        """No credit in use, no supply; but whoever else opened the switch has his own reasons."""
        out = self._out
        if out and self.supply.closed and self.cuts and not self.friendly:
            self._disabled = True
            self._board.nvm.put({_DISABLED: True})
            self.supply.disconnect()
        elif self._disabled and not out:
            self._disabled = False
            self._board.nvm.put({_DISABLED: False})
            self.supply.arm()
        self.on_change()


def account(
    name: Obis,
    status: AccountStatus = AccountStatus.ACTIVE,
    *,
    credit_charge_configuration: Plain = (),
    access: Mapping[str, Access] | None = None,
    on: Mapping[str, Hook] | None = None,
) -> cosem.Account:
    """An account in credit mode."""
    return cosem.Account(
        name,
        account_mode_and_status=(PaymentMode.CREDIT, status),
        credit_charge_configuration=credit_charge_configuration,
        currency=("GBP", SCALE, CurrencyUnit.MONETARY),
        access=access or {},
        on=on or {},
    )


def credits() -> list[cosem.Credit]:
    """Balance, emergency credit, accumulated debt."""
    return [
        cosem.Credit(
            BALANCE, credit_type=CreditType.TOKEN_CREDIT, priority=1, credit_configuration="00001", warning_threshold=500 * PENCE
        ),
        cosem.Credit(
            EMERGENCY, credit_type=CreditType.EMERGENCY_CREDIT, priority=2, credit_configuration="01100",
            preset_credit_amount=500 * PENCE, credit_available_threshold=100 * PENCE,
        ),
        cosem.Credit(ACCUMULATED, credit_type=CreditType.RESERVED_CREDIT, priority=3, credit_configuration="00110"),
    ]  # fmt: skip


def charges(collect: Callable[[Obis], None], tariff: Plain, *more: cosem.Charge) -> list[cosem.Charge]:
    """The tariff, two debts by time, one by payments, the standing charge, and `more`. `tariff`: its unit charge."""

    def charge(name: Obis, type: ChargeType, priority: int, **given: Plain) -> cosem.Charge:
        on = {"collect": lambda argument: collect(name)}
        return cosem.Charge(name, charge_type=type, priority=priority, on=on, access={}, **given)

    free = ((NO_DECIMALS, SCALE), NO_COMMODITY, [(b"", 0)])
    by_time: dict[str, Plain] = {"unit_charge_active": free, "unit_charge_passive": free, "period": DAY}
    return [
        charge(TARIFF, ChargeType.CONSUMPTION_BASED_COLLECTION, 1, unit_charge_active=tariff, unit_charge_passive=tariff),
        charge(TIME_DEBT_1, ChargeType.TIME_BASED_COLLECTION, 3, **by_time),
        charge(TIME_DEBT_2, ChargeType.TIME_BASED_COLLECTION, 4, **by_time),
        charge(PAYMENT_DEBT, ChargeType.PAYMENT_EVENT_BASED_COLLECTION, 5, charge_configuration="10"),
        charge(STANDING, ChargeType.TIME_BASED_COLLECTION, 2, charge_configuration="01", **by_time),
        *more,
    ]


def refuse(token: bytes) -> Judgement:
    """A supplier's token is 20 digits; none can be authentic here."""
    whole = len(token) == TOKEN_DIGITS and token.isdigit()
    return Judgement(TokenStatus.AUTHENTICATION_FAILURE if whole else TokenStatus.FORMAT_FAILURE)
