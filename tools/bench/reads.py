"""What others read through the central company: `[[read]]` tables of a bench file, on request (once) or by schedule (S-043).

A requester is whoever asks: a supplier, a network operator, a third party. It asks nobody itself: the central company does, on a
message of its user interface (`tools.central`), and books the traffic to it. Not here: whether the consumer has agreed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from devices.runtime.kernel import MIN
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.obis import Obis
from tools.bench.declared import Declared
from tools.bench.device_config import Name

if TYPE_CHECKING:
    from tools.central.company import Company


class Read(Declared, frozen=True, kw_only=True):
    """One register, read for somebody."""

    requester: Name
    device: str
    """`esme`, or `home2/esme` where there are several homes."""
    register: str = "1-0:1.8.0"
    """OBIS code."""
    first_min: Annotated[float, Meta(gt=0, le=525_600)] = 30
    """Minutes from virtual time zero."""
    every_min: Annotated[float, Meta(ge=1, le=525_600)] | None = None
    """By schedule, at this interval; unless said once, on request."""

    def __post_init__(self) -> None:
        try:
            Obis(self.register)
        except LocalProtocolError as error:
            raise ValueError(f"`register`: {error}") from None


def start(reads: Iterable[Read], central: Company) -> None:
    """Let them be asked for in a run that has not begun; each answer, and each that failed, is an event `headend.read`."""
    for read in reads:
        central.head_end.kernel.spawn(_ask(read, central), who=central.head_end.host.name)


async def _ask(read: Read, central: Company) -> None:
    kernel, due = central.head_end.kernel, int(read.first_min * MIN)
    user = central.user(read.requester)
    while True:
        await kernel.sleep(max(due - kernel.now, 0))
        told: dict[str, object] = {"requester": read.requester, "device": read.device, "register": read.register}
        try:
            told["value"] = await user.request("read", read.device, read.register)
        except RemoteProtocolError as error:
            told["failure"] = str(error)
        kernel.log.emit(central.head_end.host.name, "headend.read", told)
        if read.every_min is None:
            return
        due += int(read.every_min * MIN)
