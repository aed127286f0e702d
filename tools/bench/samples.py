"""Fast samples of gas meters: `[[sample]]` tables of a bench file, kept in the meter or sent to the head end (S-054).

A meter that is told so keeps a sample of its register every few minutes; that costs nobody's airtime. Sent, they are fetched at the
meter's next wake and read through the WAN, every few hours. What crosses the WAN is booked to the requester, so that
`meterbench metrics` says in octets what sending costs, and what keeping costs: the order to begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from devices.runtime.kernel import HOUR, MIN
from protocols.core.errors import RemoteProtocolError
from tools.bench.declared import Declared
from tools.bench.device_config import Name

if TYPE_CHECKING:
    from protocols.dlms.client import Client
    from protocols.dlms.requester import Procedure
    from tools.headend.bench import BenchHeadEnd


class Samples(Declared, frozen=True, kw_only=True):
    """Fast samples of one gas meter."""

    device: str = "gsme"
    """`gsme`, or `home2/gsme` where there are several homes."""
    every_s: Annotated[int, Meta(ge=60, le=3_600)] = 300
    requester: Name = "samples"
    """To whom the traffic is booked."""
    sent_every_hours: Annotated[float, Meta(ge=1, le=24)] | None = None
    """Sent so often; unless said they are kept in the meter."""
    first_min: Annotated[float, Meta(gt=0, le=525_600)] = 30
    """Minutes from virtual time zero at which the meter is told."""


def start(samples: Iterable[Samples], head_end: BenchHeadEnd, wakes: Mapping[str, int]) -> None:
    """Let them be begun in a run that has not: what became of it is an event `headend.samples`. `wakes`: minutes, by device."""
    for each in samples:
        wake = wakes[each.device] * MIN + MIN
        head_end.kernel.spawn(_sample(each, head_end, wake), who=head_end.host.name)


async def _sample(samples: Samples, head_end: BenchHeadEnd, wake: int) -> None:
    """`wake`: by when (ns) the meter has fetched what waits."""
    from hubfw.translation_samples import SAMPLES  # few benches have samples
    from protocols.dlms import axdr
    from protocols.dlms.cosem import ProfileGeneric

    kind = ProfileGeneric.class_id

    def begin(client: Client) -> Procedure[None]:
        return client.set(SAMPLES, kind, ProfileGeneric.capture_period.number, axdr.u32(samples.every_s))

    def ask(client: Client) -> Procedure[object]:
        return client.action(SAMPLES, kind, ProfileGeneric.capture.number, axdr.i8(0))

    def read(client: Client) -> Procedure[axdr.Data]:
        return client.get(SAMPLES, kind, ProfileGeneric.buffer.number)

    kernel = head_end.kernel
    told: dict[str, object] = {"requester": samples.requester, "device": samples.device}
    await kernel.sleep(max(int(samples.first_min * MIN) - kernel.now, 0))
    begun = False
    while not begun:
        try:
            await head_end.request(samples.requester, samples.device, begin, writes=True)
            begun = True
        except RemoteProtocolError as error:
            kernel.log.emit(head_end.host.name, "headend.samples", {**told, "failure": str(error)})
            await kernel.sleep(wake)
    while samples.sent_every_hours is not None:
        await kernel.sleep(int(samples.sent_every_hours * HOUR))
        try:
            await head_end.request(samples.requester, samples.device, ask, writes=True)
            await kernel.sleep(wake + MIN)
            rows = await head_end.request(samples.requester, samples.device, read)
            kernel.log.emit(head_end.host.name, "headend.samples", {**told, "rows": len(rows.value)})
        except RemoteProtocolError as error:
            kernel.log.emit(head_end.host.name, "headend.samples", {**told, "failure": str(error)})
