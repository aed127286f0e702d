"""ZigBee layers: MAC, NWK, APS, ZDO and ZCL, deciphered where a key fits.

Every key is tried, as a network key and as a link key with what is derived from it; the MIC says which one it is. A
capture is read in order, so that short addresses are known by the time an APS frame needs its sender's EUI-64. Fragments
are shown as such and not put together.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module

from protocols.core.codec import Choice, Frame
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.zigbee import aps, clusters, mac, nwk, security, zdo
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import Cluster
from tools.decode import dlms, tree
from tools.decode.tree import Node

_ZDO_REQUESTS: dict[int, type[Frame]] = {
    zdo.NWK_ADDRESS: zdo.NetworkAddressRequest,
    zdo.IEEE_ADDRESS: zdo.ExtendedAddressRequest,
    zdo.NODE_DESCRIPTOR: zdo.AddressOfInterest,
    zdo.SIMPLE_DESCRIPTOR: zdo.SimpleDescriptorRequest,
    zdo.ACTIVE_ENDPOINTS: zdo.AddressOfInterest,
    zdo.MATCH_DESCRIPTOR: zdo.MatchDescriptorRequest,
    zdo.DEVICE_ANNOUNCE: zdo.DeviceAnnounce,
    zdo.PARENT_ANNOUNCE: zdo.ParentAnnounce,
    zdo.LEAVE: zdo.LeaveRequest,
    zdo.PERMIT_JOINING: zdo.PermitJoiningRequest,
}


def _clusters() -> dict[int, type[Cluster]]:
    for module in pkgutil.iter_modules(clusters.__path__):
        import_module(f"{clusters.__name__}.{module.name}")
    return {cluster.id: cluster for cluster in Cluster.__subclasses__()}


class Decoder:
    """Decodes frames one after the other, with these (label, key) pairs; what tunnels carry with `tunnelled`."""

    def __init__(self, keys: Sequence[tuple[str, bytes]] = (), tunnelled: dlms.Decoder | None = None) -> None:
        self._dlms = tunnelled or dlms.Decoder()
        self._keys: list[tuple[str, security.LinkKey]] = []
        self._known: dict[int, int] = {}
        self._clusters = _clusters()
        self.know(keys)

    def know(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """From now on, these keys and no others."""
        self._keys = [(label, security.LinkKey(key, "capture")) for label, key in keys]

    def psdu(self, parent: Node, data: bytes) -> None:
        """A MAC frame with its FCS."""
        node = parent.add("MAC frame", 0, len(data))
        header, at = tree.frame(node, mac.Header, data[: -mac.FCS], whole=False)
        if not isinstance(header, mac.Header):
            return
        try:
            mac.split(data)
        except RemoteProtocolError as error:
            tree.attempt(node, error)
            return
        body = data[: -mac.FCS]
        kind = header.control & mac.TYPE
        if kind == mac.DATA and at < len(body):
            self._nwk(parent, body[at:], header)
        elif kind == mac.COMMAND:
            _command(node, mac.commands, body, at)
        elif kind == mac.BEACON:
            tree.frame(node, mac.Beacon, body, at)

    def _nwk(self, parent: Node, data: bytes, outer: mac.Header) -> None:
        node = parent.add("NWK frame", 0, len(data))
        header, at = tree.frame(node, nwk.Header, data, whole=False)
        if not isinstance(header, nwk.Header):
            return
        if header.source_eui64 is not None:
            self._known[header.source] = header.source_eui64
        body, layer = data[at:], parent
        if header.control & nwk.SECURITY:
            auxiliary, end = tree.frame(node, security.Auxiliary, data, at, whole=False)
            if not isinstance(auxiliary, security.Auxiliary):
                return
            if auxiliary.source is not None and outer.source is not None:
                self._known[outer.source] = auxiliary.source
            plain = self._open(node, data, at, end, auxiliary.source, derive=False)
            if plain is None:
                return
            body = plain
        if header.control & nwk.TYPE == nwk.COMMAND:
            _command(layer.add("NWK command", 0, len(body)), nwk.commands, body, 0)
        elif header.control & nwk.TYPE == nwk.DATA:
            self._aps(layer, body, header)

    def _aps(self, parent: Node, data: bytes, outer: nwk.Header) -> None:
        node = parent.add("APS frame", 0, len(data))
        kind = data[0] & aps.TYPE if data else aps.DATA
        kinds: dict[int, type[Frame]] = {
            aps.DATA: aps.DataHeader,
            aps.COMMAND: aps.CommandHeader,
            aps.ACK: aps.AckHeader,
        }
        if kind not in kinds:
            tree.attempt(node, f"frame type {kind} is not known")
            return
        header, at = tree.frame(node, kinds[kind], data, whole=False)
        if header is None:
            return
        body = data[at:]
        if data[0] & aps.SECURITY:
            auxiliary, end = tree.frame(node, security.Auxiliary, data, at, whole=False)
            if not isinstance(auxiliary, security.Auxiliary):
                return
            source = auxiliary.source if auxiliary.source is not None else self._known.get(outer.source)
            plain = self._open(node, data, at, end, source, derive=True)
            if plain is None:
                return
            body = plain
        if isinstance(header, aps.CommandHeader):
            _command(parent.add("APS command", 0, len(body)), aps.commands, body, 0)
        elif isinstance(header, aps.DataHeader):
            self._payload(parent, header, body)

    def _payload(self, parent: Node, header: aps.DataHeader, body: bytes) -> None:
        if header.extension is not None and header.extension.control & 0x03:
            parent.add("fragment", 0, len(body), tree.shown(body))
        elif header.profile == zdo.PROFILE:
            kind = zdo.responses.get(header.cluster) or _ZDO_REQUESTS.get(header.cluster)
            if kind is None:
                parent.add("ZDO", 0, len(body), tree.shown(body), f"cluster {header.cluster:04X} is not known")
            else:
                tree.frame(parent, kind, body)
        else:
            self._zcl(parent, header.cluster, body)

    def _zcl(self, parent: Node, cluster_id: int, data: bytes) -> None:
        cluster = self._clusters.get(cluster_id)
        name = cluster.name if cluster is not None else f"cluster {cluster_id:04X}"
        node = parent.add(f"ZCL {name}", 0, len(data))
        header, at = tree.frame(node, foundation.Header, data, whole=False)
        if not isinstance(header, foundation.Header):
            return
        kind: type[Frame] | None = None
        if header.kind == 0:
            kind = foundation.GENERAL.get(header.command)
        elif cluster is not None and header.manufacturer is None:
            kind = cluster.commands[header.to].get(header.command)
        if kind is None:
            if at < len(data):
                node.add("payload", at, len(data) - at, tree.shown(data[at:]))
            tree.attempt(node, f"command {header.command:02X} is not known")
            return
        command, _ = tree.frame(node, kind, data, at)
        if isinstance(command, Tunneling.TransferDataClientToServer | Tunneling.TransferDataServerToClient):
            octets = bytes(command.data)
            inner = parent.add("tunnelled", 0, len(octets), "" if dlms.looks_wrapped(octets) else tree.shown(octets))
            if dlms.looks_wrapped(octets):
                self._dlms.wrapper_pdus(inner, octets)

    def _open(self, node: Node, data: bytes, start: int, end: int, source: int | None, *, derive: bool) -> bytes | None:
        """The deciphered payload, with the key's label added to `node`; None with the reason."""
        if source is None:
            tree.attempt(node, "secured: the sender's EUI-64 is not known")
            return None
        sender = source.to_bytes(8, "little")
        identifier = data[start] & security.KEY_IDENTIFIER
        for label, key in self._keys:
            try:
                secret = key.derived(identifier) if derive and identifier != security.NETWORK_KEY else key.key
                plain = security.unseal(secret, sender, data, start, end)
            except RemoteProtocolError:
                continue
            node.add("deciphered with", end, len(data) - end, label or "a key without label")
            return plain
        reason = "no key fits" if self._keys else "no keys given"
        node.add("ciphertext", end, max(len(data) - end, 0), tree.shown(data[end:]))
        tree.attempt(node, f"secured: {reason}")
        return None


def _command(parent: Node, known: Choice[Frame], data: bytes, at: int) -> None:
    try:
        kind = known.frame_for(data[at:])
    except DecodeError as error:
        tree.attempt(parent, error)
        return
    tree.frame(parent, kind, data, at)
