"""Whatever happens to a meter: its registers never fall, rates come to import, phases to the net, and export is no import."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from devices.runtime.kernel import MIN, S
from protocols.dlms import axdr

SCRIPTS = "0-0:10.0.100"


def registers(firmware):
    meter, split = firmware.meter, firmware.rates.split
    tiers = firmware.rates.tiers()
    assert sum(tiers) == meter.import_wh
    assert meter.metrology._active.level * meter.metrology._export.level == 0
    return [meter.import_wh, meter.export_wh, *(split.tier(n) for n in (1, 2, 5)), *(split.block(n) for n in (1, 2, 3, 4))]


def phases(meter):
    return sum(into - out for into, out in (meter.metrology.part(phase) for phase in range(3)))


@pytest.mark.req("S-061", part=True)
@pytest.mark.parametrize("seed", range(3))
def test_registers_hold_through_any_storm(new_meter, seed):
    bench, random = new_meter(rates="calendar", phases=3), Random(seed)
    bench.manager().set("0-0:16.1.12", 21, 2, axdr.array([axdr.u32(30), axdr.u32(90), axdr.u32(200)]))
    seen = [registers(bench.firmware)]
    base = bench.meter.import_wh - bench.meter.export_wh - phases(bench.meter)

    def within(act):
        """In the firmware's own time: the power may go on the way."""
        if bench.firmware is not None and bench.firmware.running:
            bench.firmware.after(0, act)
            bench.run(S)

    for _ in range(60):
        act = random.randrange(8)
        if act == 0:
            bench.mains.generate("panels", random.choice([0, 0, 900, 4_000]))
        elif act == 1:
            bench.mains.draw("kettle", random.choice([0, 3_000]))
        elif act == 2:
            bench.board.cut(off_for=random.randrange(1, 90) * S)
        elif act == 3:
            bench.board.cut_at_flash_operation(random.randrange(12), off_for=20 * S)
        elif act == 4:
            bench.mains.off(random.randrange(1, 120) * S)
        elif act == 5:
            bench.mains.tails("esme").turn(on=random.random() < 0.9)
        else:
            script = axdr.u16(random.choice([1, 2, 5, 101, 102, 0x63]))
            within(lambda script=script: bench.manager().action(SCRIPTS, 9, 1, script))
        bench.run(random.randrange(1, 8) * MIN)
        within(lambda: seen.append(registers(bench.firmware)))
    assert len(seen) > 40
    assert all(late >= early for one, other in pairwise(seen) for early, late in zip(one, other, strict=True))
    assert sum(last > first for first, last in zip(seen[0], seen[-1], strict=True)) >= 5
    bench.run(5 * MIN)
    assert bench.meter.import_wh - bench.meter.export_wh - phases(bench.meter) == pytest.approx(base, abs=4)  # rounding
