"""The terminal's visit over the radio: find the hub whose number the engineer reads off it, be let in, read, leave (GBCS).

It scans, establishes a key with the hub by inter-PAN, sends its EUI-64 and install code under that key, joins, and reads clocks and
registers. It stores no network, key or reading, and leaves the network when it has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.inter_pan import Outside
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import admission
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH, Time
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.hht.firmware import Config, Firmware

ENDPOINT: Final = 1
DEVICE: Final = 0x0509
"""Smart Energy: remote communications device."""


class NetworkVisit:
    """One visit. `found` takes what was read: `networks`, `hub`, `clock` and `meters`."""

    def __init__(self, firmware: Firmware, config: Config) -> None:
        self._config = config
        self._board = firmware.board
        self.han = Han(
            firmware,
            NodeConfig(
                firmware.board.eui64,
                NodeType.END_DEVICE,
                install_code=config.install_code,
                extended_pan_id=config.network,
                mains_powered=False,
                certified=True,
                stored=False,
            ),
        )
        self._outside = Outside(self.han, config.credentials)
        endpoint = Endpoint(ENDPOINT, DEVICE)
        self.han.certify(endpoint, config.credentials)
        for cluster in (Time, Metering):
            endpoint.use(cluster)
        self.han.add(endpoint)

    async def make(self, found: dict[str, object]) -> None:
        """All of it. Raises RemoteProtocolError."""
        self._outside.open = True
        networks = await self._outside.networks()
        found["networks"] = [f"{network.extended_pan_id:016X}" for network in networks]
        wanted = [network for network in networks if network.extended_pan_id == self._config.network]
        if not wanted:
            raise RemoteProtocolError(f"no network {self._config.network:016X}")
        hub = await self._outside.agree(wanted[0])
        found["hub"] = f"{hub:016X}"
        status = await self._outside.ask_admission(hub, self._board.eui64, self._config.install_code)
        self._outside.open = False
        if status != admission.ADMITTED:
            raise RemoteProtocolError(f"the hub does not let us join (status {status})")
        await self.han.join()
        try:
            await self._read(found)
        finally:
            self.han.apply(self.han.stack.leave(self.han.now))

    async def _read(self, found: dict[str, object]) -> None:
        clock = (await self.han.read(HUB, ENDPOINT, Time, [Time.time])).get(Time.time)
        found["clock"] = None if clock is None else clock + EPOCH
        meters: dict[str, object] = {}
        for address, endpoint in await self.han.match([Metering.id]):
            try:
                eui64 = await self.han.identify(address)
                if not self.han.shares_key(address):
                    await self.han.partner_key(eui64)
                wanted = [Metering.current_summation_delivered, Metering.metering_device_type]
                told = await self.han.read(address, endpoint, Metering, wanted)
            except (NoAnswer, Refused) as reason:
                meters[f"{address:#06x}/{endpoint}"] = str(reason)
                continue
            meters[f"{eui64:016X}/{endpoint}"] = [told.get(attribute) for attribute in wanted]
        found["meters"] = meters
