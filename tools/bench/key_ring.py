"""Every ZigBee key that the devices of a run have held, for who opens its capture: keys change, and frames under old ones stay old.

Devices are looked at when one of them tells of a key, and when somebody asks: a key that came and went between is not seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.runtime.log import Data
    from tools.bench.run import Run

TOLD = (
    "han.joined", "han.admitted", "han.gone", "han.left", "han.partner-key", "han.trust-centre-replaced", "han.key-establishment",
    "hub.handed-over", "power",
)  # fmt: skip
"""Events at which somebody has another key than before, or is about to lose his."""


class KeyRing:
    """Collects from now on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._labels: dict[bytes, str] = {}
        run.log.subscribe(self._look, TOLD)

    def keys(self) -> list[tuple[str, bytes]]:
        """(label, key), each key once, in the order in which they were seen."""
        self._look()
        return [(label, key) for key, label in self._labels.items()]

    def _look(self, now: int = 0, who: str = "", kind: str = "", data: Data = b"") -> None:
        for label, key in self._run.zigbee_keys():
            self._labels.setdefault(key, label)
