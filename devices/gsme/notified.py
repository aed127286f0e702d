"""What the gas meter does about the flags that its mirror's answer carries (GB; SE 1.4 annex D.3.3.3).

It acts on firmware, new keys, the wish that it stays awake, attributes to be pushed, messages in the tunnel, snapshots, samples,
orders for the valve, its site, its customer and its account, and on the logs of prepayment; and on the time, as any mirrored meter
may. Flags of prices and calendars are raised by a hub that publishes for gas, and fetch what it publishes; in GB, where that comes
as messages, none is. The other flags of device management it ignores.

Each row is done after the one before, and a hub that does not answer stops none of the next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from devices.gsme import rates
from devices.parts.han import HUB, NoAnswer, Refused
from devices.parts.sub_ghz import HUB_ENDPOINT
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import WORD, Flag, Functional, ManagementCommand, PrepaymentCommand
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.sub_ghz.channels import channels
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.foundation import ReadAttributes, ReadAttributesResponse

if TYPE_CHECKING:
    from devices.gsme.firmware import Firmware

STAY: Final = 20 * S
"""It stays awake so long before it asks whether it still should, and for a key that is on its way."""
LONGEST_STAY: Final = 5 * MIN
"""Whatever the hub wishes: the cell has to last."""
MOVES: Final = 30 * S
GIVEN: Final = 2 * S
"""Awake so long for a command that it fetches."""

PUSH: Final = (
    Functional.PUSH_HISTORICAL_METERING_DATA
    | Functional.PUSH_HISTORICAL_PREPAYMENT_DATA
    | Functional.PUSH_STATIC_BASIC
    | Functional.PUSH_STATIC_METERING
    | Functional.PUSH_STATIC_PREPAYMENT
)
AWAKE: Final = Functional.STAY_AWAKE_REQUEST_HAN | Functional.STAY_AWAKE_REQUEST_WAN
FETCHED: Final = Functional.GET_SNAPSHOT | Functional.GET_SAMPLED_DATA
SUPPLY: Final = Functional.CHANGE_SUPPLY | Functional.LOCAL_CHANGE_SUPPLY | Functional.SET_UNCONTROLLED_FLOW_THRESHOLD
"""The last of these stands for Set Supply Status, too: GB sends both together."""
IDENTITY: Final = ManagementCommand.UPDATE_SITE_ID | ManagementCommand.UPDATE_CIN
ACCOUNT: Final = (
    PrepaymentCommand.SELECT_AVAILABLE_EMERGENCY_CREDIT
    | PrepaymentCommand.CHANGE_DEBT
    | PrepaymentCommand.EMERGENCY_CREDIT_SETUP
    | PrepaymentCommand.CONSUMER_TOP_UP
    | PrepaymentCommand.CREDIT_ADJUSTMENT
    | PrepaymentCommand.CHANGE_PAYMENT_MODE
    | PrepaymentCommand.SET_LOW_CREDIT_WARNING_LEVEL
    | PrepaymentCommand.SET_MAXIMUM_CREDIT_LIMIT
    | PrepaymentCommand.SET_OVERALL_DEBT_CAP
)
LOGS: Final = PrepaymentCommand.GET_PREPAY_SNAPSHOT | PrepaymentCommand.GET_TOP_UP_LOG | PrepaymentCommand.GET_DEBT_REPAYMENT_LOG


class Row(NamedTuple):
    """What is done about these flags; `act` is given those of them that are set."""

    flags: Flag
    act: Callable[[Firmware, int], Awaitable[object]]


async def act(meter: Firmware, words: Sequence[int], rows: Sequence[Row]) -> None:
    """Do what the flags in these words ask for, as far as these rows do."""
    for row in rows:
        word = WORD[type(row.flags)]
        flags = words[word] & row.flags if word < len(words) else 0
        if flags:
            try:
                await row.act(meter, flags)
            except (NoAnswer, Refused) as reason:
                meter.board.log("gsme.not-done", {"flags": flags, "word": word, "reason": str(reason)})


async def _key_is_coming(meter: Firmware, flags: int) -> None:
    with meter.han.awake:
        await meter.sleep(STAY)


async def _fetch_command(meter: Firmware, flags: int, word: int = 0) -> None:
    """Each flag's own command comes to the cluster's server, and is answered there."""
    if meter.mirror is not None:
        fetch = Metering.GetNotifiedMessage(meter.scheme, word, flags)
        with meter.han.awake:
            await meter.han.tell(HUB, meter.mirror, fetch)
            await meter.sleep(GIVEN)


async def _fetch_order(meter: Firmware, flags: int) -> None:
    """The mirror has the outcome in the same wake."""
    before = meter.valve.shown
    await _fetch_command(meter, flags)
    if meter.valve.shown != before:
        await meter.push()


async def _fetch_log(meter: Firmware, flags: int) -> None:
    await _fetch_command(meter, flags, WORD[PrepaymentCommand])


async def _fetch_payment(meter: Firmware, flags: int) -> None:
    """An account that there was, or is now, is in the mirror in the same wake."""
    await _fetch_command(meter, flags, WORD[PrepaymentCommand])
    if meter.payments is not None and meter.payments.account is not None:
        await meter.push()


async def _fetch_identity(meter: Firmware, flags: int) -> None:
    before = meter.identity.site, meter.identity.customer
    await _fetch_command(meter, flags, WORD[ManagementCommand])
    if (meter.identity.site, meter.identity.customer) != before:
        await meter.push()


async def _stay_awake(meter: Firmware, flags: int) -> None:
    """Until the hub withdraws its wish."""
    end = meter.now + LONGEST_STAY
    with meter.han.awake:
        while flags and meter.mirror is not None and meter.now < end:
            await meter.sleep(STAY)
            flags &= await _functional(meter, meter.mirror)


async def _functional(meter: Firmware, mirror: int) -> int:
    """The mirror's functional flags, which are on the client side of its cluster. Raises NoAnswer, Refused."""
    attribute = Metering.functional_notification_flags
    question = ReadAttributes([attribute.id])
    answer = await meter.han.ask(HUB, mirror, Metering, question, ReadAttributesResponse, to=CLIENT)
    value = answer.records[0].value if answer.records else None
    return value.value if value is not None and isinstance(value.value, int) else 0


