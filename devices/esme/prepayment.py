"""The electricity meter's account: `prepaid`'s, for the energy of its register, and of a second circuit's.

A new meter is in credit mode, and its tariff is the one in force on the display. Energy is taken every half hour, the rest when its
time comes. All that changes is in flash. GB's values to come (class 9000) are other objects' attributes, each with a time of its
own, and so is the account to come, `0-1:19.0.0`.
Where the meter counts by rate, each rate has the price that the charge has under its number (1 to 48), and each block of the first
8 rates that under 48 and the place it has in `0-0:94.44.34.2`, if there is one. Where the hub publishes a tariff to the meter,
energy costs what that says of its rate and block, to the watt-hour: what was used before another tariff holds costs what it did.
Not here: the standing charge as published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.esme.config import Config
from devices.esme.meter import Meter
from devices.esme.timed_objects import FRIENDLY_BEGINS, FRIENDLY_ENDS, NON_DISABLEMENT
from devices.parts.kept_objects import keep
from devices.parts.prepaid import (
    BALANCE,
    BALANCE_LIMIT,
    EMERGENCY,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    NEXT_ACCOUNT,
    SCALE,
    SECONDARY,
    TARIFF,
    TOP_UP_LIMIT,
    Prepaid,
    account,
    charges,
)
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, Clock, InterfaceClass, Schedule
from protocols.dlms.cosem.account import AccountStatus
from protocols.dlms.cosem.charge import ChargeType
from protocols.dlms.cosem.interface import Attribute
from protocols.dlms.cosem.programme import between
from protocols.dlms.cosem.zone import UTC
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis

if TYPE_CHECKING:
    from devices.runtime.board import Board

WATT_HOURS: Final = 3
"""commodity_scale of prices for kilowatt-hours."""
ENERGY: Final = (3, Obis("1-0:1.8.0"), 2)
SECONDARY_ENERGY: Final = (3, Obis("1-20:1.8.0"), 2)
BLOCK_TIERS, BLOCK_INDEX = 8, 48
"""Rates whose blocks may have prices of their own in the charge, and the index before their first one."""
PRICE_DIGITS: Final = 15
"""Of published prices here: as many as there can be."""
_PER_AMOUNT: Final = 1_000 * 10 ** (PRICE_DIGITS + SCALE)
"""Watt-hours times price, in a thousandth of a penny."""
PAYMENT_CLASSES: Final = ("1", "2")
"""Accuracy classes of payment meters (BS EN 62055-31)."""
_TAKEN, _TAKEN_APART, _BY_BLOCK = "payment/wh", "payment/wh-apart", "payment/wh-blocks"
_CLOCK: Final = Obis("0-0:1.0.0")
_WRITABLE: Final = {"account_mode_and_status": Access.READ_WRITE}


class Prepayment(Prepaid):
    """The account's objects, added to the device, and their part in the meter's life."""

    def __init__(self, board: Board, config: Config, meter: Meter, device: LogicalDevice) -> None:
        self._meter = meter
        taken: int | list[int] = board.nvm.get(_TAKEN, meter.import_wh)
        self._taken = [taken] if isinstance(taken, int) else list(taken)
        """Wh of each rate that are paid."""
        cells, prices, self._rest = board.nvm.get(_BY_BLOCK, [[], [], 0])
        self._cells: dict[tuple[int, int], int] = {(rate, block): wh for rate, block, wh in cells}
        """Likewise of each block of a rate."""
        self._prices: dict[tuple[int, int], int] = {(rate, block): int(price) for rate, block, price in prices}
        """As published: those that hold for what is used now."""
        self._apart: int = board.nvm.get(_TAKEN_APART, 0)
        """Likewise of the second element."""
        self._elements = config.elements
        scaling = (WATT_HOURS, -config.tariff.digits)
        second = cosem.Charge(
            SECONDARY, charge_type=ChargeType.CONSUMPTION_BASED_COLLECTION, priority=6,
            on={"collect": lambda argument: self._collect(SECONDARY)},
            unit_charge_active=(scaling, SECONDARY_ENERGY, [(b"", 0)]), unit_charge_passive=(scaling, SECONDARY_ENERGY, [(b"", 0)]),
        )  # fmt: skip
        own = charges(self._collect, (scaling, ENERGY, [(b"", config.tariff.price)]), second)
        super().__init__(board, meter.switch, own, (TARIFF, SECONDARY), device.find)
        following = account(
            NEXT_ACCOUNT, AccountStatus.NEW, access=_WRITABLE,
            on={
                "activate_account": lambda argument: self._follow(following),
                "account_mode_and_status": lambda value: self.admit(value.value[0].value),
            },
        )  # fmt: skip
        following.watch(lambda thing, member: self._renew(following, member))
        keep(board.nvm, following, *(following.attributes[number] for number in (2, 11, 13)))
        self.may_be_prepaid = config.accuracy in PAYMENT_CLASSES
        now, *others = self.objects
        for thing in (now, following, *others, self.gateway, *self._to_come(board)):
            device.add(thing)
        meter.on_half_hour.append(lambda row: self._advance())
        meter.on_published = self._reprice
        meter.on_friendly_period = self.friendly_period

    def coming(self, *, begins: bool, ahead: int) -> int | None:
        """By the schedule of non-disablement."""
        plan, clock, now = self.find(NON_DISABLEMENT), self.find(_CLOCK), self._board.rtc.read()
        assert isinstance(plan, Schedule)
        zone = clock.zone if isinstance(clock, Clock) else UTC
        found = None
        for at, item in between(plan, now, now + ahead, zone):
            if item.selector == (FRIENDLY_BEGINS if begins else FRIENDLY_ENDS):
                found = at
        return found

    def _reprice(self) -> None:
        """Other prices may be published: what was used until now costs what it did."""
        if self._meter.published() not in (None, self._prices):
            self._advance()

    def _advance(self) -> None:
        """Take what was used and what time has brought."""
        now = self._board.rtc.read()
        self._busy = True
        self._pay_energy(now)
        self.payment.expire(now)
        self._busy = False
        self._save()

    def _pay_energy(self, now: int) -> None:
        """Each rate's and block's energy at its price."""
        tiers, cells = self._meter.tiers(), self._meter.cells()
        before = self._taken + [0] * (len(tiers) - len(self._taken))
        used = [shown - paid for shown, paid in zip(tiers, before, strict=True)]
        filled = {cell: shown - self._cells.get(cell, 0) for cell, shown in cells.items()}
        for (rate, _), part in filled.items():
            used[rate - 1] -= part
        for rate, rest in enumerate(used, 1):
            if rest or rate == 1:
                self._pay(rest, rate, 0, now)
        for (rate, block), part in filled.items():
            if part:
                self._pay(part, rate, block, now)
        self._taken, self._cells = tiers, cells
        prices = self._meter.published()
        self._prices = self._prices if prices is None else prices
        if self._elements > 1:
            apart, _ = self._meter.metrology.part(0)
            self.payment.consumed(apart - self._apart, now, b"", SECONDARY_ENERGY[1])
            self._apart = apart

    def _pay(self, units: int, rate: int, block: int, now: int) -> None:
        """Block 0: of no block. What the charge has no price for under its number has that of its rate, or of all."""
        price = self._prices.get((rate, block))
        if price is not None:
            amount, self._rest = divmod(units * price + self._rest, _PER_AMOUNT)
            self.payment.take(self.charge(TARIFF), amount, now)
            return
        index = b"" if self._meter.rate() is None else bytes((rate,))
        if block and rate <= BLOCK_TIERS:
            cell = bytes((BLOCK_INDEX + (block - 1) * BLOCK_TIERS + rate,))
            index = cell if cell in self.charge(TARIFF).prices() else index
        self.payment.consumed(units, now, index, ENERGY[1] if self._elements > 1 else None)

    def _collect(self, name: Obis) -> None:
        self._busy = True
        self.payment.collect(self.charge(name), self._board.rtc.read())
        self._busy = False

    def _kept(self) -> dict[str, object]:
        kept: dict[str, object] = {_TAKEN: self._taken if len(self._taken) > 1 else self._taken[0]}
        if self._cells or self._prices:
            cells = [[rate, block, wh] for (rate, block), wh in self._cells.items()]
            prices = [[rate, block, str(price)] for (rate, block), price in self._prices.items()]
            kept[_BY_BLOCK] = [cells, prices, self._rest]
        return {**kept, _TAKEN_APART: self._apart} if self._elements > 1 else kept

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

    def _to_come(self, board: Board) -> list[InterfaceClass]:
        """GB's values with one to come: first those that are attributes of other objects, then those that are nowhere else."""
        account, balance, emergency = self.payment.account, self.credit(BALANCE), self.credit(EMERGENCY)
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
            (LARGEST_TOP_UP, axdr.i32(TOP_UP_LIMIT)),
            (LARGEST_BALANCE, axdr.i32(BALANCE_LIMIT)),
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


def to_come(name: str | Obis, thing: InterfaceClass, member: Attribute) -> cosem.ExtendedData:
    """The value to come of another object's attribute."""

    def follow(value: Data) -> None:
        thing.write(member.number, value)

    return cosem.ExtendedData(
        name, value_active=lambda: thing.read(member.number), value_passive=thing.read(member.number), on={"value_active": follow}
    )
