"""Notifications to the head end: kept until sent, in order, each over a TCP connection that the hub opens.

A notification is kept in non-volatile memory from before the decision is acted on until the destination has taken it: the
connection was closed by the other side after we finished, or all octets have passed and nothing was heard for a while. While
the destination cannot be reached it is tried again after 1, 2, 4 .. 60 s for as long as there is power, and after a restart. A
notification that is sent again, because the power went before it was known to have arrived, has the same long-invoke-id. Where the
push setup wants UDP, each goes in one datagram once there is a network, and nobody learns whether it arrived; where it wants the
serial modem, each goes out on the line once somebody is plugged in there, and nobody learns either. By every way the APDU is the
same.

Not here: what is notified (`outage`, `supply_watch`), where to (push setup of the hub's logical device).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import S, Timer
from devices.runtime.net import Closed
from hubfw.sap_table import HUB
from hubfw.wan.network import Network, Stream
from protocols.dlms import wrapper
from protocols.dlms.cosem.push import TransportService

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

CLIENT: Final = 1
"""wPort of the management client, for whom notifications are."""
FIRST_PAUSE: Final = 1 * S
LONGEST_PAUSE: Final = 60 * S
LINGER: Final = 5 * S
CAPACITY: Final = 32
"""Notifications kept; beyond that the oldest is lost, one without priority before one that has it."""
_PRIORITY: Final = 0x80
"""The first octet behind the tag: the long-invoke-id's highest bit."""

_KEY = "notices"


Carry = Callable[[bytes], "tuple[int, bytes] | None"]
"""How an APDU goes over the network: port (0: the destination's) and octets; None: not now."""
Tell = Callable[[TransportService, bytes], bool]
"""Says an APDU on a line, in the framing of the service; False: it could not."""


class Notifier:
    """The queue. `destination()`: host and port, and `service()`: by what, asked at each attempt. `tell`: says one on the line."""

    def __init__(
        self,
        firmware: Firmware,
        destination: Callable[[], tuple[str, int]],
        service: Callable[[], TransportService] = lambda: TransportService.TCP,
        network: Network | None = None,
        tell: Tell = lambda service, apdu: False,
        carry: Carry = lambda apdu: (0, wrapper.wrap(HUB, CLIENT, apdu)),
    ) -> None:
        self.sent = 0
        self._firmware = firmware
        self._board = firmware.board
        self._network: Network = firmware.board.net if network is None else network
        self._destination = destination
        self._service = service
        self._tell = tell
        self._carry = carry
        self._waiting: list[bytes] = self._board.nvm.get(_KEY, [])
        self._stream: Stream | None = None
        self._timer: Timer | None = None
        self._pause = FIRST_PAUSE
        self._quiet_until = 0

    @property
    def waiting(self) -> int:
        """Notifications not sent yet."""
        return len(self._waiting)

    def add(self, apdu: bytes) -> Mapping[str, object]:
        """Take a notification. What is returned is to be stored, together with what led to it, before `start`."""
        self._waiting = [*self._waiting, apdu]
        if len(self._waiting) > CAPACITY:
            del self._waiting[next((place for place, each in enumerate(self._waiting) if not _has_priority(each)), 0)]
            self._board.log("hub.notice-lost", {"waiting": CAPACITY})
        return {_KEY: self._waiting}

    def hold(self, ns: int) -> None:
        """Begin to send nothing before so much time has passed; what is under way goes on."""
        self._quiet_until = self._firmware.now + ns

    def start(self) -> None:
        """Send what waits."""
        if self._waiting and self._stream is None and self._timer is None:
            quiet = self._quiet_until - self._firmware.now
            if quiet > 0:
                self._timer = self._firmware.after(quiet, self._connect)
            else:
                self._connect()

    def try_now(self) -> None:
        """There may be a way by now: wait for no pause."""
        if self._stream is None:
            self._rest()
            self._pause = FIRST_PAUSE
            self.start()

    def _connect(self) -> None:
        self._timer = None
        apdu, service = self._waiting[0], self._service()
        if service not in (TransportService.TCP, TransportService.UDP):
            if self._tell(service, apdu):
                self._delivered(apdu)
            else:
                self._failed("no line")
            return
        carried = self._carry(apdu)
        if carried is None:
            self._failed("no layer that has notices")
            return
        host, port = self._destination()
        port, octets = carried[0] or port, carried[1]
        if service is TransportService.UDP:
            if self._network.network_time() is None:
                self._failed("no network")
                return
            socket = self._network.bind()
            socket.send(host, port, octets)
            socket.close()
            self._delivered(apdu)
            return
        stream = self._stream = self._network.connect(host, port)
        stream.on_close = lambda why: self._closed(apdu, why)
        stream.send(octets)
        stream.finish()
        self._timer = self._firmware.after(LINGER, self._lingered, stream, apdu)

    def _lingered(self, stream: Stream, apdu: bytes) -> None:
        if stream.opened and not stream.unsent:  # taken, and the other side keeps its end open
            stream.close()
            self._delivered(apdu)
        else:
            self._timer = self._firmware.after(LINGER, self._lingered, stream, apdu)

    def _closed(self, apdu: bytes, why: Closed) -> None:
        assert self._stream is not None
        if why is Closed.CLOSED and self._stream.opened:
            self._delivered(apdu)
        else:
            self._failed(why.value)

    def _failed(self, reason: str) -> None:
        self._rest()
        self._board.log("notify.failed", {"reason": reason, "pause": self._pause})
        self._timer = self._firmware.after(self._pause, self._connect)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _delivered(self, apdu: bytes) -> None:
        self._rest()
        self._pause = FIRST_PAUSE
        self.sent += 1
        if self._waiting and self._waiting[0] == apdu:
            self._waiting = self._waiting[1:]
            self._board.nvm.put({_KEY: self._waiting})
        self._board.log("notify.sent", {"octets": len(apdu), "waiting": len(self._waiting)})
        self.start()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._stream = None


def _has_priority(apdu: bytes) -> bool:
    return len(apdu) < 2 or bool(apdu[1] & _PRIORITY)
