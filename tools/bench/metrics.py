"""What crosses each leg of a run: how many messages of which type, how many octets, and the busiest second (S-040, S-052).

A leg is a medium with an owner of its own: the HAN (2.4 GHz and sub-GHz apart), wireless M-Bus, the WAN, every kind of serial
port, and the central company's interface to its users. A type is the innermost layer that could be read, with its protocol before
it; radio frames are opened with the keys that the run's devices hold at the time. Octets are those on the medium: a frame's whole
PSDU, a wrapper PDU, a gateway's message, an HDLC frame, a message of IEC 62056-21 or of a user.
A message is counted where it is sent, lost or not, and once for each time that it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from devices.runtime.air import OnAir
from devices.runtime.ether import TELEGRAM
from devices.runtime.kernel import Kernel, S
from devices.runtime.log import Data
from hubfw.wan.endpoint import PATH
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.hdlc.deframer import Damaged, Deframer
from protocols.zigbee import gateway, mac
from tools.decode import dlms, zigbee
from tools.decode.tree import Node
from tools.headend.traffic import Traffic

HAN, SUB_GHZ, MBUS, WAN, USERS = "HAN", "HAN sub-GHz", "M-Bus", "WAN", "user interface"
INSIDE, LAN = "modules", "LAN"
SIDES: Final[Mapping[str, str]] = MappingProxyType({
    HAN: "home", SUB_GHZ: "home", MBUS: "home", "wired": "home", WAN: "wide area", "optical": "visit", "service": "visit",
    USERS: "central company", INSIDE: "inside a device", LAN: "consumer",
})  # fmt: skip
"""Which side of the WAN boundary a leg is on: in the home, hub to meter too; beyond the hub; there while somebody visits; between
the central company and those who use it; between a hub and its modules; or the consumer's own."""
_METERS: Final = ("wired", "optical", "service")
"""Serial ports of meters and hubs, each a leg; HDLC or IEC 62056-21."""
_PLAIN: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    "lan": (LAN, "reading"), "consumers": (INSIDE, "readings for the consumers' network"), "wan": (INSIDE, "to the WAN module"),
    "hub": (INSIDE, "of the WAN module"), "han": (INSIDE, "to the radio"), "rcp": (INSIDE, "of the radio"),
})  # fmt: skip
"""Other serial ports: leg, and what is written there as a whole."""
_MAC_TYPES: Final = ("MAC beacon", "MAC data", "MAC acknowledgement", "MAC command")
_UNREAD: Final = "ciphered"
_NOBODY: Final[Mapping[str, Traffic]] = MappingProxyType({})
_FLAG: Final = b"\x7e"
_GATEWAY: Final = str(gateway.PORT)
_GATEWAY_MESSAGES: Final[Mapping[bytes, str]] = MappingProxyType({
    tag: f"gateway {kind.__name__}" for way in (gateway.from_head_end, gateway.from_hub) for tag, kind in way.table.items()
})  # fmt: skip
_LENGTH: Final = 2
"""Octets before a gateway's message."""
_WRAPPER: Final = b"\x00\x01"
"""Its version."""


