"""Identify cluster 0x0003: a device shows which one it is (07-5123 clause 3.5)."""

from __future__ import annotations

from protocols.core.codec import Frame, le
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import bitmap8, uint16


class Identify(Cluster, id=0x0003, name="Identify"):
    """The server blinks, or whatever it can do, for so many seconds."""

    identify_time = attribute(0x0000, uint16, writes=True)
    commission_state = attribute(0x0001, bitmap8)

    @command(0x00, to=SERVER)
    class Identify(Frame):
        """Identify yourself for so many seconds; 0 ends it."""

        identify_time: le.u16

    @command(0x01, to=SERVER)
    class IdentifyQuery(Frame):
        """Ask who identifies itself now. Answered by those who do."""

    @command(0x02, to=SERVER)
    class EZModeInvoke(Frame):
        """Begin commissioning in easy mode; bits: factory reset, bootstrap, network steering, finding and binding."""

        action: le.u8

    @command(0x03, to=SERVER)
    class UpdateCommissionState(Frame):
        """Set (1) or clear (2) bits of the commission state."""

        action: le.u8
        commission_state_mask: le.u8

    @command(0x00, to=CLIENT)
    class IdentifyQueryResponse(Frame):
        """I do, for so many seconds more."""

        timeout: le.u16
