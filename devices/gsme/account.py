"""The gas meter's account: `prepaid`'s, for litres at the price by which they were used, with top-ups that are UTRNs.

What a reading brings is charged at price, calorific value and conversion factor as they were at the reading before: a tariff that
switches has a reading taken first. Where blocks change between two readings, all of it is at the price before. What is less than a
thousandth of a penny is carried over. Standing charge is for each midnight (UTC). Friendly periods are those of a friendly credit
calendar, as the hub publishes it. A UTRN counts once: of the 512 last numbers it is known which were used, and older ones are
refused; five wrong ones in a row suspend top-ups for a quarter of an hour. Not here: more charges for consumption than one, the
meter's own share in agreeing on the secret of its UTRNs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.gsme.payments import KEY
from devices.gsme.zcl import POUND_STERLING
from devices.parts.prepaid import (
    BALANCE_LIMIT,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    PENCE,
    SCALE,
    STANDING,
    TARIFF,
    TOP_UP_LIMIT,
    Prepaid,
    charges,
)
from devices.parts.prepayment_face import PrepaymentFace
from devices.runtime.kernel import DAY, MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import Access
from protocols.dlms.cosem.charge import NO_COMMODITY
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.obis import Obis
from protocols.gbcs import utrn
from protocols.zigbee.clusters.metering import SupplyStatus
from protocols.zigbee.clusters.prepayment import Originator, TopUpResult
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
WRONG_MOST: Final = 5
SUSPENDED: Final = 15 * MIN
WINDOW: Final = 512
"""Numbers of UTRNs that are told apart behind the newest."""
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
        self._newest, mask, self._wrong, self._until = board.nvm.get(_USED, [0, b"", 0, 0])
        self._mask = int.from_bytes(mask, "big")
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
        self.judge = self._utrn
        self.face = PrepaymentFace(firmware, server, self, POUND_STERLING)
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
        if self._newest or self._wrong or self._until:
            kept[_USED] = [self._newest, self._mask.to_bytes(WINDOW // 8, "big"), self._wrong, self._until]
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

    # --- top-ups ---

    def _utrn(self, token: bytes) -> Judgement:
        """What a token is worth: all of it, once, or nothing."""
        self.why = None
        now, config = self._board.rtc.read(), self._firmware.config
        try:
            told = utrn.parse(token.decode("ascii", "replace"))
            amount = told.pence * PENCE
        except RemoteProtocolError:
            return Judgement(TokenStatus.FORMAT_FAILURE)
        if now < self._until <= now + SUSPENDED:
            self.why = TopUpResult.KEYPAD_LOCKED
            return Judgement(TokenStatus.EXECUTION_FAILURE, (b"suspended",))
        back = (self._newest - told.number + WINDOW - 1) % utrn.NUMBERS - (WINDOW - 1)
        number = self._newest - back
        if not utrn.authentic(told, config.utrn_secret, config.utrn_originator, self._board.eui64, max(number, 0)):
            return self._counted_wrong(now)
        if back >= WINDOW or (back >= 0 and self._mask >> back & 1):
            return Judgement(TokenStatus.VALIDATION_FAILURE)
        if not self.prepaid:
            self.why = TopUpResult.ERROR
            return Judgement(TokenStatus.EXECUTION_FAILURE, (b"credit mode",))
        before = self._newest, self._mask, self._wrong, self._until
        if back < 0:
            self._newest, self._mask = number, (self._mask << -back | 1) & (1 << WINDOW) - 1
        else:
            self._mask |= 1 << back
        self._wrong = self._until = 0
        status = self.face.pay(token, amount, Originator.ENERGY_SERVICE_INTERFACE)
        if status is not TokenStatus.EXECUTION_OK:
            self._newest, self._mask, self._wrong, self._until = before
        return Judgement(status)

    def _counted_wrong(self, now: int) -> Judgement:
        self._wrong += 1
        if self._wrong >= WRONG_MOST:
            self._wrong, self._until = 0, now + SUSPENDED
        self._save()
        return Judgement(TokenStatus.AUTHENTICATION_FAILURE)
