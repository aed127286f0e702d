"""Sub-GHz cluster 0x070B: channel pages of 868 and 915 MHz, and silence when the duty cycle is used up (SE 1.4 annex D.13)."""

from __future__ import annotations

from protocols.core.codec import Frame, le
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, attributes, command
from protocols.zigbee.zcl.types import bitmap32


class SubGhz(Cluster, id=0x070B, name="Sub-GHz"):
    """The server is the coordinator of a sub-GHz network."""

    sub_ghz_channel_change = attribute(0x0000, bitmap32)
    sub_ghz_page_channel_mask = attributes("sub_ghz_page_{}_channel_mask", 0x0001, bitmap32, 4, first=28)

    @command(0x00, to=SERVER)
    class GetSuspendZclMessagesStatus(Frame):
        """Ask whether silence is kept."""

    @command(0x00, to=CLIENT)
    class SuspendZclMessages(Frame):
        """Send no ZCL messages for so many minutes; 0: go on."""

        period: le.u8
