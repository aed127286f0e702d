"""A bench from first power to everybody on the network, flat out in virtual time.

Nothing is done to the devices: they join by themselves, and this only watches and gives up in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import hubfw
from devices.runtime.kernel import HOUR, MIN, S
from tools.bench.home import Home
from tools.bench.run import Run
from tools.errors import CheckFailed

LIMIT = 2 * HOUR
"""Virtual time after which a home that is not commissioned never will be."""
STEP = S


def commissioning(run: Run, limit: int = LIMIT) -> Iterator[None]:
    """Let time pass until the run is commissioned, with a pause for the caller at each second.

    Raises CheckFailed at `limit` (ns of the run) that says who is missing, and before when an installer has left with nothing done.
    """
    while not run.commissioned:
        if run.now >= limit:
            absent = "; ".join(line for home in run.homes.values() if not home.foreign for line in missing(home))
            raise CheckFailed(f"not commissioned after {limit // MIN} minutes of virtual time: {absent}")
        run.run(for_=STEP)
        for name, installer in run.installers.items():
            if installer.failed is not None:
                raise CheckFailed(f"{name}: {installer.failed}")
        yield


def commission(run: Run, limit: int = LIMIT) -> None:
    """`commissioning` without a pause."""
    deque(commissioning(run, limit), maxlen=0)


def missing(home: Home) -> Iterator[str]:
    """Who keeps a home from being commissioned, a line each."""
    firmware = home.hub.firmware
    if not isinstance(firmware, hubfw.Firmware):
        yield f"{home.hub.name} has no power"
        return
    if firmware.commissioned:
        return
    labels = {identity.eui64: label for label, identity in home.identities.items()}
    absent = [labels[device.eui64] for device in firmware.coordinator.missing]
    empty = [
        labels[eui64]
        for eui64 in firmware.gas.listed
        if (mirror := firmware.mirrors.of(eui64)) is None or mirror.gas.reading is None
    ]
    if absent:
        yield f"{home.name}: {', '.join(absent)} has not joined"
    elif empty:
        yield f"{home.name}: the gas mirror of {', '.join(empty)} is not full"
    else:
        yield f"{home.name}: {home.hub.name} cannot reach its electricity meter"
