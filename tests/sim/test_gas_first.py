"""Gas before electricity, and gas that waits for it: the second meter comes when its supplier orders so."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN
from protocols.core.errors import RemoteProtocolError

HOME = """
[[home]]
[[home.device]]
kind = "hub"
supplier = "first"
[[home.device]]
kind = "esme"
at = [0.3, 0]
supplier = "electric"
{esme}
[[home.device]]
kind = "gsme"
at = [6, 2]
supplier = "gas"
{gsme}
"""
LATER = "listed = false"
READ = {"esme": "1-0:1.8.0", "gsme": "7-0:3.0.0"}


@pytest.mark.req("S-032")
@pytest.mark.parametrize(("first", "second"), [("gsme", "esme"), ("esme", "gsme")])
def test_one_fuel_begins_and_the_other_comes_when_its_supplier_says(build, first, second):
    home = build(HOME.format(**{first: "", second: LATER}))
    home.run_until(HOUR)
    assert home.head_end.meter(first).register(READ[first]).value > 0
    with pytest.raises(RemoteProtocolError):
        home.head_end.meter(second).register(READ[second])
    before = home.board(second).firmware
    measured = before.meter.import_wh if second == "esme" else before.register.total
    hub, boots = home.hub.firmware, len(home.events("power"))
    home.head_end.settle(home.head_end.pair(second, seconds=3600))
    home.run(for_=40 * MIN)
    value = home.head_end.meter(second).register(READ[second]).value
    assert value * (1000 if second == "gsme" else 1) >= measured  # it has measured while it waited
    assert home.head_end.meter(first).register(READ[first]).value > 0
    assert home.hub.firmware is hub
    assert len(home.events("power")) == boots
    assert not home.events("han.parent-lost")
