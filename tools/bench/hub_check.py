"""Whether the hubs of a bench can be served as the papers ask: the WAN part comes off in a living home, and nobody is harmed.

A check is done, not looked up: the module is taken out of the slot and put back (another one, where the bench has one), in virtual
time. What it does not see: mechanics, and how long a person takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devices import esme
from devices.runtime.kernel import MIN
from devices.runtime.log import Data
from protocols.core.errors import RemoteProtocolError
from tools.bench.home import Home
from tools.bench.run import Run

OUT: int = 5 * MIN
BACK: int = 2 * MIN


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one hub."""

    hub: str
    check: str
    passed: bool
    reason: str = ""


def check(run: Run) -> Iterator[Finding]:
    """Check each hub of a commissioned run, one after the other. It takes some minutes of virtual time."""
    for home in run.homes.values():
        if not home.foreign:
            yield from _wan_part(run, home)


def _wan_part(run: Run, home: Home) -> Iterator[Finding]:
    hub, slot = home.hub.name, home.wan_slot
    if slot is None:
        yield Finding(hub, "the WAN part comes off", False, "it is built in")
        return
    yield Finding(hub, "the WAN part comes off", True)
    modules = home.of_kind("wan-module")
    harmed: list[str] = []

    def watch(now: int, who: str, kind: str, data: Data) -> None:
        if who.partition("/")[2] not in modules and who.startswith(home.name):
            harmed.append(who)

    before, switches = slot.fitted, _switches(home)
    end = run.log.subscribe(watch, ("power",))
    slot.pull()
    run.run(for_=OUT)
    slot.fit(next((each for each in modules if each != before), modules[0]))
    run.run(for_=BACK)
    end()
    powered = not harmed and _switches(home) == switches
    yield Finding(hub, "supply and devices stay on meanwhile", powered, ", ".join(dict.fromkeys(harmed)))
    try:
        run.head_end.meter(f"{home.name}/{home.of_kind('hub')[0]}").names()
    except RemoteProtocolError as error:
        yield Finding(hub, "the head end reaches it afterwards, at the same address", False, str(error))
    else:
        yield Finding(hub, "the head end reaches it afterwards, at the same address", True)


def _switches(home: Home) -> list[object]:
    """Of the electricity meters' loads."""
    meters = [home[label].firmware for label in home.of_kind("esme")]
    return [meter.meter.switch.closed for meter in meters if isinstance(meter, esme.Firmware)]
