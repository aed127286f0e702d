"""The meter's account as GB has it: balance, emergency credit, accumulated debt, tariff, standing charge, debts, tokens.

Amounts are thousandths of a penny. A new meter is in credit mode, and its tariff is the one in force on the display. Energy is
taken every half hour, the rest when its time comes. In prepayment mode the switch opens when no credit is in use, and is armed when
one is again; in a friendly period (GB: non-disablement) it stays closed, and opens at the end. All that changes is in flash. GB's
values to come (class 9000) are other objects' attributes, each with a time of its own, and so is the account to come, `0-1:19.0.0`.
Not here: top-ups without a key to check them by (every token of 20 digits is refused as not authentic), more rates than the one in
force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from devices.esme.config import Config
from devices.esme.meter import Meter
from devices.parts.kept_objects import keep
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, InterfaceClass, date_time
from protocols.dlms.cosem.account import AccountStatus, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.charge import NO_COMMODITY, ChargeType
from protocols.dlms.cosem.credit import CreditType
from protocols.dlms.cosem.interface import Attribute, Hook
from protocols.dlms.cosem.payment import Payment
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.cosem.types import Plain
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis

if TYPE_CHECKING:
    from devices.runtime.board import Board

SCALE: Final = -5
"""Thousandths of a penny, in pounds."""
PENCE: Final = 1_000
TOKEN_DIGITS: Final = 20
WATT_HOURS: Final = 3
"""commodity_scale of prices for kilowatt-hours."""
ACCOUNT, NEXT_ACCOUNT = Obis("0-0:19.0.0"), Obis("0-1:19.0.0")
BALANCE, EMERGENCY, ACCUMULATED = (Obis(f"0-0:19.10.{n}") for n in range(3))
TARIFF, TIME_DEBT_1, TIME_DEBT_2, PAYMENT_DEBT, STANDING, SECONDARY = (Obis(f"0-0:19.20.{n}") for n in range(6))
GATEWAY: Final = Obis("0-0:19.40.0")
ENERGY: Final = (3, Obis("1-0:1.8.0"), 2)
SECONDARY_ENERGY: Final = (3, Obis("1-20:1.8.0"), 2)
CREDIT_MODE: Final = [(BALANCE, charge, "111") for charge in (TARIFF, STANDING, SECONDARY)]
"""credit_charge_configuration as GB's head ends set it for payment by bill."""
_STORED: Final = "payment/"
_TAKEN: Final = "payment/wh"
_DISABLED: Final = "payment/disabled"
_FRIENDLY: Final = "payment/friendly"
_NO_DECIMALS: Final = 0
_DAY: Final = 86_400
_WRITABLE: Final = {"account_mode_and_status": Access.READ_WRITE}


