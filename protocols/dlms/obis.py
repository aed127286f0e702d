"""OBIS logical names: the six value groups A-B:C.D.E.F of IEC 62056-6-1.

Does not know what a code means; the COSEM classes and device models name the codes they use.
"""

from __future__ import annotations

import re
from typing import Self

from protocols.core.errors import LocalProtocolError

_WRITTEN = re.compile(r"(\d{1,3})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[.*](\d{1,3}))?", re.ASCII)


class Obis(bytes):
    """A logical name: six octets, so it goes straight into a frame and compares with what came out of one.

    ``Obis("1-0:1.8.0.255")``, ``Obis("1-0:1.8.0")`` and ``Obis("1.0.1.8.0.255")`` are the same name; without group F
    it is 255. Six octets are taken as they are. Anything else is a LocalProtocolError.
    """

    __slots__ = ()

    def __new__(cls, name: str | bytes) -> Self:
        if isinstance(name, str):
            written = _WRITTEN.fullmatch(name)
            groups = [int(group) for group in written.groups("255")] if written else [256]
            if max(groups) > 255:
                raise LocalProtocolError(f"not an OBIS code: {name!r}")
            name = bytes(groups)
        elif len(name) != 6:
            raise LocalProtocolError(f"a logical name has 6 octets, not {len(name)}")
        return super().__new__(cls, name)

    def __str__(self) -> str:
        a, b, c, d, e, f = self
        return f"{a}-{b}:{c}.{d}.{e}.{f}"

    def __repr__(self) -> str:
        return f"Obis('{self}')"
