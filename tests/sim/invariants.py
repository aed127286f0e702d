"""What must hold of a home whatever happened to it: one rule a function, each over the evidence of a run.

A rule gives the breaches it finds, as sentences; none: it holds. `INVARIANTS` has them by number, with their words; the numbers are
those of the list that the tests of this folder share. Elsewhere: 1 to 9 in the meters' own tests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from tests.sim import swap_rules
from tests.sim.evidence import REQUESTS, Evidence
from tools.headend.notices import FirstBreath, LastGasp

THRESHOLD = 180 * S
DECIDED = 2 * S
"""After the threshold, a last gasp is decided and sent."""
LIMITS = (216.2, 253.0)
LONG, SHORT = 0x8F36, 0x8F35
TOGETHER = 4
"""Hubs of a street that may talk in one second."""
ALERT = 2 * S
"""After the time of an order, its alert has come."""


def counters(seen: Evidence) -> list[str]:
    """13, 14: no counter meets the same key twice, across power cuts."""
    return [f"{who} used a counter of {layer} twice at {now}" for now, who, layer in seen.capture.reused]


def replays(seen: Evidence) -> list[str]:
    """15: a frame accepted once is never accepted again (`Evidence.replay`)."""
    return seen.believed


def mirror(seen: Evidence) -> list[str]:
    """19: the mirror is never ahead of the meter's clock, and holds what the meter once read; it never goes back."""
    return seen.unread


def wake_up(seen: Evidence) -> list[str]:
    """20: each value in the mirror is of the wake-up of its snapshot time, and the attributes are always the same."""
    return seen.mixed + ["sets of attributes differ"] * (len(seen.sets) > 1)


def display(seen: Evidence) -> list[str]:
    """21: the display is never ahead of the mirror."""
    return [f"the display is ahead of the mirror at {now}" for now, snapshot, newest in seen.shown if snapshot > newest]


def device_log(seen: Evidence) -> list[str]:
    """22: 16 lines at most, those that were entered and not struck off; nobody talks to anybody else."""
    log = {device.eui64 for device in seen.run.hub.firmware.log}
    told = [f"{len(log)} lines"] * (len(log) > 16) + [f"{eui64:016X} is not as ordered" for eui64 in sorted(log ^ seen.listed)]
    return told + seen.capture.outside


def network_key(seen: Evidence) -> list[str]:
    """23: nobody off the log ever holds a network key of after he left it; nor, where he is awake and has heard, the one before."""
    hub = seen.run.hub.firmware
    network = hub.han.stack._network
    key = network.keys[network.active_key].key
    told = list(seen.holders)
    for label, board in seen.run.only.boards.items():
        han = getattr(board.firmware, "han", None)
        keys = [] if board is seen.run.hub or han is None else han.stack.labelled_keys()
        if hub.log.get(board.eui64) is None and any(held == key for _, held in keys):
            told.append(f"{label} is off the log and has the key")
    return told


def outages(seen: Evidence) -> list[str]:
    """24: a last gasp for a loss of more than three minutes, and none for another. A hub that was cut meanwhile may be mute."""
    told, start = [], seen.run.kernel.start_ns
    gasps = seen.run.head_end.notices(LastGasp)
    for loss in seen.losses:
        ended = seen.run.now if loss.ended is None else loss.ended
        own = [gasp for gasp in gasps if loss.began - S <= gasp.lost - start < ended]
        long = ended - loss.began > THRESHOLD
        cut = any(loss.began - 30 * S <= at <= loss.began + THRESHOLD + DECIDED for at in seen.hub_off)
        if len(own) > 1 or (own and not long):
            told.append(f"{len(own)} last gasps for a loss of {(ended - loss.began) / S:g} s")
        if long and not own and not cut:
            told.append(f"no last gasp for a loss of {(ended - loss.began) / S:g} s")
    known = [gasp for gasp in gasps if any(loss.began - S <= gasp.lost - start for loss in seen.losses)]
    return told + [f"a last gasp without a loss: {gasp.lost}" for gasp in gasps if gasp not in known]


