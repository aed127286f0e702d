"""The layout of what the hub keeps in flash: its number, and how an older one becomes the present one.

A migration is one transaction with the number that it leads to, so a power cut leaves the old layout or the new one. Flash that a
newer firmware has written is left as it is: the hub does not start on what it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from devices.runtime.nvm import Nvm

LAYOUT: Final = "store/layout"
PRESENT: Final = 3

Changes = tuple[dict[str, object], list[str]]
"""What to put, and what to delete."""


class Newer(Exception):
    """The flash was written by a newer firmware."""


def _mirrors_know_their_event(nvm: Nvm) -> Changes:
    """1 to 2: a mirror keeps the issuer event id of its configuration; one that has none takes whatever comes next."""
    stored: dict[str, Any] = {key: nvm.get(key) for key in nvm.keys("mirror/")}
    return {key: {"event": None, **value} for key, value in stored.items()}, []


def _firmware_files_have_places(nvm: Nvm) -> Changes:
    """2 to 3: a firmware file for devices lies in a numbered place, not under its type; half a one is forgotten."""
    old = [key for key in nvm.keys("ota/") if key != "ota/version"]
    put: dict[str, object] = {}
    names = [key.removesuffix("/upgrade-time") for key in old if key.endswith("/upgrade-time")]
    for place, name in enumerate(names, 1):
        put[f"image/offer/{place}"] = [*nvm.get(f"{name}/file"), nvm.get(f"{name}/upgrade-time")]
        for key in [key for key in old if key.startswith(f"{name}/at/")]:
            put[f"image/at/{place}/{int(key.rpartition('/')[2]) // 512}"] = nvm.get(key)
    return put, old


MIGRATIONS: Final[Mapping[int, Callable[[Nvm], Changes]]] = MappingProxyType({
    1: _mirrors_know_their_event, 2: _firmware_files_have_places,
})  # fmt: skip
"""From a layout to the next one. Layout 1 had no number."""


def prepare(nvm: Nvm) -> list[int]:
    """Bring the flash to the present layout; the layouts that it went through. Raises Newer."""
    empty = next(iter(nvm.keys()), None) is None
    layout: int = nvm.get(LAYOUT, PRESENT if empty else 1)
    if layout > PRESENT:
        raise Newer(f"layout {layout}, and this firmware knows {PRESENT}")
    passed = []
    if empty:
        nvm.put({LAYOUT: PRESENT})
    while layout < PRESENT:
        put, delete = MIGRATIONS[layout](nvm)
        passed.append(layout)
        layout += 1
        nvm.commit({**put, LAYOUT: layout}, delete)
    return passed
