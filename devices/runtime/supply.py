"""Where a board's power comes from: the mains with an optional hold-up reserve, or a battery.

A supply tells its board, as events of the kernel: power fails, returns, is off, is on, has another voltage. Voltages are volts
as a meter would measure them. What switched appliances draw and plants deliver is told in watts; no currents, no inrush. A battery
is full until it is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from devices.runtime.kernel import Kernel, Timer
from devices.runtime.tails import Tails


class Powered(Protocol):
    """What a supply feeds (a `board.Board`)."""

    name: str

    def power_on(self) -> None: ...
    def power_off(self) -> None: ...
    def power_fail(self) -> None: ...
    def power_return(self) -> None: ...
    def voltage_changed(self) -> None: ...


class Supply(Protocol):
    """What a board is fed from. `live`: current can be drawn from outside now; `volts` is 0.0 when not."""

    @property
    def live(self) -> bool: ...
    @property
    def volts(self) -> float: ...
    @property
    def circuit(self) -> Mains | None:
        """The premises' mains behind it, if it is fed from them: what a meter there measures."""
        ...

    @property
    def hold_up_left(self) -> int:
        """How long the board would go on if the supply went now, or since it went, ns."""
        ...

    def connect(self, board: Powered) -> None:
        """Feed this board from now on; one board a supply."""
        ...


class Mains:
    """The supply of one premises. Live from the start unless `volts` is 0."""

    def __init__(self, kernel: Kernel, name: str = "mains", volts: float = 230.0) -> None:
        self.kernel = kernel
        self.name = name
        self._volts = volts
        self._nominal = volts or 230.0
        self._restore: Timer | None = None
        self._watchers: list[Callable[[float, float], object]] = []
        self._drawn: dict[str, int] = {}
        self._meters: dict[str, Callable[[], object]] = {}
        self._plants: dict[str, int] = {}
        self._tails: dict[str, Tails] = {}

    @property
    def drawn(self) -> int:
        """W that switched appliances would draw of a live supply."""
        return sum(self._drawn.values())

    def draw(self, appliance: str, watts: int) -> None:
        """An appliance draws so much from now on."""
        if self._drawn.get(appliance, 0) != watts:
            self._drawn[appliance] = watts
            self._reckon()

    @property
    def generated(self) -> int:
        """W that plants behind the meters deliver: nothing without the network, as their inverters stop on an island."""
        return sum(self._plants.values()) if self.live and all(each.carries for each in self._tails.values()) else 0

    def generate(self, plant: str, watts: int) -> None:
        """A plant would deliver so much from now on."""
        if self._plants.get(plant, 0) != watts:
            self._plants[plant] = watts
            self._reckon()

    def tails(self, meter: str) -> Tails:
        """What lies behind a meter."""
        found = self._tails.get(meter)
        if found is None:
            found = self._tails[meter] = Tails(self.kernel, f"{meter}.tails", self._reckon)
        return found

    def _reckon(self) -> None:
        for changed in self._meters.values():
            changed()

    def measure(self, meter: str, changed: Callable[[], object]) -> None:
        """Call `changed` whenever something flows otherwise, in place of what this meter gave before."""
        self._meters[meter] = changed

    @property
    def volts(self) -> float:
        """Volts now; 0.0 while interrupted."""
        return self._volts

    @property
    def live(self) -> bool:
        return self._volts > 0

    def off(self, for_ns: int | None = None) -> None:
        """Interrupt the supply, for a time or until `on`. A later call overrides an earlier one's end."""
        self._change(0.0)
        if for_ns is not None:
            self._restore = self.kernel.after(for_ns, self.on, who=self.name)

    def on(self, volts: float | None = None) -> None:
        """Restore the supply, at a voltage or at the one it last had."""
        self._change(self._nominal if volts is None else volts)

    def watch(self, watcher: Callable[[float, float], object]) -> None:
        """Call `watcher(before, after)` in volts, as an event of its own, at each change."""
        self._watchers.append(watcher)

    def _change(self, volts: float) -> None:
        if self._restore is not None:
            self._restore.cancel()
            self._restore = None
        before, self._volts = self._volts, volts
        if volts > 0:
            self._nominal = volts
        if volts == before:
            return
        self.kernel.log.emit(self.name, "mains", {"volts": volts})
        for watcher in self._watchers:
            self.kernel.at(self.kernel.now, watcher, before, volts, who=self.name)


