"""Payment metering: one account with its credits and charges, and the arithmetic between them. Blue Book 4.6.1 to 4.6.4.

The firmware tells what was consumed, what was paid and what time it is; the objects hold the result. Everything is integers
in the account's currency scale. Charges are taken by their priority from credits by theirs; what no credit has room for is
owed by the last credit that the charge may be taken from. A payment first feeds the charges that payments feed, then pays
back what was used of emergency credit and what is owed, then goes to the credits that tokens feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.account import Account, AccountStatus, CollectionConfiguration, CreditState
from protocols.dlms.cosem.charge import WHOLE, Charge, ChargeType
from protocols.dlms.cosem.charge import Configuration as Collection
from protocols.dlms.cosem.credit import HIGHEST, LOWEST, Configuration, Credit, CreditStatus
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, Method
from protocols.dlms.xdlms import DataAccessResult

Image: TypeAlias = "dict[str, bytes | list[int]]"
"""What a memory that outlives the power keeps: octets of an attribute by `<logical name>/<number>`, and some numbers."""

_LEFT_OVER: Final = "left over"
_PROVIDED: Final = "provided"
_CHOSEN: Final = (CreditStatus.SELECTED, CreditStatus.IN_USE)


class Payment:
    """One supply contract. `disconnected`, `load_limiting`, `friendly`: what the supply is at now; the firmware says so."""

    def __init__(self, account: Account, credits: Sequence[Credit], charges: Sequence[Charge]) -> None:
        """The account's reference lists and sums become those of these objects."""
        self.account = account
        self.disconnected = False
        self.load_limiting = False
        self.friendly = False
        self._all = (account, *credits, *charges)
        self._every_credit = tuple(credits)
        self.charges: list[Charge] = list(charges)
        self._sort()
        self._left = {charge.name: (0, 1) for charge in self.charges}
        self._provided = 0
        self._providing_since = 0
        account.credit_reference_list = [credit.name for credit in credits]
        account.charge_reference_list = [charge.name for charge in charges]
        account.current_credit_in_use = self._in_use_number
        account.current_credit_status = self._state
        account.available_credit = lambda: self.available
        account.amount_to_clear = self._to_clear
        account.aggregated_debt = lambda: _held(sum(charge.remaining for charge in charges if charge.ends))
        account.low_credit_threshold = lambda: self._threshold(self.in_use, Credit.warning_threshold)
        account.next_credit_available_threshold = lambda: self._threshold(self._next, Credit.credit_available_threshold)
        account.watch(self._account_changed)
        for thing in (*credits, *charges):
            thing.watch(self._changed)
        self._judging = False
        self.judge()

    # --- what happens

    def consumed(self, units: int, now: int, index: bytes = b"", commodity: bytes | None = None) -> None:
        """So many units were consumed under this tariff index, of one commodity or of whatever charges have. `now`: UTC ns."""
        for charge in self._of(ChargeType.CONSUMPTION_BASED_COLLECTION):
            if commodity in (None, charge.commodity):
                self._collect(charge, self._cost(charge, units, index), now)

    def expire(self, now: int) -> None:
        """Collect for the time that has passed. A charge that has a price and was never collected begins now, and so does one that
        was collected more than a period ahead: the clock was wrong then. `now`: UTC ns."""
        for charge in self._timed:
            period = charge.period.value * SECOND
            last = date_time.instant(charge.last_collection_time.value)
            if last is None or last > now + period:
                charge.collected(0, now)
                continue
            periods = (now - last) // period
            if periods > 0:
                self._collect(charge, self._cost(charge, periods), last + periods * period)

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted next: UTC ns; None for not before something changes."""
        times = ((date_time.instant(charge.last_collection_time.value), charge.period.value) for charge in self._timed)
        return min((0 if last is None else last + period * SECOND for last, period in times), default=None)

    def paid(self, amount: int, now: int) -> None:
        """A payment. `now`: UTC ns. AccessError, and nothing has changed, for one that no credit can hold."""
        if not 0 <= amount <= HIGHEST - max((credit.amount for credit in self.credits), default=0):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a payment of {amount}")
        rest = amount
        for charge in self._of(ChargeType.PAYMENT_EVENT_BASED_COLLECTION):
            share = amount * charge.proportion.value // WHOLE
            if not charge.has(Collection.PERCENTAGE):
                share = self._cost(charge, 1)
            share = min(charge.due_amount(share), rest, self._provision(now))
            if share > 0:
                charge.collected(share, now)
                self._provided += share
                rest -= share
        for credit in self.credits:
            back = min(rest, max(credit.used, -credit.amount if credit.has(Configuration.REPAYMENT) else 0))
            if back > 0:
                credit.give(back)
                rest -= back
        for credit, part in self._shares(rest):
            credit.give(part)
        self.judge()

    def collect(self, charge: Charge, now: int) -> None:
        """Collect a charge's unit once, outside of its time: its method collect."""
        self._collect(charge, self._cost(charge, 1), now)

    def take(self, charge: Charge, amount: int, now: int) -> None:
        """Collect an amount that somebody else has reckoned. `now`: UTC ns."""
        if self.account.status == AccountStatus.ACTIVE and amount:
            self._collect(charge, amount, now)

    # --- what there is

    @property
    def in_use(self) -> Credit | None:
        """The credit that charges are taken from; None: out of credit."""
        return next((credit for credit in self.credits if credit.status == CreditStatus.IN_USE), None)

    @property
    def available(self) -> int:
        """available_credit: what the selected credits hold."""
        return _held(sum(max(credit.amount, 0) for credit in self.credits if credit.status in _CHOSEN))

    def judge(self) -> None:
        """Give every credit the status that its amount and the others' make it have."""
        if self._judging:
            return
        self._judging = True
        higher = 0
        in_use = False
        for credit in self.credits:
            status = _status(credit, higher)
            if status in _CHOSEN:
                status = CreditStatus.SELECTED if in_use else CreditStatus.IN_USE
                in_use = True
                higher += credit.amount - credit.limit.value
            if status != credit.status:
                credit.credit_status = status
        self._judging = False

    # --- for a memory that outlives the power

    def image(self) -> Image:
        """What every object holds, and what divisions left over."""
        kept: Image = {
            f"{thing.name}/{number}": source.build()
            for thing in self._all
            for number, source in thing.sources.items()
            if number > 1 and isinstance(source, Data)
        }
        kept |= {f"{name}/{_LEFT_OVER}": list(left) for name, left in self._left.items()}
        kept[_PROVIDED] = [self._provided, self._providing_since]
        return kept

    def restore(self, image: Image) -> None:
        """Hold what an image has. An attribute that it does not know, and one whose type has changed since, stays."""
        for thing in self._all:
            for number, source in thing.sources.items():
                octets = image.get(f"{thing.name}/{number}")
                if isinstance(octets, bytes) and isinstance(source, Data):
                    with suppress(RemoteProtocolError):
                        value = Data.parse(octets)
                        thing.attributes[number].type.admit(value)
                        thing.sources[number] = value
        for charge in self.charges:
            match image.get(f"{charge.name}/{_LEFT_OVER}"):
                case [int(over), int(of)]:
                    self._left[charge.name] = over, of
        match image.get(_PROVIDED):
            case [int(provided), int(since)]:
                self._provided, self._providing_since = provided, since
        self.judge()

    # --- collection

    @property
    def _timed(self) -> list[Charge]:
        """The charges that time brings: a period and a price they have."""
        charges = self._of(ChargeType.TIME_BASED_COLLECTION)
        return [charge for charge in charges if charge.period.value and any(charge.prices().values())]

    def _of(self, type: ChargeType) -> Iterable[Charge]:
        if self.account.status != AccountStatus.ACTIVE:
            return ()
        return [charge for charge in self.charges if charge.type == type]

    def _cost(self, charge: Charge, units: int, index: bytes = b"") -> int:
        amount, self._left[charge.name] = charge.cost(units, self.account.currency_scale, index, self._left[charge.name])
        return amount

    def _collect(self, charge: Charge, amount: int, now: int) -> None:
        amount = _held(charge.due_amount(amount))
        sources = [credit for credit in self.credits if self._may(charge, credit)]
        if not sources:
            return
        rest = amount
        for credit in sources:
            if credit.status in _CHOSEN:
                part = min(rest, max(credit.amount - credit.limit.value, 0))
                credit.give(-part)
                rest -= part
        if rest:
            owing = next((credit for credit in reversed(sources) if not credit.has(Configuration.CONFIRMATION)), sources[-1])
            owing.give(-min(rest, owing.amount - LOWEST))
        charge.collected(amount, now)
        self.judge()

    def _may(self, charge: Charge, credit: Credit) -> bool:
        lines = self.account.credit_charge_configuration.value
        if not lines:
            return True
        for line in lines:
            credit_name, charge_name, bits = (item.value for item in line.value)
            if credit_name == credit.name and charge_name == charge.name:
                conditions = (
                    (self.disconnected, CollectionConfiguration.DISCONNECTED),
                    (self.load_limiting, CollectionConfiguration.LOAD_LIMITING),
                    (self.friendly, CollectionConfiguration.FRIENDLY_CREDIT),
                )
                return all(bits[bit] == "1" for holds, bit in conditions if holds)
        return False

    def _provision(self, now: int) -> int:
        """What payments may still lose in this period."""
        period = self.account.max_provision_period.value * SECOND
        if period <= 0:
            return HIGHEST
        if now - self._providing_since >= period:
            self._provided, self._providing_since = 0, now
        return max(int(self.account.max_provision.value) - self._provided, 0)

    def _shares(self, amount: int) -> list[tuple[Credit, int]]:
        """A payment's parts; what the percentages leave over goes to the first."""
        if amount <= 0:
            return []
        takers = [credit for credit in self.credits if credit.has(Configuration.TOKENS)]
        percents = {line.value[0].value: line.value[1].value for line in self.account.token_gateway_configuration.value}
        named = [(credit, amount * percents[credit.name] // 100) for credit in self.credits if percents.get(credit.name)]
        if not named:
            return [(takers[0], amount)] if takers else []
        first, part = named[0]
        return [(first, part + amount - sum(part for _, part in named)), *named[1:]]

    # --- sums

    @property
    def _next(self) -> Credit | None:
        """The credit behind the one in use."""
        in_use = self.in_use
        later = self.credits if in_use is None else self.credits[self.credits.index(in_use) + 1 :]
        return later[0] if later else None

    def _threshold(self, credit: Credit | None, member: Attribute) -> int:
        return 0 if credit is None else int(credit.read(member.number).value)

    def _to_clear(self) -> int:
        owed = sum(max(-credit.amount, credit.used, 0) for credit in self.credits)
        return _held(owed + self.account.clearance_threshold.value if owed else 0)

    def _in_use_number(self) -> int:
        in_use = self.in_use
        names = [item.value for item in self.account.credit_reference_list.value]
        return 0 if in_use is None or in_use.name not in names else names.index(in_use.name) + 1

    def _state(self) -> str:
        later = self._next
        status = None if later is None else later.status
        in_use = self.in_use
        bits = {
            CreditState.IN_CREDIT: self.available > 0,
            CreditState.LOW_CREDIT: self.available <= self._threshold(in_use, Credit.warning_threshold),
            CreditState.NEXT_CREDIT_ENABLED: status == CreditStatus.ENABLED,
            CreditState.NEXT_CREDIT_SELECTABLE: status == CreditStatus.SELECTABLE,
            CreditState.NEXT_CREDIT_SELECTED: status == CreditStatus.SELECTED,
            CreditState.SELECTABLE_CREDIT_IN_USE: in_use is not None and in_use.has(Configuration.CONFIRMATION),
            CreditState.OUT_OF_CREDIT: in_use is None,
        }
        return "".join("1" if bits.get(bit) else "0" for bit in range(8))

    # --- changes by clients

    def _changed(self, thing: InterfaceClass, member: Attribute | Method) -> None:
        if member is Credit.priority or member is Charge.priority:
            self._sort()
        if isinstance(thing, Credit) and member is not Credit.credit_status:
            self.judge()

    def _sort(self) -> None:
        """Credits and charges in the order of their priorities; a credit of priority 0 takes no part."""
        self.credits = sorted((each for each in self._every_credit if each.priority.value), key=_priority)
        self.charges.sort(key=_priority)

    def _account_changed(self, thing: InterfaceClass, member: Attribute | Method) -> None:
        if member is Account.reset_account:
            for credit in self.credits:
                credit.current_credit_amount = 0
                credit.credit_status = CreditStatus.ENABLED
            for charge in self.charges:
                charge.total_amount_paid = charge.total_amount_remaining = charge.last_collection_amount = 0
            self.judge()


def _priority(thing: Credit | Charge) -> int:
    return int(thing.priority.value)


def _status(credit: Credit, higher: int) -> CreditStatus:
    """Where a credit stands, with `higher` in the credits before it; a chosen one may be in use or waiting."""
    exhausted = credit.amount <= credit.limit.value
    if not credit.has(Configuration.CONFIRMATION):
        return CreditStatus.EXHAUSTED if exhausted else CreditStatus.SELECTED
    wanted = higher <= credit.credit_available_threshold.value
    if credit.status >= CreditStatus.SELECTED and (wanted or credit.used):
        return CreditStatus.EXHAUSTED if exhausted else CreditStatus.SELECTED
    return CreditStatus.SELECTABLE if wanted else CreditStatus.ENABLED


def _held(amount: int) -> int:
    """An amount as far as its type holds it."""
    return max(LOWEST, min(amount, HIGHEST))
