"""Which DLMS server address stands for which device behind the hub: the NAT table of the premises' one network address.

SAP 1 is the hub, SAP 2 the first gas meter's proxy, SAP 3 and up the electricity meters, and the proxies of further gas meters, in
the order in which they first joined; the last one, 0x3FFE, is a heat meter's.
A number given to an EUI-64 is kept for good and never given to another, so that a head end's stored addresses never come to
mean another meter. The table is readable through the hub's SAP assignment object (class 17, `0-0:41.0.0.255`).
"""

from __future__ import annotations

from devices.runtime.nvm import Nvm
from protocols.core.errors import LocalProtocolError

HUB = 1
GAS = 2
FIRST_METER = 3
LAST_METER = 0x3FFD
HEAT = 0x3FFE
"""The address above is reserved (Green Book 8.4.2: 0x3FFF is all stations)."""

_KEY = "sap/"
_GAS_KEY = "sap-gas/"


class SapTable:
    """EUI-64 to SAP and back, kept in non-volatile memory."""

    def __init__(self, store: Nvm) -> None:
        self._store = store
        self._sap: dict[int, int] = {}
        for key in store.keys(_KEY):
            self._sap[int(key.removeprefix(_KEY), 16)] = store.get(key)
        self._eui64 = {sap: eui64 for eui64, sap in self._sap.items()}
        self._gas: dict[int, int] = {int(key.removeprefix(_GAS_KEY), 16): store.get(key) for key in store.keys(_GAS_KEY)}

    def assign(self, eui64: int) -> int:
        """The meter's SAP; a new number at its first join. Raises LocalProtocolError when there are none left."""
        sap = self._sap.get(eui64)
        if sap is None:
            sap = self._free(eui64)
            self._store.put({f"{_KEY}{eui64:016X}": sap})
            self._sap[eui64] = sap
            self._eui64[sap] = eui64
        return sap

    def assign_gas(self, eui64: int, first: int) -> int:
        """A gas meter's SAP: the `first` one's is 2. While there is but one, nobody writes that down."""
        given = {} if first in self._gas else {first: GAS}
        if eui64 != first and eui64 not in self._gas:
            given[eui64] = self._free(eui64)
        if given:
            self._store.put({f"{_GAS_KEY}{each:016X}": sap for each, sap in given.items()})
            self._gas |= given
        return self._gas[eui64]

    def _free(self, eui64: int) -> int:
        sap = max([*self._eui64, *self._gas.values()], default=0) + 1
        if sap > LAST_METER:
            raise LocalProtocolError(f"no SAP left for {eui64:016X}: {len(self._sap) + len(self._gas)} are given")
        return max(sap, FIRST_METER)

    def eui64(self, sap: int) -> int | None:
        """The electricity meter behind a SAP; None for the hub, a gas proxy and what was never given."""
        return self._eui64.get(sap)

    def meters(self) -> list[tuple[int, int]]:
        """(SAP, EUI-64) of every electricity meter that ever joined, by SAP."""
        return sorted(self._eui64.items())

    def gas(self) -> list[tuple[int, int]]:
        """Of every gas meter that has a number in memory, likewise."""
        return sorted((sap, eui64) for eui64, sap in self._gas.items())