class MainsSupply:
    """A power supply unit on the mains, with a reserve that lasts `hold_up_ns` when full.

    A reserve that was drawn upon fills again in `recharge_ns` from empty (0: at once), so frequent dips can exhaust it.
    """

    def __init__(self, mains: Mains, hold_up_ns: int = 0, recharge_ns: int = 0) -> None:
        self.mains = mains
        self.hold_up_ns = hold_up_ns
        self.recharge_ns = recharge_ns
        self._board: Powered | None = None
        self._reserve = hold_up_ns if mains.live else 0
        self._since = mains.kernel.now
        self._end: Timer | None = None

    @property
    def live(self) -> bool:
        return self.mains.live

    @property
    def volts(self) -> float:
        """Volts of the mains."""
        return self.mains.volts

    @property
    def circuit(self) -> Mains:
        return self.mains

    @property
    def hold_up_left(self) -> int:
        elapsed = self.mains.kernel.now - self._since
        if not self.mains.live:
            return max(0, self._reserve - elapsed)
        gained = elapsed * self.hold_up_ns // self.recharge_ns if self.recharge_ns else self.hold_up_ns
        return min(self.hold_up_ns, self._reserve + gained)

    def spend(self, ns: int) -> bool:
        """Take from the reserve what the board's usual draw takes in `ns`, beside that draw; the mains have enough for both.

        False: there was less, and now there is nothing.
        """
        if self._board is None or self._end is None or not self._end.pending:
            return True
        self._account(was_live=False)
        enough = self._reserve >= ns
        self._reserve = max(0, self._reserve - ns)
        self._end.cancel()
        self._end = self.mains.kernel.after(self._reserve, self._board.power_off, who=self._board.name)
        return enough

    def connect(self, board: Powered) -> None:
        self._board = board
        self.mains.watch(self._changed)
        if self.live:
            self.mains.kernel.at(self.mains.kernel.now, self._start, who=board.name)

    def _start(self) -> None:
        if self._board is not None and self.live:
            self._board.power_on()

    def _changed(self, before: float, after: float) -> None:
        board = self._board
        if board is None:
            return
        kernel = self.mains.kernel
        if before > 0 and after > 0:
            board.voltage_changed()
        elif after > 0:
            self._account(was_live=False)
            if self._end is not None and self._end.pending:
                self._end.cancel()
                board.power_return()
            else:
                board.power_on()
        else:
            self._account(was_live=True)
            if self._reserve > 0:
                self._end = kernel.after(self._reserve, board.power_off, who=board.name)
                board.power_fail()
            else:
                board.power_off()

    def _account(self, *, was_live: bool) -> None:
        """Bring the reserve up to date at a change of the mains."""
        now = self.mains.kernel.now
        elapsed, self._since = now - self._since, now
        if not was_live:
            self._reserve = max(0, self._reserve - elapsed)
        elif self.recharge_ns:
            self._reserve = min(self.hold_up_ns, self._reserve + elapsed * self.hold_up_ns // self.recharge_ns)
        else:
            self._reserve = self.hold_up_ns


class Battery:
    """A primary cell. Taking it out is a power-off without warning."""

    def __init__(self, kernel: Kernel, volts: float = 3.6, *, inserted: bool = True) -> None:
        self.kernel = kernel
        self.live = inserted
        self._volts = volts
        self._board: Powered | None = None

    @property
    def volts(self) -> float:
        return self._volts if self.live else 0.0

    @property
    def circuit(self) -> None:
        return None

    @property
    def hold_up_left(self) -> int:
        return 0

    def connect(self, board: Powered) -> None:
        self._board = board
        if self.live:
            self.insert()

    def insert(self) -> None:
        """Put the battery in (or switch the device on)."""
        self.live = True
        if self._board is not None:
            self.kernel.at(self.kernel.now, self._board.power_on, who=self._board.name)

    def remove(self) -> None:
        """Take the battery out (or switch the device off)."""
        self.live = False
        if self._board is not None:
            self.kernel.at(self.kernel.now, self._board.power_off, who=self._board.name)
