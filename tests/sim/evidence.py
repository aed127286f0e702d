"""What was heard and seen of a home from some time on: evidence for the rules of `invariants`.

It listens to the air, the WAN and the event log, and looks at mirror, display, meters and keys each minute of `live`. What stories
have people do to a home that rules need to know of (messages, passwords, frames said again) they do through it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import hubfw
from devices import gsme, ihd
from devices.gsme import zcl
from devices.hht.carrier import CARRIED
from devices.parts.ota import FIRST_VERSION, MANUFACTURER, running_version
from devices.parts.sealed_backup import SealedBackup
from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, wrapper
from protocols.dlms.association_object import CURRENT
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from tests.compliance.capture import Capture, OnAir
from tests.sim import swap_rules
from tools.bench.firmware import TYPES

STRANGER = "stranger"
REFUSED = ("nwk", "replayed frame counter")
REQUESTS = {0xC0: 0xC4, 0xC1: 0xC5, 0xC3: 0xC7}
"""GET, SET, ACTION: tag of the request to that of its response."""
PROFILE = 0x0109
TOLD = MIN
"""Until then a device that is struck off has been sent away, by a hub that lost its power meanwhile, too."""
NOT_FETCHED = 0x809D
GIVEN = "told/given"
METERS = ("gsme", "prepay-gas", "mbus-gas")


class Ears(Capture):
    """All frames but the stranger's. `outside`: what anybody's application sent to whom the log has not, and had not lately."""

    def __init__(self, run):
        super().__init__(run)
        self.outside = []
        self.gone = {}
        """EUI-64 to when it was struck off, ns of the run"""

    def _frame(self, now, who, kind, data):
        if not who.endswith(STRANGER):
            super()._frame(now, who, kind, data)

    def _aps(self, now, who, frame, outer, nwk_secured):
        super()._aps(now, who, frame, outer, nwk_secured)
        hub, eui64 = self.run.hub.firmware, self._known.get(outer.destination)
        if eui64 is None or not outer.destination or frame[0] & aps.TYPE != aps.DATA or not isinstance(hub, hubfw.Firmware):
            return
        other = int.from_bytes(eui64, "little")
        struck_off = self.gone.get(other, -TOLD)
        if not list(hub.log):  # a hub as it comes out of its box, while what is around it lives on
            return
        if hub.log.get(other) is None and now - struck_off > TOLD and aps.DataHeader.parse_from(frame, 0)[0].profile == PROFILE:
            self.outside.append(f"{other:016X} is not in the log, and {outer.source:04X} talks to it at {now}")


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
    readings: dict[int, dict[tuple[int, int], set[object]]] = field(default_factory=dict)
    """What the gas meter's attributes were while it was awake, by the snapshot time: of the mirror's, and later ones"""
    mirrored: int = 0
    """How often there was a set in the mirror to look at"""
    unread: list[str] = field(default_factory=list)
    """Sets whose time the meter has not reached, or never read at"""
    mixed: list[str] = field(default_factory=list)
    """Values that are not of the wake-up of their set"""
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
    used: dict[bytes, int] = field(default_factory=dict)
    """Network keys to when each was first in use"""
    holders: list[str] = field(default_factory=list)
    """Who held a key that came after it was struck off, or without ever having been entered"""
    posted: dict[bytes, bool] = field(default_factory=dict)
    """Messages for the gas meter, and whether the hub accepted them"""
    undelivered: int = 0
    changed: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    """(board, password before, password after)"""
    orders: list[int] = field(default_factory=list)
    """When orders for the supply are due, ns of the run"""
    alerts: list[int] = field(default_factory=list)
    """When a meter told of an order"""
    ordered: list[str] = field(default_factory=list)
    """Firmware whose activation was ordered: manufacturer, type and version"""
    unordered: list[str] = field(default_factory=list)
    """Devices that run another version than they were made with, and nobody ordered that"""
    carried: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What terminals fetched, and nobody may find in them afterwards"""
    erased: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        run = self.run
        self.capture = Ears(run)
        self.volts.append((run.now, run.mains.volts))
        self.listed = {device.eui64 for device in run.hub.firmware.log} if run.hub.firmware is not None else set()
        self.pan_id = run.hub.firmware.han.stack._network.pan_id
        self.newest, self.gas = 0, run.only.boards.get("gsme")
        self._meters = [board for label, board in run.only.boards.items() if label in METERS]
        self.secrets = swap_rules.secrets_of(run.hub) if "hht" in run.only.boards else {}
        reading = self._mirror()
        if reading is not None:  # from before
            self.readings[self._snapshot] = {key: {value} for key, value in reading.values.items()}
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
        elif kind == "power" and data["state"] == "off" and "esme" in self.run.only.boards and who == self.run.esme.name:
            self.esme_off += 1
        elif kind == "event" and "restored" in data:
            self.restored.append((data["code"], data["lost"], data["restored"]))
        elif kind == "event" and data.get("code") == NOT_FETCHED:
            self.undelivered += 1
        elif kind == "hub.registered":
            self.listed.add(data["eui64"])
            self.capture.gone.pop(data["eui64"], None)
        elif kind == "hub.unregistered":
            self.listed.discard(data["eui64"])
            self.capture.gone[data["eui64"]] = now
            self._hold()
        elif kind == "meter.supply":
            self.alerts.append(now)
        elif kind == "hub.image-activated":
            self.ordered.append(data["file"])
        elif kind.startswith("hht."):
            self._carry(who, kind)
        elif kind == "power" and data["state"] == "on" and self.posted and who == self.gas.name:
            self.run.kernel.at(now, self._attend, who=who)
        elif kind == "net.data" and ">" in who:
            self._say(who, data)

    def _frame(self, who, data):
        if who == self.run.hub.name:
            self._mirror()
        if self.gas is not None and who == self.gas.name:
            self._read()
        if who.endswith(STRANGER):
            return
        psdu = OnAir.unpack(data).psdu
        header, at = mac.Header.parse_from(psdu[:-2], 0)
        unicast = (header.destination or 0) < nwk.LOWEST_BROADCAST and header.destination_pan == self.pan_id
        if header.control & mac.TYPE == mac.DATA and at < len(psdu) - 2 and unicast:
            outer, _ = nwk.Header.parse_from(psdu[at:-2], 0)
            if outer.control & nwk.SECURITY:
                self._fresh.setdefault((header.source, header.destination), deque(maxlen=8)).append(psdu)

    def _read(self):
        """What the gas meter has to tell now."""
        firmware = self.gas.firmware
        if not isinstance(firmware, gsme.Firmware) or firmware.register.reading.at is None:
            return
        held = self.readings.setdefault(firmware.register.reading.at // S * S, {})
        endpoint = firmware.han.endpoints[1]
        for cluster, attributes in zcl.reported(endpoint):
            instance = endpoint.server(cluster)
            for attribute in attributes:
                held.setdefault((cluster.id, attribute.id), set()).add(instance[attribute])

    def _hold(self):
        """Who has which network key now."""
        hub = self.run.hub.firmware
        network = getattr(getattr(getattr(hub, "han", None), "stack", None), "_network", None)
        if network is None or not isinstance(hub, hubfw.Firmware):
            return
        key = network.keys[network.active_key].key
        since = self.used.setdefault(key, self.run.now)
        for label, board in self.run.only.boards.items():
            han = getattr(board.firmware, "han", None)
            if board is self.run.hub or han is None or hub.log.get(board.eui64) is not None:
                continue
            keys = han.stack.labelled_keys()
            if since > self.capture.gone.get(board.eui64, -1) and any(held == key for _, held in keys):
                self.holders.append(f"{label} is off the log and has a key of after that, at {self.run.now}")

    def _carry(self, who, kind):
        label = who.rpartition("/")[2]
        if kind == "hht.fetched":
            contents = SealedBackup.parse(self.run.board(label).nvm.get(CARRIED)["sealed"]).contents
            pieces = {f"octets from {at}": contents[at : at + 16] for at in range(0, len(contents) - 16, 16)}
            self.carried[label] = self.secrets | pieces
            self.erased.discard(label)
        elif kind == "hht.erased":
            self.erased.add(label)

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

    # --- done ---

    def post(self, message: bytes) -> None:
        """The hub is given a message for the gas meter now."""
        self.posted[message] = False
        self._attend()

        def give() -> None:
            if isinstance(self.run.hub.firmware, hubfw.Firmware):
                self.run.hub.firmware.deliver(self.gas.eui64, message)
                self.posted[message] = True  # not reached when the power goes within

        self.run.kernel.at(self.run.now, give, who=self.run.hub.name)

    def _attend(self):
        if isinstance(self.gas.firmware, gsme.Firmware):
            self.gas.firmware.inbox.act = lambda message: self.gas.nvm.put({GIVEN: [*self.given, message]}) or []

    @property
    def given(self) -> list[bytes]:
        """What the gas meter's flash says that it acted on."""
        return [] if self.gas is None else self.gas.nvm.get(GIVEN, [])

    def change_password(self, label: str, password: bytes) -> None:
        """At a meter or hub, through the head end, which uses the new one from then on. Raises RemoteProtocolError."""
        head_end = self.run.head_end
        with head_end.meter(label, writes=True) as meter:
            meter.set(CURRENT, 15, 7, axdr.octets(password))
        self.changed.append((label, head_end._password, password))
        head_end._password = password

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
        self._hold()
        self._run_what_was_ordered()
        run, reading = self.run, self._mirror()
        if reading is not None and self._snapshot is not None:
            self._compare(reading.values)
        display = run.ihd.firmware if "ihd" in run.only.boards else None
        if isinstance(display, ihd.Firmware):
            seen = display.gas.get(Metering.reading_snapshot_time)
            if seen is not None:
                self.shown.append((run.now, (seen + EPOCH) * S, self.newest))

    def _compare(self, values):
        """The mirror with what the meter had to tell. What came before the mirror's set is never to be seen again."""
        now, clock, snapshot = self.run.now, self.gas.rtc.read(), self._snapshot
        self.mirrored += 1
        self.sets.add(frozenset(values))
        if snapshot > clock + S:
            self.unread.append(f"the mirror is ahead of the meter at {now}")
        for old in [each for each in self.readings if each < snapshot]:
            del self.readings[old]
        had = self.readings.get(snapshot)
        if had is None:
            self.unread.append(f"the meter never read at {snapshot}, which the mirror has at {now}")
            return
        for attribute, value in values.items():
            all_ones = isinstance(value, int) and not value & (value + 1)  # what a meter does not have
            if value not in had.get(attribute, ()) and not (all_ones and None in had.get(attribute, ())):
                self.mixed.append(f"{attribute} is {value!r} at {now}, and was not at {snapshot}")

    def _run_what_was_ordered(self):
        for label, board in self.run.only.boards.items():
            declared, version = self.run.only.declared.get(label), running_version(board)
            type = TYPES.get(label if declared is None else declared.kind, 0)
            if version != FIRST_VERSION and f"{MANUFACTURER:04X}-{type:04X}-{version:08X}" not in self.ordered:
                self.unordered.append(f"{label} runs {version:08X} at {self.run.now}")

    def _sift(self):
        hans = [getattr(board.firmware, "han", None) for board in self.run.only.boards.values()]
        stacks = {han.stack.short: han.stack for han in hans if han is not None}
        for (source, short), frames in self._fresh.items():
            heard = [psdu for psdu in frames if short in stacks and self._last(stacks[short], psdu) >= 0]
            if heard:
                self.recorded[source, short] = heard
        self._fresh.clear()

    def _mirror(self):
        """The gas meter's reading in the mirror, if there is one. `newest` is of mirrors of other gas meters, too."""
        hub, own = self.run.hub.firmware, None
        for meter in self._meters if isinstance(hub, hubfw.Firmware) else ():
            mirror = hub.mirrors.of(meter.eui64)
            reading = None if mirror is None else mirror.gas.reading
            since = None if reading is None else reading.get(Metering, Metering.reading_snapshot_time)
            if since is not None:
                snapshot = (since + EPOCH) * S
                self.newest = max(self.newest, snapshot)
                if meter is self.gas:
                    own, self._snapshot = reading, snapshot
        return own

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
