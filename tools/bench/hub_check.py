"""Whether the hubs of a bench can be served as the papers ask: the WAN part comes off in a living home, and nobody is harmed.

So does the radio, at a hub that has a slot for it; one that has none is not failed for that.

A check is done, not looked up: the module is taken out of the slot and put back (another one, where the bench has one), in virtual
time. What it does not see: mechanics, and how long a person takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devices import esme
from devices.runtime.kernel import MIN
from devices.runtime.log import Data
from protocols.core.errors import RemoteProtocolError
from tools.bench.home import Home
from tools.bench.module_slot import ModuleSlot
from tools.bench.run import Run

OUT: int = 5 * MIN
BACK: int = 2 * MIN
FOUND: int = 20 * MIN
"""A meter that has lost its hub has found it again after this."""
IMPORT = "1-0:1.8.0"


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
            if home.han_slot is not None:
                yield from _han_part(run, home, home.han_slot)


def _wan_part(run: Run, home: Home) -> Iterator[Finding]:
    hub, slot = home.hub.name, home.wan_slot
    if slot is None:
        yield Finding(hub, "the WAN part comes off", False, "it is built in")
        return
    yield Finding(hub, "the WAN part comes off", True)
    yield _changed(run, home, slot, "wan-module")
    yield _reached(run, home, "the head end reaches it afterwards, at the same address")


def _han_part(run: Run, home: Home, slot: ModuleSlot) -> Iterator[Finding]:
    hub = home.hub
    yield Finding(hub.name, "the radio comes off", True)
    firmware, answered = hub.firmware, list[Finding]()
    yield _changed(run, home, slot, "han-module", lambda: answered.append(_reached(run, home, "the head end reaches it meanwhile")))
    yield from answered
    run.run(for_=FOUND)
    missing = [label for label in home.of_kind("esme") if not _read(run, home, label)]
    whole = hub.firmware is firmware and not missing
    yield Finding(hub.name, "it runs on, and reads its meters afterwards", whole, ", ".join(missing))


def _changed(run: Run, home: Home, slot: ModuleSlot, kind: str, meanwhile: Callable[[], object] = lambda: None) -> Finding:
    """Take the module out, and put another one in where there is one."""
    modules = home.of_kind(kind)
    harmed: list[str] = []

    def watch(now: int, who: str, what: str, data: Data) -> None:
        if who.partition("/")[2] not in modules and who.startswith(home.name):
            harmed.append(who)

    before, switches = slot.fitted, _switches(home)
    end = run.log.subscribe(watch, ("power",))
    slot.pull()
    run.run(for_=OUT)
    meanwhile()
    slot.fit(next((each for each in modules if each != before), modules[0]))
    run.run(for_=BACK)
    end()
    powered = not harmed and _switches(home) == switches
    return Finding(home.hub.name, "supply and devices stay on meanwhile", powered, ", ".join(dict.fromkeys(harmed)))


def _reached(run: Run, home: Home, check: str) -> Finding:
    try:
        run.head_end.meter(f"{home.name}/{home.of_kind('hub')[0]}").names()
    except RemoteProtocolError as error:
        return Finding(home.hub.name, check, False, str(error))
    return Finding(home.hub.name, check, True)


def _read(run: Run, home: Home, label: str) -> bool:
    try:
        run.head_end.meter(f"{home.name}/{label}").register(IMPORT)
    except RemoteProtocolError:
        return False
    return True


def _switches(home: Home) -> list[object]:
    """Of the electricity meters' loads."""
    meters = [home[label].firmware for label in home.of_kind("esme")]
    return [meter.meter.switch.closed for meter in meters if isinstance(meter, esme.Firmware)]
