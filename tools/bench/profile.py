"""Where paper and deployed system differ: one name in the bench file, and all of it follows (S-105, S-134 to S-158).

| | `paper-2011` | `gb` |
| --- | --- | --- |
| tunnels to devices that are awake | DLMS wrapper PDUs (protocol 0) | GB's messages (protocol 6) |
| a remote command to close the electricity switch | arms it, and a hand at the meter closes it | closes it |
| gas prepayment | in the meter, or in the hub (`prepay`) | in the meter |

Never mixed: what belongs to one profile is refused under the other. GBCS messages themselves are to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from protocols.zigbee.clusters.tunneling import DLMS, GB_HRGP

ProfileName = Literal["paper-2011", "gb"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What follows from the name."""

    tunnel_protocol: int
    remote_close: bool
    hub_accounts: bool


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        "paper-2011": Profile(DLMS, remote_close=False, hub_accounts=True),
        "gb": Profile(GB_HRGP, remote_close=True, hub_accounts=False),
    }
)
