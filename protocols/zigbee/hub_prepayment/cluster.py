"""Hub Prepayment cluster 0xFC00: a gas meter whose account is kept in the hub (paper B, appendix C). A manufacturer's own cluster.

The hub has six messages for the meter and no other; the meter tells its volume by itself, and that its credit runs low. The paper
gives what the messages mean; identifiers and widths are this bench's. Volumes are litres, delays half hours.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, le
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, command

NEVER: Final = 0xFFFF_FFFF_FFFF
"""A cut-off that is never reached."""


class Valve(IntEnum):
    """Where the valve is."""

    CLOSED = 0
    OPEN = 1


class HubPrepayment(Cluster, id=0xFC00, name="Hub Prepayment"):
    """The server is the meter. It has no attributes: to read one would be a seventh message."""

    @command(0x00, to=SERVER)
    class ReadVolume(Frame):
        """What has the meter measured?"""

    @command(0x01, to=SERVER)
    class ReadCutOff(Frame):
        """At which volume will it close?"""

    @command(0x02, to=SERVER)
    class ReadPrepayStatus(Frame):
        """Volume, cut-off and valve."""

    @command(0x03, to=SERVER)
    class WriteCutOff(Frame):
        """Close at this volume; without contact, not for so many half hours."""

        cut_off: le.u48
        delay: le.u16

    @command(0x04, to=SERVER)
    class OpenValve(Frame):
        """Open the valve now."""

    @command(0x05, to=SERVER)
    class CloseValve(Frame):
        """Close the valve now."""

    @command(0x00, to=CLIENT)
    class Volume(Frame):
        """What the meter has measured."""

        volume: le.u48

    @command(0x01, to=CLIENT)
    class CutOff(Frame):
        """The cut-off, and the half hours left without contact."""

        cut_off: le.u48
        delay: le.u16

    @command(0x02, to=CLIENT)
    class PrepayStatus(Frame):
        """Volume, cut-off and valve."""

        volume: le.u48
        cut_off: le.u48
        valve: le.u8

    @command(0x03, to=CLIENT)
    class Report(Frame):
        """The meter's half-hourly report; the answer is a cut-off."""

        volume: le.u48
        valve: le.u8

    @command(0x04, to=CLIENT)
    class LowCredit(Frame):
        """The volume is near its cut-off."""

        volume: le.u48
        cut_off: le.u48
