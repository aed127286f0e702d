"""What must hold of gas whatever happens: valve, mirror and displays tell one story. Each rule is shown to be able to fail."""

from __future__ import annotations

import pytest

from devices.gsme import zcl
from devices.gsme.valve import Valve
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.gas_mirror import GasMirror, Reading
from hubfw.han.mirrors import MIRRORED, Mirror
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.cluster import Cluster
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run

HOME = """
[[home]]
[home.air]
loss = 0.1
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
[[home.device]]
kind = "ihd"
at = [2, 2]
[[home.device]]
kind = "ppmid"
at = [3, 2]
"""
WAKE = 11 * MIN
WORDS = {SupplyStatus.OFF: ("CLOSED", "OFF"), SupplyStatus.OFF_ARMED: ("ARMED", "armed"), SupplyStatus.ON: ("OPEN", "ON")}
LITRES = (Metering.id, Metering.current_summation_delivered.id)
TAKEN = (Metering.id, Metering.reading_snapshot_time.id)


DRAINING = ((Metering.id, Metering.remaining_battery_life_in_days.id),)
"""Less by a day while the meter reports: no register."""


class Watched:
    """A home on a bad radio. At every frame on the air the rules are looked at; `sets` are the meter's values at its reports."""

    def __init__(self):
        self.run = Run(loads(HOME))
        self.sets = []
        self.moves = []
        self.rules = ()
        self.run.log.subscribe(self._hear, ["mirror.complete", "gsme.valve"])
        self.run.log.subscribe(self._look, ["air.frame"])
        commission(self.run)
        self.number = 0

    def _hear(self, now, who, kind, data):
        if kind == "mirror.complete":
            self.sets.append(self.at_meter())
        else:
            self.moves.append((data["state"], data["trial"]))

    def _look(self, now, who, kind, data):
        for rule in self.rules:
            rule(self)

    @property
    def meter(self):
        return self.run.gsme.firmware

    @property
    def mirror(self):
        return self.run.hub.firmware.mirrors.of(self.run.gsme.eui64)

    def at_meter(self):
        """Whatever it would report now."""
        endpoint = self.meter.han.endpoints[1]
        return {
            (cluster.id, attribute.id): plain(endpoint.server(cluster)[attribute])
            for cluster, attributes in zcl.reported(endpoint)
            for attribute in attributes
            if attribute is not Cluster.attribute_reporting_status
        }

    def order(self, status):
        self.number += 1
        command = Metering.ChangeSupply(1, self.number, 0, 0, status, 0)
        self.run.hub.firmware.mirrors.hold(self.run.gsme.eui64, Functional.CHANGE_SUPPLY, command)

    def live(self, time, *rules):
        """Time passes, and all of these hold."""
        self.rules = rules
        self.run.run(for_=time)
        self.rules = ()


def plain(value):
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value


# --- the rules


def invariant_10(home):
    """The valve never opens by a remote command: before each time it is open it was armed, and on trial."""
    for (before, trial), (after, _) in zip([("ON", False), *home.moves], home.moves, strict=False):
        assert after != "ON" or before == "ON" or (before == "OFF_ARMED" and trial)


def invariant_12(home):
    """The supply is the same at the meter's display, in its registers, and, once a report is in, in the mirror and on displays."""
    status = home.meter.valve.status
    word, said = WORDS[status]
    assert home.run.gsme.display.lines[1].split()[-1] == word
    assert home.meter.han.endpoints[1].server(Metering)[Metering.supply_status] == status
    assert home.mirror.gas.reading.get(Metering, Metering.supply_status) == status
    assert home.mirror.servers[Metering.id][Metering.supply_status] == status
    lines = home.run.ppmid.display.lines
    assert next(line for line in lines if line.startswith("GAS")).split()[-1] == said


def invariant_19(home):
    """The mirror's time is not ahead of the meter's, and its values are some complete set of the meter's."""
    reading = home.mirror.gas.reading
    taken = reading.values[TAKEN]
    assert taken is None or (taken + EPOCH) * S <= home.run.gsme.rtc.read()
    assert any(reading.values[LITRES] == each[LITRES] for each in home.sets)


