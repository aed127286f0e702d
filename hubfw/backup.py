"""What of a hub goes over to its successor: one transaction's worth of its non-volatile memory, and its network by hashes.

Everything that the hub keeps is carried but for what `LEFT` names: another board has a radio, counters and a life of its own.
Counters of keys that die with the hub are not carried, and none is set back by a restore. Of the messages to wireless M-Bus
meters, whose keys go over, and of what others have counted, the bounds are, and `AHEAD` beyond them: the hub went on meanwhile.
Certificates of other parties go over, and what was revoked; private keys and the hub's own certificates do not.
Link keys are carried as hashes (`protocols.zigbee.backup`), and only of devices that have joined; one that has not comes with its
install code.

Not here: sealing (`devices.parts.sealed_backup`), who may ask (`hubfw.swap`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devices.runtime.nvm import Nvm
from hubfw import store
from hubfw.device_log import Device
from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.certificates import Saved
from protocols.zigbee.backup import Backup

LEFT: Final = (
    "store/", "han/", "counter/", "tunnel/", "swap/", "image/", "supervision/", "device/", "device-entry/", "device-log/",
    "outage/state", "ota/", "cosem/22/", "clockwork/",
)  # fmt: skip
"""Beginnings of keys that stay behind. Devices go over line by line, from the log."""
PAN: Final = "swap/pan"
"""Where a hub that has been given a network keeps it until it has formed it."""
PEERS: Final = "dlms/peers"
CERTIFICATES: Final = "dlms/certificates"
MBUS_MESSAGES: Final = "counter/mbus/messages"
HISTORY: Final = "device-history"
AHEAD: Final = 4096
"""What may have been counted between a backup and the end of the hub that made it."""
MOST_KEYS: Final = 1024
_NOTHING: Final = Saved([], {}, {}, [])
_LAST: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Contents:
    """A backup, open. `about`: type, firmware version and configuration of the hub; `kept`: key to value."""

    about: dict[str, str]
    layout: int
    pan: Backup
    kept: dict[str, Any]

    def build(self) -> bytes:
        """Octets, to be sealed."""
        return msgspec.msgpack.encode([self.about, self.layout, self.pan.plain(), self.kept])

    @classmethod
    def parse(cls, octets: bytes) -> Contents:
        """Raises RemoteProtocolError for anything that `build` does not make."""
        try:
            about, layout, pan, kept = msgspec.msgpack.decode(
                octets, type=tuple[dict[str, str], int, dict[str, Any], dict[str, Any]]
            )
            network = Backup.from_plain(pan)
        except (msgspec.DecodeError, LocalProtocolError) as reason:
            raise DecodeError(f"backup: {reason}") from None
        if len(kept) > MOST_KEYS:
            raise DecodeError(f"backup: {len(kept)} keys")
        for key in kept:
            if not _goes(key) and not key.startswith("device-entry/") and not key.startswith("device/"):
                raise DecodeError(f"backup: {key!r} is nothing that a hub carries over")
        if CERTIFICATES in kept:
            _NOTHING.with_others(_certificates(kept[CERTIFICATES]))  # nothing but what others may know
        return cls(about, layout, network, kept)


def take(nvm: Nvm, eui64: int, log: list[Device], pan: Backup, about: Mapping[str, str]) -> Contents:
    """The contents of a backup of the hub of this EUI-64 as it is now."""
    kept: dict[str, Any] = {key: nvm.get(key) for key in nvm.keys("") if _goes(key)}
    if HISTORY in kept:
        kept[HISTORY] = [[eui64, kind, when, b"", -1] for eui64, kind, when, *_ in kept[HISTORY]]
    if CERTIFICATES in kept:
        others = _certificates(kept[CERTIFICATES]).without_own(eui64.to_bytes(8, "big"))
        kept[CERTIFICATES] = msgspec.structs.asdict(others)
    for device in log:
        code = b"" if device.joined else device.entry.install_code
        kept[f"device-entry/{device.eui64:016X}"] = [code, device.kind]
        kept[f"device/{device.eui64:016X}"] = [False, device.last_heard]
    joined = [device.eui64 for device in log if device.joined]
    known = {eui64: key for eui64, key in pan.devices.items() if eui64 in joined}
    return Contents(dict(about), store.PRESENT, Backup(pan.extended_pan_id, known), kept)


def give(nvm: Nvm, contents: Contents, beside: Mapping[str, object]) -> None:
    """Have a hub be that one from its next start on: one transaction. Raises RemoteProtocolError for a newer firmware's."""
    if contents.layout > store.PRESENT:
        raise RemoteProtocolError(f"backup: layout {contents.layout}, and this firmware knows {store.PRESENT}")
    kept = dict(contents.kept)
    bounds = {(bytes(title), key): counter for title, key, counter in nvm.get(PEERS, [])}
    for title, key, counter in kept.get(PEERS, []):
        bounds[bytes(title), key] = max(bounds.get((bytes(title), key), 0), min(counter + AHEAD, _LAST))
    if bounds:
        kept[PEERS] = [[title, key, counter] for (title, key), counter in bounds.items()]
    if MBUS_MESSAGES in kept:
        kept[MBUS_MESSAGES] = min(kept[MBUS_MESSAGES] + AHEAD, _LAST)
    if MBUS_MESSAGES in nvm.keys(MBUS_MESSAGES):
        kept[MBUS_MESSAGES] = max(kept.get(MBUS_MESSAGES, 0), nvm.get(MBUS_MESSAGES))
    if CERTIFICATES in kept:
        here = _certificates(nvm.get(CERTIFICATES, msgspec.structs.asdict(_NOTHING)))
        kept[CERTIFICATES] = msgspec.structs.asdict(here.with_others(_certificates(kept[CERTIFICATES])))
    elif CERTIFICATES in nvm:
        kept[CERTIFICATES] = nvm.get(CERTIFICATES)
    own = [key for key in nvm.keys("") if _goes(key) or key.startswith(("device-entry/", "device/", "han/network"))]
    changed = {**kept, **beside, store.LAYOUT: contents.layout, PAN: contents.pan.plain()}
    nvm.commit(changed, [key for key in own if key not in changed])


def pan(nvm: Nvm) -> Backup | None:
    """The network that this hub was given; None: none."""
    plain = nvm.get(PAN)
    return None if plain is None else Backup.from_plain(plain)


def _certificates(plain: object) -> Saved:
    try:
        return msgspec.convert(plain, Saved)
    except msgspec.ValidationError as reason:
        raise DecodeError(f"backup: {reason}") from None


def _goes(key: str) -> bool:
    return key == MBUS_MESSAGES or not key.startswith(LEFT)
