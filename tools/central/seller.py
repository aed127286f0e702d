"""Who computes top-up numbers: the supplier whose meter it is, and nobody else (GB: UTRN; GBCS section 14).

A number is made from the amount and a count, under a key that the supplier's prepayment key and the meter's agree on, so that the
meter can tell who made it. Each sale is recorded with who sold. Not here: payment by the customer, the agreement of keys (ECDH).
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from devices.gsme.config import SELLER
from protocols.gbcs import utrn
from tools.bench.identity import Identity

KEPT: Final = 10_000


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """`seller`: who computed `code`, for `pence` at a meter."""

    seller: str
    meter: str
    pence: int
    code: str


class Seller:
    """One supplier's. `name` is the party that a sale is booked to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sales: deque[Sale] = deque(maxlen=KEPT)
        self._counts: dict[str, int] = {}

    def sell(self, meter: str, identity: Identity, supplier: str | None, pence: int) -> Sale:
        """A number for a meter. For another supplier's meter the key is not that one's, and the meter will not take it.

        Raises LocalProtocolError for an amount that no number holds.
        """
        own = supplier in (None, self.name)
        count = self._counts.get(meter, 0) + 1
        key = identity.key("utrn" if own else f"utrn of {self.name}")
        code = utrn.make(key, SELLER, identity.eui64, count, pence)
        self._counts[meter] = count
        sale = Sale(seller=self.name, meter=meter, pence=pence, code=code)
        self.sales.append(sale)
        return sale
