"""A hub's backup in the terminal: fetched at the old hub, carried sealed, delivered at the new one, and then gone.

The terminal is the engineer's client at the service port: it may have a hub hand over, read the backup and put it into another
hub, and nothing else. It has no key to open what it carries. It carries one backup at a time, for `Config.retention` at most,
counted by its own clock, which the old hub's set; without a valid clock it keeps nothing. What it lets go of is erased in both
banks of its flash, so that not an octet of it is left; an erasure that a power cut broke off ends at the next switching on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from devices.parts import swap_client
from devices.parts.sealed_backup import SealedBackup
from devices.parts.swap_client import ENGINEER, Order
from devices.runtime.kernel import HOUR, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.client import Client, Procedure, adrive
from protocols.dlms.cosem import date_time
from protocols.dlms.server import MANAGEMENT_SAP

if TYPE_CHECKING:
    from devices.hht.firmware import Firmware, Line

CARRIED: Final = "carried"
CLOCK: Final = "0-0:1.0.0"
RESTART: Final = 12 * S
"""What a hub needs until it answers again."""
ATTEMPTS: Final = 6


class Carrier:
    """`line()`: a fresh connection to the hub, as the engineer's client."""

    def __init__(self, firmware: Firmware, line: Callable[[], Line]) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._config = firmware.config
        self._line = line

    @property
    def carried(self) -> dict[str, Any] | None:
        """`hub`, `number`, `since` (UTC ns), `sealed`; None: nothing."""
        found: dict[str, Any] | None = self._board.nvm.get(CARRIED)
        return found

    def start(self) -> None:
        """Finish what was broken off, let go of what is too old, and look again every hour."""
        self._board.nvm.scrub()
        self._look()
        self._firmware.every(HOUR, self._look)

    def discard(self) -> None:
        """Let go of what is carried."""
        if self.carried is not None:
            self._board.nvm.purge({})
            self._board.log("hht.erased", {})

    async def fetch(self) -> str:
        """Have the hub hand over, and take its last backup. Raises RemoteProtocolError; then nothing is carried that was not."""
        if self.carried is not None:
            raise RemoteProtocolError("a backup is carried already: deliver or discard it first")
        utc = await self._ask(_time)
        if utc is None:
            raise RemoteProtocolError("the hub does not know the time, and nothing is kept without")
        self._board.rtc.set(utc)
        await self._ask(lambda client: swap_client.order(client, Order.HAND_OVER))
        sealed = await self._again(swap_client.last_backup)
        head = SealedBackup.parse(sealed).head
        self._board.nvm.put({CARRIED: {"hub": head.hub, "number": head.number, "since": utc, "sealed": sealed}})
        self._board.log("hht.fetched", {"hub": head.hub, "number": head.number})
        return f"{head.hub:016X}"

    async def deliver(self) -> str:
        """Put it into the hub that is there now, see that it became the old one, and let go. Raises RemoteProtocolError."""
        carried = self.carried
        if carried is None:
            raise RemoteProtocolError("no backup is carried")
        number = carried["number"]
        if not await self._ask(lambda client: swap_client.took_over(client, carried["hub"], number)):
            await self._ask(lambda client: swap_client.restore(client, bytes(carried["sealed"])))
            if not await self._again(lambda client: swap_client.took_over(client, carried["hub"], number)):
                raise RemoteProtocolError("the hub did not take the backup in")
        self.discard()
        return f"{carried['hub']:016X}"

    def _look(self) -> None:
        carried, rtc = self.carried, self._board.rtc
        if carried is not None and not (rtc.valid and 0 <= rtc.read() - carried["since"] <= self._config.retention):
            self.discard()

    async def _ask(self, question: Callable[[Client], Procedure[Any]]) -> Any:
        line = self._line()
        client = Client(ENGINEER, MANAGEMENT_SAP, self._config.password)
        await line.connect()
        await adrive(client.associate(), line.exchange)
        answer = await adrive(question(client), line.exchange)
        await adrive(client.release(), line.exchange)
        await line.disconnect()
        return answer

    async def _again(self, question: Callable[[Client], Procedure[Any]]) -> Any:
        """Of a hub that restarts."""
        for left in reversed(range(ATTEMPTS)):
            await self._firmware.sleep(RESTART)
            try:
                return await self._ask(question)
            except RemoteProtocolError:
                if not left:
                    raise
        raise AssertionError("the last attempt ends it")


def _time(client: Client) -> Procedure[int | None]:
    octets = (yield from client.get(CLOCK, 8, 2)).value
    known = bool(octets) and not octets[-1] & 1
    return date_time.instant(octets) if known else None
