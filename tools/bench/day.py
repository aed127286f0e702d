"""The demo's story: one winter day in one home, as a task of the kernel.

Commissioning, half-hour reads, gas through the mirror, a two-minute interruption, a ten-minute outage, an engineer's visit,
a hub that loses power. Every step is something a user can write in plain Python (`Run.kernel.spawn`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from devices.runtime.kernel import DAY, HOUR, MIN, S
from hubfw.sap_table import FIRST_METER, GAS
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.client import Client, Procedure
from protocols.dlms.reading import Quantity, register
from tools.bench import config, device_config
from tools.bench.run import Run
from tools.headend.head_end import Schedule
from tools.headend.notices import FirstBreath, LastGasp

LENGTH = DAY
BENCH = config.Bench(
    name="home",
    seed=7,
    home=[
        config.Home(
            device=[
                device_config.Hub(),
                device_config.Esme(at=(0.3, 0.0)),
                device_config.Gsme(at=(6.0, 2.0)),
                device_config.Ihd(at=(8.0, -3.0)),
                device_config.Ppmid(at=(5.0, -4.0)),
                device_config.Hht(),
            ]
        )
    ],
)
"""The demo's bench; fixtures/benches/home.toml says the same with comments."""
IMPORT = "1-0:1.8.0"
GAS_VOLUME = "7-0:3.0.0"

Say = Callable[[str, str], object]
"""Tell the timeline: who, what."""


@dataclass(slots=True)
class Day:
    """The story on a run. `start` before the run; everything it found is here after it."""

    run: Run
    say: Say
    electricity: Schedule[Quantity] | None = None
    gas: Schedule[Quantity] | None = None
    visit: dict[str, object] | None = None
    faces: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def start(self) -> None:
        """Put the story on the kernel."""
        self.run.kernel.spawn(self._tell(), who="story")

    async def _tell(self) -> None:
        run, kernel, mains = self.run, self.run.kernel, self.run.mains
        while not run.commissioned:
            await kernel.sleep(S)
        self.say("home", "commissioned: every device has joined and the gas mirror is full")
        hub = run.hub.name
        self.electricity = run.head_end.schedule(30 * MIN, hub, FIRST_METER, _import, first=30 * MIN + 30 * S)
        self.gas = run.head_end.schedule(30 * MIN, hub, GAS, _gas, first=30 * MIN + 45 * S)

        await self._at(7 * HOUR + 30 * MIN)
        self.say("dcc", f"has read electricity {_last(self.electricity)}, gas {_last(self.gas)}")
        self._look("ihd")
        self._look("ppmid")

        await self._at(9 * HOUR)
        self.say("mains", "interrupted for two minutes: too short to be an outage")
        mains.off(2 * MIN)
        await self._at(9 * HOUR + 10 * MIN)
        self.say("dcc", f"has heard {len(run.head_end.received)} notices")

        await self._at(11 * HOUR)
        self.say("mains", "interrupted for ten minutes")
        mains.off(10 * MIN)

        await self._at(14 * HOUR)
        await self._engineer()

        await self._at(17 * HOUR)
        self.say("hub", "loses power for a minute, and nobody else does")
        run.hub.cut(off_for=MIN)
        await self._at(17 * HOUR + 10 * MIN)
        await self._read("electricity", FIRST_METER, IMPORT)
        await self._at(22 * HOUR)
        await self._read("gas", GAS, GAS_VOLUME)

    async def _at(self, when: int) -> None:
        await self.run.kernel.sleep(max(when - self.run.kernel.now, 0))

    def _look(self, device: str) -> None:
        self.faces[device] = self.run.screen(device)

    async def _engineer(self) -> None:
        visit = self.run.visit()
        self.say("engineer", "puts the hand-held terminal on the electricity meter")
        for _ in range(120):
            await self.run.kernel.sleep(S)
            if visit.report is not None:
                self.visit = visit.report
                break
        self.faces["hht"] = self.run.screen("hht")
        visit.end()
        self.say("engineer", "leaves" if self.visit else "leaves: the terminal read nothing")

    async def _read(self, what: str, sap: int, name: str) -> None:
        try:
            value = await self.run.head_end.ask(self.run.hub.name, sap, lambda client: register(client, name))
        except RemoteProtocolError as error:
            self.say("dcc", f"could not read {what}: {error}")
        else:
            self.say("dcc", f"reads {what}: {value}")

    def problems(self) -> list[str]:
        """What the day should have shown and did not, for the exit code; empty when all is well."""
        head_end = self.run.head_end
        found = {
            "half-hour electricity reads": (40, len(self.electricity.answers) if self.electricity else 0),
            "half-hour gas reads": (40, len(self.gas.answers) if self.gas else 0),
            "a whole report of the engineer's visit": (1, int(self.visit is not None and "errors" not in self.visit)),
        }
        lines = [f"{what}: {count}, expected at least {least}" for what, (least, count) in found.items() if count < least]
        for kind in (LastGasp, FirstBreath):
            count = len(head_end.notices(kind))
            if count != 1:
                lines.append(f"{kind.__name__} notices: {count}, expected 1")
        return lines


def _last(schedule: Schedule[Quantity]) -> str:
    answers = schedule.answers
    return f"{len(answers)} times, last {answers[-1][1]}" if answers else "never"


def _import(client: Client) -> Procedure[Quantity]:
    return register(client, IMPORT)


def _gas(client: Client) -> Procedure[Quantity]:
    return register(client, GAS_VOLUME)