class Metrics:
    """An observer of a run's event log. `keys()` gives the ZigBee keys held now; they are asked for again when one is missing."""

    def __init__(self, kernel: Kernel, keys: Callable[[], list[tuple[str, bytes]]]) -> None:
        self._kernel = kernel
        self._keys = keys
        self._held: list[tuple[str, bytes]] = []
        self._traffic: dict[tuple[str, str], Traffic] = {}
        self._totals: dict[str, Traffic] = {}
        self._zigbee = zigbee.Decoder()
        self._dlms = dlms.Decoder()
        self._lines: dict[str, Deframer] = {}
        self._gateways: dict[str, gateway.Splitter] = {}
        self.lost: dict[tuple[str, int], int] = {}
        """Messages and publications for a display (hub, EUI-64) that did not reach it."""
        self.unheard: dict[tuple[str, str], int] = {}
        """What was asked for at a prepayment interface (device, what) and reached nobody."""
        self.paths: dict[tuple[str, str, int], int] = {}
        """Requests from the WAN by path (hub, SAP or device) and levels of translation on it."""
        self.systems: dict[tuple[str, str], int] = {}
        """Messages inside the central company, from one logical system to another."""
        for observer, kinds in (
            (self._on_air, ["air.frame"]),
            (self._on_ether, [TELEGRAM]),
            (self._on_net, ["net.data", "net.datagram"]),
            (self._on_wire, ["wire"]),
            (self._on_lost, ["hub.message-lost", "hub.publication-lost"]),
            (self._on_unheard, ["ppmid.lost"]),
            (self._on_path, [PATH]),
            (self._on_user, ["user.message"]),
            (self._on_step, ["central.message"]),
        ):
            kernel.log.subscribe(observer, kinds)

    def rows(self) -> Iterator[tuple[str, str, Traffic]]:
        """(leg, type, traffic), in a fixed order."""
        for (leg, kind), traffic in sorted(self._traffic.items()):
            yield leg, kind, traffic

    def totals(self) -> Iterator[tuple[str, Traffic]]:
        """(leg, all of its traffic), in a fixed order; the peaks are the leg's own."""
        yield from sorted(self._totals.items())

    def _count(self, leg: str, kind: str, octets: int) -> None:
        now = self._kernel.now
        self._traffic.setdefault((leg, kind), Traffic()).add(octets, now)
        self._totals.setdefault(leg, Traffic()).add(octets, now)

    def _on_lost(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        display = data["display"]
        assert isinstance(display, int)
        self.lost[who, display] = self.lost.get((who, display), 0) + 1

    def _on_unheard(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        place = who, str(data["what"])
        self.unheard[place] = self.unheard.get(place, 0) + 1

    def _on_path(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        levels = data["translations"]
        assert isinstance(levels, int)
        path = who, str(data["to"]), levels
        self.paths[path] = self.paths.get(path, 0) + 1

    def _on_step(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        way = str(data["from"]), str(data["to"])
        self.systems[way] = self.systems.get(way, 0) + 1

    # --- by medium ---

    def _on_user(self, now: int, who: str, kind: str, data: Data) -> None:
        from tools.central import messages  # where somebody reads through the central company

        assert isinstance(data, bytes)
        self._count(USERS, messages.kind(data), len(data))

    def _on_air(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        frame = OnAir.unpack(data)
        found = self._radio(frame.psdu)
        if found == _UNREAD and (held := self._keys()) != self._held:
            self._held = held
            self._zigbee.know(held)
            found = self._radio(frame.psdu)
        self._count(SUB_GHZ if frame.page else HAN, found, len(frame.psdu))

    def _radio(self, psdu: bytes) -> str:
        if psdu[0] & mac.TYPE not in (mac.DATA, mac.COMMAND):
            return _MAC_TYPES[psdu[0] & 3] if psdu[0] & mac.TYPE < len(_MAC_TYPES) else "MAC other"
        root = Node("frame", 0, len(psdu))
        self._zigbee.psdu(root, psdu)
        return radio_type(root)

    def _on_ether(self, now: int, who: str, kind: str, data: Data) -> None:
        from tools.bench.mbus import telegram_type  # few homes have it: the others don't wait for it

        assert isinstance(data, bytes)
        self._count(MBUS, telegram_type(data), len(data))

    def _on_net(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        if _GATEWAY in [end.rpartition(":")[2] for end in who.split(">")]:
            self._gateway(who, data)
        else:
            self._wrapper(data)

    def _gateway(self, who: str, data: bytes) -> None:
        """Packets of ZigBee, by the message that has them."""
        try:
            messages = self._gateways.setdefault(who, gateway.Splitter()).feed(data)
        except RemoteProtocolError:
            del self._gateways[who]
            self._count(WAN, "octets outside gateway messages", len(data))
            return
        for message in messages:
            self._count(WAN, _GATEWAY_MESSAGES.get(message[:1], "gateway message"), _LENGTH + len(message))

    def _wrapper(self, data: bytes) -> None:
        root = Node("stream", 0, len(data))
        self._dlms.wrapper_pdus(root, data)
        for pdu in root.children:
            self._count(WAN, dlms_type(pdu), pdu.size)

    def _on_wire(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        leg = who.rpartition(".")[2].partition("#")[0]  # an outside reader's end has a number
        if leg not in _METERS:
            self._on_other_wire(who, leg, data)
            return
        self._on_line(who, leg, data)

    def _on_other_wire(self, who: str, port: str, data: bytes) -> None:
        """A serial modem is a way of the WAN: HDLC, or PDUs of the wrapper."""
        if port in _PLAIN:
            self._count(*_PLAIN[port], len(data))
        elif data.startswith(_WRAPPER):
            self._wrapper(data)
        else:
            self._on_line(who, WAN, data)

    def _on_line(self, who: str, leg: str, data: bytes) -> None:
        deframer = self._lines.setdefault(who, Deframer())
        if not deframer.open and not data.startswith(_FLAG):
            self._count(leg, _outside_hdlc(data), len(data))
            return
        for each in deframer.scan(data):
            if isinstance(each, Damaged):
                self._count(leg, "HDLC damaged", len(each.octets))
                continue
            octets = each.build()
            root = Node("line", 0, len(octets))
            self._dlms.hdlc_frames(root, octets)
            self._count(leg, dlms_type(root.children[0]) if root.children else "HDLC", len(octets))


def _outside_hdlc(data: bytes) -> str:
    from tools.decode import flag  # few lines speak it

    return flag.message_type(data) or "octets outside HDLC"


def radio_type(root: Node) -> str:
    """The type of a decoded MAC frame."""
    first, last = root.children[0], root.children[-1]
    if first is last:
        inner = first.children[-1].name if first.children else ""
        return f"MAC {inner}" if inner[:1].isupper() and inner != "Header" else "MAC command"
    if last.name in ("NWK command", "APS command"):
        return f"{last.name[:3]} {last.children[0].name}" if last.children else last.name
    if last.name == "fragment":
        return "APS fragment"
    if last.name in ("NWK frame", "APS frame"):
        if not last.good:
            return _UNREAD
        return "APS acknowledgement" if any(child.name == "AckHeader" for child in last.children) else last.name
    if last.name == "tunnelled":
        pdus = [child for child in last.children if child.found is not None]
        return f"Tunneling {dlms_type(pdus[0])}" if pdus else "Tunneling message"
    if last.name.startswith("ZCL "):
        return " ".join([last.name[4:], *(child.name for child in last.children[1:2])])
    return f"ZDO {last.name}"


def dlms_type(node: Node) -> str:
    """The type of a decoded wrapper PDU or HDLC frame: its APDU, or the frame where it has none."""
    apdus = [child.name for child in node.children if child.children and child.name[:1].isupper() and child.name != "Header"]
    if apdus:
        return f"DLMS {apdus[0]}"
    control = next((child.value.split()[0] for child in node.children if child.name == "control"), "")
    return f"HDLC {control}" if control else "wrapper"


def prometheus(metrics: Metrics, now: int, requesters: Mapping[str, Traffic] = _NOBODY) -> Iterator[str]:
    """Lines of Prometheus' text format (version 0.0.4), counters and peaks by leg and type, and WAN counters by requester."""
    families: tuple[tuple[str, str, str, Callable[[Traffic], int]], ...] = (
        ("messages_total", "counter", "Messages sent.", lambda traffic: traffic.messages),
        ("octets_total", "counter", "Octets of these messages on the medium.", lambda traffic: traffic.octets),
        ("peak_messages_per_second", "gauge", "Most messages in a second.", lambda traffic: traffic.peak_messages),
        ("peak_octets_per_second", "gauge", "Most octets in a second.", lambda traffic: traffic.peak_octets),
    )
    for name, kind, text, value in families:
        yield f"# HELP meterbench_{name} {text}"
        yield f"# TYPE meterbench_{name} {kind}"
        for leg, message, traffic in metrics.rows():
            yield f'meterbench_{name}{{leg="{leg}",type="{message}"}} {value(traffic)}'
    for name, text, value in (
        ("requester_messages_total", "Messages on the WAN for a requester of reads.", families[0][3]),
        ("requester_octets_total", "Octets of these messages.", families[1][3]),
    ):
        if requesters:
            yield f"# HELP meterbench_{name} {text}"
            yield f"# TYPE meterbench_{name} counter"
        for requester, traffic in sorted(requesters.items()):
            yield f'meterbench_{name}{{requester="{requester}"}} {value(traffic)}'
    if metrics.lost:
        yield "# HELP meterbench_lost_messages_total Messages and publications that did not reach a display."
        yield "# TYPE meterbench_lost_messages_total counter"
    for (hub, display), count in sorted(metrics.lost.items()):
        yield f'meterbench_lost_messages_total{{hub="{hub}",display="{display:016X}"}} {count}'
    if metrics.unheard:
        yield "# HELP meterbench_unheard_orders_total What was asked for at a prepayment interface and reached nobody."
        yield "# TYPE meterbench_unheard_orders_total counter"
    for (device, what), count in sorted(metrics.unheard.items()):
        yield f'meterbench_unheard_orders_total{{device="{device}",what="{what}"}} {count}'
    if metrics.paths:
        yield "# HELP meterbench_path_requests_total Requests from the WAN by path, and levels of translation on it."
        yield "# TYPE meterbench_path_requests_total counter"
    for (hub, where, levels), count in sorted(metrics.paths.items()):
        yield f'meterbench_path_requests_total{{hub="{hub}",to="{where}",translations="{levels}"}} {count}'
    if metrics.systems:
        yield "# HELP meterbench_system_messages_total Messages inside the central company, from one logical system to another."
        yield "# TYPE meterbench_system_messages_total counter"
    for (sender, receiver), count in metrics.systems.items():
        yield f'meterbench_system_messages_total{{from="{sender}",to="{receiver}"}} {count}'
    yield "# HELP meterbench_virtual_seconds Virtual time that has passed."
    yield "# TYPE meterbench_virtual_seconds gauge"
    yield f"meterbench_virtual_seconds {now / S:.15g}"
