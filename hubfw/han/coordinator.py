"""The HAN as its coordinator and trust centre sees it: who is let in, for how long, and who is there (SE 1.4 clause 5.4).

The network is formed once and taken up from non-volatile memory ever after. Joining is open while a device of the log has
never joined, until somebody closes it, and for as long as somebody opens it: for 254 s at most, opened anew every 240 s. Only
devices of the log get a key. A hub that is made with another one's backup takes over that one's network and devices, which find it
by themselves.

A device that was here before and is entered anew may come back by the link key it had for the first half of the time that joining
is opened by hand, and by its install code from the second half on (GB: CCS01). Where joining is open anyway, both hold at once.
What was opened or closed by hand is so after a restart, too, by the clock on the board: joining ends when it was to end, and its
halves are those that they were. Only devices of the log are heard: who has the network key and is in no line of it talks to
nobody here.

Not here: which kinds may be in the log at all (`hubfw.admission`), what is said to a device once it has joined (`esi`, `mirrors`,
`tunnels`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import S
from hubfw import backup
from hubfw.admission import Admission, NotAdmitted
from hubfw.config import HHT, Config, Entry
from hubfw.device_log import Device, DeviceLog
from protocols.zigbee.backup import Backup
from protocols.zigbee.node import MINUTE, DeviceAnnounced, Message, NodeConfig, NodeType
from protocols.zigbee.trust_centre import DeviceLogFull
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer

SMART_ENERGY_CHANNELS = (11, 14, 15, 19, 20, 24, 25)
"""The preferred ones (SE 1.4 5.4.1.1), between those of Wi-Fi."""
PERMIT = 254
"""Seconds."""
RENEW = 240 * S
LOG_FULL = 0x8F48
"""GB's event: a device more than the log holds."""
SENT = 10 * S
"""Time enough for a frame, and its repetitions, to be on the air."""
DISMISSALS = 10 * S
"""Between two devices that are sent away because they were heard and are not of the log."""
_WINDOW = "joining/window"
"""When joining was opened or closed by hand last, and when it ends: UTC in ns; the same: closed."""
PATIENCE = 60 * MINUTE
"""How long a device may be on the network without a key that certificates made."""


