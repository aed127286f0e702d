"""Parse and correlate: what devices answer and tell, matched to the requests that are open, and to the users whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tools.bench.users import OPERATOR, SUPPLIER, Role
from tools.central.messages import Response
from tools.headend import notices
from tools.headend.notices import Notice

ALERTS: Final[Mapping[type[Notice], tuple[Role, ...]]] = MappingProxyType({
    notices.LastGasp: (SUPPLIER, OPERATOR),
    notices.FirstBreath: (SUPPLIER, OPERATOR),
    notices.VoltageAlert: (OPERATOR,),
    notices.DeviceEvent: (SUPPLIER,),
    notices.GasMeterSilent: (SUPPLIER,),
    notices.GasMeterHeard: (SUPPLIER,),
    notices.GasTimeOutEnded: (SUPPLIER,),
    notices.DeviceLogChanged: (),
})  # fmt: skip
"""Notices, and the roles that hear of them: suppliers of premises, and all network operators."""


class Correlation:
    """Requests that are open, by user and transaction. `stray`: answers that no open request waits for."""

    def __init__(self) -> None:
        self.stray = 0
        self._open: dict[tuple[str, int], str] = {}

    def expect(self, user: str, transaction: int, device: str) -> None:
        """A request has gone to a device."""
        self._open[user, transaction] = device

    def answered(self, user: str, transaction: int, device: str, value: object) -> Response | None:
        """A device's answer as its user gets it; None for one that nobody waits for."""
        if self._open.pop((user, transaction), None) != device:
            self.stray += 1
            return None
        return Response(transaction=transaction, value="done" if value is None else str(value))

    def given_up(self, user: str, transaction: int) -> None:
        """No answer will come."""
        self._open.pop((user, transaction), None)

    @staticmethod
    def concerned(notice: Notice, suppliers: list[str], operators: list[str]) -> list[str]:
        """Who of these hears of a notice."""
        roles = ALERTS.get(type(notice), ())
        return [*(suppliers if SUPPLIER in roles else ()), *(operators if OPERATOR in roles else ())]
