"""Script table (class 9): writes and method calls under a number. Blue Book 4.5.2.

A script acts with the device's own rights. It is looked through before its first action: an object that is not there,
of another class, or a parameter of the wrong type refuses the whole script. What an object's own rule refuses comes
later: the script ends there, with that refusal as its result, and the actions before it stand. What a called method
returns is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute, method
from protocols.dlms.cosem.types import ANY, I8, LOGICAL_NAME, U16, Array, Enumerated, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

NULL_SCRIPT: Final = 0
"""The identifier that is no script's: executing it does nothing."""


class Service(IntEnum):
    """service_id of an action."""

    WRITE = 1
    EXECUTE = 2


ACTION: Final = Structure(service_id=Enumerated(Service), class_id=U16, logical_name=LOGICAL_NAME, index=I8, parameter=ANY)
"""action_specification; `index` numbers an attribute, or a method."""
SCRIPT: Final = Structure(script_identifier=U16, actions=Array(ACTION, most=64))


class ScriptTable(InterfaceClass, id=9, version=0):
    """Scripts over the objects that `find` knows.

    `ScriptTable("0-0:10.0.106", find=device.find, scripts=[(0x34, [(Service.EXECUTE, 70, name, 1, axdr.i8(0))])])`
    """

    scripts: Attribute = attribute(2, Array(SCRIPT, most=256))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        find: Callable[[Obis], InterfaceClass | None],
        scripts: Source,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        super().__init__(logical_name, on=on or {}, access=access or {}, scripts=scripts)
        self._find = find
        self._running = False

    @method(1, U16)
    def execute(self, argument: Data) -> None:
        """Run the script of that identifier, action by action."""
        if argument.value == NULL_SCRIPT:
            return
        actions: list[Data] | None = next(
            (script.value[1].value for script in self.scripts.value if script.value[0] == argument), None
        )
        if actions is None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name} has no script {argument.value}")
        if self._running:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, f"{self.name} calls itself")
        self._running = True
        try:
            for act in [self._look_up(action) for action in actions]:
                act()
        finally:
            self._running = False

    def _look_up(self, action: Data) -> Callable[[], object]:
        """What an action does, with all that is wrong with it found before any is done."""
        parameter: Data = action.value[4]
        service, class_id, name, index = (item.value for item in action.value[:4])
        thing = self._find(Obis(name))
        if thing is None:
            raise AccessError(DataAccessResult.OBJECT_UNDEFINED, str(Obis(name)))
        if thing.class_id != class_id:
            raise AccessError(DataAccessResult.OBJECT_CLASS_INCONSISTENT, str(thing.name))
        if service == Service.WRITE:
            if index not in thing.attributes:
                raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(thing.name))
            thing.attributes[index].type.admit(parameter)
            return lambda: thing.write(index, parameter)
        if not thing.carries_out(index):
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(thing.name))
        thing.methods[index].argument.admit(parameter)
        return lambda: thing.invoke(index, parameter)
