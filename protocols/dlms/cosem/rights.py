"""What one party may do with which object: the rule behind every check and behind the rights an object list shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.obis import Obis


@dataclass(frozen=True, slots=True)
class Rights:
    """One party's rights: what the objects declare, within a ceiling, but for single attributes and methods.

    `attributes`, `methods`: the ceiling. `overrides`: {(logical name, attribute number): access}; it replaces both
    declaration and ceiling. `method_overrides` likewise; a method that nothing carries out stays forbidden.
    """

    attributes: Access = Access.READ_WRITE
    methods: bool = True
    overrides: Mapping[tuple[Obis, int], Access] = field(default_factory=dict)
    method_overrides: Mapping[tuple[Obis, int], bool] = field(default_factory=dict)

    def attribute(self, thing: InterfaceClass, number: int) -> Access:
        """Access to an attribute; none to one that does not exist."""
        declared = thing.attribute_access(number) & self.attributes
        return self.overrides.get((thing.name, number), declared) if self.overrides else declared

    def method(self, thing: InterfaceClass, number: int) -> bool:
        """Whether a method may be called."""
        return thing.carries_out(number) and self.method_overrides.get((thing.name, number), self.methods)
