"""Firmware by a bench file: handed in, fetched in increments of the size and pace that it says, run when that is ordered."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.kernel import MIN, S
from tests.sim.told import Told
from tools.bench import config
from tools.cli.timeline import Timeline
from tools.errors import BadInput

BENCH = """
[[firmware]]
device = "ihd"
version = "02000000"
octets = 900
after_min = 2
activate_after_min = 5
alone = true
[[firmware]]
device = "hub"
version = "03000000"
after_min = 3
activate_after_min = 1
[[home]]
[[home.device]]
kind = "hub"
firmware_block = 24
firmware_block_ms = 1500
[[home.device]]
kind = "ihd"
at = [2, 2]
[[home.device]]
kind = "ppmid"
at = [2, 3]
"""


@pytest.fixture(scope="module")
def lived():
    run = Told(config.loads(BENCH))
    timeline = Timeline(run, None)
    run.run(for_=6 * MIN)
    pieces = sorted(int(key.rpartition("/")[2]) for key in run.ihd.nvm.keys("ota/at/"))
    run.run(for_=15 * MIN)
    return run, timeline, pieces


def test_each_step_is_told(lived):
    _, timeline, _ = lived
    said = [(now // MIN, who, what) for now, who, what in timeline.lines if who == "dcc" or " has 0" in what]
    assert said == [
        (2, "dcc", "has handed in firmware 02000000 for ihd: it waits for its activation"),
        (3, "hub", "hears that ihd has 02000000"),
        (7, "dcc", "has firmware 02000000 for ihd activated"),
        (7, "dcc", "has handed in firmware 03000000 for hub: it waits for its activation"),
        (8, "dcc", "has firmware 03000000 for hub activated"),
        (17, "dcc", "reads that ihd runs 02000000"),
        (18, "dcc", "reads that hub runs 03000000"),
    ]


def test_one_that_is_for_one_device_alone_is(lived):
    run, _, _ = lived
    assert (run.ihd.firmware.update.version, run.ppmid.firmware.update.version) == (0x02000000, 0x01000000)


@pytest.mark.req("S-063", part=True)
def test_increments_are_as_large_and_as_far_apart_as_the_hub_is_told(lived):
    run, _, pieces = lived
    assert {later - earlier for earlier, later in pairwise(pieces)} == {24}
    (began,), (ended,) = run.times("hub.image-verified")[:1], run.times("hub.image")
    assert ended - began >= (len(pieces) - 2) * 3 * S // 2


@pytest.mark.parametrize(("line", "by", "words"), [
    ('device = "ihd"', 'device = "idh"', 'no device "idh", did you mean "home1/ihd"?'),
    ("alone = true", "alone = true\nversions = 1", 'no field "versions", did you mean "version"?'),
    ('version = "02000000"', 'version = "2"', "firmware[0].version"),
    ("octets = 900", "octets = 100000", "firmware[0].octets"),
    ('device = "ihd"', 'device = "repeater"', "a device of kind repeater takes none (kinds: hub, gsme, ihd, ppmid, cad, esme)"),
    ("firmware_block = 24", "firmware_block = 49", "home[0].device[0].firmware_block"),
    ("firmware_block = 24", 'wan_application = "gateway"', "no hub that the head end reaches by DLMS"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(line, by, words):
    text = BENCH.replace(line, by, 1) + '[[home.device]]\nkind = "repeater"\n'
    with pytest.raises(BadInput) as refused:
        config.loads(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
