"""The electricity meters of a hub: each at a SAP of its own, by radio or on the wire, and what the hub asks of them itself.

It asks each its logical device name, once for good, and sets the clock of one that has no radio to ask the time. Not here: how the
WAN gets to a meter (`meter`), tunnels (`han.tunnels`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.dlms_access import Clients
from devices.runtime.kernel import DAY, MIN, S
from devices.runtime.tasks import Task
from hubfw.config import Config
from hubfw.meter import Meter
from hubfw.sap_table import SapTable
from hubfw.wired import Wired
from protocols.core.errors import RemoteProtocolError

if TYPE_CHECKING:
    from hubfw.firmware import Firmware

ASK_AGAIN: Final = MIN
"""After a meter that did not tell its name."""
TRY_WIRE_AGAIN: Final = 5 * S
"""After a meter on the wire that did not answer."""

_NAME = "name/"


class ElectricityMeters:
    """The meters, by EUI-64. `served(sap, meter)`: one is at its SAP from now on."""

    def __init__(
        self, firmware: Firmware, config: Config, saps: SapTable, clients: Clients, served: Callable[[int, Meter], object]
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._config = config
        self._saps = saps
        self._clients = clients
        self._served = served
        self._meters: dict[int, Meter] = {}
        self._learning: dict[int, Task[None]] = {}

    def of(self, eui64: int) -> Meter | None:
        """A meter that is served."""
        return self._meters.get(eui64)

    @property
    def wired(self) -> Meter | None:
        """The one on the wire, once it is served."""
        return None if self._config.wired_meter is None else self.of(self._config.wired_meter)

    def named(self, eui64: int) -> bool:
        """Whether it is served, and has told its name."""
        return eui64 in self._meters and _key(eui64) in self._board.nvm

    def names(self) -> list[tuple[int, bytes]]:
        """For the directory: each meter's own logical device name; until it has told, its EUI-64 in hexadecimal digits."""
        meters = self._saps.meters()
        return [(sap, bytes(self._board.nvm.get(_key(eui64), b"%016X" % eui64))) for sap, eui64 in meters]

    def serve(self, eui64: int) -> Meter:
        """Have a meter at its SAP."""
        meter = self._meters.get(eui64)
        if meter is None:
            meter = self._meters[eui64] = Meter(self._firmware, eui64)
            sap = self._saps.assign(eui64)
            self._served(sap, meter)
            self._board.log("hub.sap", {"eui64": eui64, "sap": sap})
        return meter

    def start(self) -> None:
        """Serve whoever was served before the power went."""
        for _, eui64 in self._saps.meters():
            self.serve(eui64)

    def wire(self, eui64: int) -> Meter:
        """Serve the meter on the wire."""
        meter, config = self.serve(eui64), self._config
        if config.meter_path is not None:
            meter.path = config.meter_path(self._firmware, meter)
            return meter
        port, baud = self._board.uart("wired"), config.flag_baud
        if baud is None:
            meter.path = Wired(self._firmware, port, meter)
            self._firmware.spawn(self._keep_clock(meter))
        else:
            from hubfw.flag import Flag  # few homes have one

            meter.path = Flag(self._firmware, port, meter, self._clients, config.lls_password, baud, push=config.flag_push)
        return meter

    def learn(self, eui64: int | None = None) -> None:
        """Ask a meter its logical device name, or all of them; once for good."""
        for meter in self._meters.values():
            if eui64 in (None, meter.eui64) and meter.path is not None and meter.eui64 not in self._learning:
                self._learning[meter.eui64] = self._firmware.spawn(self._learn_name(meter))

    async def _learn_name(self, meter: Meter) -> None:
        key = _key(meter.eui64)
        while key not in self._board.nvm:
            try:
                self._board.nvm.put({key: await meter.ask_name()})
            except RemoteProtocolError as error:
                self._board.log("hub.no-name", {"eui64": meter.eui64, "reason": str(error)})
                await self._firmware.sleep(TRY_WIRE_AGAIN if meter is self.wired else ASK_AGAIN)

    async def _keep_clock(self, meter: Meter) -> None:
        """Set the clock of a meter that cannot ask over the radio, daily."""
        while True:
            pause = TRY_WIRE_AGAIN
            if self._board.rtc.valid:
                try:
                    await meter.set_clock(self._config.lls_password)
                    pause = DAY
                except RemoteProtocolError as error:
                    self._board.log("hub.clock-not-set", {"eui64": meter.eui64, "reason": str(error)})
            await self._firmware.sleep(pause)


def _key(eui64: int) -> str:
    return f"{_NAME}{eui64:016X}"
