"""A node's endpoints, what it asks the device objects of others, and what its radio measures for them (05-3474 clause 2.4.3).

Not here: what is answered (`device_objects`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee import zdo
from protocols.zigbee.context import Context
from protocols.zigbee.device_objects import DeviceObjects
from protocols.zigbee.energy import EnergyScan
from protocols.zigbee.node import SimpleDescriptor


class Inquiries(ABC):
    """Every question raises LocalProtocolError off the network."""

    _context: Context
    _zdo: DeviceObjects
    _energy: EnergyScan

    @property
    @abstractmethod
    def joined(self) -> bool:
        """On a network, with its key."""

    @abstractmethod
    def _done(self) -> list[Effect]:
        """The effects of the call that ends."""

    def register(self, descriptor: SimpleDescriptor) -> None:
        """Offer an endpoint, in place of one with the same number."""
        self._zdo.endpoints[descriptor.endpoint] = descriptor

    def unregister(self, endpoint: int) -> None:
        """Withdraw an endpoint."""
        self._zdo.endpoints.pop(endpoint, None)

    def show(self, shown: Callable[[int | None, int], bool]) -> None:
        """Have answers to Match_Desc_req name an endpoint only to whom `shown(EUI-64 of who asks, endpoint)` allows."""
        self._zdo.shown = shown

    def match(
        self, destination: int, profile: int, inputs: tuple[int, ...], outputs: tuple[int, ...], now: int
    ) -> tuple[int, list[Effect]]:
        """Match_Desc_req to a device or RX_ON_DEVICES. Returns the sequence number that MatchResponse carries."""
        self._needs_network()
        self._context.now = now
        return self._zdo.match(destination, profile, list(inputs), list(outputs)), self._done()

    def active_endpoints(self, destination: int, now: int) -> tuple[int, list[Effect]]:
        """Active_EP_req; the answer is a ZdoResponse with this sequence number."""
        return self._ask(destination, zdo.ACTIVE_ENDPOINTS, zdo.AddressOfInterest(self._next(), destination), now)

    def node_descriptor(self, destination: int, now: int) -> tuple[int, list[Effect]]:
        """Node_Desc_req; the answer is a ZdoResponse with this sequence number."""
        return self._ask(destination, zdo.NODE_DESCRIPTOR, zdo.AddressOfInterest(self._next(), destination), now)

    def simple_descriptor(self, destination: int, endpoint: int, now: int) -> tuple[int, list[Effect]]:
        """Simple_Desc_req; the answer is a ZdoResponse with this sequence number."""
        request = zdo.SimpleDescriptorRequest(self._next(), destination, endpoint)
        return self._ask(destination, zdo.SIMPLE_DESCRIPTOR, request, now)

    def neighbours(self, destination: int, start: int, now: int) -> tuple[int, list[Effect]]:
        """Mgmt_Lqi_req for a device's neighbour table from an entry on; the answer is a ZdoResponse with this sequence number."""
        return self._ask(destination, zdo.NEIGHBOURS, zdo.TableRequest(self._next(), start), now)

    def extended_address(self, short: int, now: int) -> tuple[int, list[Effect]]:
        """IEEE_addr_req to the device itself; `eui64_of` knows it after the answer."""
        return self._ask(short, zdo.IEEE_ADDRESS, zdo.ExtendedAddressRequest(self._next(), short, 0, 0), now)

    def energy(self, destination: int, channels: Iterable[int], exponent: int, now: int) -> tuple[int, list[Effect]]:
        """Mgmt_NWK_Update_req: have a device measure channels of 2.4 GHz; the answer is a ZdoResponse with this number."""
        mask = sum(1 << channel for channel in channels)
        return self._ask(destination, zdo.NETWORK_UPDATE, zdo.NetworkUpdateRequest(self._next(), mask, exponent, 1), now)

    def find(self, eui64: int, now: int) -> tuple[int, list[Effect]]:
        """NWK_addr_req to everybody for a device's short address; `address_of` knows it after the answer."""
        self._needs_network()
        self._context.now = now
        return self._zdo.find(eui64), self._done()

    def announce(self, now: int) -> list[Effect]:
        """Broadcast device_annce again."""
        self._context.now = now
        if self.joined:
            self._zdo.announce()
        return self._done()

    def measured(self, level: int | None, now: int) -> list[Effect]:
        """The radio's answer to Measure: 0 (nothing) to 255; None: it cannot tell."""
        self._context.now = now
        self._energy.measured(level)
        return self._done()

    def _next(self) -> int:
        return self._zdo.next_sequence()

    def _needs_network(self) -> None:
        if not self.joined:
            raise LocalProtocolError("not on a network")

    def _ask(
        self,
        destination: int,
        cluster: int,
        request: zdo.AddressOfInterest
        | zdo.SimpleDescriptorRequest
        | zdo.ExtendedAddressRequest
        | zdo.NetworkUpdateRequest
        | zdo.TableRequest,
        now: int,
    ) -> tuple[int, list[Effect]]:
        self._needs_network()
        self._context.now = now
        self._zdo.ask(destination, cluster, request)
        return request.sequence, self._done()
