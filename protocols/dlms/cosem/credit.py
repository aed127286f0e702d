"""Credit (class 112): an amount from which charges are taken, one of an account's several kinds. Blue Book 4.6.3.

Amounts are integers in the account's currency unit and scale. An amount changes here, by methods and by `take` and `give`;
whether a credit may be selected, is in use or is exhausted depends on the other credits, too, and is judged by `payment`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import I8, I32, TAGGED_DATE_TIME, U8, Enumerated, Simple
from protocols.dlms.xdlms import DataAccessResult

LOWEST: Final = -(1 << 31)
HIGHEST: Final = (1 << 31) - 1


class CreditType(IntEnum):
    """credit_type."""

    TOKEN_CREDIT = 0
    RESERVED_CREDIT = 1
    EMERGENCY_CREDIT = 2
    TIME_BASED_CREDIT = 3
    CONSUMPTION_BASED_CREDIT = 4


class CreditStatus(IntEnum):
    """credit_status."""

    ENABLED = 0
    SELECTABLE = 1
    SELECTED = 2
    IN_USE = 3
    EXHAUSTED = 4


class Configuration:
    """Bits of credit_configuration, by position."""

    VISUAL_INDICATION = 0
    CONFIRMATION = 1
    """It has to be selected before it can be used."""
    REPAYMENT = 2
    """What was used of it has to be paid back."""
    RESETTABLE = 3
    TOKENS = 4
    """Tokens can add to it."""


class Credit(InterfaceClass, id=112, version=0):
    """`limit`: at this amount and below it is exhausted. `priority`: 1 is used before 2; 0 never."""

    current_credit_amount: Attribute = attribute(2, I32, default=0)
    credit_type: Attribute = attribute(3, Enumerated(CreditType))
    priority: Attribute = attribute(4, U8, access=Access.READ_WRITE)
    warning_threshold: Attribute = attribute(5, I32, default=0, access=Access.READ_WRITE)
    limit: Attribute = attribute(6, I32, default=0, access=Access.READ_WRITE)
    credit_configuration: Attribute = attribute(7, Simple(Tag.BIT_STRING, 5), default="00000")
    credit_status: Attribute = attribute(8, Enumerated(CreditStatus), default=CreditStatus.ENABLED)
    preset_credit_amount: Attribute = attribute(9, I32, default=0, access=Access.READ_WRITE)
    credit_available_threshold: Attribute = attribute(10, I32, default=0, access=Access.READ_WRITE)
    period: Attribute = attribute(11, TAGGED_DATE_TIME, default=NEVER)

    @method(1, I32)
    def update_amount(self, argument: Data) -> None:
        """Add to the amount, or take from it."""
        self.give(argument.value)

    @method(2, I32)
    def set_amount_to_value(self, argument: Data) -> None:
        """Replace the amount."""
        self.current_credit_amount = argument

    @method(3, I8)
    def invoke_credit(self, argument: Data) -> None:
        """Select a credit that is selectable: emergency credit and the like begin with their preset amount."""
        if self.status != CreditStatus.SELECTABLE:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self!r} is not selectable")
        self.select_it()

    @property
    def amount(self) -> int:
        """The current credit amount."""
        number: int = self.current_credit_amount.value
        return number

    @property
    def status(self) -> CreditStatus:
        """The credit status."""
        return CreditStatus(self.credit_status.value)

    def has(self, bit: int) -> bool:
        """Whether a bit of the configuration is set (`Configuration`)."""
        bits: str = self.credit_configuration.value
        return bits[bit : bit + 1] == "1"

    def give(self, amount: int) -> None:
        """Add an amount; a negative one is taken. AccessError when there is no number for the sum, and nothing changes."""
        total = self.amount + amount
        if not LOWEST <= total <= HIGHEST:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self!r} cannot hold {total}")
        self.current_credit_amount = total

    def select_it(self) -> None:
        """Make it a selected one, with its preset amount if it has one."""
        if self.credit_type.value != CreditType.TOKEN_CREDIT and self.preset_credit_amount.value:
            self.current_credit_amount = self.preset_credit_amount
        self.credit_status = CreditStatus.SELECTED

    @property
    def used(self) -> int:
        """What was taken of a preset amount that has to be paid back."""
        if not self.has(Configuration.REPAYMENT) or self.status < CreditStatus.SELECTED:
            return 0
        return max(0, int(self.preset_credit_amount.value) - self.amount)
