"""Which devices of a home bear the padlock of the papers' figures: each one's security state, by what it holds and not by its kind.

A padlock means: the device holds the network's key and a link key of its own with the hub, or it is the hub that gave them, or, on
a wire, it lets nobody write without a password. A hand-held terminal holds nothing between visits, and a radio dongle is somebody
else's ear: both are without.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.runtime.board import Board
from tools.bench.home import Home


class Posture(msgspec.Struct, frozen=True, kw_only=True):
    """One device. `link_key`: how the key with the hub came about (`key establishment`, ...), None: there is none."""

    device: str
    kind: str
    padlock: bool
    network_key: bool
    link_key: str | None
    certificate: bool
    wired: bool
    carries_backup: bool


def postures(home: Home) -> list[Posture]:
    """Every device of a home, as it is now; one without power by what is in its flash."""
    hub = None if home.foreign else home.hub
    return [_posture(label, home, board, hub) for label, board in home.boards.items()]


def _posture(label: str, home: Home, board: Board, hub: Board | None) -> Posture:
    declared, firmware = home.declared[label], board.firmware
    state: dict[str, Any] = _kept(board).get("han/network") or {}
    links = {int(record["partner"]): str(record["kind"]) for record in state.get("link_keys", [])}
    partner = next(iter(links), None) if board is hub else None if hub is None else hub.eui64
    link = None if partner is None else links.get(partner)
    wired = getattr(declared, "interface", "han") == "wired"
    credentials = getattr(getattr(firmware, "config", None), "credentials", ())
    has_key = bool(state.get("network_keys"))
    return Posture(
        device=board.name,
        kind=declared.kind,
        padlock=wired or (has_key and (board is hub or link is not None)),
        network_key=has_key,
        link_key=link,
        certificate=bool(credentials),
        wired=wired,
        carries_backup="carried" in _kept(board),
    )


def _kept(board: Board) -> dict[str, Any]:
    """What of a board's flash this is about."""
    if not hasattr(board, "nvm"):
        return {}
    return {key: board.nvm.get(key) for key in ("han/network", "carried") if key in board.nvm}
