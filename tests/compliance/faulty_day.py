"""Ten hours of one home with everything going wrong for eight of them, watched by somebody who looks at every minute.

Air and WAN drop, corrupt, duplicate, delay and reorder; devices lose power, also in the middle of a flash operation; the mains
fail for seconds and minutes, and come back with a wrong voltage. What must hold at every moment is checked as it runs; what can
only be judged afterwards is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import hubfw
from devices import gsme, ihd
from devices.runtime.board import Board
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import HOUR, MIN, MS, S
from protocols.dlms.reading import register
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from tests.compliance.capture import Capture
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

CALM = 8 * HOUR
"""From here on nothing goes wrong."""
END = 10 * HOUR

LOSSES = (
    (40 * MIN, 20 * S),
    (70 * MIN, 179 * S),
    (100 * MIN, 180 * S),
    (130 * MIN, 181 * S),
    (160 * MIN, 600 * MS),
    (161 * MIN, 2 * MIN),
    (190 * MIN, 10 * MIN),
    (300 * MIN, 400 * S),
    (420 * MIN, 1500 * MS),
)
"""Of the mains: when, and for how long."""
LOW = (240 * MIN, 250 * MIN)
"""The mains have 200 V."""
CUTS = (
    ("hub", 25 * MIN, 30 * S),
    ("gsme", 32 * MIN, 4 * MIN),
    ("ihd", 55 * MIN, 15 * MIN),
    ("hub", 265 * MIN, 12 * MIN),
    ("ppmid", 280 * MIN, 2 * MIN),
    ("gsme", 330 * MIN, 45 * S),
    ("hub", 360 * MIN, S),
    ("hub", 361 * MIN, S),
)
"""Of one device's power, without a warning."""
FLASH_CUTS = (("hub", 150 * MIN, 700), ("gsme", 170 * MIN, 300), ("hub", 390 * MIN, 45), ("esme", 395 * MIN, 500))
"""Of one device's power, so many flash operations later."""


def faults(run: Told) -> None:
    """What air and WAN do until the calm."""

    def rules(*kinds: tuple[Effect, float, int]) -> list[Fault]:
        return [Fault(effect, chance=chance, amount=amount, until=CALM) for effect, chance, amount in kinds]

    run.only.air.faults = Faults(run.kernel, "air", rules(
        (Effect.DROP, 0.06, 0), (Effect.CORRUPT, 0.01, 77), (Effect.DUPLICATE, 0.02, 3 * MS),
        (Effect.DELAY, 0.01, 40 * MS), (Effect.REORDER, 0.02, 60 * MS),
    ))  # fmt: skip
    run.net.faults = Faults(run.kernel, "wan", rules((Effect.DROP, 0.05, 0), (Effect.DELAY, 0.05, 2 * S)))


def plan(run: Told) -> None:
    """Put the day's failures on the kernel."""
    kernel = run.kernel
    for at, length in LOSSES:
        kernel.at(at, run.mains.off, length, who="story")
    kernel.at(LOW[0], run.mains.on, 200.0, who="story")
    kernel.at(LOW[1], run.mains.on, 230.0, who="story")
    for name, at, length in CUTS:
        kernel.at(at, run.board(name).cut, length, who="story")
    for name, at, operations in FLASH_CUTS:
        kernel.at(at, run.board(name).cut_at_flash_operation, operations, 20 * S, who="story")
        kernel.at(CALM, run.board(name).flash.cut_after, None, who="story")


@dataclass(frozen=True, slots=True)
class Minute:
    """What was seen at one moment. Snapshot times of the mirror's set and of what the display holds are ns since 1970."""

    now: int
    mirror: int | None
    display: int | None
    litres: int | None
    kwh: Decimal | None


class FaultyDay:
    """The day, told. `minutes` holds a look at every minute."""

    def __init__(self, declared: config.Bench, end: int = END) -> None:
        self.run = Told(declared)
        self.capture = Capture(self.run)
        self.octets: dict[str, int] = {}
        self.leaks: list[tuple[int, str, str]] = []
        self.readings: dict[int, int] = {}
        self.sets: set[frozenset[tuple[int, int]]] = set()
        self.minutes: list[Minute] = []
        self.codes = [identity.install_code for identity in self.run.only.identities.values()]
        self.run.log.subscribe(self._hear)
        commission(self.run)
        head_end = self.run.head_end
        self.electricity = head_end.every(10 * MIN, "esme", lambda client: register(client, "1-0:1.8.0"))
        self.gas = head_end.every(10 * MIN, "gsme", lambda client: register(client, "7-0:3.0.0"))
        faults(self.run)
        plan(self.run)
        while self.run.now < end:
            self.run.run(for_=MIN)
            self.minutes.append(self._look())

    def _hear(self, now: int, who: str, kind: str, data: object) -> None:
        """Secrets nowhere; and the readings that the gas meter takes, when it may be telling them."""
        octets = data if isinstance(data, bytes) else repr(data).encode()
        for secret in (*self.run_secrets(), *self.codes):
            if secret in octets or secret[::-1] in octets or secret.hex().encode() in octets.lower():
                self.leaks.append((now, who, kind))
        if kind == "air.frame" and who.endswith("gsme"):
            firmware = self.run.gsme.firmware
            if isinstance(firmware, gsme.Firmware) and firmware.register.reading.at is not None:
                self.readings[firmware.register.reading.at // S * S] = firmware.register.reading.litres

    def run_secrets(self) -> tuple[bytes, ...]:
        """Keys known so far, as the capture has learnt them."""
        return self.capture.held

    def _look(self) -> Minute:
        hub, display = self.run.hub.firmware, self.run.ihd.firmware
        mirrored = litres = shown = None
        if isinstance(hub, hubfw.Firmware):
            mirror = hub.mirrors.of(self.run.gsme.eui64)
            reading = None if mirror is None else mirror.gas.reading
            if reading is not None:
                self.sets.add(frozenset(reading.values))
                snapshot = reading.get(Metering, Metering.reading_snapshot_time)
                assert isinstance(snapshot, int)
                mirrored = (snapshot + EPOCH) * S
                value = reading.get(Metering, Metering.current_summation_delivered)
                assert isinstance(value, int)
                litres = value
        if isinstance(display, ihd.Firmware):
            seen = display.gas.get(Metering.reading_snapshot_time)
            shown = None if seen is None else (seen + EPOCH) * S
        return Minute(self.run.now, mirrored, shown, litres, self._face())

    def _face(self) -> Decimal | None:
        """Kilowatt-hours on the electricity meter's face."""
        (shown, *_) = [line.split()[1] for line in self.run.screen("esme") if line.startswith("IMPORT")] or [None]
        return None if shown is None else Decimal(shown)

    def board(self, name: str) -> Board:
        """A device."""
        return self.run.board(name)
