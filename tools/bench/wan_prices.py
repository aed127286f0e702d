"""Critical peaks and real-time prices that cross the WAN: what `[[home.publish]]` says with `wan = true`, written by the head end.

Each is one message to the hub (`hubfw.translation_prices`), repeated until it was taken or refused; what became of it is an event
`headend.prices`. The traffic is booked to the requester "prices".
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from devices.runtime.kernel import S
from protocols.core.errors import RemoteProtocolError
from tools.bench.device_config import Hub
from tools.bench.publications import Ahead, CriticalPeak, Publication, RealTimePrices, thousandths

if TYPE_CHECKING:
    from protocols.dlms.axdr import Data
    from protocols.dlms.client import Client
    from protocols.dlms.requester import Procedure
    from tools.bench.home import Home
    from tools.headend.bench import BenchHeadEnd

REQUESTER = "prices"
AGAIN = 30 * S


def check(publications: Iterable[Publication], hubs: Iterable[Hub]) -> None:
    """Raises ValueError for what a home's hub does not hear over the WAN."""
    for each in publications:
        if isinstance(each, Ahead) and each.wan:
            if each.fuel != "electricity" or each.meter is not None:
                raise ValueError("`publish` with `wan`: critical peaks and real-time prices are of electricity")
            if isinstance(each, RealTimePrices) and each.acknowledge:
                raise ValueError("`publish` with `wan`: nobody is asked to `acknowledge` such prices")
            for hub in hubs:
                if hub.wan_application != "dlms":
                    raise ValueError(
                        f'`publish` with `wan` goes by DLMS, and the hub has `wan_application = "{hub.wan_application}"`'
                    )


def start(home: Home, publications: Iterable[Publication], head_end: BenchHeadEnd) -> None:
    """Have them sent, in a run that has not begun."""
    for each in publications:
        if isinstance(each, CriticalPeak | RealTimePrices) and each.wan:
            head_end.kernel.spawn(_send(home, each, head_end), who=head_end.host.name)


async def _send(home: Home, publication: CriticalPeak | RealTimePrices, head_end: BenchHeadEnd) -> None:
    from hubfw.sap_table import HUB
    from hubfw.translation_prices import PEAK, PRICES
    from protocols.dlms.cosem import AccessError
    from protocols.dlms.xdlms import DataAccessResult

    kernel = head_end.kernel
    name, told = (PEAK, "critical peak") if isinstance(publication, CriticalPeak) else (PRICES, "prices")
    await kernel.sleep(int(publication.after_s * S))
    outcome = ""
    while not outcome:
        data = _data(publication, kernel.utc)
        try:
            await head_end.ask(home.hub.name, HUB, partial(_write, name, data), writes=True, requester=REQUESTER)
            outcome = "taken"
        except RemoteProtocolError as error:
            if isinstance(error, AccessError) and error.result != DataAccessResult.TEMPORARY_FAILURE:
                outcome = f"refused: {error}"
            else:
                await kernel.sleep(AGAIN)
    kernel.log.emit(head_end.host.name, "headend.prices", {"home": home.name, "what": told, "outcome": outcome})


def _write(name: str, data: Data, client: Client) -> Procedure[None]:
    return client.set(name, 1, 2, data)


def _data(publication: CriticalPeak | RealTimePrices, utc: int) -> Data:
    """What is written at a time."""
    from hubfw.translation_prices import ASK, DECIDED
    from protocols.dlms import axdr
    from protocols.dlms.cosem import date_time

    def begin(minutes: int = 0) -> Data:
        return axdr.octets(date_time.encode((utc // S + publication.starts_s + 60 * minutes) * S))

    if isinstance(publication, CriticalPeak):
        stands = axdr.enum(ASK if publication.ask else DECIDED)
        return axdr.structure(begin(), axdr.u16(publication.minutes), axdr.u8(publication.tier), stands)
    lasts = publication.minutes
    return axdr.array(
        axdr.structure(begin(lasts * place), axdr.u16(lasts), axdr.u32(thousandths(pence)))
        for place, pence in enumerate(publication.pence)
    )
