"""Register monitor (class 21): scripts when a value crosses thresholds. Blue Book 4.5.6.

Who owns the monitored value says when it may have changed, and makes the calls that `evaluate` gives. A value is above
a threshold when it is greater; the first one seen crosses nothing. Script 0 is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute
from protocols.dlms.cosem.timed import SCRIPT, Call
from protocols.dlms.cosem.types import ANY, I8, LOGICAL_NAME, U16, Array, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

VALUE_DEFINITION: Final = Structure(class_id=U16, logical_name=LOGICAL_NAME, attribute_index=I8)
ACTION_SET: Final = Structure(action_up=SCRIPT, action_down=SCRIPT)
_NUMBERS: Final = frozenset({
    Tag.INTEGER, Tag.LONG, Tag.DOUBLE_LONG, Tag.LONG64, Tag.UNSIGNED, Tag.LONG_UNSIGNED, Tag.DOUBLE_LONG_UNSIGNED,
    Tag.LONG64_UNSIGNED, Tag.ENUM, Tag.FLOAT32, Tag.FLOAT64,
})  # fmt: skip


class RegisterMonitor(InterfaceClass, id=21, version=0):
    """Thresholds, in the type of the monitored value, and a pair of actions for each; a threshold without a pair does nothing.

    `find`: the objects among which the monitored one is.
    """

    thresholds: Attribute = attribute(2, Array(ANY, most=64), access=Access.READ_WRITE)
    monitored_value: Attribute = attribute(3, VALUE_DEFINITION)
    actions: Attribute = attribute(4, Array(ACTION_SET, most=64), default=())

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        find: Callable[[Obis], InterfaceClass | None],
        thresholds: Source,
        monitored_value: Source,
        actions: Source = (),
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        super().__init__(
            logical_name, on=on or {}, access=access or {},
            thresholds=thresholds, monitored_value=monitored_value, actions=actions,
        )  # fmt: skip
        self._find = find
        self._last: float | None = None

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As every attribute; thresholds have the type of the monitored value, and those that stand are no longer crossed."""
        if number == 2 and value.tag == Tag.ARRAY:
            monitored = self._monitored()
            tags = _NUMBERS if monitored is None else {monitored.tag}
            if not all(threshold.tag in tags for threshold in value.value):
                raise AccessError(DataAccessResult.TYPE_UNMATCHED, str(self.name))
        super().write(number, value, selection)
        self._last = None

    def evaluate(self, now: int) -> list[Call]:
        """The actions of the thresholds that the monitored value has crossed since it was last looked at, in order."""
        pairs = self.actions.value
        monitored = self._monitored() if pairs else None
        if monitored is None:
            return []
        value: float = monitored.value
        last, self._last = self._last, value
        if last is None:
            return []
        scripts = [
            actions.value[0 if value > threshold.value else 1].value
            for threshold, actions in zip(self.thresholds.value, pairs, strict=False)
            if (last > threshold.value) != (value > threshold.value)
        ]
        return [Call.script(now, name.value, selector.value) for name, selector in scripts if selector.value]

    def _monitored(self) -> Data | None:
        """The monitored value, when it can be read and has an order."""
        class_id, name, number = (item.value for item in self.monitored_value.value)
        thing = self._find(Obis(name))
        if thing is None or thing.class_id != class_id:
            return None
        try:
            value = thing.read(number)
        except AccessError:
            return None
        return value if value.tag in _NUMBERS else None
