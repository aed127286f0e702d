"""The power goes at any write to a flash while firmware comes from the head end to hub, displays and meters, and is activated.

How: `cutting`. The head end goes on where it was broken off. Each story holds to the rules of all, and ends with the new version.
"""

from __future__ import annotations

from random import Random

import pytest

from devices.parts.image_store import image as meter_image
from devices.parts.ota import MANUFACTURER, SIGNER
from devices.runtime.kernel import MIN, S
from hubfw.image_flash import BLOCK
from hubfw.image_intake import IMAGE_TYPE
from protocols.zigbee.ota.image import File, seal
from tests.sim.cutting import HOME, IN_CI, Story, cuts

DISPLAY, GAS = 0x0502, 0x0501
NEW = 0x02000000
AWAKE_OFTEN = HOME.replace('kind = "gsme"', 'kind = "gsme"\nwake_minutes = 5')


def octets(run, type):
    if type is None:
        return meter_image(NEW.to_bytes(4, "big"), bytes(900))
    signer, random = run.only.authority.issue(SIGNER, Random(5).getrandbits), Random(5).getrandbits
    return seal(File(MANUFACTURER, type, NEW), bytes(900), hardware=(1, 1), signer=signer, random=random)


def handed_in(name, type, lasts=8 * MIN):
    """From the first block to the new version. `type` None: an electricity meter's own image."""

    def act(seen):
        run = seen.run
        updates = run.head_end.firmware
        seen.task = run.kernel.spawn(
            updates.update(name, octets(run, type), again=30 * S, activate_after=4 * MIN), who=run.head_end.host.name
        )
        seen.live(lasts)

    return act


def at_a_time(seen):
    """The hub's own, whose activation is written ahead and falls due within the story."""
    run = seen.run
    updates = run.head_end.firmware
    new = octets(run, IMAGE_TYPE)

    async def order():
        await updates.persist(lambda: updates.hand_in("hub", new), 30 * S)
        await updates.persist(lambda: updates.activate("hub", run.kernel.utc + 3 * MIN), 30 * S)

    seen.task = run.kernel.spawn(order(), who=run.head_end.host.name)
    seen.live(6 * MIN)


def runs(name):
    """The device has the new version, and whoever looks can see it; nothing was sent twice that was there."""

    def check(seen):
        run = seen.run
        updates = run.head_end.firmware
        if not seen.task.done:
            return [f"the head end is not done with {name}"]
        told = run.head_end.settle(updates.version(name))
        (upload,) = updates._uploads.values()
        blocks = -(-len(upload.octets) // (BLOCK if name != "esme" else 256))
        return [f"{name} runs {told}"] * (told != f"{NEW:08x}") + [f"{upload.sent} blocks of {blocks}"] * (upload.sent > blocks + 1)

    return check


STORIES = {
    "hub, for the display": Story(handed_in("ihd", DISPLAY), settle=75 * MIN, check=runs("ihd")),
    "display": Story(handed_in("ihd", DISPLAY), board="ihd", settle=60 * MIN, check=runs("ihd")),
    "gas meter": Story(handed_in("gsme", GAS, 16 * MIN), AWAKE_OFTEN, board="gsme", settle=60 * MIN, check=runs("gsme")),
    "electricity meter": Story(handed_in("esme", None, 6 * MIN), board="esme", check=runs("esme")),
    "hub, for itself": Story(handed_in("hub", IMAGE_TYPE, 6 * MIN), check=runs("hub")),
    "hub, at a time": Story(at_a_time, check=runs("hub")),
}  # fmt: skip


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_the_new_version_runs_afterwards(name):
    told = cuts(STORIES[name])
    assert {place: wrong for place, wrong in told.items() if wrong} == {}
    assert len(told) >= IN_CI
    print(f"{name}: {len(told)} cuts")