def pairs(seen: Evidence) -> list[str]:
    """25: gasp and breath take turns, and each pair is of one loss."""
    notices = [notice for notice in seen.run.head_end.received if isinstance(notice, LastGasp | FirstBreath)]
    told = [f"{type(notice).__name__} out of turn" for number, notice in enumerate(notices)
            if isinstance(notice, FirstBreath) != number % 2]  # fmt: skip
    return told + [
        "a first breath of another loss"
        for gasp, breath in zip(notices[::2], notices[1::2], strict=False)
        if gasp.lost != breath.lost
    ]


def voltage(seen: Evidence) -> list[str]:
    """26: a first breath only with the voltage inside its limits, at its arrival and since the restoration it tells of."""
    told, start = [], seen.run.kernel.start_ns
    for breath in seen.run.head_end.notices(FirstBreath):
        restored = breath.lost + breath.seconds * S - start
        within = [volts for now, volts in seen.volts if restored + 2 * S < now <= breath.received - start]
        before = [volts for now, volts in seen.volts if now <= restored + 2 * S]
        if not all(LIMITS[0] <= volts <= LIMITS[1] or not volts for volts in (before[-1], *within)) or not before[-1]:
            told.append(f"a first breath at {before[-1]} V")
    return told


def interruptions(seen: Evidence) -> list[str]:
    """27: an interruption that a meter notes begins before it ends, and its code is the right one for its length."""
    return [
        f"{code:04X} for {(restored - lost) / S:g} s"
        for code, lost, restored in seen.restored
        if lost >= restored or (code == LONG) != (restored - lost >= THRESHOLD)
    ]


