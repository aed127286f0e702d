"""Clients from outside that send anything: no event of theirs stops a run, the meters go on, and a replay is the same run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from devices.runtime.journal import Happening, Recorder, Replayer
from devices.runtime.kernel import MIN, MS, S
from protocols.dlms import hdlc, wrapper
from protocols.dlms.client import Client
from tools.bench.bridges import SLOTS
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

HOME = Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "home.toml"
ROUNDS = 300
LLC = b"\xe6\xe6\x00"
REQUESTS = [
    next(Client(16).associate()),
    next(Client(1, password=b"12345678").associate()),
    *map(
        bytes.fromhex,
        (
            "c001c1 0008 0000010000ff 02 00",  # GET clock
            "c001c1 000f 0000280000ff 02 00",  # GET object list, which needs blocks or segments
            "c001c1 0007 0100630100ff 02 01 02 0204 0600000001 0600000000 120001 120000",  # GET rows of a profile
            "c002c1 00000001",  # GET next block
            "c003c1 02 0003 0100010800ff 02 00 0008 0000010000ff 02 00",  # GET with list
            "c101c1 0008 0000010000ff 02 00 090c 07ea010e0300000000000000",  # SET clock
            "c301c1 0046 000060030aff 01 01 0f00",  # ACTION disconnect
            "6203800100",  # RLRQ
        ),
    ),
]


class Hostile:
    """One at a time: opens a way in, says things near the truth, leaves."""

    def __init__(self, run: Run, seed: int) -> None:
        self._run = run
        self._random = Random(seed)

    def visit(self) -> None:
        random, run = self._random, self._run
        wan = random.random() < 0.5
        endpoint = f"home1/{'hub.wan' if wan else 'esme.optical'}#{random.randrange(SLOTS)}"
        run.inputs.feed(endpoint, Happening.OPEN)
        run.run(for_=100 * MS)
        for octets in self._wan() if wan else self._optical():
            run.inputs.feed(endpoint, Happening.DATA, octets)
            run.run(for_=random.choice((0, 100 * MS, S)))
        run.inputs.feed(endpoint, Happening.CLOSE)
        run.run(for_=random.choice((0, 100 * MS, 5 * S)))

    def _wan(self) -> list[bytes]:
        random = self._random
        client, server = random.choice((16, 16, 1, 99)), random.choice((1, 2, 3, 3, 4, 0, 77))
        return [self._near(wrapper.wrap(client, server, self._near(apdu) or b"\0"), 0.2) for apdu in self._some()]

    def _optical(self) -> list[bytes]:
        stations = hdlc.Address(1), hdlc.Address(16)
        frames = [hdlc.Frame.unnumbered(hdlc.Kind.SNRM, *stations, poll=True)]
        for number, apdu in enumerate(self._some()):
            said = LLC + self._near(apdu)
            frames.append(hdlc.Frame.numbered(hdlc.Kind.I, *stations, receive=number, send=number, poll=True, information=said))
        return [self._near(frame.build(), 0.2) for frame in frames]

    def _some(self) -> list[bytes]:
        random = self._random
        return [REQUESTS[0], *(random.choice(REQUESTS) for _ in range(random.randrange(5)))]

    def _near(self, octets: bytes, chance: float = 0.6) -> bytes:
        random, changed = self._random, bytearray(octets)
        while random.random() < chance:
            at = random.randrange(len(changed) + 1)
            match random.randrange(4):
                case 0:
                    changed.insert(at, random.getrandbits(8))
                case 1:
                    del changed[at : at + 1]
                case 2:
                    del changed[at:]
                case _:
                    changed[at : at + 1] = bytes([random.getrandbits(8)])
        return bytes(changed)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_comes_from_outside_stops_the_run(seed: int) -> None:
    run, records = Run(load(HOME)), []
    recorder = Recorder(run.inputs, records.append, bench=run.meaning)
    commission(run)
    hostile = Hostile(run, seed)
    for _ in range(ROUNDS):
        hostile.visit()
    run.run(for_=10 * MIN)
    recorder.finish()

    again, replay = Run(load(HOME)), Replayer(records)
    replay.load(again.inputs)
    again.run_until(replay.until)
    replay.check(again.kernel)

    assert run.commissioned
    assert run.head_end.meter("esme").register("1-0:1.8.0").value >= 4_321_000
    assert run.head_end.meter("gsme").register("7-0:3.0.0").value > 1234
