"""Disconnect control (class 70): the switch or valve of a supply. Blue Book 4.5.8.

The hooks of the two methods move the metal, and may refuse. The state is kept here by the table of the control mode, or
by the firmware where it binds `control_state`. Manual and local transitions are always the firmware's.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BOOLEAN, ENUM, I8
from protocols.dlms.xdlms import DataAccessResult


class ControlState(IntEnum):
    """control_state."""

    DISCONNECTED = 0
    CONNECTED = 1
    READY_FOR_RECONNECTION = 2


_RECONNECTS_DIRECTLY: Final = frozenset({2, 4})
"""Control modes where remote_reconnect closes the switch; in the others a hand at the meter does."""
_NEVER_DISCONNECTS: Final = 0
"""The control mode of a supply that is always connected."""


class DisconnectControl(InterfaceClass, id=70, version=0):
    """Connects and disconnects a supply."""

    output_state: Attribute = attribute(2, BOOLEAN, default=True)
    control_state: Attribute = attribute(3, ENUM, default=ControlState.CONNECTED)
    control_mode: Attribute = attribute(4, ENUM, default=4, access=Access.READ_WRITE)

    @method(1, I8)
    def remote_disconnect(self, argument: Data) -> None:
        """Open the switch, whatever its state."""
        self._enter(ControlState.DISCONNECTED)

    @method(2, I8)
    def remote_reconnect(self, argument: Data) -> None:
        """Close the switch, or make it ready for the hand that closes it; nothing if it is not open."""
        if self.control_state.value != ControlState.DISCONNECTED:
            return
        direct = self.control_mode.value in _RECONNECTS_DIRECTLY
        self._enter(ControlState.CONNECTED if direct else ControlState.READY_FOR_RECONNECTION)

    def invoke(self, number: int, argument: Data) -> Data | None:
        if self.control_mode.value == _NEVER_DISCONNECTS:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(self.name))
        return super().invoke(number, argument)

    def _enter(self, state: ControlState) -> None:
        if not callable(self.sources[3]):
            self.control_state = state
        if not callable(self.sources[2]):
            self.output_state = state == ControlState.CONNECTED
