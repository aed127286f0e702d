"""A hub's radio that comes off: pulled, and another one put in, in a living home; the network is the hub's, and goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.swap_record import Kind, lines
from tests.compliance.capture import Capture
from tests.sim.told import Told
from tools.bench.config import loads
from tools.errors import BadInput

IMPORT = "1-0:1.8.0"
VOLUME = "7-0:3.0.0"
RECORD = "0-0:128.30.5"


@pytest.fixture
def home(build: Callable[..., Told]) -> Told:
    return build("han-module")


def changed_power(run: Told, since: int) -> set[str]:
    """Whose power has changed since a time."""
    return {who for at, who, kind, _ in run.told if kind == "power" and at >= since}


def network(run: Told) -> dict[str, object]:
    """What makes the hub's network the one it is."""
    stack = run.hub.firmware.han.stack
    held, keys = stack._network, sorted(dict(stack.labelled_keys()).items())
    return {"extended": held.extended_pan_id, "pan": held.pan_id, "keys": keys, "short": stack.short}


@pytest.mark.req("S-020")
@pytest.mark.parametrize("out", [5 * S, 10 * MIN])
def test_the_radio_comes_off_and_another_goes_in_while_the_hub_runs_and_is_kept(home, out) -> None:
    """The head end is answered meanwhile; with the other radio the same network goes on, under its keys and counters."""
    capture = Capture(home)
    home.run(for_=5 * MIN)
    before, firmware, at = network(home), home.hub.firmware, home.now
    joined, certified = home.events("han.joined"), home.events("han.key-establishment")
    gas = home.head_end.meter("gsme").register(VOLUME).value
    home.only.han_slot.pull()
    home.run(for_=out)
    # without it the hub is alive, and says on its WAN side what it knows
    assert len(home.head_end.meter("hub").names()) == 3
    assert home.head_end.meter("gsme").register(VOLUME).value == gas
    home.only.han_slot.fit("spare")
    home.run(for_=MIN)
    assert network(home) == before
    home.run(for_=40 * MIN)
    assert home.head_end.meter("esme").register(IMPORT).value > 0
    assert home.head_end.meter("gsme").register(VOLUME).value > gas
    assert home.screen("ihd")[1].endswith("kW")
    # who noticed came back by a secured rejoin; nobody joined or made a key anew, and no counter came twice
    back = home.events("han.joined")[len(joined) :]
    assert all(event["resumed"] for event in back)
    assert bool(back) is (out > MIN)
    assert home.events("han.key-establishment") == certified
    assert (capture.reused, capture.closed) == ([], [])
    assert (home.hub.firmware, changed_power(home, at)) == (firmware, {"home1/radio", "home1/spare"})
    # the record, and whose address is on the air: the hub's, whichever module sends
    first, second = [line for line in lines(home.hub.nvm) if line.kind == Kind.HAN_MODULE]
    assert (first.old, second.old, second.new_type) == (b"", first.new, f"METERBENCH-RCP/1.0; SIMULATION; as {home.hub.eui64:016X}")
    assert [line.new for line in (first, second)] == [f"{home.board(name).eui64:016X}".encode() for name in ("radio", "spare")]
    told = home.head_end.meter("hub").get(RECORD, 1, 2).python
    assert [line[1] for line in told].count(Kind.HAN_MODULE) == 2
    assert home.hub.eui64 in capture.senders
    assert not capture.senders & {home.board(name).eui64 for name in ("radio", "spare")}


def test_both_modules_are_changed_at_once_and_the_consumer_keeps_the_supply(home) -> None:
    home.run(for_=5 * MIN)
    for slot in (home.only.wan_slot, home.only.han_slot):
        slot.pull()
    home.run(for_=MIN)
    assert home.esme.firmware.meter.switch.closed
    home.only.wan_slot.fit("wan-module")
    home.only.han_slot.fit("spare")
    home.run(for_=5 * MIN)
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_the_same_module_back_again_is_no_change_and_a_restarted_hub_has_its_network(home) -> None:
    home.run(for_=MIN)
    before = network(home)
    home.only.han_slot.pull()
    home.run(for_=S)
    home.only.han_slot.fit("radio")
    home.hub.cut(off_for=MIN)
    home.run(for_=20 * MIN)
    assert network(home) == before
    assert len([line for line in lines(home.hub.nvm) if line.kind == Kind.HAN_MODULE]) == 1
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_a_hub_that_starts_without_a_radio_has_its_network_once_there_is_one(build) -> None:
    home = build("han-module", commissioned=False, before=lambda run: run.only.han_slot.pull())
    home.run(for_=10 * MIN)
    assert not home.commissioned
    assert home.head_end.meter("hub").names()
    home.only.han_slot.fit("spare")
    home.until(lambda: home.commissioned, HOUR)


def test_a_module_that_hangs_is_asked_again_until_it_answers(home) -> None:
    home.board("radio").hang()
    home.run(for_=MIN)
    home.board("radio").cut(off_for=S)
    home.run(for_=10 * MIN)
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_power_cuts_while_a_module_is_changed(build) -> None:
    """The line of the record is there, or comes at the next start; the network is the same."""
    home = build("han-module")
    before = network(home)
    for cuts, place in enumerate(range(0, 300, 30)):
        home.only.han_slot.pull()
        home.run(for_=S)
        kept = [line for line in lines(home.hub.nvm) if line.kind == Kind.HAN_MODULE]
        home.hub.cut_at_flash_operation(place, off_for=10 * S)
        home.only.han_slot.fit("spare" if cuts % 2 == 0 else "radio")
        home.run(for_=20 * S)
        home.hub.flash.cut_after(1 << 40)
        home.run(for_=20 * S)
        found = [line for line in lines(home.hub.nvm) if line.kind == Kind.HAN_MODULE]
        assert found[-1].old == kept[-1].new
        assert len(found) - len(kept) == 1 or len(lines(home.hub.nvm)) == 16
    assert network(home) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('kind = "hub"\nhan = "module"', "needs a device of kind han-module"),
        ('kind = "hub"\n[[home.device]]\nkind = "han-module"', "has no slot"),
        ('kind = "hub"\nhan = "modul"', 'did you mean "module"'),
    ],
)
def test_benches_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        loads(f"[[home]]\n[[home.device]]\n{text}\n")
    assert reason in str(refused.value)
