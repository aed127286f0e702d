"""Access control at the user interface: who may have what done, by role and by whose device it is.

A request's number must be higher than all before it of that user: what is repeated is refused. Not here: signatures, consent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tools.bench.users import OTHER, SUPPLIER, Role
from tools.central.estate import Entry
from tools.central.messages import Request

SERVICES: Final[Mapping[str, tuple[Role, ...]]] = MappingProxyType({
    "read": ("supplier", "network-operator", "other"),
    "pair": ("supplier",),
    "unpair": ("supplier",),
    "top-up": ("supplier",),
})  # fmt: skip
"""Services, and the roles that may ask for them."""


class AccessControl:
    """`users`: role by name; where it is empty anybody is connected, in the role of others."""

    def __init__(self, users: Mapping[str, Role]) -> None:
        self._users = users
        self._newest: dict[str, int] = {}

    def role(self, user: str) -> Role | None:
        """A user's role; None for a stranger."""
        return self._users.get(user) if self._users else OTHER

    def refusal(self, user: str, request: Request, device: Entry | None) -> str:
        """Why a request is turned away; empty where it is allowed. `device`: what the estate has of it."""
        role = self.role(user)
        if role is None:
            return f"{user} is no user"
        if request.transaction <= self._newest.get(user, 0):
            return f"transaction {request.transaction} has been"
        self._newest[user] = request.transaction
        allowed = SERVICES.get(request.service)
        if allowed is None:
            return f'no service "{request.service}"'
        if role not in allowed:
            return f"{request.service} is not for the role {role}"
        if device is None:
            return f'no device "{request.device}"'
        if role == SUPPLIER and device.supplier not in (None, user):
            return f"{device.name} is another supplier's"
        return ""
