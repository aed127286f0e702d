"""Rules that hold when a hub gives way to another one: each is a function that says what is broken, an empty list when nothing is.

They read what devices hold and what stories collected; none of them reads what the hub says of itself.
"""

from __future__ import annotations

import msgspec

from protocols.dlms.security.counters import PeerCounters


def image(board):
    """All octets of a board's flash."""
    return board.flash.image(0) + board.flash.image(1)


def left_behind(board, secrets):
    """Names of the octet strings of `secrets` (name to octets) that are somewhere in a board's flash, in use or not."""
    octets = image(board)
    return [name for name, secret in secrets.items() if secret in octets]


def secrets_of(hub):
    """What a hub knows and nobody may find in its flash later: keys, identifiers, and every record as it is stored."""
    found = {f"key: {label}": key for label, key in dict(hub.firmware.han.stack.labelled_keys()).items()}
    for device in hub.firmware.log:
        found[f"device {device.eui64:016X}"] = f"{device.eui64:016X}".encode()
        found[f"EUI-64 {device.eui64:016X}"] = msgspec.msgpack.encode(device.eui64)
    stored = {key: msgspec.msgpack.encode(hub.nvm.get(key)) for key in hub.nvm.keys("") if not key.startswith(("swap/", "store/"))}
    return found | {key: octets for key, octets in stored.items() if len(octets) > 8}


def holders_of_the_network_key(boards, hub, listed):
    """Names of boards off the list that hold the key that a hub's network uses now (invariant 23)."""
    stack = hub.firmware.han.stack
    key = stack._network.keys[stack._network.active_key].key
    found = []
    for name, board in boards.items():
        stored = board.nvm.get("han/network") or {}
        held = {bytes(each) for each in stored.get("network_keys", {}).values()} if isinstance(stored, dict) else set()
        if board is not hub and board.eui64 not in listed and key in held:
            found.append(name)
    return found


def log_differs(hub, listed):
    """EUI-64s that are in the log and were not listed, or the other way round; or too many (invariant 22)."""
    now = [device.eui64 for device in hub.firmware.log]
    return sorted(set(now) ^ set(listed)) + now[16:]


def not_once_in_order(sent, taken):
    """Messages that a device took twice, not at all, or before an earlier one (invariant 31)."""
    return [] if list(taken) == list(sent) else [message for message in {*sent, *taken} if taken.count(message) != 1] or ["order"]


def accepted_again(kept, accepted):
    """(title, key, counter) of frames accepted once that bounds kept in flash would let in again (invariant 15)."""
    bounds = {(bytes(title), key): counter for title, key, counter in kept}
    peers = PeerCounters(bounds, lambda title, key, counter: None)
    return [each for each in accepted if not peers.known.get(each[:2], -1) >= each[2]]