class Prepayment:
    """The account's objects, added to the device, and their part in the meter's life."""

    def __init__(self, board: Board, config: Config, meter: Meter, device: LogicalDevice) -> None:
        self._board = board
        self._meter = meter
        self._busy = False
        self.judge: Callable[[bytes], Judgement] = _refuse
        """What a token is worth, for who can tell."""
        self.kept_with: Callable[[], dict[str, object]] = dict
        """What else goes to flash in the same transaction."""
        self.find = device.find
        self._taken: int = board.nvm.get(_TAKEN, meter.import_wh)
        self.on_change: Callable[[], object] = lambda: None
        """Told when anything of the account has changed, after the supply."""
        self._disabled: bool = board.nvm.get(_DISABLED, False)
        account = _account(ACCOUNT, credit_charge_configuration=CREDIT_MODE)
        credits, charges = _credits(), _charges(config, self._collect)
        self.payment = Payment(account, credits, charges)
        self.payment.friendly = board.nvm.get(_FRIENDLY, False)
        self._made = self.payment.image()
        self.payment.restore({key.removeprefix(_STORED): board.nvm.get(key) for key in board.nvm.keys(_STORED)})
        following = _account(
            NEXT_ACCOUNT, AccountStatus.NEW, access=_WRITABLE, on={"activate_account": lambda argument: self._follow(following)}
        )
        following.watch(lambda thing, member: self._renew(following, member))
        keep(board.nvm, following, *(following.attributes[number] for number in (2, 11, 13)))
        self.gateway = gateway = cosem.TokenGateway(
            GATEWAY, accept=lambda token: self.judge(token), time=lambda: date_time.encode(board.rtc.read())
        )
        for thing in (account, *credits, *charges):
            thing.watch(lambda thing, member: self._save())
        for thing in (account, following, *credits, *charges, gateway, *_to_come(board, account, credits)):
            device.add(thing)
        meter.on_half_hour.append(lambda row: self._advance())
        meter.on_friendly_period = self._friendly_period

    def credit(self, name: Obis) -> cosem.Credit:
        """One of the credits."""
        return next(credit for credit in self.payment.credits if credit.name == name)

    def charge(self, name: Obis) -> cosem.Charge:
        """One of the charges."""
        return next(charge for charge in self.payment.charges if charge.name == name)

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
        return self._out and self.friendly and self._meter.switch.closed

    def _friendly_period(self, begins: bool) -> None:
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

    def _advance(self) -> None:
        """Take what was used and what time has brought."""
        now = self._board.rtc.read()
        used, self._taken = self._meter.import_wh - self._taken, self._meter.import_wh
        self._busy = True
        self.payment.consumed(used, now)
        self.payment.expire(now)
        self._busy = False
        self._save()

    def _collect(self, name: Obis) -> None:
        self._busy = True
        self.payment.collect(self.charge(name), self._board.rtc.read())
        self._busy = False

    def _follow(self, following: cosem.Account) -> None:
        """The account to come is the account now."""
        mode, _ = following.account_mode_and_status.value
        account = self.payment.account
        account.credit_charge_configuration = following.credit_charge_configuration
        account.account_mode_and_status = axdr.structure(mode, axdr.enum(AccountStatus.ACTIVE))

    def _renew(self, following: cosem.Account, member: object) -> None:
        """What has become the account now may be written anew."""
        if member is cosem.Account.activate_account:
            following.account_mode_and_status = (following.mode, AccountStatus.NEW)

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
        kept[_TAKEN] = self._taken
        kept |= self.kept_with()
        news = {key: value for key, value in kept.items() if nvm.get(key) != value}
        if news:
            nvm.put(news)
            self._supply()

    @property
    def _out(self) -> bool:
        return self.payment.account.mode == PaymentMode.PREPAYMENT and self.payment.in_use is None

    def _supply(self) -> None:
        """No credit in use, no supply; but whoever else opened the switch has his own reasons."""
        switch, out = self._meter.switch, self._out
        if out and switch.closed and not self.friendly:
            self._disabled = True
            self._board.nvm.put({_DISABLED: True})
            switch.disconnect()
        elif self._disabled and not out:
            self._disabled = False
            self._board.nvm.put({_DISABLED: False})
            switch.arm()
        self.on_change()


def _account(
    name: Obis,
    status: AccountStatus = AccountStatus.ACTIVE,
    *,
    credit_charge_configuration: Plain = (),
    access: Mapping[str, Access] | None = None,
    on: Mapping[str, Hook] | None = None,
) -> cosem.Account:
    return cosem.Account(
        name,
        account_mode_and_status=(PaymentMode.CREDIT, status),
        credit_charge_configuration=credit_charge_configuration,
        currency=("GBP", SCALE, CurrencyUnit.MONETARY),
        access=access or {},
        on=on or {},
    )


def _credits() -> list[cosem.Credit]:
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


