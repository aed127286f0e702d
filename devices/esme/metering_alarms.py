"""Alarms of Metering: which of the meter's events become one, as the alarm masks say (SE 1.4 clause D.3.2.2.9).

An alarm's code is the low octet of its event; a supply that goes off is a service disconnect. Masks are empty in a new meter, and
kept in flash. The alarm itself, and its log, are the Alarms cluster's. Not here: the masks of other commodities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.metering import Metering

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from protocols.zigbee.zcl.cluster import Attribute
    from protocols.zigbee.zcl.endpoint import Instance

MASKS: Final = (
    (Metering.generic_alarm_mask, 0x00, 16),
    (Metering.electricity_alarm_mask, 0x10, 32),
    (Metering.extended_generic_alarm_mask, 0x70, 48),
    (Metering.manufacture_alarm_mask, 0xB0, 16),
)
"""Each with the code of its bit 0, and how many bits it has."""
_GROUP: Final = 0x0200
_CODES: Final[dict[int, int]] = {EventId.SUPPLY_OFF: EventId.SERVICE_DISCONNECT & 0xFF}
"""Events that are called otherwise as alarms."""
_KEY: Final = "metering-alarms"


class MeteringAlarms:
    """The masks on a Metering server. `raise_alarm(code, cluster)`: tell an alarm and log it."""

    def __init__(self, board: Board, server: Instance, raise_alarm: Callable[[int, int], object]) -> None:
        self._board = board
        self._server = server
        self._raise = raise_alarm
        kept = board.nvm.get(_KEY, {})
        for mask, _, _ in MASKS:
            server[mask] = kept.get(mask.name, 0)
        server.on_write(self._written)

    def happened(self, event: int, configured: bool) -> None:
        """An event of Metering is an alarm, if a mask has it or it is configured to be one."""
        code = _CODES.get(event, event & 0xFF)
        if event & 0xFF00 == _GROUP and (configured or self._masked(code)):
            self._raise(code, Metering.id)

    def _masked(self, code: int) -> bool:
        return any(first <= code < first + bits and self._mask(mask) >> (code - first) & 1 for mask, first, bits in MASKS)

    def _mask(self, mask: Attribute[int]) -> int:
        value = self._server[mask]
        assert isinstance(value, int)
        return value

    def _written(self, attribute: Attribute[object], value: object) -> None:
        self._board.nvm.put({_KEY: {mask.name: self._mask(mask) for mask, _, _ in MASKS if self._mask(mask)}})
