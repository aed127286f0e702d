"""Days of a home where one frame in twenty is lost, and a stranger in the bushes says again what it heard an hour ago.

`python -m tests.sim.bad_radio DAYS` lives them and prints the event log's digest.
"""

from __future__ import annotations

import sys
from pathlib import Path

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee import mac, nwk
from tests.compliance.capture import Capture
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
LOSS = 0.05
ROGUE = "rogue"
AWAKE = ("hub", "esme", "ihd", "ppmid")
"""Who hears what is said to them at any time."""
REFUSED = ("nwk", "replayed frame counter")


class Ears(Capture):
    """Opens every frame but the stranger's; `recorded`: for each hour the first secured unicast from each to each."""

    def __init__(self, run: Told) -> None:
        super().__init__(run)
        self.recorded: dict[tuple[int | None, int | None], bytes] = {}

    def _frame(self, now: int, who: str, kind: str, data: object) -> None:
        if who.endswith(f"/{ROGUE}"):
            return
        super()._frame(now, who, kind, data)
        assert isinstance(data, bytes)
        psdu = OnAir.unpack(data).psdu
        header, at = mac.Header.parse_from(psdu[:-2], 0)
        if header.control & mac.TYPE == mac.DATA and at < len(psdu) - 2 and (header.destination or 0) < nwk.LOWEST_BROADCAST:
            outer, _ = nwk.Header.parse_from(psdu[at:-2], 0)
            if outer.control & nwk.SECURITY:
                self.recorded.setdefault((header.source, header.destination), psdu)


class BadRadio:
    """A home on a bad radio. `replayed` counts the stranger's frames, `taken` are those that were not refused as replays."""

    def __init__(self, seed: int = 5) -> None:
        self.run = Told(config.load(BENCH), seed)
        self.ears = Ears(self.run)
        commission(self.run)
        self.loss(LOSS)
        self.stacks = {name: self.run.board(name).firmware.han.stack for name in AWAKE}
        self.rogue = self.run.only.air.radio(f"{self.run.only.name}/{ROGUE}", 1.0, 1.0)
        hub = self.stacks["hub"]
        self.rogue.configure(channel=15, pan_id=hub._network.pan_id, short=0xFFFF, eui64=0xBAD, rx_on_when_idle=True)
        self.replayed = 0
        self.taken: list[tuple[int, str, bytes]] = []

    def loss(self, share: float) -> None:
        """From now on so much is lost."""
        self.run.only.air.loss = share
        for radio in self.run.only.air.radios.values():
            radio.links.clear()

    def live(self, days: int) -> None:
        """Let days pass, hour by hour."""
        heard: list[tuple[str, bytes]] = []
        for _ in range(days * 24):
            self.run.run(for_=HOUR)
            heard, before = list(self._for_those_awake()), heard
            self.ears.recorded.clear()
            for name, psdu in before:
                self.replay(name, psdu)
            self.run.told.clear()

    def _for_those_awake(self) -> list[tuple[str, bytes]]:
        names = {stack.short: name for name, stack in self.stacks.items()}
        return [(names[to], psdu) for (_, to), psdu in self.ears.recorded.items() if to in names]

    def replay(self, name: str, psdu: bytes) -> None:
        """The stranger sends it; whoever it is for must say that it refuses it."""
        self.run.told.clear()
        self.rogue.transmit(self.replayed, psdu)
        self.run.run(for_=S)
        self.replayed += 1
        refused = [
            (each["layer"], each["reason"])
            for each in self.run.events("han.dropped", self.run.board(name).name)
            if each["psdu"] == psdu
        ]
        if not refused or set(refused) != {REFUSED}:
            self.taken.append((self.run.now, name, psdu))

    def calm(self) -> None:
        """The radio is good again for as long as everybody needs."""
        self.loss(0.0)
        self.run.run(for_=45 * MIN)


if __name__ == "__main__":
    lived = BadRadio()
    lived.live(int(sys.argv[1]))
    print(lived.run.digest())