def _charges(config: Config, collect: Callable[[Obis], None]) -> list[cosem.Charge]:
    """The tariff, two debts by time, one by payments, the standing charge, and the tariff of a second circuit."""
    price = (b"", config.tariff.price)
    scaling = (WATT_HOURS, -config.tariff.digits)

    def charge(name: Obis, type: ChargeType, priority: int, **given: Plain) -> cosem.Charge:
        on = {"collect": lambda argument: collect(name)}
        return cosem.Charge(name, charge_type=type, priority=priority, on=on, access={}, **given)

    free = ((_NO_DECIMALS, SCALE), NO_COMMODITY, [(b"", 0)])
    by_time: dict[str, Plain] = {"unit_charge_active": free, "unit_charge_passive": free, "period": _DAY}
    return [
        charge(
            TARIFF, ChargeType.CONSUMPTION_BASED_COLLECTION, 1,
            unit_charge_active=(scaling, ENERGY, [price]), unit_charge_passive=(scaling, ENERGY, [price]),
        ),
        charge(TIME_DEBT_1, ChargeType.TIME_BASED_COLLECTION, 3, **by_time),
        charge(TIME_DEBT_2, ChargeType.TIME_BASED_COLLECTION, 4, **by_time),
        charge(PAYMENT_DEBT, ChargeType.PAYMENT_EVENT_BASED_COLLECTION, 5, charge_configuration="10"),
        charge(STANDING, ChargeType.TIME_BASED_COLLECTION, 2, charge_configuration="01", **by_time),
        charge(
            SECONDARY, ChargeType.CONSUMPTION_BASED_COLLECTION, 6,
            unit_charge_active=(scaling, SECONDARY_ENERGY, [(b"", 0)]), unit_charge_passive=(scaling, SECONDARY_ENERGY, [(b"", 0)]),
        ),
    ]  # fmt: skip


def _to_come(board: Board, account: cosem.Account, credits: list[cosem.Credit]) -> list[InterfaceClass]:
    """GB's values with one to come: first those that are attributes of other objects, then those that are nowhere else."""
    balance, emergency, _ = credits
    attributes = (
        ("0-0:94.44.128.2", emergency, cosem.Credit.preset_credit_amount),
        ("0-0:94.44.128.3", emergency, cosem.Credit.credit_available_threshold),
        ("0-0:94.44.128.9", balance, cosem.Credit.warning_threshold),
        ("0-0:94.44.128.22", balance, cosem.Credit.limit),
        ("0-0:94.44.128.12", account, cosem.Account.max_provision),
        ("0-0:94.44.128.13", account, cosem.Account.max_provision_period),
    )
    values = (
        ("0-0:94.44.2.0", axdr.boolean(True)),
        ("0-0:94.44.2.10", axdr.i32(5_000 * PENCE)),
        ("0-0:94.44.2.20", axdr.i32(10_000 * PENCE)),
        ("0-0:96.13.0", axdr.octets(b"")),
        ("0-0:96.13.1", axdr.octets(b"")),
    )
    made = [to_come(name, thing, member) for name, thing, member in attributes]
    made += [
        cosem.ExtendedData(name, value_active=value, value_passive=value, access={"value_active": Access.READ_WRITE})
        for name, value in values
    ]
    for thing in made:
        unbound = [member for number, member in thing.attributes.items() if number > 1 and not callable(thing.sources[number])]
        keep(board.nvm, thing, *unbound)
    return list(made)


def to_come(name: str, thing: InterfaceClass, member: Attribute) -> cosem.ExtendedData:
    """The value to come of another object's attribute."""

    def follow(value: Data) -> None:
        thing.write(member.number, value)

    return cosem.ExtendedData(
        name, value_active=lambda: thing.read(member.number), value_passive=thing.read(member.number), on={"value_active": follow}
    )


def _refuse(token: bytes) -> Judgement:
    """A supplier's token is 20 digits; none can be authentic here."""
    whole = len(token) == TOKEN_DIGITS and token.isdigit()
    return Judgement(TokenStatus.AUTHENTICATION_FAILURE if whole else TokenStatus.FORMAT_FAILURE)
