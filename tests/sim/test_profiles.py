"""Paper and deployed system: what follows from the profile's name, and that the two are never mixed."""

from __future__ import annotations

import pytest

from devices.parts.load_switch import ARMED, CLOSED, OPEN
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.tunneling import DLMS, GB_HRGP
from tools.bench.config import loads
from tools.errors import BadInput

HOME = 'profile = "{}"\n[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'


@pytest.mark.req("S-105")
@pytest.mark.parametrize(("profile", "after"), [("paper-2011", ARMED), ("gb", CLOSED)])
def test_a_remote_command_arms_or_closes(build, profile, after) -> None:
    home = build(HOME.format(profile))
    meter = home.head_end.meter("esme", writes=True)
    switch = home.esme.firmware.meter.switch
    meter.switch.disconnect()
    assert switch.state is OPEN
    meter.switch.reconnect()
    assert switch.state is after
    home.esme.cut(MIN)
    home.run(for_=2 * MIN)
    assert home.esme.firmware.meter.switch.state is after
    home.esme.buttons.press("b")
    home.run(for_=5 * S)
    assert home.esme.firmware.meter.switch.state is CLOSED


@pytest.mark.parametrize(("profile", "protocol"), [("paper-2011", DLMS), ("gb", GB_HRGP)])
def test_the_tunnel_is_the_profiles(build, profile, protocol) -> None:
    home = build(HOME.format(profile))
    (opened,) = home.events("tunnel.open", "home1/hub")
    assert opened.get("protocol", protocol) == protocol
    assert home.hub.firmware.config.tunnel_protocol == protocol
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_what_is_the_papers_is_refused_under_gb() -> None:
    text = 'profile = "gb"\n[[home]]\n[[home.device]]\nkind = "hub"\nprepay = {}\n[[home.device]]\nkind = "prepay-gas"\n'
    with pytest.raises(BadInput, match='say profile = "paper-2011"'):
        loads(text)
    loads(text.replace("gb", "paper-2011"))
    with pytest.raises(BadInput, match="profile"):
        loads(HOME.format("gb-2030"))
