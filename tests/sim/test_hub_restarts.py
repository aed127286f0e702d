"""A hub that restarts again and again on a bad radio: its tunnel to the meter is never out of reach for long."""

from __future__ import annotations

from random import Random

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.tunneling.client import RETRY

RESTARTS = 20
LOSS = 0.85
"""Of frames between hub and meter around a restart: of ten words, however often each is said, about one is lost."""
LOST = 4
"""Words that are lost one after the other, of the hub or of the meter: more is too unlikely for 20 restarts."""


def test_after_a_restart_at_any_moment_the_meter_is_reached_again(build):
    home, rng, waits = build("home"), Random("restarts"), []

    def tunnel():
        firmware = home.hub.firmware
        return None if firmware is None else firmware.tunnels.of(home.esme.eui64)

    def carries():
        return tunnel() is not None and tunnel().open

    for _ in range(RESTARTS):
        home.shield("hub", "esme", loss=0.0)
        home.run(for_=5 * S)
        assert carries()
        tunnel().send(16, b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00")
        home.run(for_=int(rng.random() * MIN))
        home.shield("hub", "esme", loss=LOSS)
        home.hub.cut(1 + int(rng.random() * 2 * S))
        since = home.now
        home.until(carries, within=20 * HOUR)
        waits.append((home.now - since) // S)
    assert len([wait for wait in waits if wait > 9]) > 5, "the radio was too good to show anything"
    assert max(waits) * S <= LOST * RETRY