async def _follow(meter: Firmware, flags: int) -> None:
    """The hub's radio below 1 GHz goes to another channel half a minute after it was asked which."""
    attribute = SubGhz.sub_ghz_channel_change
    told = (await meter.han.read(HUB, HUB_ENDPOINT, SubGhz, [attribute])).get(attribute)
    if told:
        (page, channel), *_ = channels(told)
        await meter.sleep(MOVES)
        meter.han.apply(meter.han.stack.tune(page, channel, meter.now))


ROWS: Final = (
    Row(rates.PRICES, lambda meter, flags: meter.rates.wanted()),
    Row(rates.CALENDARS, lambda meter, flags: meter.rates.wanted()),
    Row(Functional.TIME_SYNC, lambda meter, flags: meter.synchronise()),
    Row(Functional.NETWORK_KEY_ACTIVE, _key_is_coming),
    Row(Functional.CBKE_UPDATE_REQUEST, lambda meter, flags: meter.han.renew_certified_key()),
    Row(Functional.TUNNEL_MESSAGE_PENDING, lambda meter, flags: meter.messages.fetch()),
    Row(FETCHED, _fetch_command),
    Row(ACCOUNT, _fetch_payment),
    Row(LOGS, _fetch_log),
    Row(SUPPLY, _fetch_order),
    Row(IDENTITY, _fetch_identity),
    Row(PUSH, lambda meter, flags: meter.push()),
    Row(Functional.NEW_OTA_FIRMWARE, lambda meter, flags: meter.update.look()),
    Row(AWAKE, _stay_awake),
    Row(Functional.CHANNEL_CHANGE_PENDING, _follow),
)
_MINIMAL: Final = Functional.TIME_SYNC | Functional.NETWORK_KEY_ACTIVE | Functional.CBKE_UPDATE_REQUEST | FETCHED | SUPPLY | PUSH
MINIMAL: Final = tuple(row for row in ROWS if isinstance(row.flags, Functional) and row.flags & (_MINIMAL | AWAKE))
"""Of a meter that is a counter with radio and valve, which is told of no more than the functional flags (scheme A)."""
