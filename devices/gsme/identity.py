"""Whom the gas meter belongs to: site (meter point) and customer identification number, set by the supplier (SE 1.4 annex D.10).

An update that is not newer than the last is refused. One for a time to come is refused, too: nothing but the valve waits here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.han import HUB
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.gsme.config import Config
    from devices.runtime.board import Board

KEY: Final = "gas/identity"
SITE: Final = 32
CUSTOMER: Final = 24
"""The most octets of each."""


class Identity:
    """On the meter's endpoint. `site`, `customer`: what holds."""

    def __init__(self, board: Board, config: Config, endpoint: Endpoint) -> None:
        self._board = board
        self.site, self.customer, self._events = board.nvm.get(KEY, [config.mprn, config.customer_id, [0, 0]])
        metering = endpoint.server(Metering)
        metering[Metering.site_id] = lambda: self.site
        metering[Metering.customer_id_number] = lambda: self.customer
        management = endpoint.use(DeviceManagement)
        management.on(DeviceManagement.UpdateSiteId, self._site)
        management.on(DeviceManagement.UpdateCIN, self._customer)

    def _site(self, command: DeviceManagement.UpdateSiteId, request: Request) -> Outcome:
        outcome = self._judge(0, command.issuer_event_id, command.site_id_time, command.site_id, SITE, request)
        if outcome is Status.SUCCESS:
            self._keep(command.site_id or b"", self.customer, 0, command.issuer_event_id)
        return outcome

    def _customer(self, command: DeviceManagement.UpdateCIN, request: Request) -> Outcome:
        number = command.customer_id_number
        outcome = self._judge(1, command.issuer_event_id, command.implementation_time, number, CUSTOMER, request)
        if outcome is Status.SUCCESS:
            self._keep(self.site, number or b"", 1, command.issuer_event_id)
        return outcome

    def _judge(self, which: int, event: int, time: int, text: bytes | None, most: int, request: Request) -> Status:
        rtc = self._board.rtc
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        if text is None or len(text) > most:
            return Status.INVALID_VALUE
        if time and (not rtc.valid or time > seconds(rtc.read())):
            return Status.INVALID_VALUE
        if event <= self._events[which]:
            return Status.DUPLICATE_EXISTS if event == self._events[which] else Status.FAILURE
        return Status.SUCCESS

    def _keep(self, site: bytes, customer: bytes, which: int, event: int) -> None:
        events = [*self._events]
        events[which] = event
        self._board.nvm.put({KEY: [site, customer, events]})
        self.site, self.customer, self._events = site, customer, events
