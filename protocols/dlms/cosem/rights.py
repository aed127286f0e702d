"""What one party may do with which object: the rule behind every check and behind the rights an object list shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.obis import Obis

_PROTECTION: Final = 0xFF & ~int(Access.READ_WRITE)
_ACCESS: Final = tuple(Access(bits) for bits in range(256))
"""Every access: looked up, because each request asks for one and flags are slow to combine."""


@dataclass(frozen=True, slots=True)
class Rights:
    """One party's rights: what the objects declare, within a ceiling, but for single attributes and methods.

    `attributes`, `methods`: the ceiling; the protection that an object declares stays. `overrides`: {(logical name, attribute
    number): access}; it replaces both declaration and ceiling. `method_overrides` likewise ({...: Access.CALL or NONE, with the
    protection it needs}); a method that nothing carries out stays forbidden. `hidden`: objects that this party does not find.
    """

    attributes: Access = Access.READ_WRITE
    methods: bool = True
    overrides: Mapping[tuple[Obis, int], Access] = field(default_factory=dict)
    method_overrides: Mapping[tuple[Obis, int], Access] = field(default_factory=dict)
    hidden: frozenset[Obis] = frozenset()

    def attribute(self, thing: InterfaceClass, number: int) -> Access:
        """Access to an attribute; none to one that does not exist."""
        declared = _ACCESS[int(thing.attribute_access(number)) & (int(self.attributes) | _PROTECTION)]
        return self.overrides.get((thing.name, number), declared) if self.overrides else declared

    def method(self, thing: InterfaceClass, number: int) -> Access:
        """CALL, with the protection it needs, when a method may be called."""
        if not thing.carries_out(number):
            return Access.NONE
        return self.method_overrides.get((thing.name, number), Access.CALL if self.methods else Access.NONE)
