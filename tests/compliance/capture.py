"""Everything on a run's air, opened with the keys its devices hold, by no other path than the frames themselves."""

from __future__ import annotations

from devices.runtime.air import OnAir
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl import foundation
from tests.compliance.nonces import Nonces
from tools.bench.run import Run


class Capture:
    """Listens to the homes of a run from now on. What it could not open is in `closed`, a counter of a key that its holder
    used for two frames in `reused`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.frames = 0
        self.opened_nwk = self.opened_aps = 0
        self.closed: list[tuple[int, str, str]] = []
        self.reused: list[tuple[int, str, str]] = []
        self.unsecured: set[str] = set()
        self.tunnelled: list[bytes] = []
        self.profiles: set[int] = set()
        self.clusters: set[int] = set()
        self.senders: set[int] = set()
        """EUI-64s under which frames were sealed on their hop."""
        self.held: tuple[bytes, ...] = ()
        """Every key that a device has had so far."""
        self._keys: list[security.LinkKey] = []
        self._last: dict[tuple[int, bytes], security.LinkKey] = {}
        self._known: dict[int, bytes] = {}
        self._nonces = Nonces()
        run.log.subscribe(self._frame, ["air.frame"])

    def _refresh(self) -> None:
        known = {key.key for key in self._keys}
        self._keys += [security.LinkKey(key, label) for label, key in self.run.zigbee_keys() if key not in known]
        self.held = tuple(key.key for key in self._keys)

    def _frame(self, now: int, who: str, kind: str, data: object) -> None:
        assert isinstance(data, bytes)
        psdu = OnAir.unpack(data).psdu
        self.frames += 1
        header, at = mac.Header.parse_from(psdu[:-2], 0)
        assert header.build() == psdu[:at]
        if header.control & mac.TYPE == mac.DATA and at < len(psdu) - 2:
            self._nwk(now, who, psdu[at:-2], header)

    def _nwk(self, now: int, who: str, frame: bytes, outer: mac.Header) -> None:
        header, at = nwk.Header.parse_from(frame, 0)
        assert header.build() == frame[:at]
        payload = frame[at:]
        if header.control & nwk.SECURITY:
            auxiliary, end = security.Auxiliary.parse_from(frame, at)
            assert auxiliary.source is not None
            sender = auxiliary.source.to_bytes(8, "little")
            self.senders.add(auxiliary.source)
            if outer.source is not None:
                self._known[outer.source] = sender
            opened = self._open(now, who, "NWK", sender, frame, at, end)
            if opened is None:
                return
            self.opened_nwk += 1
            payload = opened
        if header.control & nwk.TYPE == nwk.DATA:
            secured = bool(header.control & nwk.SECURITY)
            self._aps(now, who, payload, header, secured)
        elif not header.control & nwk.SECURITY:
            self.unsecured.add(f"NWK command {payload[0]:#04x}")

    def _aps(self, now: int, who: str, frame: bytes, outer: nwk.Header, nwk_secured: bool) -> None:
        kinds = {aps.DATA: aps.DataHeader, aps.COMMAND: aps.CommandHeader, aps.ACK: aps.AckHeader}
        header, at = kinds[frame[0] & aps.TYPE].parse_from(frame, 0)
        assert header.build() == frame[:at]
        payload = frame[at:]
        if frame[0] & aps.SECURITY:
            auxiliary, end = security.Auxiliary.parse_from(frame, at)
            sender = self._known.get(outer.source) if auxiliary.source is None else auxiliary.source.to_bytes(8, "little")
            opened = None if sender is None else self._open(now, who, "APS", sender, frame, at, end)
            if opened is None:
                return
            self.opened_aps += 1
            payload = opened
        elif not nwk_secured:
            self.unsecured.add(type(header).__name__)
        if not isinstance(header, aps.DataHeader):
            return
        self.profiles.add(header.profile)
        if header.profile:
            self.clusters.add(header.cluster)
        if header.cluster == Tunneling.id and header.extension is None:
            self._tunnel(payload)

    def _tunnel(self, payload: bytes) -> None:
        header, at = foundation.Header.parse_from(payload, 0)
        transfer = Tunneling.commands[header.to].get(header.command) if header.kind else None
        if transfer in (Tunneling.TransferDataClientToServer, Tunneling.TransferDataServerToClient):
            self.tunnelled.append(bytes(transfer.parse_from(payload, at)[0].data))

    def _open(self, now: int, who: str, layer: str, sender: bytes, frame: bytes, at: int, end: int) -> bytes | None:
        for fresh in (False, True):
            if fresh:
                self._refresh()
            last = self._last.get((frame[at] & 0x18, sender))
            for key in ([last] if last is not None and not fresh else []) + self._keys[::-1]:
                identifier = frame[at] & security.KEY_IDENTIFIER
                secret = key.key if identifier == security.NETWORK_KEY else key.derived(identifier)
                try:
                    plain = security.unseal(secret, sender, frame, at, end)
                except RemoteProtocolError:
                    continue
                self._last[frame[at] & 0x18, sender] = key
                if self._nonces.reused(secret, sender, int.from_bytes(frame[at + 1 : at + 5], "little"), frame):
                    self.reused.append((now, who, layer))
                return plain
        self.closed.append((now, who, layer))
        return None
