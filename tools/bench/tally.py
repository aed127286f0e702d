"""Counts what passes on the links of a run, by layer, and compares the run with real time."""

from __future__ import annotations

from collections import Counter

from devices.runtime.air import OnAir
from devices.runtime.ether import TELEGRAM
from devices.runtime.kernel import Kernel
from devices.runtime.log import Data

MAC_TYPES = ("beacon", "data", "acknowledgement", "command")
"""Frame types 0 to 3 (802.15.4-2006 clause 7.2.1.1.1)."""
NWK_TYPES = ("data", "command", "reserved", "inter-PAN")
"""Frame types 0 to 3 (05-3474 clause 3.3.1.1.1)."""
_SHORT_DATA_HEADER = 9
"""Octets before the NWK frame where PAN id compression and two short addresses are used, as ZigBee does."""


class Tally:
    """An observer of the event log. `counts` is by (layer, what)."""

    def __init__(self, kernel: Kernel) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        kernel.log.subscribe(self._on_air, ["air.frame"])
        kernel.log.subscribe(self._on_ether, [TELEGRAM])
        kernel.log.subscribe(self._on_net, ["net.data", "net.datagram"])
        kernel.log.subscribe(self._on_wire, ["wire"])

    @property
    def frames(self) -> int:
        """Frames on the air, acknowledgements included."""
        return sum(count for (layer, _), count in self.counts.items() if layer == "802.15.4")

    def rows(self) -> list[tuple[str, str, int]]:
        """(layer, what, how many), in a fixed order."""
        return [(layer, what, count) for (layer, what), count in sorted(self.counts.items())]

    def _on_air(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, bytes)
        psdu = OnAir.unpack(data).psdu
        mac_type = psdu[0] & 0x07
        if mac_type >= len(MAC_TYPES):
            self.counts["802.15.4", "other"] += 1
            return
        self.counts["802.15.4", MAC_TYPES[mac_type]] += 1
        if mac_type == 1 and len(psdu) > _SHORT_DATA_HEADER:
            self.counts["ZigBee NWK", NWK_TYPES[psdu[_SHORT_DATA_HEADER] & 0x03]] += 1

    def _on_ether(self, now: int, who: str, kind: str, data: Data) -> None:
        self.counts["wireless M-Bus", "telegrams"] += 1

    def _on_net(self, now: int, who: str, kind: str, data: Data) -> None:
        self.counts["WAN", "messages"] += 1

    def _on_wire(self, now: int, who: str, kind: str, data: Data) -> None:
        self.counts["wires", "octets"] += len(data)