class Coordinator:
    """The network. `arrived(device)`: a device of the log can be talked to, told each time it announces itself or has a new key."""

    def __init__(self, firmware: Firmware, config: Config, log: DeviceLog, arrived: Callable[[Device], object]) -> None:
        self._firmware = firmware
        self._config = config
        self._log = log
        self._arrived = arrived
        self.leaving: Callable[[int], object] = lambda eui64: None
        """Told of a device that is about to be struck off."""
        self._opened: int | None = None
        """Until when joining was opened by hand (ns); 0: closed by hand; None: by what is missing."""
        self._middle = 0
        """When the second half of that time begins (ns)."""
        self._visit = 0
        """Until when joining is open besides, for a visitor (ns)."""
        self._renewal: Timer | None = None
        self._second_half: Timer | None = None
        self._codes: dict[int, bytes] = {}
        """Install codes that count from the second half of the time on."""
        self._dismissal = 0
        """When somebody who is not of the log may be sent away next (ns)."""
        self.admission = Admission(config.core_only, config.approved)
        self.han = Han(
            firmware,
            NodeConfig(
                firmware.board.eui64,
                NodeType.COORDINATOR,
                channels=SMART_ENERGY_CHANNELS if config.channel is None else (config.channel,),
                survey=config.channel is None,
                sub_ghz=config.sub_ghz,
                extended_pan_id=config.gpf_eui64,
                certified=bool(config.credentials),
            ),
        )
        self.han.on(DeviceAnnounced, self._announced)
        self.han.on(Message, self._heard)
        self.han.heeds = self._listed

    def certify(self, endpoint: Endpoint) -> None:
        """Establish keys on an endpoint, where the hub has certificates."""
        if self._config.credentials:
            self.han.certify(endpoint, self._config.credentials).established = self._certified

    def start(self) -> None:
        """Take up the network, or form it; let in whoever is missing. The endpoints are on the node by now."""
        self.han.form(self._config.restore or backup.pan(self._firmware.board.nvm))
        awaits_key = self._take_up()
        centre = self.han.stack.trust_centre
        admitted = [device for device in self._log if self._admitted(device)]
        listed = [device.eui64 for device in admitted]
        for eui64 in centre.devices:
            if eui64 not in listed:
                self.han.apply(self.han.stack.remove(eui64, self.han.now))
        for device in admitted:
            known = None if device.joined else device.known
            if known is not None and centre.held(device.eui64) is None:
                centre.recall(device.eui64, known)
            if known is not None and awaits_key:
                self._codes[device.eui64] = device.entry.install_code
            elif device.entry.install_code:
                centre.add(device.eui64, device.entry.install_code)
        self._halve()
        self._permit()
        for eui64 in self._log.farewells:
            self._firmware.spawn(self._send_away(eui64))

    def backup(self) -> Backup:
        """What a hub needs that is to take our place."""
        return self.han.stack.trust_centre.export()

    @property
    def missing(self) -> list[Device]:
        """Devices of the log that have never joined; the meter on the wire need not."""
        return [
            device
            for device in self._log
            if not device.joined
            and device.eui64 != self._config.wired_meter
            and self.admission.refusal(device.eui64, device.kind) is None
        ]

    # --- by hand

    @property
    def permitting(self) -> bool:
        """Whether devices may join now."""
        return self._until is None or self._until > self.han.now

    @property
    def _until(self) -> int | None:
        """When joining closes (ns); None: when nobody is missing any more. Who is known from another hub's backup need not join."""
        awaited = self._opened is None and any(device.entry.install_code for device in self.missing)
        return None if awaited else max(self._opened or 0, self._visit)

    def permit(self, seconds: int) -> None:
        """Let devices of the log join for so long, 0: not any longer, whoever is missing or has come for a visit."""
        self._keep(seconds)
        self._opened = self.han.now + seconds * S if seconds else 0
        self._middle = self.han.now + seconds * S // 2
        self._visit = 0
        self._halve()
        self._permit()

    def register(self, entry: Entry) -> None:
        """Enter a device into the log, or give it a new install code. Joining that is closed stays so until somebody opens it.

        Raises InstallCodeError, DeviceLogFull or NotAdmitted; then nothing has changed.
        """
        eui64, centre = entry.eui64, self.han.stack.trust_centre
        reason = self.admission.refusal(eui64, entry.kind)
        if reason is not None:
            self._refused(eui64, entry.kind, reason)
            raise NotAdmitted(f"{eui64:016X}: {reason}")
        if self._log.full and self._log.get(eui64) is None:
            self._firmware.board.log("event", {"code": LOG_FULL, "eui64": eui64})
            raise DeviceLogFull("the device log is full")
        # a hand-held terminal keeps no key from visit to visit
        known = None if entry.kind == HHT else centre.held(eui64) or self._log.known(eui64)
        centre.add(eui64, entry.install_code)
        if known is not None:
            centre.recall(eui64, known)
            self._codes[eui64] = entry.install_code
        if not self.permitting:
            self._opened = 0
            if entry.kind != HHT:  # whose visit leaves all as it was
                self._keep(0)
        self._log.add(entry, known)
        self._halve()

    def welcome(self, visitor: Entry, seconds: int) -> None:
        """Enter a visitor into the log, and let it join for so long; raises as `register`. Who has opened or closed joining by hand
        is not overruled: the longer time counts, and what was before comes again with `visit_over`."""
        opened = self._opened
        self.register(visitor)
        self._opened, self._visit = opened, self.han.now + seconds * S
        self._halve()
        self._permit()

    def visit_over(self) -> None:
        """No visitor has yet to join."""
        self._visit = 0
        self._permit()
        if not self.permitting:
            self.han.apply(self.han.stack.permit(0, self.han.now))

    def unregister(self, eui64: int) -> None:
        """Strike a device off the log, and send it away; the network key it knows goes, too, if that is the hub's policy."""
        self.leaving(eui64)
        held = self.han.stack.trust_centre.held(eui64)
        self._log.remove(eui64, self._firmware.board.rtc.read(), held)
        self._codes.pop(eui64, None)
        self.han.apply(self.han.stack.remove(eui64, self.han.now))
        self._firmware.after(SENT, self._log.farewell, eui64)
        if self._config.new_key_after_removal:
            self.replace_network_key()

    async def _send_away(self, eui64: int) -> None:
        """Tell a device that is off the log already that it is: the power went when it was told before."""
        with suppress(NoAnswer):
            await self.han.find(eui64)
            self.han.apply(self.han.stack.expel(eui64, self.han.now))
        await self._firmware.sleep(SENT)
        self._log.farewell(eui64)

    def _halve(self) -> None:
        """Have the install codes count at half of the time that joining is open, or at once where nobody said for how long."""
        if self._second_half is not None:
            self._second_half.cancel()
            self._second_half = None
        if self._codes and self.permitting:
            now = self.han.now
            left = 0 if self._until is None else self._until - now
            first = self._middle - now if self._opened is not None and now < self._middle <= self._opened else left // 2
            self._second_half = self._firmware.after(first, self._use_codes)

    def _keep(self, seconds: int) -> None:
        """Joining is open for so long from now on, also after a restart; 0: it is closed."""
        board = self._firmware.board
        now, kept = board.rtc.read(), board.nvm.get(_WINDOW)
        if seconds or kept is None or kept[0] != kept[1]:
            board.nvm.put({_WINDOW: [now, now + seconds * S]})

    def _take_up(self) -> bool:
        """Have joining as it was left by hand; a hub that lost the time has it closed. Whether the second half is still to come."""
        board, now = self._firmware.board, self.han.now
        kept = board.nvm.get(_WINDOW)
        if kept is None:
            return False
        begin, end = kept
        passed = max(0, board.rtc.read() - begin) if board.rtc.valid else end - begin
        self._opened = now + max(0, end - begin - passed)
        self._middle = now + max(0, (end - begin) // 2 - passed)
        return begin == end or self._middle > now

    def _use_codes(self) -> None:
        self._firmware.board.log("hub.second-half", {})
        for eui64 in list(self._codes):
            self._use_code(eui64)

    def _use_code(self, eui64: int) -> None:
        code = self._codes.pop(eui64, None)
        if code is not None:
            self.han.stack.trust_centre.add(eui64, code)

    def _admitted(self, device: Device) -> bool:
        reason = self.admission.refusal(device.eui64, device.kind)
        if reason is not None:
            self._refused(device.eui64, device.kind, reason)
        return reason is None

    def _refused(self, eui64: int, kind: str, reason: str) -> None:
        self._firmware.board.log("hub.refused", {"eui64": eui64, "kind": kind, "reason": reason})

    def _listed(self, message: Message) -> bool:
        """Whether a message is heard: it is of a device of the log. Who is in no line of it is sent away, again if need be."""
        eui64 = message.source_eui64
        if eui64 is not None and self._log.get(eui64) is not None:
            return True
        self._firmware.board.log("hub.unlisted", {"eui64": eui64, "short": message.source, "cluster": message.cluster})
        if eui64 is not None and self.han.now >= self._dismissal:
            self._dismissal = self.han.now + DISMISSALS
            self.han.apply(self.han.stack.expel(eui64, self.han.now))
        return False

    def replace_network_key(self) -> None:
        """Hand everybody a new network key, which is used 10 s from now; a sleeper gets it when it next wakes."""
        self.han.apply(self.han.stack.replace_network_key(self.han.now))
        self._firmware.board.log("hub.network-key", {})

    def _permit(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        until = self._until
        seconds = PERMIT if until is None else min(PERMIT, max(0, -(-(until - self.han.now) // S)))
        if self.permitting or self._opened is not None:
            self.han.apply(self.han.stack.permit(seconds, self.han.now))
        if self.permitting:
            self._renewal = self._firmware.after(RENEW, self._permit)

    def _announced(self, announced: DeviceAnnounced) -> None:
        device = self._log.get(announced.eui64)
        if device is None:
            return
        self._joined(device, announced.short)
        if self.han.stack.has_link_key(device.eui64):
            self._arrived(device)
        else:
            self._firmware.after(PATIENCE, self._expel_uncertified, device.eui64)

    def _heard(self, message: Message) -> None:
        device = self._log.hear(message.source_eui64, self._firmware.board.rtc.read())
        if device is None or device.joined or not message.secured:
            return
        if not self._config.credentials or self.han.stack.has_link_key(device.eui64):
            self._joined(device, message.source)  # as in `_certified`; its link key says that it is the one
            self._arrived(device)

    def _joined(self, device: Device, short: int) -> None:
        self._log.join(device.eui64, self._firmware.board.rtc.read())
        self._use_code(device.eui64)
        if not self.permitting and self._opened is None:
            self.han.apply(self.han.stack.permit(0, self.han.now))
        self._firmware.board.log("hub.arrived", {"eui64": device.eui64, "kind": device.kind, "short": short})

    def _certified(self, eui64: int) -> None:
        device, short = self._log.get(eui64), self.han.stack.address_of(eui64)
        if device is None:
            return
        if not device.joined and short is not None:  # nobody acknowledges an announcement, and this one was lost
            self._joined(device, short)
        self._arrived(device)

    def _expel_uncertified(self, eui64: int) -> None:
        if not self.han.stack.has_link_key(eui64):
            self.han.apply(self.han.stack.expel(eui64, self.han.now))
