"""MDU Pairing cluster 0x070A: which devices of a multi-dwelling unit belong together (SE 1.4 annex D.12)."""

from __future__ import annotations

from protocols.core.codec import Frame, le, to_end
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, command


class MduPairing(Cluster, id=0x070A, name="MDU Pairing"):
    """The server knows the devices of every dwelling, the client is one of them."""

    @command(0x00, to=SERVER)
    class PairingRequest(Frame):
        """Ask for the devices of one's dwelling, unless the version one has is the latest."""

        local_pairing_information_version: le.u32
        eui64_of_requesting_device: le.u64

    @command(0x00, to=CLIENT)
    class PairingResponse(Frame):
        """The devices, or a part of them."""

        pairing_information_version: le.u32
        total_number_of_devices: le.u8
        command_index: le.u8
        total_number_of_commands: le.u8
        eui64s: list[int] = to_end(le.u64)
