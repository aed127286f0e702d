"""A sleepy gas meter whose hub was without power: it asks for its old parent first, and is back without a rejoin."""

from __future__ import annotations

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN
from protocols.zigbee import mac

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [3, 0]\n'


def test_a_gas_meter_finds_the_hub_that_lost_power(build):
    home = build(HOME)
    home.run(for_=HOUR)
    commands = []

    def hear(now, who, kind, data):
        header, msdu = mac.split(OnAir.unpack(data).psdu)
        if header.control & mac.TYPE == mac.COMMAND and msdu[0] != 4:
            commands.append((who.rpartition("/")[2], msdu[0]))

    home.log.subscribe(hear, ["air.frame"])
    gas = home.board("gsme")
    home.hub.cut(5 * HOUR + 2 * MIN)
    home.run(for_=5 * HOUR + 2 * MIN)
    assert home.events("han.parent-lost", gas.name)
    assert commands[:2] == [("gsme", 6), ("gsme", 7)]
    commands.clear()
    before = len(home.events("han.joined", gas.name))
    home.until(lambda: len(home.events("han.joined", gas.name)) > before, within=30 * MIN)
    assert commands[:2] == [("gsme", 6), ("hub", 8)]
    assert ("gsme", 7) not in commands
    home.run(for_=HOUR)
    assert gas.firmware.han.stack.joined
