"""The gas meter's account: `prepaid`'s, for litres at the price by which they were used, with top-ups that are UTRNs.

What a reading brings is charged at price, calorific value and conversion factor as they were at the reading before: a tariff that
switches has a reading taken first. Where blocks change between two readings, all of it is at the price before. What is less than a
thousandth of a penny is carried over. Standing charge is for each midnight (UTC). Friendly periods are those of a friendly credit
calendar, as the hub publishes it. Not here: more charges for consumption than one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.gsme.payments import KEY
from devices.gsme.zcl import POUND_STERLING
from devices.parts.prepaid import (
    BALANCE_LIMIT,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    SCALE,
    STANDING,
    TARIFF,
    TOP_UP_LIMIT,
    Prepaid,
    charges,
)
from devices.parts.prepayment_face import PrepaymentFace
from devices.parts.utrns import Utrns
from devices.runtime.kernel import DAY, S
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Access
from protocols.dlms.cosem.charge import NO_COMMODITY
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.metering import SupplyStatus
from protocols.zigbee.clusters.time import EPOCH

if TYPE_CHECKING:
    from devices.gsme.firmware import Firmware
    from devices.gsme.valve import Valve
    from devices.runtime.kernel import Timer
    from protocols.dlms.cosem import InterfaceClass
    from protocols.zigbee.calendar.schedule import Schedule
    from protocols.zigbee.zcl.endpoint import Instance

PER_AMOUNT: Final = 3_600_000 * 1_000
"""Litres times conversion factor, calorific value and price, in a thousandth of a penny."""
FRIENDLY_CALENDAR: Final = 3
_LIMITS: Final = "gas/limits"
_USED: Final = "gas/utrn"


class GasSupply:
    """The valve, as an account sees it."""

    def __init__(self, valve: Valve) -> None:
        self._valve = valve

    @property
    def closed(self) -> bool:
        """Gas flows (a circuit is closed then)."""
        return self._valve.status is SupplyStatus.ON

    @property
    def armed(self) -> bool:
        """A hand opens it."""
        return self._valve.status is SupplyStatus.OFF_ARMED

    def disconnect(self) -> None:
        """As the supplier has set for depletion; closed, where he has not."""
        self._valve.deplete()

    def arm(self) -> None:
        """Ready for a hand, where it is closed."""
        self._valve.arm()


class Account(Prepaid):
    """The account, with its Smart Energy face on `server`."""

    def __init__(self, firmware: Firmware, server: Instance) -> None:
        self._firmware = firmware
        board = firmware.board
        kept = board.nvm.get(KEY)
        self._rates = firmware.rates
        self._taken, self._rest, self._day, self._priced = kept or [firmware.register.reading.litres, 0, None, self._present]
        self._timer: Timer | None = None
        self._limits = {
            name: cosem.ExtendedData(
                name, value_active=axdr.i32(board.nvm.get(_LIMITS, {}).get(str(name), value)), value_passive=axdr.i32(value),
                access={"value_active": Access.READ_WRITE},
            )
            for name, value in ((LARGEST_TOP_UP, TOP_UP_LIMIT), (LARGEST_BALANCE, BALANCE_LIMIT))
        }  # fmt: skip
        unit_charge = ((0, SCALE), NO_COMMODITY, [(b"", 0)])
        super().__init__(board, GasSupply(firmware.valve), charges(lambda name: None, unit_charge), (TARIFF,), self._found)
        for limit in self._limits.values():
            limit.watch(lambda thing, member: self._save())
        self.face = PrepaymentFace(firmware, server, self, POUND_STERLING)
        config = firmware.config
        self.face.take(Utrns(board, _USED, config.utrn_secret, config.utrn_originator, self))
        self.face.happened = self.face.alarms.happened = firmware.events.happened
        self._rates.on_change = self._look
        board.rtc.on_set.append(self._look)
        self._save()
        self._look()

    def _found(self, name: Obis) -> InterfaceClass | None:
        return self._limits.get(name)

    def _kept(self) -> dict[str, object]:
        limits = {str(name): limit.value_active.value for name, limit in self._limits.items()}
        at_first = {str(LARGEST_TOP_UP): TOP_UP_LIMIT, str(LARGEST_BALANCE): BALANCE_LIMIT}
        kept: dict[str, object] = {KEY: [self._taken, self._rest, self._day, list(self._priced)]}
        if limits != at_first or _LIMITS in self._board.nvm:
            kept[_LIMITS] = limits
        return kept

    @property
    def cuts(self) -> bool:
        """A supplier may have set that want of credit leaves the valve as it is."""
        policy = self._firmware.valve.control.policy
        return not policy.issuer_event_id or policy.depletion in (SupplyStatus.OFF, SupplyStatus.OFF_ARMED)

    # --- what is used ---

    @property
    def _present(self) -> list[int]:
        """Conversion factor, calorific value, price, standing charge."""
        rates = self._rates
        return [rates.conversion_factor, rates.calorific_value, rates.price, rates.standing_charge]

    def advance(self, litres: int) -> None:
        """A reading: take what was used since the one before, and what time has brought."""
        rtc, payment = self._board.rtc, self.payment
        now = rtc.read()
        factor, calorific_value, price, standing = self._priced
        used, self._taken = litres - self._taken, litres
        amount, self._rest = divmod(used * factor * calorific_value * price + self._rest, PER_AMOUNT)
        self._busy = True
        payment.take(self.charge(TARIFF), amount, now)
        if rtc.valid:
            today = now // DAY
            if self._day is None or self._day > today + 1:
                self._day = today
            if today > self._day:
                payment.take(self.charge(STANDING), standing * (today - self._day), now)
                self._day = today
            payment.expire(now)
        self._priced = self._present
        self._busy = False
        self._save()

    # --- friendly periods ---

    @property
    def _calendar(self) -> Schedule | None:
        store, now = self._rates.store, self._rates.now
        if store is None or now is None:
            return None
        from protocols.zigbee.calendar.schedule import schedule

        return schedule(store, now, FRIENDLY_CALENDAR)

    def coming(self, *, begins: bool, ahead: int) -> int | None:
        """By the friendly credit calendar that is published."""
        calendar, at = self._calendar, self._rates.now
        if calendar is None or at is None:
            return None
        end, before = at + ahead // S, bool(calendar.value(at, self._rates.zone))
        while (at := calendar.change(at, self._rates.zone)) <= end:
            friendly = bool(calendar.value(at, self._rates.zone))
            if friendly is not before and friendly is begins:
                return (at + EPOCH) * S
            before = friendly
        return None

    def _look(self) -> None:
        """Whether the period is friendly now; look again when that may change."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        calendar, now = self._calendar, self._rates.now
        if calendar is None or now is None:
            self.friendly_period(False)
            return
        self.friendly_period(bool(calendar.value(now, self._rates.zone)))
        change = (calendar.change(now, self._rates.zone) + EPOCH) * S
        self._timer = self._firmware.at(self._board.rtc.when(change), self._look)
