"""The power goes at any write to a flash while something of a home is exchanged: hub, WAN module, application layer, passwords.

How: `cutting`. Each story holds to the rules of all, and to a few of its own.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest

from devices.parts import swap_client
from devices.parts.swap_client import Kind, Order
from devices.runtime.kernel import MIN, S
from hubfw.retired import Retired
from hubfw.sap_table import HUB
from hubfw.supply_reports import OUTAGE_REPORTS
from hubfw.swap_record import lines
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.end_to_end import ENDPOINT, HEAD_END, Way
from protocols.zigbee.gateway import Packet
from tests.sim import swap_rules
from tests.sim.cutting import HOME, IN_CI, Story, cuts
from tools.bench.fitting import fit
from tools.headend.smart_energy import PROFILE, SOURCE, GatewayLine

NO_GAS = HOME.replace('[[home.device]]\nkind = "gsme"\nat = [6, 2]\n', "")
TERMINAL = (
    HOME
    + """
[[home.device]]
kind = "hht"
at = [1, 1]
"""
)
MODULES = (
    HOME.replace('kind = "hub"', 'kind = "hub"\nwan = "module"')
    + """
[[home.device]]
kind = "wan-module"
name = "cellular"
[[home.device]]
kind = "wan-module"
name = "radio"
type = "long-range-radio"
"""
)
GATEWAY = HOME.replace('kind = "hub"', 'kind = "hub"\nwan_application = "gateway"')
SEALING = GATEWAY.replace('kind = "gsme"', 'kind = "gsme"\nend_to_end = true')
OLD, NEW = b"12345678", b"another-word"
LAYER = "dlms"
SEALED = (PROFILE, Metering.id, SOURCE, ENDPOINT)


def persist(seen, what, done):
    """A head end that asks again until it is so."""
    for _ in range(8):
        with suppress(RemoteProtocolError, AccessError):
            if done():
                return
            what()
        seen.live(MIN)


def ask(seen, board, question):
    head_end = seen.run.head_end
    return head_end.settle(head_end.ask(board.name, HUB, question, writes=True))


# --- hubs ---


def kinds(seen, board):
    return [line.value[1].value for line in ask(seen, board, swap_client.record).value]


def hand_over(seen, old):
    found = []

    def order():
        ask(seen, old, lambda client: swap_client.order(client, Order.HAND_OVER))
        seen.live(10 * S)

    def done():
        found[:] = [ask(seen, old, swap_client.last_backup)] if isinstance(old.firmware, Retired) else []
        return found

    persist(seen, order, done)
    return found[0]


def restore(seen, new, sealed):
    def write():
        ask(seen, new, lambda client: swap_client.restore(client, sealed))
        seen.live(10 * S)

    persist(seen, write, lambda: Kind.HUB_RESTORED in kinds(seen, new))


def fitted(seen):
    new = fit(seen.run.only, "hub2")
    seen.live(5 * S)
    return new


def waiting(seen):
    """Messages for the gas meter wait in the hub that is exchanged."""
    for number in range(3):
        seen.post(b"message %d" % number * 9)
    seen.live(S)


def exchanged(seen):
    old = seen.run.hub
    sealed = hand_over(seen, old)
    restore(seen, fitted(seen), sealed)


def in_its_box(seen):
    waiting(seen)
    seen.sealed = hand_over(seen, seen.run.hub)
    fitted(seen)


def replaced(seen):
    told = [] if kinds(seen, seen.run.hub) == [Kind.HUB_RESTORED] else ["the record has not one line"]
    return told + ["not all messages came"] * (len(seen.given) != len(seen.posted))


def done_with(seen):
    old = seen.old = seen.run.hub
    seen.all_of_it = swap_rules.secrets_of(old)
    sealed = hand_over(seen, old)
    restore(seen, fitted(seen), sealed)
    seen.run.only.boards["old"] = old
    seen.live(30 * MIN)


def erase(seen):
    old = seen.old
    persist(
        seen, lambda: ask(seen, old, lambda client: swap_client.order(client, Order.ERASE)),
        lambda: kinds(seen, old)[-1] == Kind.ERASED,
    )  # fmt: skip
    seen.live(10 * S)


def erased(seen):
    """38: of the home that it served the old hub has nothing."""
    return [f"the old hub still has {name}" for name in swap_rules.left_behind(seen.old, seen.all_of_it)]


# --- terminals ---


def errand(seen, button):
    """An engineer who comes again until the terminal says that it is so."""
    run, terminal = seen.run, seen.run.board("hht")
    for _ in range(4):
        there = run.visit("esme")
        run.run(for_=S)
        run.until(lambda: terminal.powered and terminal.firmware.report is not None)
        terminal.firmware.errand = None
        terminal.buttons.press(button)
        run.until(lambda: not terminal.powered or terminal.firmware.errand is not None)
        run.until(lambda: terminal.powered)
        said = terminal.firmware.errand or ""
        there.end()
        seen.live(MIN)
        if "carried" in said or said.startswith(("FETCHED", "DELIVERED")):
            return


def carried(seen):
    errand(seen, "fetch")
    fitted(seen)
    errand(seen, "deliver")


def let_go(seen):
    """39, and of a terminal that lost its power while it let go."""
    terminal = seen.run.board("hht")
    there = seen.run.visit("esme")
    seen.run.run(for_=S)
    there.end()
    assert seen.carried["hht"]
    return replaced(seen) + [f"it still has {name}" for name in swap_rules.left_behind(terminal, seen.carried["hht"])]


def visited(seen):
    seen.run.only.visit(meter=None)
    seen.live(5 * MIN)


def gone(seen):
    hub, terminal = seen.run.hub.firmware, seen.run.board("hht")
    told = ["it is in the log"] * (hub.log.get(terminal.eui64) is not None)
    return told + ["the network is open"] * hub.coordinator.permitting + ["a door is open"] * bool(hub.device.opened)


# --- the wide area ---


def another_module(seen):
    slot = seen.run.only.wan_slot
    slot.pull()
    seen.live(10 * S)
    slot.fit("radio")
    seen.live(3 * MIN)


def recorded(seen):
    found = lines(seen.run.hub.nvm)
    told = [] if [line.kind for line in found][-1:] == [Kind.WAN_MODULE] else ["no line of the module"]
    told += ["lines that do not follow each other"] * any(after.old != before.new for before, after in pairwise(found))
    return told + ["the hub is out of reach"] * (HUB not in seen.run.head_end.meter("hub").names())


def another_layer(seen):
    run = seen.run
    eui64 = run.esme.eui64

    def line():
        found = GatewayLine(run.kernel, run.head_end.host, run.hub.name, OLD)
        run.head_end.settle(found.login())
        return found

    def choose():
        there = line()
        run.head_end.settle(there.send(Packet(eui64, PROFILE, Metering.id, SOURCE, 1, bytes.fromhex("10 07 00 00 00"))))
        seen.live(2 * S)
        run.head_end.settle(there.choose(LAYER))

    persist(seen, choose, lambda: run.hub.firmware is not None and run.hub.firmware.application.name == LAYER)


def sealed(seen):
    """Three questions sealed for the gas meter, which sleeps; a head end that was not answered sends the same octets again."""
    run, sender = seen.run, seen.run.only.sender("gsme")
    way = Way(HEAD_END, run.gsme.eui64, *SEALED)
    for sequence in range(3):
        payload = sender.close(way, bytes((0, sequence, 0, 0, 0)))
        for _ in range(4):
            with suppress(RemoteProtocolError):
                line = GatewayLine(run.kernel, run.head_end.host, run.hub.name, OLD)
                run.head_end.settle(line.login())
                run.head_end.settle(line.send(Packet(run.gsme.eui64, PROFILE, Metering.id, SOURCE, ENDPOINT, payload)))
                line.close()
                break
            seen.live(MIN)
    seen.live(35 * MIN)


def opened(seen):
    """Each is done once, in order. An answer that reached the hub as its power went is lost, and who misses it asks again."""
    run, sender = seen.run, seen.run.only.sender("gsme")
    line, way = GatewayLine(run.kernel, run.head_end.host, run.hub.name, OLD), Way(run.gsme.eui64, HEAD_END, *SEALED)
    run.head_end.settle(line.login())
    came = []
    with suppress(RemoteProtocolError):
        while True:
            came.append(sender.open(way, run.head_end.settle(line.receive(run.gsme.eui64)).payload)[1])
    count = run.gsme.firmware.sealed.count.opened
    return [f"{came} answered, {count} opened"] * (came != sorted({*came}) or count != 3)


def layered(seen):
    application = seen.run.hub.firmware.application
    told = [f"{application.name}, and {application.active} is active"] * ((application.name, application.active) != (LAYER, LAYER))
    return told + ["the meter is out of reach"] * (seen.run.head_end.meter("esme").register("1-0:1.8.0").value <= 0)


def password(label):
    """It is changed; a head end that was not answered tries the new one, then the old one again."""

    def change(seen):
        head_end = seen.run.head_end
        for _ in range(8):
            with suppress(RemoteProtocolError):
                seen.change_password(label, NEW)
                break
            seen.live(MIN)
            with suppress(RemoteProtocolError):
                head_end._password = NEW
                head_end.meter(label, writes=True).get("0-0:96.1.0", 1, 2)
                seen.changed.append((label, OLD, NEW))
                break
            head_end._password = OLD
        seen.live(2 * MIN)

    return change


def changed(seen):
    return [f"changed {len(seen.changed)} times"] * (len(seen.changed) != 1)


def reports(seen):
    """Whose outages are told is set, and there is one."""
    own = axdr.array([axdr.octets(seen.run.esme.eui64.to_bytes(8, "big"))])

    def write():
        seen.run.head_end.meter("hub", writes=True).set(OUTAGE_REPORTS, 1, 2, own)

    persist(seen, write, lambda: seen.run.head_end.meter("hub").get(OUTAGE_REPORTS, 1, 2) == own)
    seen.run.mains.off(185 * S)
    seen.live(4 * MIN)


STORIES = {
    "hub hands over": Story(exchanged, prepare=waiting, settle=95 * MIN, check=replaced),
    "hub takes over": Story(
        lambda seen: restore(seen, seen.run.hub, seen.sealed), prepare=in_its_box, settle=95 * MIN, check=replaced
    ),
    "hub is erased": Story(erase, board="old", prepare=done_with, settle=35 * MIN, check=erased),
    "terminal carries": Story(carried, TERMINAL, board="hht", settle=95 * MIN, check=let_go),
    "terminal visits": Story(visited, TERMINAL, settle=65 * MIN, check=gone),
    "WAN module": Story(another_module, MODULES, check=recorded),
    "WAN application": Story(another_layer, GATEWAY, check=layered),
    "sealed from end to end": Story(sealed, SEALING, check=opened),
    "password of a hub": Story(password("hub"), check=changed),
    "password of a meter": Story(password("esme"), NO_GAS, board="esme", settle=10 * MIN, check=changed),
    "supply reports": Story(reports, NO_GAS, settle=10 * MIN),
}  # fmt: skip


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_all_rules_hold_afterwards(name):
    told = cuts(STORIES[name])
    assert {place: wrong for place, wrong in told.items() if wrong} == {}
    assert len(told) >= IN_CI
