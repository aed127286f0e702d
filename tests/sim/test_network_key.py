"""The network gets a new key while everybody lives on: sleepers get it at their next wake, who missed it comes back."""

from __future__ import annotations

from devices.runtime.kernel import HOUR, MIN, S

DEVICES = ("esme", "gsme", "ihd", "ppmid")


def keys(board):
    """The network keys that a board holds, by sequence number; the active one's number."""
    network = board.firmware.han.stack._network
    return {sequence: key.key for sequence, key in network.keys.items()}, network.active_key


def everything_works(home, since):
    assert [time for time in home.times("mirror.complete") if time > since]
    assert home.screen("ihd")[1].endswith("kW")
    assert home.screen("ppmid")[1].endswith("supply ON")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_everybody_has_the_new_key_and_the_sleeper_at_its_next_wake(home):
    home.run(for_=HOUR)
    joins, (old, _) = len(home.events("han.joined")), keys(home.hub)
    home.hub.firmware.coordinator.replace_network_key()
    at = home.now
    home.run(for_=15 * S)
    held, active = keys(home.hub)
    assert held[1] != old[0]
    for name in ("esme", "ihd", "ppmid"):
        assert keys(home.board(name)) == (held, 1)
    assert keys(home.gsme) == (old, 0)
    home.run_until(at + 40 * MIN)
    assert keys(home.gsme) == (held, active)
    assert len(home.events("han.joined")) == joins  # nobody had to look for the network
    everything_works(home, at)


def test_who_was_off_for_two_new_keys_comes_back_by_its_link_key(home):
    home.run(for_=10 * MIN)
    home.ihd.cut(off_for=2 * HOUR)
    for _ in range(2):
        home.hub.firmware.coordinator.replace_network_key()
        home.run(for_=50 * MIN)
    assert home.hub.firmware.han.stack._network.active_key == 2
    at = home.now
    home.run(for_=3 * HOUR)
    assert keys(home.ihd)[1] == 2
    assert home.events("han.trust-centre-replaced") == []
    everything_works(home, at)


def test_a_new_key_survives_a_power_cut_in_the_middle_of_handing_it_out(home):
    home.run(for_=10 * MIN)
    home.hub.firmware.coordinator.replace_network_key()
    home.run(for_=5 * S)
    home.mains.off(20 * S)
    at = home.now
    home.run(for_=2 * HOUR)
    everything_works(home, at)
