"""The electricity account: the hub reads the meter over its wire each half hour, reckons, and works its load switch (S-158).

The meter needs no account for this: a register and a disconnect control will do. Whatever the switch's mode, the hub orders it once
when credit ends and once when there is some again; a hand at the meter closes a switch that a mode only arms. A meter that cannot
be reached is asked again next time, and what it used meanwhile is charged then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from devices.runtime.kernel import MIN
from hubfw.meter import Meter
from hubfw.prepay.account import Account, Energy
from hubfw.prepay.config import Prepay
from hubfw.prepay.contact import HALF_HOUR
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.obis import Obis

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

REGISTER: Final = Obis("1-0:1.8.0")
SWITCH: Final = Obis("0-0:96.3.10")
DISCONNECT, RECONNECT = 1, 2
AGAIN: Final = 2 * MIN
_KEY: Final = "prepay/electricity"


class ElectricityPrepay:
    """The part. `meter()`: on the wire, None before there is one."""

    def __init__(
        self, firmware: Firmware, config: Prepay, meter: Callable[[], Meter | None], password: bytes, zone: Callable[[], Zone]
    ) -> None:
        assert config.electricity is not None
        self._firmware = firmware
        self._board = firmware.board
        self._config = config
        self._meter = meter
        self._password = password
        self.account = Account(config.electricity, Energy(), config.emergency, config.opening, zone=zone)
        self.supplied = True
        """As last ordered, and carried out."""
        self.on_change: Callable[[], object] = lambda: None
        """Told when the meter was read."""
        self._busy = self._once_more = False
        stored = self._board.nvm.get(_KEY)
        if stored is not None:
            self._restore(stored)

    def start(self) -> None:
        """Begin to read."""
        self._firmware.every(HALF_HOUR, self.settle, align=True)
        self.settle()

    def plain(self) -> dict[str, object]:
        """What goes to flash whenever anything of it changes."""
        return {_KEY: {"account": self.account.plain(), "supplied": self.supplied}}

    def _restore(self, stored: dict[str, Any]) -> None:
        self.account.restore(stored["account"])
        self.supplied = stored["supplied"]

    def lend(self) -> bool:
        """Emergency credit is taken; whether there was any to have."""
        lent = self.account.lend()
        if lent:
            self._board.nvm.put(self.plain())
            self.settle()
        return lent

    def settle(self) -> None:
        """Read, reckon, and order the switch if need be; once more after what is under way; soon again if that cannot be done."""
        if self._busy:
            self._once_more = True
            return
        self._busy, self._once_more = True, False
        self._firmware.spawn(self._settle())

    async def _settle(self) -> None:
        meter = self._meter()
        try:
            if meter is not None and self._board.rtc.valid:
                await self._with(meter)
        except RemoteProtocolError as error:
            self._board.log("prepay.electricity-unread", {"reason": str(error)})
            self._firmware.after(AGAIN, self.settle)
        finally:
            self._busy = False
        if self._once_more:
            self.settle()

    async def _with(self, meter: Meter) -> None:
        used = await meter.manage(self._password, _register)
        account, utc = self.account, self._board.rtc.read()
        account.advance(utc)
        if account.register is not None and used < account.register:
            raise RemoteProtocolError(f"the register fell from {account.register} to {used}")
        account.read(used)
        wanted = account.credit > 0 or (self.supplied and self._config.is_friendly(account.zone().local(utc)))
        if wanted is not self.supplied:
            await meter.manage(self._password, lambda client: _order(client, RECONNECT if wanted else DISCONNECT))
            self.supplied = wanted
        self._board.nvm.put(self.plain())
        self._board.log("prepay.electricity", {"balance": account.balance, "lent": account.lent, "supplied": self.supplied})
        self.on_change()


def _register(client: Client) -> Procedure[int]:
    value = yield from client.get(REGISTER, 3, 2)
    if not isinstance(value.value, int):
        raise RemoteProtocolError("the register is no number")
    return value.value


def _order(client: Client, method: int) -> Procedure[None]:
    yield from client.action(SWITCH, 70, method, axdr.i8(0))
