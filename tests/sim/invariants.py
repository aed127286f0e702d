"""What must hold of a home whatever happened to it: one rule a function, each over what was heard and seen of a run.

A rule gives the breaches it finds, as sentences; none: it holds. The numbers are those of the list of invariants that the tests of
this folder share. Elsewhere: 22, 23 and 37 for people who come and go in `test_pairing` (`Ledger`) and `test_swap_out`, 31 for more
than one message in `test_messages`, 1 to 9 in the meters' own tests.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import hubfw
from devices import gsme, ihd
from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from protocols.zigbee import mac, nwk, security
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from tests.compliance.capture import Capture, OnAir
from tools.headend.notices import FirstBreath, LastGasp

THRESHOLD = 180 * S
DECIDED = 2 * S
"""After the threshold, a last gasp is decided and sent."""
LIMITS = (216.2, 253.0)
LONG, SHORT = 0x8F36, 0x8F35
STRANGER = "stranger"
REFUSED = ("nwk", "replayed frame counter")
REQUESTS = {0xC0: 0xC4, 0xC1: 0xC5, 0xC3: 0xC7}
"""GET, SET, ACTION: tag of the request to that of its response."""


class Ears(Capture):
    """All frames but the stranger's."""

    def _frame(self, now, who, kind, data):
        if not who.endswith(STRANGER):
            super()._frame(now, who, kind, data)


@dataclass
class Loss:
    """Of the mains: when it began and ended, ns of the run."""

    began: int
    ended: int | None = None


