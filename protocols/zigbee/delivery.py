"""The APS layer's data path: acknowledged delivery, fragments, link-key security, commands (05-3474 clauses 2.2.8, 4.4).

An acknowledgement is secured like the data it answers. A repetition keeps its APS counter but gets new frame counters, so that
replay protection never meets it. Frames for a group go to each endpoint of ours in it. Not here: binding, link keys (`links`), and
what the commands mean (`keys`, `trust_centre`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TypeVar, cast

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.context import Confirm, Context
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.duplicates import Duplicates
from protocols.zigbee.fragments import LARGEST_WINDOW, MAX_PAYLOAD, Assembler, Key, cut
from protocols.zigbee.groups import Groups
from protocols.zigbee.links import Links
from protocols.zigbee.network import Network
from protocols.zigbee.node import MS, RX_ON_DEVICES, Delivered, Message, S, TxStatus, Undelivered
from protocols.zigbee.outgoing import Outgoing
from protocols.zigbee.polling import Poller

ACK_WAIT = 1600 * MS
"""apscAckWaitDuration."""
INDIRECT_WAIT = 7680 * MS
"""How much longer a sleeper may take: macTransactionPersistenceTime."""
RETRIES = 3
"""apscMaxFrameRetries."""
BETWEEN_BLOCKS = 50 * MS
"""apsInterframeDelay, between the blocks of one window (SE 1.4 5.3.8)."""
TRANSFER_LIFE = 12 * S
QUEUE = 64
"""Deliveries under way at once."""

_HEADER = Struct("<BBHHBB")
_GROUP_HEADER = Struct("<BHHHBB")
_ROOM = mac.MAX_PSDU - mac.FCS - 9 - nwk.HEADER - 14 - security.MIC
"""Octets for an APS frame behind short MAC addresses and a secured NWK header."""
_SECURITY = 5 + security.MIC
_EXTENSION = 2
_MODES = (aps.UNICAST, aps.BROADCAST, aps.GROUP)


_F = TypeVar("_F", bound=Frame)


@dataclass(frozen=True, slots=True)
class CommandOrigin:
    """Where an APS command came from; `identifier` tells the key that protected it (None: none did)."""

    source: int
    sender: int | None
    identifier: int | None


CommandHandler = Callable[[CommandOrigin, Frame], None]


class Delivery:
    """APS layer of one node."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        poller: Poller,
        deliver: Callable[[Message], None],
    ) -> None:
        self.context = context
        self.network = network
        self.devices = devices
        self.poller = poller
        self.deliver = deliver
        self.links = links = Links(context, network, devices)
        self.link_keys = links.keys
        self.groups = Groups()
        self._window = context.config.aps_window
        if not 1 <= self._window <= LARGEST_WINDOW:
            raise LocalProtocolError(f"a window of {self._window} blocks; 1 to {LARGEST_WINDOW} are possible")
        self._commands: dict[type[Frame], CommandHandler] = {}
        self._counter = context.rng.getrandbits(8)
        self._outgoing: dict[Key, Outgoing] = {}
        self._assembler = Assembler()
        self._duplicates = Duplicates()
        network.freshness.repeat = self._repeat

    def trusts(self, partner: int) -> bool:
        """Whether the link key with a partner protects application data."""
        return self.links.trusts(partner)

    def on(self, command: type[_F], handler: Callable[[CommandOrigin, _F], None]) -> None:
        """Hand this APS command, when it comes for us, to `handler`."""
        self._commands[command] = cast("CommandHandler", handler)

    def reset(self) -> None:
        """Forget everything under way; keys stay."""
        for outgoing in list(self._outgoing.values()):
            self._finish(outgoing, "no network")
        self._assembler.clear()
        self._duplicates.clear()

    # --- sending -------------------------------------------------------------------------------------------------

    def send(
        self,
        destination: int,
        profile: int,
        cluster: int,
        source_endpoint: int,
        endpoint: int,
        payload: bytes,
        *,
        link_key: bool = False,
        ack: bool = True,
        report: bool = True,
    ) -> int:
        """Send a payload; the handle that Delivered or Undelivered will name, if `report`. Raises LocalProtocolError.

        Fragments are acknowledged even without `ack`.
        """
        if len(payload) > MAX_PAYLOAD:
            raise LocalProtocolError(f"a payload of {len(payload)} octets; {MAX_PAYLOAD} is the most")
        self._counter = counter = self._counter + 1 & 0xFF
        handle = self.context.handle()
        room = _ROOM - aps.HEADER - (_SECURITY if link_key else 0)
        if destination >= nwk.LOWEST_BROADCAST:
            if ack or link_key or len(payload) > room:
                raise LocalProtocolError("a broadcast has one frame, no link key and no acknowledgement")
            header = _HEADER.pack(aps.BROADCAST, endpoint, cluster, profile, source_endpoint, counter)
            confirm = partial(self._first_hop, handle) if report else None
            self.network.broadcast(destination, header + payload, confirm=confirm)
            return handle
        blocks = [payload] if len(payload) <= room else cut(payload, room - _EXTENSION)
        ack = ack or len(blocks) > 1
        outgoing = Outgoing(handle, destination, profile, cluster, source_endpoint, endpoint, counter, link_key, report, blocks)
        if ack:
            if len(self._outgoing) >= QUEUE or (destination, counter) in self._outgoing:
                self.context.effects.append(Undelivered(handle, "too many deliveries under way"))
                return handle
            self._outgoing[destination, counter] = outgoing
        self._transmit(outgoing, ack)
        return handle

    def send_to_group(self, group: int, profile: int, cluster: int, source_endpoint: int, payload: bytes) -> int:
        """Send a payload to every endpoint in a group, ours not; the handle that Delivered or Undelivered will name.

        Raises LocalProtocolError when it does not fit into one frame.
        """
        if len(payload) > _ROOM - _GROUP_HEADER.size:
            raise LocalProtocolError("a frame for a group has no fragments")
        self._counter = counter = self._counter + 1 & 0xFF
        handle = self.context.handle()
        header = _GROUP_HEADER.pack(aps.GROUP, group, cluster, profile, source_endpoint, counter)
        self.network.broadcast(RX_ON_DEVICES, header + payload, confirm=partial(self._first_hop, handle))
        return handle

    def _transmit(self, outgoing: Outgoing, ack: bool) -> None:
        later = 0
        if len(outgoing.blocks) == 1:
            confirm = partial(self._sent, outgoing) if ack else partial(self._first_hop, outgoing.handle)
            if not self._put(outgoing, aps.ACK_REQUEST if ack else aps.DATA, b"", outgoing.blocks[0], confirm):
                return
        else:
            first, *others = outgoing.missing(self._window)
            later = len(others) * BETWEEN_BLOCKS
            if not self._put_block(outgoing, first):
                return
            for place, block in enumerate(others, 1):
                name = ("block", outgoing.handle, block)
                self.context.after(name, place * BETWEEN_BLOCKS, partial(self._put_later, outgoing, block))
        if ack:
            device = self.devices.at(outgoing.destination)
            indirect = device is not None and device.relation is Relation.CHILD and device.sleepy
            wait = ACK_WAIT + INDIRECT_WAIT if indirect else ACK_WAIT
            self.context.after(("ack", outgoing.handle), wait + later, partial(self._unanswered, outgoing))
            self.poller.want(("ack", outgoing.handle))

    def _put_later(self, outgoing: Outgoing, block: int) -> None:
        self._put_block(outgoing, block)

    def _put_block(self, outgoing: Outgoing, block: int) -> bool:
        if self._outgoing.get(outgoing.key) is not outgoing or block not in outgoing.missing(self._window):
            return False
        extension = bytes((aps.LATER_FRAGMENT, block) if block else (aps.FIRST_FRAGMENT, len(outgoing.blocks)))
        control = aps.ACK_REQUEST | aps.EXTENDED
        return self._put(outgoing, control, extension, outgoing.blocks[block], partial(self._sent, outgoing))

    def _put(self, outgoing: Outgoing, control: int, extension: bytes, payload: bytes, confirm: Confirm) -> bool:
        """Send one data frame; False when there is no link key for it."""
        if outgoing.link:
            control |= aps.SECURITY
        frame = (
            _HEADER.pack(
                control,
                outgoing.endpoint,
                outgoing.cluster,
                outgoing.profile,
                outgoing.source_endpoint,
                outgoing.counter,
            )
            + extension
        )
        if outgoing.link:
            device = self.devices.at(outgoing.destination)
            sealed = None if device is None else self.links.seal(device.eui64, frame, payload)
            if sealed is None:
                self._finish(outgoing, "no link key with the destination")
                return False
            frame = sealed
        else:
            frame += payload
        self.network.unicast(outgoing.destination, frame, confirm=confirm)
        return True

    def _first_hop(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        done = status is TxStatus.ACKED
        self.context.effects.append(Delivered(handle) if done else Undelivered(handle, status.value))

    def _sent(self, outgoing: Outgoing, status: TxStatus, frame_pending: bool) -> None:
        # A frame that nobody fetched or that found no room will not be fetched the next time either; a lost one may.
        if status in (TxStatus.EXPIRED, TxStatus.OVERFLOW) and self._outgoing.get(outgoing.key) is outgoing:
            self._finish(outgoing, status.value)

    def _unanswered(self, outgoing: Outgoing) -> None:
        outgoing.tries += 1
        if outgoing.tries > RETRIES:
            self._finish(outgoing, "no acknowledgement")
        else:
            self._transmit(outgoing, True)

    def _repeat(self) -> None:
        """Send what is not acknowledged yet once more: it was refused on its way."""
        for outgoing in list(self._outgoing.values()):
            self._transmit(outgoing, True)

    def _finish(self, outgoing: Outgoing, reason: str | None) -> None:
        self._outgoing.pop(outgoing.key, None)
        self.context.timers.cancel(("ack", outgoing.handle))
        self.poller.done(("ack", outgoing.handle))
        if outgoing.report:
            handle = outgoing.handle
            self.context.effects.append(Delivered(handle) if reason is None else Undelivered(handle, reason))

    def command(
        self,
        destination: int,
        partner: int,
        frame: Frame,
        identifier: int | None,
        *,
        secure_network: bool = True,
        network_key: int | None = None,
        confirm: Confirm | None = None,
    ) -> None:
        """Send an APS command, protected by the key `identifier` derives from the link key with `partner` (None: by no key).

        `network_key`: the sequence number of the network key, where it is not the active one. Raises LocalProtocolError.
        """
        octets = self._command_frame(partner, frame, identifier)
        self.network.unicast(destination, octets, secure=secure_network, key=network_key, confirm=confirm)

    def tunnel(self, router: int, partner: int, frame: Frame, identifier: int) -> None:
        """Send an APS command by way of a router whose child `partner` has no network key. Raises LocalProtocolError."""
        self.command(router, 0, aps.Tunnel(partner, self._command_frame(partner, frame, identifier)), None)

    def _command_frame(self, partner: int, frame: Frame, identifier: int | None) -> bytes:
        self._counter = counter = self._counter + 1 & 0xFF
        if identifier is None:
            return bytes((aps.COMMAND, counter)) + frame.build()
        return self.links.seal_named(partner, bytes((aps.COMMAND | aps.SECURITY, counter)), frame.build(), identifier)

    def broadcast_command(self, destination: int, frame: Frame) -> None:
        """Broadcast an APS command under the network key alone."""
        self._counter = counter = self._counter + 1 & 0xFF
        self.network.broadcast(destination, bytes((aps.COMMAND | aps.BROADCAST, counter)) + frame.build())

    # --- receiving -----------------------------------------------------------------------------------------------

    def nsdu(self, header: nwk.Header, frame: bytes, secured: bool) -> None:
        """An APS frame for us. Raises RemoteProtocolError on malformed octets."""
        context = self.context
        context.layer = "aps"
        if not frame:
            context.drop("empty")
            return
        kind = frame[0] & aps.TYPE
        if kind == aps.COMMAND:
            self._command(header, frame, secured)
        elif not secured:
            context.drop("unsecured")
        elif kind == aps.DATA:
            self._data(header, frame)
        elif kind == aps.ACK:
            self._ack(header, frame)
        else:
            context.drop("inter-PAN inside a network")

    def _data(self, nwk_header: nwk.Header, frame: bytes) -> None:
        context = self.context
        header, at = aps.DataHeader.parse_from(frame, 0)
        control = header.control
        mode = control & aps.DELIVERY
        if mode not in _MODES:
            context.drop("a reserved delivery mode")
            return
        link: int | None = None
        if control & aps.SECURITY:
            opened = self.links.open(nwk_header, frame, at)
            if opened is None:
                return
            link, identifier, payload = opened
            if identifier != security.DATA_KEY:
                context.drop("data under a key for keys")
                return
        else:
            payload = frame[at:]
        source = nwk_header.source
        broadcast = nwk_header.destination >= nwk.LOWEST_BROADCAST
        duplicate = self._duplicates.knows(source, header.counter, context.now)
        block: int | None = None
        if header.extension is not None and header.extension.block is not None:
            first = header.extension.control & 0x03 == aps.FIRST_FRAGMENT
            block = 0 if first else header.extension.block
            if not duplicate:
                whole = self._fragment(source, header, link, header.extension.block, first, payload)
                if whole is None:
                    received = self._assembler.received((source, header.counter), block, self._window)
                    if received is not None:
                        self._acknowledge(source, header, link, block, received)
                    return
                payload = whole
        acknowledged = bool(control & aps.ACK_REQUEST) and not broadcast
        if acknowledged:
            self._acknowledge(source, header, link, block)
        if duplicate:
            context.ignore("duplicate")
            return
        self._duplicates.note(source, header.counter, context.now)
        endpoint = header.destination_endpoint
        for each in self.groups.members(header.group or 0) if endpoint is None else (endpoint,):
            self.deliver(
                Message(
                    source,
                    self.links.eui64(nwk_header) if link is None else link,
                    header.profile,
                    header.cluster,
                    header.source_endpoint,
                    each,
                    payload,
                    link is not None and self.trusts(link),
                    broadcast or mode == aps.GROUP,
                    acknowledged,
                )
            )

    def _fragment(
        self, source: int, header: aps.DataHeader, link: int | None, number: int, first: bool, payload: bytes
    ) -> bytes | None:
        key = (source, header.counter)
        agreed = (header.destination_endpoint, header.cluster, header.profile, header.source_endpoint, link)
        if first:
            whole = self._assembler.start(key, agreed, number, payload)
        else:
            whole = self._assembler.add(key, agreed, number, payload)
        name = ("transfer", *key)
        if whole is None:
            self.context.after(name, TRANSFER_LIFE, partial(self._abandon, key))
            self.poller.want(name)
        else:
            self.context.timers.cancel(name)
            self.poller.done(name)
        return whole

    def _abandon(self, key: Key) -> None:
        self._assembler.discard(key)
        self.poller.done(("transfer", *key))
        self.context.drops["aps", "an unfinished transfer"] += 1

    def _acknowledge(
        self, destination: int, header: aps.DataHeader, link: int | None, block: int | None, received: int = 0xFF
    ) -> None:
        control = aps.ACK
        extension = b""
        if block is not None:
            control |= aps.EXTENDED
            start = block - block % self._window
            kind = aps.LATER_FRAGMENT if start else aps.FIRST_FRAGMENT
            extension = bytes((kind, start, received))
        if link is not None:
            control |= aps.SECURITY
        frame = _HEADER.pack(
            control,
            header.source_endpoint,
            header.cluster,
            header.profile,
            header.destination_endpoint or 0,
            header.counter,
        )
        frame += extension
        if link is not None:
            frame = self.links.seal(link, frame, b"") or b""
        self.network.unicast(destination, frame)

    def _ack(self, nwk_header: nwk.Header, frame: bytes) -> None:
        context = self.context
        header, at = aps.AckHeader.parse_from(frame, 0)
        outgoing = self._outgoing.get((nwk_header.source, header.counter))
        to = header.addressing
        if (
            outgoing is None
            or to is None
            or to.cluster != outgoing.cluster
            or to.profile != outgoing.profile
            or to.destination_endpoint != outgoing.source_endpoint
            or to.source_endpoint != outgoing.endpoint
        ):
            context.ignore("an acknowledgement of nothing")
            return
        if header.control & aps.SECURITY:
            if self.links.open(nwk_header, frame, at) is None:
                return
        elif outgoing.link:
            context.drop("an unsecured acknowledgement of secured data")
            return
        if len(outgoing.blocks) > 1:
            extension = header.extension
            if extension is None or extension.block != outgoing.start:
                context.ignore("an acknowledgement of another block")
                return
            if not outgoing.acknowledged(extension.received or 0, self._window):
                context.ignore("an acknowledgement of nothing new")
                return
            outgoing.tries = 0
            if outgoing.missing(self._window):
                self._transmit(outgoing, True)
                return
        self._finish(outgoing, None)

    def _command(self, nwk_header: nwk.Header, frame: bytes, secured: bool) -> None:
        context = self.context
        header, at = aps.CommandHeader.parse_from(frame, 0)
        identifier: int | None = None
        sender = self.links.eui64(nwk_header)
        if header.control & aps.SECURITY:
            opened = self.links.open(nwk_header, frame, at)
            if opened is None:
                return
            sender, identifier, payload = opened
        else:
            payload = frame[at:]
        if not secured and not (self.network.awaiting_key and identifier == security.KEY_TRANSPORT_KEY):
            context.drop("unsecured")
            return
        command = aps.commands.parse(payload)
        if header.control & aps.ACK_REQUEST and secured and nwk_header.destination < nwk.LOWEST_BROADCAST:
            self._acknowledge_command(nwk_header.source, header.counter, sender if identifier is not None else None)
        handler = self._commands.get(type(command))
        if handler is None:
            context.ignore("a command of no use here")
        else:
            handler(CommandOrigin(nwk_header.source, sender, identifier), command)

    def _acknowledge_command(self, destination: int, counter: int, link: int | None) -> None:
        if link is None:
            self.network.unicast(destination, bytes((aps.ACK | aps.ACK_FORMAT, counter)))
            return
        frame = self.links.seal_named(link, bytes((aps.ACK | aps.ACK_FORMAT | aps.SECURITY, counter)), b"")
        self.network.unicast(destination, frame)
