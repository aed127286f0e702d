"""Supply switched on from the prepayment interface, by radio and by wire: an armed one, by a person, and in no other case."""

from __future__ import annotations

import pytest

from devices.parts.load_switch import ARMED, CLOSED, OPEN
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

HOME = """
profile = "{profile}"
[[home]]
[home.air]
carrier = "{carrier}"
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ppmid"
at = [5, -4]
"""


def made(carrier, profile="paper-2011"):
    home = Told(config.loads(HOME.format(carrier=carrier, profile=profile)))
    commission(home)
    return home


def press(home):
    """Somebody presses SUPPLY: what the interface says to it."""
    home.ppmid.buttons.press("supply")
    home.run(for_=8 * S)
    return home.events("ppmid.answer")[-1]["text"]


@pytest.mark.req("S-115")
@pytest.mark.parametrize("carrier", ["radio", "power-line"])
def test_an_armed_supply_is_switched_on_at_the_interface_and_no_other(carrier):
    home = made(carrier)
    switch = home.esme.firmware.meter.switch
    assert press(home) == "supply: refused"  # it is on
    switch.disconnect()
    assert (press(home), switch.state) == ("supply: refused", OPEN)  # nobody has armed it
    home.head_end.meter("esme", writes=True).switch.reconnect()
    home.run(for_=11 * S)
    assert switch.state is ARMED  # a message does not close it
    assert home.screen("ppmid")[1].split()[1:] == ["supply", "armed"]
    home.run(for_=MIN)
    assert switch.state is ARMED  # nor does time
    assert (press(home), switch.state) == ("supply: done", CLOSED)
    assert press(home) == "supply: refused"


@pytest.mark.req("S-115")
@pytest.mark.parametrize("carrier", ["radio", "power-line"])
def test_a_press_that_does_not_arrive_switches_nothing_later(carrier):
    """What was pressed in vain is forgotten: the person is told, and presses again."""
    home = made(carrier)
    switch = home.esme.firmware.meter.switch
    switch.disconnect()
    switch.arm()
    home.shield("ppmid")
    home.ppmid.buttons.press("supply")
    home.run(for_=2 * MIN)
    assert home.events("ppmid.answer")[-1]["text"] == "supply: no answer"
    home.shield("ppmid", loss=0.0)
    home.run(for_=5 * MIN)
    assert switch.state is ARMED
    assert (press(home), switch.state) == ("supply: done", CLOSED)


@pytest.mark.req("S-115")
@pytest.mark.parametrize("carrier", ["radio", "power-line"])
def test_who_was_struck_off_enables_nothing(carrier):
    home = made(carrier)
    switch = home.esme.firmware.meter.switch
    switch.disconnect()
    switch.arm()
    home.hub.firmware.coordinator.unregister(home.ppmid.eui64)
    home.run(for_=30 * S)
    han = home.ppmid.firmware.han
    task = home.ppmid.firmware.spawn(_order(home, han))
    home.run(for_=30 * S)
    assert task.done
    assert switch.state is ARMED


async def _order(home, han):
    from devices.parts.han import NoAnswer, Refused

    try:
        address = home.hub.firmware.han.stack.address_of(home.esme.eui64)
        await han.confirm(address, 1, Metering.LocalChangeSupply(SupplyStatus.ON))
    except (NoAnswer, Refused):
        return


@pytest.mark.req("S-105", part=True)
@pytest.mark.parametrize(("profile", "allowed"), [("paper-2011", False), ("gb", True)])
def test_where_no_message_closes_the_switch_none_changes_its_mode_so_that_it_does(profile, allowed):
    from protocols.dlms import axdr
    from protocols.dlms.cosem import AccessError

    home = made("radio", profile)
    switch, writer = home.esme.firmware.meter.switch, home.head_end.meter("esme", writes=True)
    for mode in (2, 4):
        if allowed:
            writer.set("0-0:96.3.10", 70, 4, axdr.enum(mode))
        else:
            with pytest.raises(AccessError):
                writer.set("0-0:96.3.10", 70, 4, axdr.enum(mode))
    switch.disconnect()
    for number, script in ((0x33, "0-0:10.0.106"), (0x33, "0-0:10.0.106")):
        writer.action(script, 9, 1, axdr.u16(number))
    assert switch.state is (CLOSED if allowed else ARMED)
