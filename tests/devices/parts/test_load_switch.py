"""The load switch: every order in every state and mode."""

from __future__ import annotations

import pytest

from devices.parts.load_switch import ARMED, CLOSED, MODES, OPEN, LoadSwitch
from devices.runtime.flash import Flash
from devices.runtime.nvm import Nvm
from protocols.core.errors import LocalProtocolError


@pytest.fixture
def nvm():
    return Nvm(Flash())


def switch_in(nvm, state, mode):
    """A switch brought into a state by orders alone."""
    switch = LoadSwitch(nvm, lambda: None)
    switch.disconnect()
    switch.set_mode(4 if state is CLOSED else 3)
    if state is not OPEN:
        switch.reconnect()
    switch.set_mode(mode)
    assert switch.state is state
    return switch


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("state, order, then", [
    (CLOSED, "disconnect", OPEN), (ARMED, "disconnect", OPEN), (OPEN, "disconnect", OPEN),
    (CLOSED, "reconnect", CLOSED), (ARMED, "reconnect", ARMED), (OPEN, "reconnect", "by mode"),
    (CLOSED, "press", CLOSED), (ARMED, "press", CLOSED), (OPEN, "press", OPEN),
])  # fmt: skip
def test_every_order_in_every_state(nvm, mode, state, order, then):
    switch = switch_in(nvm, state, mode)
    getattr(switch, order)()
    expected = (CLOSED if mode in (2, 4) else ARMED) if then == "by mode" else then
    assert switch.state is expected
    assert switch.closed is (expected is CLOSED)


@pytest.mark.parametrize("state", [OPEN, CLOSED, ARMED])
def test_state_and_mode_outlive_the_power(nvm, state):
    switch_in(nvm, state, 5)
    again = LoadSwitch(nvm, lambda: None)
    assert (again.state, again.mode) == (state, 5)


def test_a_new_switch_is_closed_and_tells_of_moves_only(nvm):
    moves = []
    switch = LoadSwitch(nvm, lambda: moves.append(switch.state))
    assert switch.closed
    for order in (switch.reconnect, switch.disconnect, switch.disconnect, switch.press, switch.reconnect):
        order()
    assert moves == [OPEN, CLOSED]


def test_modes_beyond_the_table_are_our_own_error(nvm):
    with pytest.raises(LocalProtocolError):
        LoadSwitch(nvm, lambda: None).set_mode(7)
