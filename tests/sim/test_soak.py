"""Days of a home on a bad radio, with a recorder in the bushes: everybody is there in the end, and nothing was ever used twice.

Three virtual days by default; METERBENCH_SOAK_DAYS=30 is what `make soak` runs.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.zigbee import mac, nwk, security
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
DAYS = int(os.environ.get("METERBENCH_SOAK_DAYS", "3"))
LOSS = 0.05
REFUSED = ("nwk", "replayed frame counter")
RECENT = 4096
"""Frames remembered whole: a repetition of an older one would be a reuse."""


class Counters:
    """Frame counters of the NWK layer on the air: each is for one frame, which may be sent again as it is."""

    def __init__(self, run: Told) -> None:
        self.frames = 0
        self.reused: list[tuple[int, str]] = []
        self.recorded: list[bytes] = []
        """One secured frame of the meter to the hub for each hour, as it was on the air."""
        self._used: dict[tuple[int | None, int | None], bytearray] = {}
        self._recent: OrderedDict[tuple[int | None, int | None, int], bytes] = OrderedDict()
        self._meter = run.esme.eui64
        self._next = HOUR
        run.log.subscribe(self._heard, ["air.frame"])

    def _heard(self, now: int, who: str, kind: str, data: object) -> None:
        if who.endswith("/rogue"):
            return
        assert isinstance(data, bytes)
        psdu = OnAir.unpack(data).psdu
        header, at = mac.Header.parse_from(psdu[:-2], 0)
        if header.control & mac.TYPE != mac.DATA or at == len(psdu) - 2:
            return
        outer, position = nwk.Header.parse_from(psdu[at:-2], 0)
        if not outer.control & nwk.SECURITY:
            return
        auxiliary, _ = security.Auxiliary.parse_from(psdu[at:-2], position)
        self.frames += 1
        stream, frame = (auxiliary.source, auxiliary.key_sequence), psdu[at:-2]
        used = self._used.setdefault(stream, bytearray())
        octet, bit = auxiliary.counter >> 3, 1 << (auxiliary.counter & 7)
        used.extend(bytes(max(0, octet + 1 - len(used))))
        if used[octet] & bit and self._recent.get((*stream, auxiliary.counter)) != frame:
            self.reused.append((now, who))
        used[octet] |= bit
        self._recent[(*stream, auxiliary.counter)] = frame
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        if auxiliary.source == self._meter and header.destination == 0x0000 and now >= self._next:
            self._next = now + HOUR
            self.recorded.append(psdu)


@pytest.mark.timeout(3600)
def test_days_of_a_bad_radio() -> None:
    run = Told(config.load(BENCH), 5)
    counters = Counters(run)
    commission(run)
    run.only.air.loss = LOSS
    for radio in run.only.air.radios.values():
        radio.links.clear()
    hub = run.hub.firmware.han.stack
    rogue = run.only.air.radio("home1/rogue", 1.0, 1.0)
    rogue.configure(channel=15, pan_id=hub._network.pan_id, short=0xFFFF, eui64=0xBAD, rx_on_when_idle=True)
    replayed, taken = 0, []
    for hour in range(DAYS * 24):
        run.run_until((hour + 1) * HOUR)
        run.told.clear()
        for psdu in counters.recorded[-2:-1]:  # one that is an hour old
            before = hub.drops[REFUSED]
            rogue.transmit(replayed, psdu)
            run.run(for_=S)
            replayed += 1
            if hub.drops[REFUSED] == before:
                taken.append((hour, psdu))
    run.only.air.loss = 0.0
    for radio in run.only.air.radios.values():
        radio.links.clear()
    run.run(for_=45 * MIN)

    assert run.commissioned
    assert all(run.board(name).firmware.han.stack.joined for name in ("hub", "esme", "gsme", "ihd", "ppmid"))
    assert run.screen("ihd")[1].endswith("kW")
    mirror = run.hub.firmware.mirrors.of(run.gsme.eui64)
    assert run.kernel.utc - mirror.gas.reading.at < 31 * MIN
    assert counters.frames > DAYS * 50_000
    assert counters.reused == []
    assert replayed > DAYS * 20
    assert taken == []
    assert run.now > DAYS * DAY
