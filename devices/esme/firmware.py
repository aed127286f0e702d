"""The electricity meter's firmware: measures, keeps its clock by the hub's, answers on every interface, reports loss of supply.

When the supply fails it reports Metering.Status with the power-failure bit at once, from its hold-up; when the voltage is inside
its limits again it reports the bit gone, and repeats that until it is delivered. A supply that is back at a voltage outside the
limits is not restored: the meter judges that, not the hub.

DLMS comes through the HAN tunnel as whole wrapper PDUs, on the optical port and, where the meter is wired to its hub, on that
interface over HDLC. Not here: IEC 62056-21 sign-on, tariffs, prepayment accounts, GBCS messages.
"""

from __future__ import annotations

from typing import Final

from devices.esme import cosem, zcl
from devices.esme.config import Config
from devices.esme.metrology import Metrology
from devices.parts.dlms_port import DlmsPort
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from devices.parts.tunnel import TunnelServer
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import DAY, MIN, MS, S
from devices.runtime.tasks import Task
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from protocols.dlms.server import Session
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.tunneling import DLMS, NOT_MANUFACTURER_SPECIFIC, TRANSFER_LIMIT, Closed, Opened, Received, Server
from protocols.zigbee.node import NodeConfig, NodeType

LOST: Final = "supply/lost"
"""In flash while a loss is not yet reported as over."""
RETRY: Final = 200 * MS
SLOW_RETRY: Final = 60 * S
QUICK_TRIES: Final = 20
"""A restoration is reported again every RETRY this often, then every SLOW_RETRY."""
CLOCK_RETRY: Final = MIN
LARGEST_APDU: Final = TRANSFER_LIMIT - wrapper.HEADER_SIZE
"""What the tunnel carries in one transfer."""


class Firmware(firmware.Firmware):
    """The board has mains with a hold-up, a radio (unless wired), and the UARTs `optical` and `wired`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.metrology: Metrology
        self.han: Han | None = None
        self.clock: NetworkClock | None = None

    def boot(self, why: Reset) -> None:
        self._lost: bool = self.board.nvm.get(LOST, False)
        self._running = False
        self._reporting: Task[None] | None = None
        self.after(self.config.boot_ns, self._start)

    def _start(self) -> None:
        board, config = self.board, self.config
        self._running = True
        self.metrology = Metrology(self, config.start_wh, config.kwh_a_year)
        self._server = cosem.server(board, config, self.metrology, lambda: self.clock_reliable)
        self._optical = DlmsPort(self, board.uart("optical"), self._server)
        if config.interface == "wired":
            self._wired = DlmsPort(self, board.uart("wired"), self._server)
            return
        node = NodeConfig(
            board.eui64, NodeType.ROUTER, install_code=config.install_code, extended_pan_id=config.extended_pan_id
        )
        self.han = Han(self, node)
        self.clock = NetworkClock(self.han)
        endpoint = zcl.endpoint(board, config, self.metrology, lambda: self._lost)
        tunnels = Server(protocols=((NOT_MANUFACTURER_SPECIFIC, DLMS),))
        self._tunnels = TunnelServer(self.han, endpoint, tunnels, self._tunnel)
        self._sessions: dict[tuple[int, int], Session] = {}
        self.han.add(endpoint)
        self.spawn(self._live(self.han, self.clock))

    @property
    def commissioned(self) -> bool:
        """It can be reached and its clock is set."""
        return self._running and (self.config.interface == "wired" or self.clock_reliable)

    @property
    def clock_reliable(self) -> bool:
        """Whether its time can be believed."""
        return self.board.rtc.valid if self.clock is None else self.clock.reliable

    async def _live(self, han: Han, clock: NetworkClock) -> None:
        await han.join()
        self._judge_supply()
        while True:
            try:
                synchronised = await clock.synchronise()
            except (NoAnswer, Refused):
                synchronised = False
            await self.sleep(DAY if synchronised else CLOCK_RETRY)

    # --- supply ---

    def on_power_fail(self) -> None:
        self._lost = True
        self.board.nvm.put({LOST: True})
        if self._running:
            self.metrology.supply_changed()
            self._report_supply()

    def on_power_return(self) -> None:
        if self._running:
            self.metrology.supply_changed()
            self._judge_supply()

    def on_voltage(self) -> None:
        if self._running:
            self._judge_supply()

    def _judge_supply(self) -> None:
        low, high = self.config.voltage_limits
        if self._lost and low <= self.metrology.volts <= high:
            self._lost = False
            self._report_supply()

    def _report_supply(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()
        if self.han is not None:
            self._reporting = self.spawn(self._tell_hub(self.han, self._lost))

    async def _tell_hub(self, han: Han, lost: bool) -> None:
        tries = 0
        while True:
            try:
                await han.report(HUB, 1, Metering, [Metering.status])
                break
            except NoAnswer:
                tries += 1
                await self.sleep(RETRY if tries < QUICK_TRIES else SLOW_RETRY)
        if not lost:
            self.board.nvm.put({LOST: False})

    # --- DLMS through the tunnel ---

    def _tunnel(self, event: Opened | Received | Closed) -> None:
        if not isinstance(event, Received):
            for key in [key for key in self._sessions if key[0] == event.tunnel]:
                del self._sessions[key]
            return
        try:
            pdu = wrapper.unwrap(event.data)
        except RemoteProtocolError as error:
            self.board.log("esme.bad-transfer", {"reason": str(error)})
            return
        session = self._session(event.tunnel, pdu.source, pdu.destination)
        answer = None if session is None else session.request(pdu.apdu, self.now)
        if answer is not None:
            self._tunnels.send(event.tunnel, wrapper.wrap(pdu.destination, pdu.source, answer))

    def _session(self, tunnel: int, client: int, sap: int) -> Session | None:
        key = tunnel, client
        if key not in self._sessions:
            made = self._server.session(client, sap, LARGEST_APDU)
            if made is None:
                return None
            self._sessions[key] = made
        return self._sessions[key]
