"""The load switch of an electricity meter: one pole in the live conductor, worked remotely and by a hand at the meter.

It interrupts supply and is no safety device: there is no isolating gap, and nothing here or on any face says "isolated".
Which command closes it is the control mode's to say (Blue Book 4.5.8, table 26): in modes 2 and 4 a remote reconnection closes the
switch, in the others it only arms it, and a hand at the meter closes it. State and mode are in flash before they count, so an
armed switch is armed after a power cut too. Wear, and contacts that stick, come with faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from devices.runtime.nvm import Nvm
from protocols.core.errors import LocalProtocolError
from protocols.dlms.cosem import ControlState

OPEN: Final = ControlState.DISCONNECTED
CLOSED: Final = ControlState.CONNECTED
ARMED: Final = ControlState.READY_FOR_RECONNECTION

MODES: Final = range(7)
REMOTE_RECONNECTION: Final = 4
REMOTE_ARMING: Final = 3
"""Control modes of a new switch: a remote command closes it, or lets a hand at the meter close it."""
DIRECT: Final = frozenset({2, 4})
"""Modes in which a remote reconnection closes it."""
_STATE, _MODE = "switch/state", "switch/mode"


class Order(Enum):
    """What moves the switch."""

    DISCONNECT = "remote disconnection"
    RECONNECT = "remote reconnection"
    ARM = "remote arming"
    HAND = "a hand at the meter"


RULES: Final[Mapping[tuple[ControlState, Order], ControlState]] = MappingProxyType({
    (CLOSED, Order.DISCONNECT): OPEN,
    (ARMED, Order.DISCONNECT): OPEN,
    (OPEN, Order.RECONNECT): CLOSED,
    (OPEN, Order.ARM): ARMED,
    (ARMED, Order.HAND): CLOSED,
})  # fmt: skip
"""Every order has an effect in these states, and none in any other."""


class LoadSwitch:
    """`moved()` is called after each change."""

    def __init__(self, nvm: Nvm, moved: Callable[[], object], mode: int = REMOTE_RECONNECTION) -> None:
        self._nvm = nvm
        self._moved = moved
        self._watchers: list[Callable[[ControlState], object]] = []
        self.state = ControlState(nvm.get(_STATE, CLOSED))
        self.mode: int = nvm.get(_MODE, mode)

    @property
    def closed(self) -> bool:
        """Whether the load is supplied."""
        return self.state is CLOSED

    @property
    def armed(self) -> bool:
        """Whether a hand at the meter closes it."""
        return self.state is ARMED

    def disconnect(self) -> None:
        """Open, whatever the state."""
        self._obey(Order.DISCONNECT)

    def reconnect(self) -> None:
        """Close, or arm, as the mode says."""
        self._obey(Order.RECONNECT if self.mode in DIRECT else Order.ARM)

    def arm(self) -> None:
        """Let a hand at the meter close it, whatever the mode."""
        self._obey(Order.ARM)

    def press(self) -> None:
        """A hand at the meter: it closes an armed switch and no other."""
        self._obey(Order.HAND)

    def watch(self, watcher: Callable[[ControlState], object]) -> None:
        """Have each new state told."""
        self._watchers.append(watcher)

    def set_mode(self, mode: int) -> None:
        """Set the control mode, one of MODES."""
        if mode not in MODES:
            raise LocalProtocolError(f"control mode {mode}")
        self._nvm.put({_MODE: mode})
        self.mode = mode

    def _obey(self, order: Order) -> None:
        state = RULES.get((self.state, order))
        if state is not None:
            self._nvm.put({_STATE: int(state)})
            self.state = state
            self._moved()
            for watcher in self._watchers:
                watcher(state)
