"""A radio cell for ZigBee tests: stacks on the bench's own air and virtual clock, and everything they said."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeVar

from devices.runtime.air import Air, OnAir, Transceiver
from devices.runtime.kernel import Kernel, Timer
from protocols.core.effects import Effect
from protocols.zigbee.node import Configure, Joined, Measure, NodeConfig, NodeType, S, Transmit, TxStatus
from protocols.zigbee.stack import Stack

_E = TypeVar("_E", bound=Effect)

INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
HUB, METER, DISPLAY, GAS = 0x00DB000000000001, 0x00DB000000000002, 0x00DB000000000003, 0x00DB000000000004


class CountersInMemory:
    """Outgoing frame counters that outlive their stack, as reserve-ahead storage does."""

    def __init__(self) -> None:
        self.values: defaultdict[str, int] = defaultdict(int)

    def next(self, name: str) -> int:
        self.values[name] += 1
        return self.values[name]

    def restart(self) -> None:
        """What was left of the reservations is skipped."""
        for name, value in self.values.items():
            self.values[name] = -(-value // 1024) * 1024


class Station:
    """One stack on its radio."""

    def __init__(self, cell: Cell, name: str, config: NodeConfig) -> None:
        self.cell = cell
        self.name = name
        self.config = config
        self.counters = CountersInMemory()
        self.radio: Transceiver = cell.air.radio(name, 1.0 * len(cell.stations), 0.0)
        self.effects: list[Effect] = []
        self.timer: Timer | None = None
        self.stack = self.power_on()

    def power_on(self) -> Stack:
        """A fresh stack: RAM is gone, counters are not."""
        self.radio.reset()
        self.counters.restart()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.stack = Stack(self.config, self.cell.kernel.rng(self.name), self.counters)
        self.radio.on_receive = self._receive
        self.radio.on_confirm = self._confirm
        self.radio.on_energy = lambda level: self.do(self.stack.measured(level, self.cell.kernel.now))
        return self.stack

    def _receive(self, psdu: bytes, lqi: int) -> None:
        self.do(self.stack.receive(psdu, self.cell.kernel.now, lqi))

    def _confirm(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        self.do(self.stack.confirm(handle, status, frame_pending, self.cell.kernel.now))

    def _expire(self) -> None:
        self.timer = None
        self.do(self.stack.expire(self.cell.kernel.now))

    def do(self, effects: list[Effect]) -> None:
        """Carry out effects for the radio, keep the others."""
        for effect in effects:
            if isinstance(effect, Transmit):
                self.radio.transmit(effect.handle, effect.psdu, indirect=effect.indirect)
            elif isinstance(effect, Measure):
                self.radio.measure(channel=effect.channel, duration=effect.duration)
            elif isinstance(effect, Configure):
                self.radio.configure(
                    channel=effect.channel,
                    pan_id=effect.pan_id,
                    short=effect.short,
                    eui64=self.config.eui64,
                    rx_on_when_idle=effect.rx_on_when_idle,
                )
            else:
                self.effects.append(effect)
                self.cell.told_ever[self.name].append(effect)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        deadline = self.stack.deadline
        if deadline is not None:
            self.timer = self.cell.kernel.at(max(deadline, self.cell.kernel.now), self._expire, who=self.name)

    def told(self, kind: type[_E]) -> list[_E]:
        """What the stack told its firmware, of one kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def send(self, destination: int, payload: bytes, *, link_key: bool = False, ack: bool = True) -> int:
        """Metering cluster, endpoint 1 to 1."""
        handle, effects = self.stack.send(
            destination, 0x0109, 0x0702, 1, 1, payload, link_key=link_key, ack=ack, now=self.cell.kernel.now
        )
        self.do(effects)
        return handle


class Cell:
    """Stations on one air. `on_air` is every PSDU that was sent, acknowledgements too; `told_ever` what each station said."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed="zigbee")
        self.air = Air(self.kernel)
        self.stations: list[Station] = []
        self.link_status: int | None = None
        self.channels: tuple[int, ...] = (11,)
        self.on_air: list[OnAir] = []
        self.told_ever: defaultdict[str, list[Effect]] = defaultdict(list)
        self.kernel.log.subscribe(self._heard)

    def _heard(self, now: int, who: str, kind: str, data: object) -> None:
        if kind == "air.frame" and isinstance(data, bytes):
            self.on_air.append(OnAir.unpack(data))

    def station(self, name: str, config: NodeConfig) -> Station:
        """A powered node."""
        station = Station(self, name, config)
        self.stations.append(station)
        return station

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.kernel.run_until(self.kernel.now + int(seconds * S))

    def hub(self) -> Station:
        """A formed coordinator on channel 11."""
        hub = self.station(
            "hub", NodeConfig(HUB, NodeType.COORDINATOR, channels=self.channels, link_status_period=self.link_status)
        )
        hub.do(hub.stack.form(self.kernel.now))
        return hub

    def device(self, name: str, eui64: int, kind: NodeType, code: bytes = INSTALL_CODE) -> Station:
        """A powered node that has not joined."""
        config = NodeConfig(eui64, kind, install_code=code, channels=self.channels, link_status_period=self.link_status)
        return self.station(name, config)

    def admit(self, hub: Station, device: Station) -> Station:
        """Enter a device into the hub's log and let it join."""
        hub.stack.trust_centre.add(device.config.eui64, INSTALL_CODE)
        hub.do(hub.stack.permit(60, self.kernel.now))
        device.do(device.stack.join(self.kernel.now))
        self.run(5)
        assert device.told(Joined), (device.effects, device.stack.drops, hub.stack.drops)
        return device

    def restart(self, station: Station, state: dict[str, object]) -> None:
        """Power cycle: a new stack that resumes from what was stored."""
        station.power_on()
        station.do(station.stack.resume(state, self.kernel.now))

    def home(self) -> dict[str, Station]:
        """A joined hub, meter (router), display (rx-on) and gas meter (sleepy)."""
        hub = self.hub()
        kinds = {
            "meter": (METER, NodeType.ROUTER),
            "display": (DISPLAY, NodeType.END_DEVICE),
            "gas": (GAS, NodeType.SLEEPY_END_DEVICE),
        }
        return {"hub": hub} | {name: self.admit(hub, self.device(name, *kind)) for name, kind in kinds.items()}
