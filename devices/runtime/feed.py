"""Power that a device gets from another one's terminals: live with the mains, unless something on the way is cut.

The one feed there is comes from the supply side of an electricity meter's contactor, so what the load switch does never shows here.
Its voltage is given as the mains voltage that it is made from: what a device at its end can tell of the premises' supply.
"""

from __future__ import annotations

from devices.runtime.supply import Mains


class Feed(Mains):
    """Follows `source`. `cut` and `mend` by reason: it is live when the source is, and no reason holds."""

    def __init__(self, source: Mains, name: str) -> None:
        super().__init__(source.kernel, name, source.volts)
        self._source = source
        self._reasons: list[str] = []
        source.watch(lambda before, after: self._follow())

    def cut(self, reason: str) -> None:
        """It fails: the meter's power supply is broken, or a plug is out."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        self._follow()

    def mend(self, reason: str) -> None:
        """That is put right."""
        if reason in self._reasons:
            self._reasons.remove(reason)
        self._follow()

    def _follow(self) -> None:
        self._change(0.0 if self._reasons else self._source.volts)
