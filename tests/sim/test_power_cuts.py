"""The power of a hub, a display or a meter goes at any write to its flash, in its stories; afterwards all rules hold.

A story is run once to see what is written; then once for each write and each of three places in it: before its first octet, in its
middle, and before the octet that commits it. CI takes few; `HYPOTHESIS_PROFILE=soak` takes all. Elsewhere: answers to messages
(`test_messages`), accounts in the hub (`test_hub_prepayment`), the device log (`test_device_log`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import settings

from devices.parts.ota import MANUFACTURER, SIGNER
from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.ota.image import File, seal
from tests.sim.evidence import Evidence
from tests.sim.invariants import breaches
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

SOAK = settings().max_examples > 1000
IN_CI = 3
"""Cuts a story."""
OFF = 20 * S
HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "ihd"
at = [3, 3]
"""
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
FILE = File(MANUFACTURER, 0x0502, 0x02000000)


def _outage(seen):
    seen.run.mains.off(200 * S)
    seen.live(230 * S)


def _offer(seen):
    run = seen.run
    signer, random = run.only.authority.issue(SIGNER, Random(5).getrandbits), Random(5).getrandbits
    octets = seal(FILE, bytes(400), text="display 2", hardware=(1, 1), signer=signer, random=random)
    run.kernel.at(run.now, lambda: run.hub.firmware.images.offer(octets), who=run.hub.name)
    seen.live(6 * MIN)
    if run.hub.firmware is not None and run.ihd.firmware.update.version != FILE.version:
        run.hub.firmware.images.offer(octets)  # whoever publishes it sees that it is not there


def _new(seen):
    return [] if seen.run.ihd.firmware.update.version == FILE.version else ["the display has the old firmware"]


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
    _persist(seen, lambda: run.head_end.pair("cad", seconds=3600), lambda: run.hub.firmware.log.get(run.board("cad").eui64))
    seen.listed.add(run.board("cad").eui64)
    seen.live(20 * MIN)


def _paired(seen):
    firmware = seen.run.board("cad").firmware
    return [] if firmware is not None and firmware.commissioned else ["the consumer device is not there"]


def _new_key(seen):
    hub = seen.run.hub
    seen.run.kernel.at(seen.run.now, lambda: hub.firmware.coordinator.replace_network_key(), who=hub.name)
    seen.live(35 * MIN)


@dataclass(frozen=True)
class Story:
    """`act` takes the hub, or who else is cut, through it; `settle` ns later `check` is asked besides the rules of all."""

    act: Callable[[Evidence], object]
    bench: str = HOME
    joined: bool = True
    board: str = "hub"
    before: int = 10 * MIN
    settle: int = 45 * MIN
    check: Callable[[Evidence], list[str]] = lambda seen: []


STORIES = {
    "join": Story(lambda seen: seen.live(4 * MIN), joined=False, before=0, settle=90 * MIN),
    "mirror": Story(lambda seen: seen.live(65 * MIN)),
    "outage": Story(_outage),
    "tariff": Story(
        lambda seen: seen.live(10 * MIN),
        HOME + TARIFF.format(label="first", after=1200, pence="30.10") + TARIFF.format(label="second", after=2400, pence="31.10"),
        before=19 * MIN, check=_second_price,
    ),
    "images": Story(_offer, settle=60 * MIN, check=_new),
    "download": Story(_offer, board="ihd", settle=60 * MIN, check=_new),
    "messages": Story(_post, settle=65 * MIN),
    "decommissioning": Story(_strike_off),
    "pairing": Story(_pair, HOME + CAD, settle=90 * MIN, check=_paired),
    "key change": Story(_new_key, settle=65 * MIN),
    "meter": Story(lambda seen: seen.live(35 * MIN), board="esme"),
    "gas meter": Story(lambda seen: seen.live(35 * MIN), board="gsme"),
    "wired": Story(lambda seen: seen.live(35 * MIN), HOME.replace("at = [0.3, 0]", 'interface = "wired"')),
}  # fmt: skip


class Writes:
    """Where a board's flash is written: (octets before it, octets of it)."""

    def __init__(self, flash):
        self.found, self._flash = [], flash
        self._program, self._erase = flash.program, flash.erase
        self._before = flash.operations
        flash.program, flash.erase = self._programmed, self._erased

    def _programmed(self, bank, address, data):
        self.found.append((self._flash.operations - self._before, len(data)))
        self._program(bank, address, data)

    def _erased(self, bank):
        self.found.append((self._flash.operations - self._before, 1))
        self._erase(bank)


def _live(story: Story, cut: int | None = None) -> tuple[Evidence, Writes]:
    run = Told(config.loads(story.bench), seed=7)
    if story.joined:
        commission(run)
        run.run(for_=max(0, story.before - run.now))
    else:
        run.run(for_=1)
    seen = Evidence(run)
    board = run.board(story.board)
    writes = Writes(board.flash)
    if cut is not None:
        board.cut_at_flash_operation(cut, off_for=OFF)
    story.act(seen)
    board.flash.cut_after(None)
    if cut is not None:
        seen.live(story.settle)
        seen.replay()
    return seen, writes


def _cuts(story: Story) -> list[int]:
    _, writes = _live(story)
    found = sorted({at + part for at, octets in writes.found for part in (0, octets // 2, octets - 1)})
    if SOAK:
        return found
    return [found[(2 * number + 1) * len(found) // (2 * IN_CI)] for number in range(IN_CI)]


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_all_rules_hold_afterwards(name):
    story = STORIES[name]
    for cut in _cuts(story):
        seen, _ = _live(story, cut)
        assert any(event["state"] == "off" for event in seen.run.events("power", seen.run.board(story.board).name)), cut
        assert seen.capture.opened_nwk > 50
        assert breaches(seen) + story.check(seen) == [], f"cut after {cut} octets"
