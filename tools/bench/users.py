"""Users of the central company: `[[user]]` tables of a bench file."""

from __future__ import annotations

from typing import Final, Literal

from tools.bench.declared import Declared
from tools.bench.device_config import Name

Role = Literal["supplier", "network-operator", "other"]
SUPPLIER: Final = "supplier"
OPERATOR: Final = "network-operator"
OTHER: Final = "other"


class User(Declared, frozen=True, kw_only=True):
    """Who is connected to the central company. Without any, everybody who reads is, in the role of others."""

    name: Name
    role: Role
