"""The radio as firmware sees it: an 802.15.4 transceiver that acknowledges, retries and holds frames for sleepers by itself.

`air.Transceiver` is one in this process; a radio in another process, or a dongle, offers the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from protocols.zigbee.node import TxStatus

__all__ = ["Radio", "TxStatus"]


class Radio(Protocol):
    """PSDUs go in and out whole, FCS included. Callbacks and configuration are lost when the board's power goes (`reset`)."""

    on_receive: Callable[[bytes, int], object] | None
    """Called with (psdu, lqi 0..255) for a frame with a good FCS that is addressed to this radio, or to all."""
    on_confirm: Callable[[int, TxStatus, bool], object] | None
    """Called with (handle, status, frame pending bit of the acknowledgement) once for each `transmit`."""

    on_data_request: Callable[[bytes], bool] | None
    """Asked whether a frame waits elsewhere for the sender of a data request (its address as on the air), besides what is held
    here: then the acknowledgement says so. A radio in another process cannot ask in time, and does not."""

    on_energy: Callable[[int | None], object] | None
    """Called once for each `measure`."""

    def configure(
        self,
        *,
        channel: int,
        pan_id: int,
        short: int,
        eui64: int,
        rx_on_when_idle: bool,
        page: int = 0,
        promiscuous: bool = False,
        alternate: int | None = None,
    ) -> None:
        """Tune in and set the address filter. PAN 0xFFFF hears every PAN; short 0xFFFF or 0xFFFE is no address.

        A radio whose receiver is off when idle hears the acknowledgements of its own frames, what is held for it after a data
        request, and, for half a second, the answers to its own beacon request. A promiscuous one hears what is for others too.
        `alternate`: a second short address; a radio in another process, or behind Spinel, has none.
        """
        ...

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None:
        """Send a frame; `on_confirm` tells how it ended. `indirect`: hold it until its destination sends a data request.

        Raises LocalProtocolError for more than 127 octets, fewer than 5, or a radio that is not configured.
        """
        ...

    def measure(self, *, channel: int, duration: int, page: int = 0) -> None:
        """Listen to a channel for `duration` ns: `on_energy` tells the loudest of it, 0 (nothing) to 255; None: this radio cannot.

        It takes its turn with what is sent. Meanwhile the radio hears no frame and sends none, and then it is as before. Raises
        LocalProtocolError for a channel that there is not, or a radio that is not configured.
        """
        ...

    def reset(self) -> None:
        """Power is gone: nothing is held, sent or heard until it is configured again."""
        ...
