"""What every table of a bench file is made of."""

from __future__ import annotations

import msgspec


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields are exactly those declared."""
