"""What becomes of a living network: a stranger takes its PAN identifier, it moves to another channel, and groups are spoken to."""

from __future__ import annotations

import pytest

from devices.parts.identify import TEXT
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee import mac
from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.security import SMART_ENERGY

GROUP = 0x0007
NAMES = ("hub", "landing", "kitchen", "esme", "ihd", "porch", "ppmid", "gsme")
STRANGER = 0x00EE_0000_0000_0001


def networks(home):
    """What each node takes for its network: PAN identifier, channel, update identifier."""
    nodes = [home.board(name).firmware.han.stack._network for name in NAMES]
    return {(node.pan_id, node.channel, node.update_id) for node in nodes}


def serves(home):
    """Readings come, over three hops too."""
    taken = len(home.times("mirror.complete"))
    home.run(for_=45 * MIN)
    assert len(home.times("mirror.complete")) > taken
    assert home.screen("ihd")[1].endswith("kW")
    assert home.screen("porch")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_a_stranger_with_our_pan_identifier_and_then_a_change_of_channel_move_everybody(build):
    """The beacon is heard by the repeater that is two hops from the hub; it reports, the hub decides, the sleeper follows."""
    home = build("mesh")
    ((pan_id, channel, update_id),) = networks(home)
    kitchen = home.board("kitchen").radio
    stranger = home.only.air.radio("home1/stranger", kitchen.x + 5, kitchen.y)
    stranger.configure(channel=channel, pan_id=pan_id, short=0, eui64=STRANGER, rx_on_when_idle=True)
    stranger.transmit(1, mac.beacon(1, pan_id, 0, 0xCFFF, mac.BeaconPayload(0x8422, STRANGER, 0xFFFFFF, 0)))
    home.run(for_=40 * MIN)
    ((moved, same, raised),) = networks(home)
    assert (moved != pan_id, same, raised) == (True, channel, update_id + 1)
    serves(home)
    hub = home.hub.firmware.han
    hub.apply(hub.stack.change_channel(20, hub.now))
    home.run(for_=HOUR)
    assert networks(home) == {(moved, 20, update_id + 2)}
    serves(home)
    home.mains.off(5 * MIN)
    home.run(for_=10 * MIN)
    assert networks(home) == {(moved, 20, update_id + 2)}, "it is kept"


@pytest.fixture
def identify(home):
    """The hub has the members of the group show themselves; who does."""
    hub = home.hub.firmware.han

    def speak(sequence):
        zcl = foundation.cluster(sequence, Identify.Identify(30), disable_default_response=True)
        hub.apply(hub.stack.send_to_group(GROUP, SMART_ENERGY, Identify.id, 1, zcl, hub.now)[1])
        home.run(for_=2 * S)
        shown = {name for name in ("ihd", "ppmid", "esme") if TEXT in "".join(home.screen(name))}
        home.run(for_=MIN)
        return shown

    return speak


def test_a_group_hears_one_frame_and_outlives_the_power(home, identify):
    assert identify(1) == set()
    for name in ("ihd", "ppmid"):
        han = home.board(name).firmware.han
        han.apply(han.stack.add_group(GROUP, 1))
    assert identify(2) == {"ihd", "ppmid"}
    home.ihd.cut(off_for=S)
    home.run(for_=MIN)
    assert identify(3) == {"ihd", "ppmid"}
    han = home.ppmid.firmware.han
    han.apply(han.stack.remove_group(1, GROUP))
    assert identify(4) == {"ihd"}
