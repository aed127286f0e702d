"""The power of a hub, a display or a meter goes at any write to its flash, in its stories; afterwards all rules hold.

How: `cutting`. Elsewhere: firmware (`test_power_cuts_of_firmware`), answers to messages (`test_messages`), the device log
(`test_device_log`).
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from devices.runtime.kernel import MIN, S
from hubfw.han import mailbox
from protocols.core.errors import RemoteProtocolError
from tests.sim.cutting import HOME, IN_CI, Story, cuts

TARIFF = """
[[home.publish]]
kind = "tariff"
label = "{label}"
after_s = {after}
standing_charge = 53.35
tiers = [{{ label = "Day", pence = [{pence}] }}, {{ label = "Night", pence = [9.5] }}]
weekdays = ["00:00 Day"]
weekend = ["00:00 Day"]
special_days = []
"""


def _outage(seen):
    seen.run.mains.off(200 * S)
    seen.live(230 * S)


def _unreachable(seen):
    """The WAN is away during an outage: what the hub has to tell waits until it is back, over a loss of its own power, too."""
    net, hub = seen.run.net, seen.run.hub.name
    for way in ((hub, "dcc"), ("dcc", hub)):
        net.partition(*way)
    _outage(seen)
    seen.live(5 * MIN)
    for way in ((hub, "dcc"), ("dcc", hub)):
        net.heal(*way)
    seen.live(10 * MIN)


def _second_price(seen):
    line = " ".join(seen.run.screen("ihd"))
    return [] if "31.10 p/kWh" in line else [f"the display shows {line}"]


CAD = """
[[home.device]]
kind = "cad"
at = [3, 4]
listed = false
"""


def _post(seen):
    """Three messages for the gas meter, which it fetches at its next wake."""
    for number in range(3):
        seen.post(b"message %d" % number * 9)
        seen.live(20 * S)
    seen.live(35 * MIN)


def _persist(seen, what, done):
    """A head end that asks again until it is so."""
    for _ in range(6):
        if seen.run.hub.firmware is not None and done():
            return
        with suppress(RemoteProtocolError):
            seen.run.head_end.settle(what())
        seen.live(MIN)


def _strike_off(seen):
    run = seen.run
    _persist(seen, lambda: run.head_end.unpair("ihd"), lambda: run.hub.firmware.log.get(run.ihd.eui64) is None)
    seen.listed.discard(run.ihd.eui64)  # as ordered: the power may have gone before the hub said so
    seen.capture.gone.setdefault(run.ihd.eui64, run.now)
    seen.live(5 * MIN)


def _pair(seen):
    run = seen.run

    def let_in():
        entered = run.hub.firmware.log.get(run.board("cad").eui64)
        return entered is not None and (entered.joined or run.hub.firmware.coordinator.permitting)

    _persist(seen, lambda: run.head_end.pair("cad", seconds=3600), let_in)
    seen.listed.add(run.board("cad").eui64)
    seen.live(20 * MIN)


def _paired(seen):
    firmware = seen.run.board("cad").firmware
    return [] if firmware is not None and firmware.commissioned else ["the consumer device is not there"]


def _new_key(seen):
    hub = seen.run.hub
    seen.run.kernel.at(seen.run.now, lambda: hub.firmware.coordinator.replace_network_key(), who=hub.name)
    seen.live(35 * MIN)


STORIES = {
    "join": Story(lambda seen: seen.live(4 * MIN), joined=False, before=0, settle=90 * MIN),
    "mirror": Story(lambda seen: seen.live(65 * MIN)),
    "outage": Story(_outage),
    "outage without WAN": Story(_unreachable, settle=35 * MIN),
    "tariff": Story(
        lambda seen: seen.live(10 * MIN),
        HOME + TARIFF.format(label="first", after=1200, pence="30.10") + TARIFF.format(label="second", after=2400, pence="31.10"),
        before=19 * MIN, check=_second_price,
    ),
    "messages": Story(_post, settle=65 * MIN),
    "decommissioning": Story(_strike_off),
    "pairing": Story(_pair, HOME + CAD, settle=90 * MIN, check=_paired),
    "key change": Story(_new_key, settle=65 * MIN),
    "meter": Story(lambda seen: seen.live(35 * MIN), board="esme"),
    "gas meter": Story(lambda seen: seen.live(35 * MIN), board="gsme"),
    "wired": Story(lambda seen: seen.live(35 * MIN), HOME.replace("at = [0.3, 0]", 'interface = "wired"')),
}  # fmt: skip


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_all_rules_hold_afterwards(name):
    told = cuts(STORIES[name])
    assert {place: wrong for place, wrong in told.items() if wrong} == {}
    assert len(told) >= IN_CI


def test_a_hub_that_keeps_no_messages_is_found_out(monkeypatch):
    monkeypatch.setattr(mailbox, "_record", lambda eui64, waiting: {})
    told = cuts(STORIES["messages"])
    assert any(breach.startswith("31 messages") for wrong in told.values() for breach in wrong)
