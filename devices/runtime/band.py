"""The bands of 802.15.4 that ZigBee Smart Energy uses, by channel page: which channels, how long an octet, how long a wait.

Page 0 is 2.4 GHz (802.15.4-2006 clause 6.5: O-QPSK, 250 kb/s, a symbol of 16 us). Pages 28 to 31 are ZigBee's sub-GHz pages
(100 kb/s, a symbol of 10 us): 28 to 30 share out the 63 channels of 863 to 876 MHz, 31 has the 27 of 915 to 921 MHz. Times are
ns. Below 1 GHz the path loss is 9 dB less (20 log10 of the frequencies), which doubles the range in a furnished home. Every page
has a preamble, delimiter and length of six octets here; the longer preambles of FSK are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from protocols.zigbee.sub_ghz.channels import CHANNELS

US = 1_000
PHY_OCTETS = 6
"""Preamble, delimiter and length."""
ACK_OCTETS = 5 + PHY_OCTETS
TURNAROUND = 192 * US
"""aTurnaroundTime: 12 symbols of page 0. The same everywhere here."""


@dataclass(frozen=True, slots=True)
class Band:
    """One channel page. `symbol` and `octet` are their times on the air."""

    channels: frozenset[int]
    symbol: int
    octet: int
    reach: float = 1.0
    """How many times as far a radio is heard as at 2.4 GHz."""

    @property
    def reply(self) -> int:
        """From the end of a frame to the end of its acknowledgement."""
        return TURNAROUND + ACK_OCTETS * self.octet

    @property
    def acknowledgement_wait(self) -> int:
        """macAckWaitDuration (7.4.2): a unit back-off period longer than the acknowledgement takes. 864 us on page 0."""
        return self.reply + self.backoff

    @property
    def backoff(self) -> int:
        """aUnitBackoffPeriod: 20 symbols."""
        return 20 * self.symbol

    @property
    def assessment(self) -> int:
        """How long a clear channel assessment listens: 8 symbols (6.9.9)."""
        return 8 * self.symbol

    def airtime(self, octets: int) -> int:
        """Of a PSDU of so many octets."""
        return (octets + PHY_OCTETS) * self.octet


def _sub_ghz(*channels: int) -> Band:
    return Band(frozenset(channels), symbol=10 * US, octet=80 * US, reach=2.0)


BANDS = MappingProxyType({
    0: Band(frozenset(range(11, 27)), symbol=16 * US, octet=32 * US),
    **{page: _sub_ghz(*channels) for page, channels in CHANNELS.items()},
})  # fmt: skip
"""By channel page."""


def exists(page: int, channel: int) -> bool:
    """Whether there is such a channel on such a page."""
    band = BANDS.get(page)
    return band is not None and channel in band.channels
