"""A site outside the central company has a hub of another kind, exchanged when it opts in; the reverse when it leaves."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN
from tools.bench import config
from tools.errors import BadInput
from tools.headend.fault_report import PROVIDER, owner

HOME = """
[[home]]
[home.exchange]
at_h = 0.5
site = "opts-{way}"
[[home.device]]
kind = "hub"
supplier = "volt"
central = {central}
owner = "{owner}"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
"""
IN = HOME.format(way="in", central="false", owner="supplier")
OUT = HOME.format(way="out", central="true", owner="provider")
TOLD = ["LastGasp", "FirstBreath"]


@pytest.mark.req("S-102")
@pytest.mark.parametrize(
    ("text", "before", "after", "owners"),
    [(IN, [], TOLD, ("supplier volt", PROVIDER)), (OUT, TOLD, [], (PROVIDER, "supplier volt"))],
    ids=["in", "out"],
)
def test_the_hub_is_exchanged_for_one_of_the_other_kind(build, text, before, after, owners):
    home = build(text)

    def outage():
        heard = len(home.head_end.received)
        home.only.mains.off(4 * MIN)
        home.run(for_=8 * MIN)
        return [each for each in home.notices()[heard:] if each in TOLD]

    old = home.hub
    assert (outage(), owner(home.only)) == (before, owners[0])
    home.run_until(HOUR)
    assert home.exchanges["home1"].outcome == "complete"
    assert home.hub is not old
    assert (outage(), owner(home.only)) == (after, owners[1])
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    assert home.esme.firmware.meter.switch.closed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (IN.replace("false", "true"), "inside the central company"),
        (OUT.replace("true", "false"), "outside the central company"),
        (OUT.replace('supplier = "volt"\n', "").replace('owner = "provider"\n', ""), "say `supplier`"),
        (IN.replace("opts-in", "opt-in"), "opts-in"),
    ],
)
def test_sites_that_cannot(text, said):
    with pytest.raises(BadInput) as refused:
        config.loads(text)
    assert said in str(refused.value)