def spread(seen: Evidence) -> list[str]:
    """28: no more than `TOGETHER` hubs of a street talk in one second."""
    seconds = Counter(second for second, _ in {(notice.received // S, notice.hub) for notice in seen.run.head_end.received})
    return [f"{hubs} hubs in second {second}" for second, hubs in sorted(seconds.items()) if hubs > TOGETHER]


def answers(seen: Evidence) -> list[str]:
    """30: a response is of the invoke id of a request before it."""
    return [breach for breach in _exchanges(seen) if "unasked" in breach]


def commands(seen: Evidence) -> list[str]:
    """29: a request has one response at most; an order for a time has one alert, then."""
    told = [breach for breach in _exchanges(seen) if "again" in breach]
    due = [order for order in seen.orders if order + ALERT < seen.run.now]
    heard = [sum(order <= alert <= order + ALERT for alert in seen.alerts) for order in due]
    told += [f"{alerts} alerts of the order for {order}" for order, alerts in zip(due, heard, strict=True) if alerts != 1]
    return told + ["an alert of no order"] * (len(seen.alerts) > sum(heard))


def _exchanges(seen: Evidence) -> list[str]:
    told = []
    for said in seen.talk.values():
        asked: Counter[tuple[int, int]] = Counter()
        answered: set[tuple[int, int]] = set()
        for who, tag, invoke in said:
            if tag in REQUESTS:
                asked[REQUESTS[tag], invoke] += 1
                answered.discard((REQUESTS[tag], invoke))
            elif not asked[tag, invoke]:
                told.append(f"{who} answers {tag:02X} of {invoke} {'again' if (tag, invoke) in answered else 'unasked'}")
            else:
                asked[tag, invoke] -= 1
                answered.add((tag, invoke))
    return told


def messages(seen: Evidence) -> list[str]:
    """31: what was accepted for a sleeping meter is given to it once, in order, or waits, or was reported as undelivered."""
    posted = list(seen.posted)
    order = [posted.index(message) if message in posted else -1 for message in seen.given]
    told = ["a message that nobody sent"] * (-1 in order) + ["given twice"] * (len(set(order)) < len(order))
    told += ["out of order"] * (order != sorted(order))
    left = [message for message, accepted in seen.posted.items() if accepted and message not in seen.given]
    waiting = seen.run.hub.firmware.mailbox.waiting(seen.gas.eui64) if left else 0
    return told + ["neither given nor reported"] * (len(left) > seen.undelivered + waiting)


def firmware(seen: Evidence) -> list[str]:
    """33: each runs what it was made with, or what somebody ordered it to run."""
    return seen.unordered


def credentials(seen: Evidence) -> list[str]:
    """37: a password that was changed away does not work, and the one it was changed to does."""
    told, head_end = [], seen.run.head_end
    before = head_end._password
    for label, old, new in seen.changed:
        for password, due in ((old, False), (new, True)):
            head_end._password = password
            try:
                with head_end.meter(label, writes=True) as meter:
                    works = bool(meter.get("0-0:96.1.0", 1, 2).value)
            except RemoteProtocolError:
                works = False
            told += [f"{password!r} {'works' if works else 'does not work'} at {label}"] * (works is not due)
    head_end._password = before
    return told


def forgotten(seen: Evidence) -> list[str]:
    """38: of a device that was struck off no data is readable: no mirror, and no record of its readings, messages or name."""
    hub, told = seen.run.hub, []
    for eui64 in seen.capture.gone:
        told += [f"{eui64:016X} has a mirror"] * (hub.firmware.mirrors.of(eui64) is not None)
        kept = [key for key in hub.nvm.keys("") if f"{eui64:016X}" in key.upper()]
        told += [f"{key} is kept" for key in kept if key.split("/")[0] in ("mirror", "mail", "name", "tunnel")]
    return told


def terminals(seen: Evidence) -> list[str]:
    """39: of what a terminal carried nothing is in its memory when it has let go."""
    return [
        f"{label} still has {name}" for label in sorted(seen.erased & seen.carried.keys())
        for name in swap_rules.left_behind(seen.run.board(label), seen.carried[label])
    ]  # fmt: skip


def nothing_waits(seen: Evidence) -> list[str]:
    """40: queues are empty."""
    hub = seen.run.hub.firmware
    told = ["notices wait"] * bool(hub.notifier.waiting)
    return told + ["mail waits"] * bool(seen.gas is not None and hub.mailbox.waiting(seen.gas.eui64))


def everybody_is_back(seen: Evidence) -> list[str]:
    """41: everybody has joined, and the mirror is fresh."""
    run = seen.run
    if not run.commissioned:
        return ["not commissioned"]
    if seen.gas is None or seen.gas.eui64 not in seen.listed:
        return []
    age = run.kernel.utc - run.hub.firmware.mirrors.of(seen.gas.eui64).gas.reading.at
    return [f"the mirror is {age // MIN} minutes old"] * (age > 31 * MIN)


class Invariant(NamedTuple):
    """Its words, and what sees that it does not hold."""

    words: str
    rule: Callable[[Evidence], list[str]]


INVARIANTS = {
    13: Invariant("counters of one key never repeat on the air, across power cuts, restores and restarts", counters),
    15: Invariant("a frame accepted once is never accepted again, from any node, ever", replays),
    19: Invariant("mirror time <= meter time; mirror values = some earlier complete set of the meter", mirror),
    20: Invariant("the mirror is never partly new: all attributes from one wake-up", wake_up),
    21: Invariant("a display's gas is never newer than the mirror", display),
    22: Invariant("16 lines at most, the sum of add and remove; only listed devices exchange data", device_log),
    23: Invariant("nobody off the list ever holds the network key after a key change", network_key),
    24: Invariant("a notice if and only if the loss is longer than 3 min", outages),
    25: Invariant("a last gasp is followed by a first breath or silence; never two notices for one outage", pairs),
    26: Invariant("a first breath only after the voltage is inside its limits", voltage),
    27: Invariant("an interruption has its two times, in order, and the right code for its length", interruptions),
    28: Invariant("no more than n hubs of a street talk in one second after a common outage", spread),
    29: Invariant("a command gets one response at most, a future-dated one exactly one alert at its due time", commands),
    30: Invariant("a response never precedes its request; counters and invoke ids match", answers),
    31: Invariant("messages for a sleeping meter are delivered once, in order, or reported undelivered at 24 h", messages),
    33: Invariant("a device's version changes only by an activation command", firmware),
    37: Invariant("credentials changed away stop working at the change, new ones work", credentials),
    38: Invariant("after decommissioning no data of before is readable", forgotten),
    39: Invariant("after completion no reading or key remains in a terminal's memory image", terminals),
    40: Invariant("queues are empty when nothing is under way", nothing_waits),
    41: Invariant("after all faults stop everybody is joined, and the mirror fresh", everybody_is_back),
}


def breaches(seen: Evidence) -> list[str]:
    """What does not hold now, with the rule's number and name before it."""
    return [f"{number} {rule.__name__}: {breach}" for number, (_, rule) in INVARIANTS.items() for breach in rule(seen)]
