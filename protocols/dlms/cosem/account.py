"""Account (class 111): a supply contract's payment mode, and what its credits and charges come to. Blue Book 4.6.2.

The amounts are sums over the credit and charge objects that `payment` has; an account without those holds what it is given.
Two readings of the Blue Book are ours: amount_to_clear counts up from 0, and current_credit_in_use counts from 1, 0 for none.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import ACTIVATION_TIME, NEVER, Pending
from protocols.dlms.cosem.interface import Attribute, attribute, method
from protocols.dlms.cosem.types import I8, I32, LOGICAL_NAME, U8, U16, UTF8, Array, Enumerated, Limited, Simple, Structure
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

MOST_REFERENCES: Final = 16
MOST_CONFIGURATIONS: Final = 64


class PaymentMode(IntEnum):
    """payment_mode."""

    CREDIT = 1
    PREPAYMENT = 2


class AccountStatus(IntEnum):
    """account_status."""

    NEW = 1
    ACTIVE = 2
    CLOSED = 3


class CurrencyUnit(IntEnum):
    """currency_unit: what an amount counts."""

    TIME = 0
    CONSUMPTION = 1
    MONETARY = 2


class CollectionConfiguration:
    """Bits of collection_configuration, by position: collect while the supply is disconnected, while the load is limited, while
    disconnection is not done."""

    DISCONNECTED = 0
    LOAD_LIMITING = 1
    FRIENDLY_CREDIT = 2


class CreditState:
    """Bits of current_credit_status, by position."""

    IN_CREDIT = 0
    LOW_CREDIT = 1
    NEXT_CREDIT_ENABLED = 2
    NEXT_CREDIT_SELECTABLE = 3
    NEXT_CREDIT_SELECTED = 4
    SELECTABLE_CREDIT_IN_USE = 5
    OUT_OF_CREDIT = 6


MODE_AND_STATUS = Structure(payment_mode=Enumerated(PaymentMode), account_status=Enumerated(AccountStatus))
CREDIT_CHARGE = Structure(
    credit_reference=LOGICAL_NAME, charge_reference=LOGICAL_NAME, collection_configuration=Simple(Tag.BIT_STRING, 3)
)
TOKEN_SHARE = Structure(credit_reference=LOGICAL_NAME, token_proportion=Limited(Tag.UNSIGNED, 0, 100))
CURRENCY = Structure(currency_name=UTF8, currency_scale=I8, currency_unit=Enumerated(CurrencyUnit))
REFERENCES = Array(LOGICAL_NAME, MOST_REFERENCES)


class Account(Pending, id=111, version=0):
    """`credit_charge_configuration`: which charge may be taken from which credit, none: any from any.
    `token_gateway_configuration`: percent of a payment for each credit, none: all for the first that takes tokens.
    `max_provision` in `max_provision_period` seconds: the most that payments may lose to charges; period 0: no such cap."""

    activations: ClassVar[dict[int, int]] = {13: 1, 14: 2}

    account_mode_and_status: Attribute = attribute(2, MODE_AND_STATUS)
    current_credit_in_use: Attribute = attribute(3, U8, default=0)
    current_credit_status: Attribute = attribute(4, Simple(Tag.BIT_STRING, 8), default="00000000")
    available_credit: Attribute = attribute(5, I32, default=0)
    amount_to_clear: Attribute = attribute(6, I32, default=0)
    clearance_threshold: Attribute = attribute(7, I32, default=0, access=Access.READ_WRITE)
    aggregated_debt: Attribute = attribute(8, I32, default=0)
    credit_reference_list: Attribute = attribute(9, REFERENCES, default=())
    charge_reference_list: Attribute = attribute(10, REFERENCES, default=())
    credit_charge_configuration: Attribute = attribute(
        11, Array(CREDIT_CHARGE, MOST_CONFIGURATIONS), default=(), access=Access.READ_WRITE
    )
    token_gateway_configuration: Attribute = attribute(
        12, Array(TOKEN_SHARE, MOST_REFERENCES), default=(), access=Access.READ_WRITE
    )
    account_activation_time: Attribute = attribute(13, ACTIVATION_TIME, default=NEVER, access=Access.READ_WRITE)
    account_closure_time: Attribute = attribute(14, ACTIVATION_TIME, default=NEVER, access=Access.READ_WRITE)
    currency: Attribute = attribute(15, CURRENCY)
    low_credit_threshold: Attribute = attribute(16, I32, default=0)
    next_credit_available_threshold: Attribute = attribute(17, I32, default=0)
    max_provision: Attribute = attribute(18, U16, default=0, access=Access.READ_WRITE)
    max_provision_period: Attribute = attribute(19, I32, default=0, access=Access.READ_WRITE)

    @method(1, I8)
    def activate_account(self, argument: Data) -> None:
        """A new account becomes an active one."""
        self._go(AccountStatus.NEW, AccountStatus.ACTIVE)
        self.account_activation_time = axdr.octets(NEVER)

    @method(2, I8)
    def close_account(self, argument: Data) -> None:
        """An active account is closed: nothing is collected any more."""
        self._go(AccountStatus.ACTIVE, AccountStatus.CLOSED)
        self.account_closure_time = axdr.octets(NEVER)

    @method(3, I8)
    def reset_account(self, argument: Data) -> None:
        """A closed account becomes a new one. What its credits and charges hold is cleared by the hook."""
        self._go(AccountStatus.CLOSED, AccountStatus.NEW)

    @property
    def mode(self) -> PaymentMode:
        """How is paid."""
        return PaymentMode(self.account_mode_and_status.value[0].value)

    @property
    def status(self) -> AccountStatus:
        """Whether the account is new, active or closed."""
        return AccountStatus(self.account_mode_and_status.value[1].value)

    @property
    def currency_scale(self) -> int:
        """The power of ten of every amount."""
        scale: int = self.currency.value[1].value
        return scale

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As any object; the shares of a token are not more than the token."""
        if number == Account.token_gateway_configuration.number:
            Account.token_gateway_configuration.type.admit(value)
            if sum(line.value[1].value for line in value.value) > 100:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        super().write(number, value, selection)

    def _go(self, of: AccountStatus, to: AccountStatus) -> None:
        if self.status != of:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, f"{self!r} is {self.status.name.lower()}")
        self.account_mode_and_status = (self.mode, to)
