"""A hub that has handed over: silent in the home, it gives its last backup to who may have it, and is erased for disposal.

It has SAP 1 only, on the WAN and on the service port: the objects of `swap`, and nothing to restore into. `Order.TAKE_UP_AGAIN`
makes it the home's hub again, as long as it has not been erased; once it has, flash holds the swap record and nothing else, and it
is a hub no more.
"""

from __future__ import annotations

from typing import Final

from devices.parts.dlms_access import Clients
from devices.parts.dlms_port import DlmsPort
from devices.parts.swap_client import Order
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import HOUR
from hubfw import store, swap, swap_record
from hubfw.config import Config
from hubfw.hub_device import clock, device_name
from hubfw.local import Local
from hubfw.sap_table import HUB
from hubfw.swap import GONE, RESTART_AFTER, SEALED, STATE
from hubfw.swap_record import Disposal, Kind, Line
from hubfw.wan.endpoint import Endpoint
from hubfw.wan.module import ModuleNetwork
from hubfw.wan.network import Network
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import AccessError
from protocols.dlms.server import LogicalDevice, Server
from protocols.dlms.xdlms import DataAccessResult

_DEVICE: Final = "hub"


class Retired(firmware.Firmware):
    """What runs on the board from the hand-over on."""

    commissioned = False

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self._wan_address = config.wan_address
        self._clients = clients = Clients(board, config.lls_password, config.lab)
        things = [
            clock(board),
            cosem.Data("0-0:96.1.0", value=axdr.octets(f"{board.eui64:016X}".encode())),
            *swap.objects(board, lambda: bytes(board.nvm.get(SEALED, b"")), self._obey),
            *clients.objects(),
        ]
        granted = swap.associations(clients.associations(_DEVICE), config.engineer_password)
        device = LogicalDevice(device_name(board.eui64), things, granted, security=clients.security, rng=clients.rng)
        self.server = Server({HUB: device})

    @property
    def erased(self) -> bool:
        """Whether nothing but the record is left."""
        return bool(self.board.nvm.get(STATE) == GONE)

    def boot(self, why: Reset) -> None:
        if self.erased:
            self.board.nvm.scrub()  # an erasure that a power cut broke off ends here
        self._network = self._wan_part()
        self._set_clock()
        self.every(HOUR, self._set_clock)
        self.wan = Endpoint(self.board, {HUB: Local(self.board, self.server, HUB)}, self._network)
        self.service_port = DlmsPort(self, self.board.uart("service"), self.server)
        self.board.log("hub.retired", {"erased": self.erased})

    def _wan_part(self) -> Network:
        if self._wan_address is None:
            return self.board.net
        module = ModuleNetwork(self, self._wan_address)
        module.on_time = self._set_clock
        return module

    def _set_clock(self) -> None:
        """From the network, wherever it tells the time: the record has the times of its lines by this clock."""
        utc = self._network.network_time()
        if utc is not None:
            self.board.rtc.set(utc)

    def on_power_fail(self) -> None:
        if not self.erased:
            self._clients.save()

    def _obey(self, order: Order) -> None:
        nvm, now = self.board.nvm, self.board.rtc.read()
        if self.erased:
            raise AccessError(DataAccessResult.OTHER_REASON, "erased")
        if order is Order.TAKE_UP_AGAIN:
            nvm.commit(swap_record.with_line(nvm, Line(now, Kind.TAKEN_UP_AGAIN)), [STATE, SEALED])
            self.board.scope.after(RESTART_AFTER, self.board.restart)
        elif order is Order.ERASE:
            serial = f"{self.board.eui64:016X}".encode()
            line = Line(now, Kind.ERASED, serial, disposal=Disposal.ERASED, disposed_at=now)
            nvm.purge({store.LAYOUT: store.PRESENT, STATE: GONE, **swap_record.with_line(nvm, line)})
            self.board.log("hub.erased", {})
            self.board.scope.after(RESTART_AFTER, self.board.restart)
        elif order is not Order.HAND_OVER:  # that it has done
            raise AccessError(DataAccessResult.OTHER_REASON, f"{order.name}: it has handed over")