@dataclass
class Evidence:
    """Listens to the only home of a run from now on, and looks at it at each minute of `live`."""

    run: object
    losses: list[Loss] = field(default_factory=list)
    volts: list[tuple[int, float]] = field(default_factory=list)
    hub_off: list[int] = field(default_factory=list)
    esme_off: int = 0
    readings: dict[int, int] = field(default_factory=dict)
    mirrored: list[tuple[int, int, int]] = field(default_factory=list)
    """(now, snapshot time, litres)"""
    sets: set[frozenset[tuple[int, int]]] = field(default_factory=set)
    shown: list[tuple[int, int, int]] = field(default_factory=list)
    """(now, snapshot time on the display, newest the mirror had so far)"""
    restored: list[tuple[int, int, int]] = field(default_factory=list)
    """(code, lost, restored) that meters noted"""
    listed: set[int] = field(default_factory=set)
    talk: dict[frozenset[str], list[tuple[str, int, int]]] = field(default_factory=dict)
    """Ends of a connection to (who sent, tag, invoke id)"""
    recorded: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    _fresh: dict[tuple[int, int], deque[bytes]] = field(default_factory=dict)
    believed: list[str] = field(default_factory=list)
    """Old frames that were not refused"""

    def __post_init__(self) -> None:
        run = self.run
        self.capture = Ears(run)
        self.volts.append((run.now, run.mains.volts))
        self.listed = {device.eui64 for device in run.hub.firmware.log} if run.hub.firmware is not None else set()
        self.pan_id = run.hub.firmware.han.stack._network.pan_id
        self.newest = 0
        self.look()
        run.log.subscribe(self._hear)

    def _hear(self, now, who, kind, data):
        if kind == "air.frame":
            self._frame(who, data)
        elif kind == "mains":
            before, after = self.volts[-1][1], data["volts"]
            self.volts.append((now, after))
            if before and not after:
                self.losses.append(Loss(now))
            elif after and not before and self.losses:
                self.losses[-1].ended = now
        elif kind == "power" and data["state"] == "off" and who == self.run.hub.name:
            self.hub_off.append(now)
        elif kind == "power" and data["state"] == "off" and who == self.run.esme.name:
            self.esme_off += 1
        elif kind == "event" and "restored" in data:
            self.restored.append((data["code"], data["lost"], data["restored"]))
        elif kind == "hub.registered":
            self.listed.add(data["eui64"])
        elif kind == "hub.unregistered":
            self.listed.discard(data["eui64"])
        elif kind == "net.data" and ">" in who:
            self._say(who, data)

    def _frame(self, who, data):
        if who == self.run.hub.name:
            self._mirror()
        firmware = self.run.gsme.firmware
        if who == self.run.gsme.name and isinstance(firmware, gsme.Firmware) and firmware.register.reading.at is not None:
            self.readings[firmware.register.reading.at // S * S] = firmware.register.reading.litres
        if who.endswith(STRANGER):
            return
        psdu = OnAir.unpack(data).psdu
        header, at = mac.Header.parse_from(psdu[:-2], 0)
        unicast = (header.destination or 0) < nwk.LOWEST_BROADCAST and header.destination_pan == self.pan_id
        if header.control & mac.TYPE == mac.DATA and at < len(psdu) - 2 and unicast:
            outer, _ = nwk.Header.parse_from(psdu[at:-2], 0)
            if outer.control & nwk.SECURITY:
                self._fresh.setdefault((header.source, header.destination), deque(maxlen=8)).append(psdu)

    def _say(self, who, data):
        here, _, there = who.partition(">")
        ends = self.talk.setdefault(frozenset((here, there)), [])
        try:
            pdus = wrapper.Splitter().feed(data)
        except RemoteProtocolError:
            return
        for pdu in pdus:
            if len(pdu.apdu) > 2 and pdu.apdu[0] in {*REQUESTS, *REQUESTS.values()}:
                ends.append((here, pdu.apdu[0], pdu.apdu[2] & 0x0F))

    # --- seen ---

    def live(self, length: int) -> None:
        """Let time pass, and look at each minute."""
        end = self.run.now + length
        while self.run.now < end:
            self.run.run(for_=min(MIN, end - self.run.now))
            self.look()

    def look(self) -> None:
        """What mirror and display hold now, and which of the last minute's frames have been heard by whom they were for."""
        self._sift()
        run, reading = self.run, self._mirror()
        if reading is not None:
            self.sets.add(frozenset(reading.values))
            self.mirrored.append((run.now, self._snapshot, reading.get(Metering, Metering.current_summation_delivered)))
        display = run.ihd.firmware if "ihd" in run.only.boards else None
        if isinstance(display, ihd.Firmware):
            seen = display.gas.get(Metering.reading_snapshot_time)
            if seen is not None:
                self.shown.append((run.now, (seen + EPOCH) * S, self.newest))

    def _sift(self):
        hans = [getattr(board.firmware, "han", None) for board in self.run.only.boards.values()]
        stacks = {han.stack.short: han.stack for han in hans if han is not None}
        for (source, short), frames in self._fresh.items():
            heard = [psdu for psdu in frames if short in stacks and self._last(stacks[short], psdu) >= 0]
            if heard:
                self.recorded[source, short] = heard
        self._fresh.clear()

    def _mirror(self):
        """The gas meter's reading in the mirror, if there is one."""
        hub = self.run.hub.firmware
        mirror = hub.mirrors.of(self.run.gsme.eui64) if isinstance(hub, hubfw.Firmware) else None
        reading = None if mirror is None else mirror.gas.reading
        if reading is not None:
            self._snapshot = (reading.get(Metering, Metering.reading_snapshot_time) + EPOCH) * S
            self.newest = max(self.newest, self._snapshot)
        return reading

    def replay(self, *to: str) -> None:
        """A stranger says again what it heard, to these, or all who are awake; who does not refuse it has believed it."""
        run = self.run
        stacks = {label: getattr(board.firmware, "han", None) for label, board in run.only.boards.items() if label != "gsme"}
        names = {han.stack.short: label for label, han in stacks.items() if han is not None and label in (to or stacks)}
        old = [(names[short], psdu) for (_, short), frames in self.recorded.items() if short in names for psdu in frames]
        radio = run.only.air.radio(f"{run.only.name}/{STRANGER}", 1.0, 1.0)
        network = next(han.stack._network for han in stacks.values() if han is not None)
        radio.configure(channel=network.channel, pan_id=network.pan_id, short=0xFFFF, eui64=0xBAD, rx_on_when_idle=True)
        for number, (label, psdu) in enumerate(old):
            before, taken = len(run.told), self._last(stacks[label].stack, psdu) == 0
            radio.transmit(number, psdu)
            run.run(for_=S // 100)
            refused = [
                (data["layer"], data["reason"])
                for _, who, kind, data in run.told[before:]
                if kind == "han.dropped" and who == run.board(label).name and data["psdu"] == psdu
            ]
            if REFUSED not in refused and not taken and self._last(stacks[label].stack, psdu) == 0:
                self.believed.append(f"{label} believed an old frame: {psdu.hex()}")
            run.run(for_=S // 10)

    @staticmethod
    def _last(stack, psdu):
        """By how much the last counter heard of this frame's sender is above the frame's; 0: it is this frame's."""
        _, at = mac.Header.parse_from(psdu[:-2], 0)
        _, at = nwk.Header.parse_from(psdu[:-2], at)
        auxiliary, _ = security.Auxiliary.parse_from(psdu[:-2], at)
        network = stack._network
        return network.keys[network.active_key].incoming.get(auxiliary.source, -1) - auxiliary.counter


def counters(seen: Evidence) -> list[str]:
    """13, 14: no counter meets the same key twice, across power cuts."""
    return [f"{who} used a counter of {layer} twice at {now}" for now, who, layer in seen.capture.reused]


def replays(seen: Evidence) -> list[str]:
    """15: a frame accepted once is never accepted again (`Evidence.replay`)."""
    return seen.believed


def mirror(seen: Evidence) -> list[str]:
    """19, 20: the mirror holds what the meter once read, all of one wake-up, and is never ahead of it."""
    start = seen.run.kernel.start_ns
    told = [f"the mirror is ahead of time at {now}" for now, snapshot, _ in seen.mirrored if snapshot > start + now]
    told += [
        f"{litres} litres at {now} were not read at {snapshot}"
        for now, snapshot, litres in seen.mirrored
        if snapshot in seen.readings and seen.readings[snapshot] != litres
    ]
    return told + ["sets of attributes differ"] * (len(seen.sets) > 1)


def display(seen: Evidence) -> list[str]:
    """21: the display is never ahead of the mirror."""
    return [f"the display is ahead of the mirror at {now}" for now, snapshot, newest in seen.shown if snapshot > newest]


def device_log(seen: Evidence) -> list[str]:
    """22, 23: 16 lines at most, those that were entered and not struck off; nobody else holds the network key."""
    hub = seen.run.hub.firmware
    log = {device.eui64 for device in hub.log}
    told = [f"{len(log)} lines"] * (len(log) > 16) + [f"{eui64:016X} is not as ordered" for eui64 in sorted(log ^ seen.listed)]
    network = hub.han.stack._network
    key = network.keys[network.active_key].key
    for label, board in seen.run.only.boards.items():
        han = getattr(board.firmware, "han", None)
        keys = [] if label == "hub" or han is None else han.stack.keys()
        if board.eui64 not in log and any(held == key for _, held in keys):
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


def spread(received: list[int], most: int) -> list[str]:
    """28: no more than `most` hubs of a street talk in one second. `received`: when each told something, ns."""
    seconds = Counter(at // S for at in received)
    return [f"{together} in second {second}" for second, together in sorted(seconds.items()) if together > most]


def answers(seen: Evidence) -> list[str]:
    """29, 30: a request has one response at most, of its invoke id, and none comes before it."""
    told = []
    for said in seen.talk.values():
        asked: Counter[tuple[int, int]] = Counter()
        for who, tag, invoke in said:
            if tag in REQUESTS:
                asked[REQUESTS[tag], invoke] += 1
            elif not asked[tag, invoke]:
                told.append(f"{who} answers {tag:02X} of {invoke} unasked")
            else:
                asked[tag, invoke] -= 1
    return told


def messages(accepted: list[bytes], given: list[bytes], undelivered: int = 0) -> list[str]:
    """31: what was accepted for a sleeping meter is given to it once, in order, or reported as undelivered."""
    order = [accepted.index(message) if message in accepted else -1 for message in given]
    told = ["a message that nobody sent"] * (-1 in order) + ["given twice"] * (len(set(order)) < len(order))
    told += ["out of order"] * (order != sorted(order))
    return told + ["neither given nor reported"] * (len(set(given)) + undelivered < len(accepted))


def forgotten(run: object, eui64: int) -> list[str]:
    """38: after decommissioning no data of a meter is readable: no mirror, and no record of its readings or messages."""
    hub, digits = run.hub, f"{eui64:016X}"
    told = ["it has a mirror"] * (hub.firmware.mirrors.of(eui64) is not None)
    kept = list(hub.nvm.keys())
    return told + [key for key in kept if digits in key.upper() and key.split("/")[0] in ("mirror", "mail", "name")]


def nothing_waits(seen: Evidence) -> list[str]:
    """40: queues are empty."""
    hub = seen.run.hub.firmware
    return ["notices wait"] * bool(hub.notifier.waiting) + ["mail waits"] * bool(hub.mailbox.waiting(seen.run.gsme.eui64))


def everybody_is_back(seen: Evidence) -> list[str]:
    """41: everybody has joined, and the mirror is fresh."""
    run = seen.run
    if not run.commissioned:
        return ["not commissioned"]
    age = run.kernel.utc - run.hub.firmware.mirrors.of(run.gsme.eui64).gas.reading.at
    return [f"the mirror is {age // MIN} minutes old"] * (age > 31 * MIN)


RULES = (
    counters, replays, mirror, display, device_log, outages, pairs, voltage, interruptions, answers, nothing_waits,
    everybody_is_back,
)  # fmt: skip


def breaches(seen: Evidence) -> list[str]:
    """What does not hold now, with the rule's name before it."""
    return [f"{rule.__name__}: {breach}" for rule in RULES for breach in rule(seen)]