def invariant_20(home):
    """The mirror is never partly new: every attribute is of one report."""
    held = {key: value for key, value in home.mirror.gas.reading.values.items() if key not in DRAINING}
    assert held in [known_of(each) for each in home.sets]


def known_of(values):
    """As ZigBee carries it: what is not known is the type's word for that."""
    found = {}
    for (cluster, attribute), value in values.items():
        if (cluster, attribute) in DRAINING:
            continue
        declared = next(each for each in MIRRORED if each.id == cluster).attributes[0][attribute]
        found[cluster, attribute] = declared.type.non_value if value is None else value
    return found


def invariant_21(home):
    """A display's gas is a set that the mirror had, never newer than what it has, and comes with its age."""
    screen = home.run.ihd.display.lines
    line = next(line for line in screen if line.startswith("GAS"))
    if line.split()[-1] != "m3":
        return  # it has none, and says so
    shown = round(float(line.split()[1]) * 1000)
    assert shown in [each[LITRES] for each in home.sets]
    assert shown <= home.mirror.gas.reading.values[LITRES]
    age = next(line for line in screen if line.strip().startswith("read"))
    assert age.split()[-1] in ("min", "ago", "now", "s", "h")


ALWAYS = (invariant_10, invariant_19, invariant_20, invariant_21)


@pytest.fixture
def home():
    return Watched()


@pytest.mark.req("S-098", "S-142", part=True)
def test_all_of_them_hold_on_a_bad_radio_while_the_valve_moves(home):
    home.live(WAKE, *ALWAYS)
    for status in (SupplyStatus.OFF, SupplyStatus.ON, SupplyStatus.OFF_ARMED):
        home.order(status)
        home.live(2 * WAKE, *ALWAYS)
        home.run.run(for_=6 * MIN)
        invariant_12(home)
    home.run.gsme.buttons.press("valve")
    home.live(2 * WAKE, *ALWAYS)
    home.run.run(for_=6 * MIN)
    invariant_12(home)
    assert home.meter.valve.status is SupplyStatus.ON
    assert len(home.sets) > 6


def seeded_10(home, monkeypatch):
    home.meter.valve.control._restores = True

    def obey(self, wanted):
        self._move(wanted)
        return wanted

    monkeypatch.setattr(Valve, "_obey", obey)
    home.meter.valve.control._obey = home.meter.valve._obey
    home.order(SupplyStatus.OFF)
    home.run.run(for_=2 * WAKE)
    home.order(SupplyStatus.ON)


def seeded_12(home, monkeypatch):
    home.meter.han.endpoints[1].server(Metering)[Metering.supply_status] = SupplyStatus.ON
    home.order(SupplyStatus.OFF)


def seeded_19(home, monkeypatch):
    home.mirror.gas.reading = Reading({**home.mirror.gas.reading.values, LITRES: 7}, 0)


def seeded_20(home, monkeypatch):
    report = GasMirror.report

    def at_once(self, cluster, values, now, utc):
        complete = report(self, cluster, values, now, utc)
        if not complete:
            self.reading = Reading({**self.reading.values, **self._pieces}, utc)
        return complete

    monkeypatch.setattr(GasMirror, "report", at_once)


def seeded_21(home, monkeypatch):
    server = home.mirror.servers[Metering.id]
    show = Mirror.show

    def newer(self, reading):
        show(self, reading)
        server[Metering.current_summation_delivered] = lambda: home.meter.register.total + 1

    monkeypatch.setattr(Mirror, "show", newer)
    home.mirror.show(home.mirror.gas.reading)


SEEDED = {
    10: (invariant_10, seeded_10), 12: (invariant_12, seeded_12), 19: (invariant_19, seeded_19), 20: (invariant_20, seeded_20),
    21: (invariant_21, seeded_21),
}  # fmt: skip
BEFORE = {12: HOUR}
"""That rule is about what is once a report is in."""


@pytest.mark.parametrize("number", SEEDED)
def test_a_seeded_fault_breaks_the_rule_that_it_is_against(home, number, monkeypatch):
    rule, seed = SEEDED[number]
    home.run.run(for_=HOUR)
    rule(home)
    seed(home, monkeypatch)
    home.run.run(for_=BEFORE.get(number, 0))
    with pytest.raises(AssertionError):
        home.live(2 * WAKE, rule)
