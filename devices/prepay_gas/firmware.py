"""The firmware: measures, reports each half hour, takes the hub's cut-off in answer, and works the valve by `rules`.

At a report the meter stays awake for a moment, for what else the hub has to say: six messages, and no other. A report that is not
answered is a half hour without contact. Between reports it sleeps, and still closes at the cut-off to the litre. The buttons are
`emergency`, `wake` (report now), ten digits and `ok` for a reopening code; the display shows the reading with its check digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from devices.parts.demand import Demand, gas
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.integrator import Integrator
from devices.parts.network_clock import NetworkClock
from devices.parts.screen import line
from devices.prepay_gas.config import Config
from devices.prepay_gas.rules import Rules
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import Timer
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.cluster import HubPrepayment, Valve
from protocols.zigbee.node import NodeType
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

S: Final = 1_000_000_000
HALF_HOUR: Final = 1800 * S
LISTEN: Final = 2 * S
"""After a report."""
MOST_OFFSET: Final = 60
DEVICE: Final = 0x0501
ON_BATTERY: Final = 3
CUBIC_METRE: Final = 1_000
COORDINATOR: Final = 0x0000
_RULES, _INDEX, _EXCHANGE, _COUNTED = "prepay/rules", "prepay/index", "prepay/exchange", "prepay/half-hour"


class Firmware(firmware.Firmware):
    """The board has a radio, a battery, a display and a keypad."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.answered = 0
        """Reports that the hub has answered since boot."""

    def boot(self, why: Reset) -> None:
        board, config = self.board, self.config
        stored = board.nvm.get(_RULES)
        self.rules = Rules() if stored is None else Rules.from_plain(stored)
        index = board.nvm.get(_INDEX, [config.start_litres, 0])
        self._flow = Integrator(self.now, *index)
        self._demand = Demand(gas(config.kwh_a_year), board.rng("gas"))
        self._level = 0
        self._warned = False
        self._crossing: Timer | None = None
        self._typed = ""
        self._waking = False
        self._endpoint: int | None = None
        self.han = Han(self, replace(config.node(board.eui64, NodeType.SLEEPY_END_DEVICE), mains_powered=False))
        self.clock = NetworkClock(self.han)
        endpoint = Endpoint(1, DEVICE)
        endpoint.serve(Basic, config.basic(ON_BATTERY))
        server = endpoint.serve(HubPrepayment)
        server.on(HubPrepayment.ReadVolume, lambda command, request: HubPrepayment.Volume(self.volume))
        server.on(HubPrepayment.ReadCutOff, lambda command, request: HubPrepayment.CutOff(self.rules.cut_off, self.rules.left))
        server.on(HubPrepayment.ReadPrepayStatus, lambda command, request: self._status())
        server.on(HubPrepayment.WriteCutOff, lambda command, request: self._for_hub(request, lambda: self._written(command)))
        server.on(HubPrepayment.OpenValve, lambda command, request: self._for_hub(request, lambda: self._ordered(Valve.OPEN)))
        server.on(HubPrepayment.CloseValve, lambda command, request: self._for_hub(request, lambda: self._ordered(Valve.CLOSED)))
        endpoint.use(Time)
        if config.credentials:
            self.han.certify(endpoint, config.credentials)
        self.han.add(endpoint)
        board.buttons.on_press = self._pressed
        self._counted: int | None = board.nvm.get(_COUNTED)
        """The half hour of the last contact, or that was counted last without."""
        self._count()
        self._next_level()
        self.spawn(self._attach())
        self.spawn(self._live())
        self._show()

    @property
    def volume(self) -> int:
        """Litres up to now."""
        return self._flow.total(self.now)

    @property
    def commissioned(self) -> bool:
        """It has joined, and the hub has answered a report."""
        return self.answered > 0

    @property
    def exchange(self) -> int:
        """The number of the next reading that a person carries."""
        number: int = self.board.nvm.get(_EXCHANGE, 0)
        return number

    # --- gas ---

    def _next_level(self) -> None:
        level = self._demand.next(self.board.rtc.read())
        self._level = level.value
        self._look()
        self.after(level.duration, self._next_level)

    def _look(self) -> None:
        """The valve by its rules, the flow by the valve, and when to look again: when the cut-off, or the warning, is reached."""
        volume, closed = self.volume, self.rules.look(self.volume)
        if closed:
            self._keep("closed at the cut-off")
        self._flow.set(self._level if self.rules.valve is Valve.OPEN else 0, self.now)
        near = volume + self.config.low_credit_litres >= self.rules.cut_off
        if near and not self._warned:
            self._warned = True
            self.spawn(self._warn())
        elif not near:
            self._warned = False
        if self._crossing is not None:
            self._crossing.cancel()
            self._crossing = None
        goals = [goal for goal in (self.rules.cut_off, self.rules.cut_off - self.config.low_credit_litres) if goal > volume]
        if goals and self._flow.level:
            litres = min(goals) - volume
            self._crossing = self.after(-(-litres * 3600 * S // self._flow.level), self._look)
        self._show()

    def _keep(self, what: str) -> None:
        """State and register in one transaction."""
        kept = {_RULES: self.rules.plain(), _INDEX: list(self._flow.state(self.now)), _COUNTED: self._counted}
        self.board.nvm.put(kept)
        rules = self.rules
        self.board.log("prepay.meter", {
            "what": what, "volume": self.volume, "cut_off": rules.cut_off, "left": rules.left, "valve": rules.valve.name,
        })  # fmt: skip

    # --- the hub ---

    def _count(self) -> None:
        """Half hours are over since contact, or since the last one that was counted: nobody has heard of them."""
        over = 0 if self._counted is None else self._number - self._counted
        for _ in range(min(over, self.rules.left + 1)):
            self.rules.half_hour_without_contact()
        if over > 0:
            self._counted = self._number
            self._keep("no contact")

    @property
    def _number(self) -> int:
        """Of the half hour."""
        return self.board.rtc.read() // HALF_HOUR

    async def _attach(self) -> None:
        await self.han.join()
        self._endpoint = await self._find()
        await self._report(counted=False)

    async def _live(self) -> None:
        """Each half hour, whether there is a network or not."""
        while True:
            offset = self.board.eui64 % MOST_OFFSET * S
            await self.sleep(self.board.rtc.when_multiple(HALF_HOUR) + offset - self.now)
            if self._endpoint is not None and not self._waking:
                await self._report()
            else:
                self._count()
                self._look()

    async def _find(self) -> int:
        while True:
            try:
                found = await self.han.match([HubPrepayment.id], served=False, destination=HUB)
                await self.clock.synchronise()
                if found:
                    return found[0][1]
            except (NoAnswer, Refused):
                pass
            await self.sleep(60 * S)

    async def _report(self, *, counted: bool = True) -> None:
        """Tell the volume. What answers it is contact; nothing is a half hour without, where it is `counted`."""
        assert self._endpoint is not None
        self._waking = True
        self.board.nvm.put({_INDEX: list(self._flow.state(self.now))})  # what the hub was told is never more than what is kept
        try:
            report = HubPrepayment.Report(self.volume, int(self.rules.valve))
            answer = await self.han.request(HUB, self._endpoint, report, HubPrepayment.WriteCutOff)
        except (NoAnswer, Refused):
            if counted:
                self._count()
            self._look()
        else:
            self.answered += 1
            self._written(answer)
            self.han.apply(self.han.stack.stay_awake(self.now + LISTEN, self.now))
        finally:
            self._waking = False

    async def _warn(self) -> None:
        if self._endpoint is None:
            self._warned = False
            return
        try:
            await self.han.tell(HUB, self._endpoint, HubPrepayment.LowCredit(self.volume, self.rules.cut_off))
        except NoAnswer:
            self._warned = False

    def _written(self, command: HubPrepayment.WriteCutOff) -> Outcome:
        self._counted = self._number
        opened = self.rules.written(command.cut_off, command.delay, self.volume)
        self._keep("opened by credit" if opened else "cut-off")
        self._look()
        return Status.SUCCESS

    def _ordered(self, valve: Valve) -> Outcome:
        self.rules.ordered(valve)
        self._keep(f"ordered {valve.name.lower()} by the hub")
        self._look()
        return Status.SUCCESS

    @staticmethod
    def _for_hub(request: Request, act: Callable[[], Outcome]) -> Outcome:
        return act() if request.message.source == COORDINATOR else Status.NOT_AUTHORIZED

    def _status(self) -> Outcome:
        return HubPrepayment.PrepayStatus(self.volume, self.rules.cut_off, int(self.rules.valve))

    # --- people ---

    def _pressed(self, button: str) -> None:
        if button == "wake":
            if self._endpoint is not None and not self._waking:
                self.spawn(self._report(counted=False))
        elif button == "emergency":
            refused = self.rules.press()
            self._keep(
                "opened by the emergency button" if refused is None else f"does nothing at the emergency button, {refused.value}"
            )
            self._look()
        elif button == "ok":
            self._enter(self._typed)
            self._typed = ""
        else:
            self._typed = (self._typed + button)[-codes.REOPEN_DIGITS :]
        self._show()

    def _enter(self, digits: str) -> None:
        """A reopening code: it is good for the reading on the display, once."""
        volume, exchange = self.volume, self.exchange
        try:
            cubic_metres = codes.open_reopening(self.config.code_key, digits, volume, exchange)
        except RemoteProtocolError as error:
            self.board.log("prepay.code-refused", {"reason": str(error)})
            return
        self.rules.granted(volume + cubic_metres * CUBIC_METRE)
        self.board.nvm.put({_EXCHANGE: exchange + 1, _RULES: self.rules.plain(), _INDEX: list(self._flow.state(self.now))})
        self._keep("opened by a code")
        self._look()

    def _show(self) -> None:
        rules, volume = self.rules, self.volume
        carried = codes.reading(self.config.code_key, volume, self.exchange)
        self.board.display.show([
            line("GAS", f"{volume / CUBIC_METRE:.3f} m3"),
            line("valve", rules.valve.name.lower()),
            line("hub", "in contact" if rules.contact else f"silent, {rules.left / 2:g} h left"),
            line("reading", f"{carried[:8]} {carried[8:]}"),
            line("code", self._typed),
        ])  # fmt: skip
