"""A WAN module that comes off: pulled and changed in a living home."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from devices.parts import swap_client
from devices.parts.swap_client import Disposal, Order
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import HOUR, MIN, MS, S
from devices.runtime.net import Closed
from hubfw.retired import Retired
from hubfw.swap_record import Kind, lines
from protocols.dlms.client import Client
from protocols.dlms.cosem import AccessError, date_time
from tests.sim.told import Told
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.tally import Tally
from tools.cli.kept import closing
from tools.errors import BadInput
from tools.headend.head_end import PORT, NoAnswer
from tools.headend.pairing import Pairing, Unpairing

T = TypeVar("T")
BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
FLAT = """[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "cad"
at = [3, 3]
listed = false
"""
IMPORT = "1-0:1.8.0"
RECORD = "0-0:128.30.5"
HUB = "home1/hub"


@pytest.fixture
def home(build: Callable[..., Told]) -> Told:
    return build("wan-module")


def dispose(old: str, at: int, client: Client) -> Generator[bytes, bytes, None]:
    return swap_client.dispose(client, old, Disposal.RETURNED, at)


def powers(run: Told) -> list[tuple[str, object]]:
    """Every change of power, of whom."""
    return [(who, data) for _, who, kind, data in run.told if kind == "power"]


@pytest.mark.req("S-017", part=True)
@pytest.mark.req("S-020", part=True)
@pytest.mark.req("S-021", part=True)
@pytest.mark.req("S-023", part=True)
@pytest.mark.req("S-024", part=True)
def test_another_type_of_module_goes_in_while_the_home_lives(home) -> None:
    home.run(for_=10 * MIN)
    before = home.head_end.meter("esme").register(IMPORT).value
    saps = home.head_end.meter("hub").names()
    powered, joined, meter = powers(home), home.events("han.joined"), home.esme.firmware
    start, hub, frames = home.esme.firmware.meter.import_wh, home.hub.firmware, len(home.events("hub.event"))
    home.only.wan_slot.pull()
    home.run(for_=HOUR)
    with pytest.raises(NoAnswer):
        home.head_end.meter("esme").register(IMPORT)
    assert home.gsme.firmware is not None
    mirror = next(iter(home.hub.firmware.mirrors.of(eui64) for eui64 in home.hub.firmware.gas.listed))
    taken = mirror.gas.reading
    home.run(for_=HOUR)
    assert mirror.gas.reading != taken  # the HAN goes on
    home.only.wan_slot.fit("radio")
    home.run(for_=MIN)
    assert home.head_end.meter("hub").names() == saps
    assert home.head_end.meter("esme").register(IMPORT).value > before
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    # Nobody's power was touched but the modules', nobody joined anew, and the load switch stayed in.
    changed = powers(home)[len(powered) :]
    assert {who for who, _ in changed} == {"home1/cellular", "home1/radio"}
    assert (home.events("han.joined"), home.esme.firmware, home.hub.firmware) == (joined, meter, hub)
    assert home.esme.firmware.meter.switch.closed
    assert home.esme.firmware.meter.import_wh > start
    assert len(home.events("hub.event")) >= frames
    # The record: what went in at first, and what took its place.
    first, second = lines(home.hub.nvm)
    cellular, radio = f"cellular 1.0; address {HUB}", f"long-range-radio 1.0; address {HUB}"
    assert 0 < first.at < second.at

    def told() -> list[list[object]]:
        """Kind, the old one with its type, the new one with its, and what became of the old one, as the head end reads them."""
        return [line[1:6] + line[7:] for line in home.head_end.meter("hub").get(RECORD, 1, 2).python]

    assert told() == [
        [Kind.WAN_MODULE, b"", "", first.new, cellular, Disposal.UNKNOWN, None],
        [Kind.WAN_MODULE, first.new, cellular, second.new, radio, Disposal.UNKNOWN, None],
    ]
    # It goes in again and out for good, and the head end is told what became of it then.
    home.only.wan_slot.pull()
    home.only.wan_slot.fit("cellular")
    home.run(for_=MIN)
    home.only.wan_slot.pull()
    home.only.wan_slot.fit("radio")
    home.run(for_=MIN)
    at, head_end = home.kernel.utc, home.head_end
    for wrong in (b"nobody", second.new[:-1]):
        with pytest.raises(AccessError):
            head_end.settle(head_end.ask(HUB, 1, partial(dispose, wrong.decode(), at), writes=True))
    head_end.settle(head_end.ask(HUB, 1, partial(dispose, first.new.decode(), at), writes=True))
    assert [line[5] for line in told()] == [Disposal.UNKNOWN] * 3 + [Disposal.RETURNED]
    assert date_time.instant(told()[-1][6]) == at // (10 * MS) * (10 * MS)


@pytest.mark.req("S-017")
def test_the_address_stays_over_restart_and_swap(home) -> None:
    home.hub.cut(off_for=MIN)
    home.run(for_=5 * MIN)
    assert home.head_end.meter("esme").register(IMPORT).value > 0
    home.only.wan_slot.pull()
    home.only.wan_slot.fit("radio")
    home.run(for_=MIN)
    assert {data["address"] for data in home.events("wan.registered")} == {HUB}
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_the_same_module_back_again_is_no_change(home) -> None:
    home.only.wan_slot.pull()
    home.run(for_=MIN)
    home.only.wan_slot.fit("cellular")
    home.run(for_=MIN)
    assert len(lines(home.hub.nvm)) == 1
    assert home.head_end.meter("esme").register(IMPORT).value > 0


@pytest.mark.parametrize("notices", ["tcp", "udp"])
def test_notices_wait_for_the_module_and_come_in_order_once(build, notices: str) -> None:
    text = (BENCHES / "wan-module.toml").read_text(encoding="utf-8")
    home = build(text.replace('kind = "hub"', f'kind = "hub"\nnotices = "{notices}"'))
    home.only.wan_slot.pull()
    home.mains.off(200 * S)
    home.run(for_=HOUR)
    assert home.notices() == []
    home.only.wan_slot.fit("radio")
    home.run(for_=5 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]
    assert home.head_end.repeated == 0


def test_without_coverage_the_hub_asks_again_later_and_later(home) -> None:
    modem = home.board("cellular").modem
    modem.cover(False)
    home.run(for_=HOUR)
    pauses = [data["pause"] // S for data in home.events("wan.unregistered")]
    assert pauses[:7] == [5, 10, 20, 40, 80, 160, 300]
    assert set(pauses[7:]) == {300}
    home.mains.off(200 * S)
    home.run(for_=HOUR)
    modem.cover(True)
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_an_answer_under_way_when_coverage_goes_arrives_when_it_is_back(home) -> None:
    modem = home.board("cellular").modem
    home.kernel.after(S // 8, modem.cover, False, who="world")  # the question has passed, the answer has not
    home.kernel.after(3 * S, modem.cover, True, who="world")
    before = home.now
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    assert home.now - before > 8 * S  # 5 s until the hub asks, 3 s to register


def test_a_module_that_hangs_is_noticed_and_taken_up_again(home) -> None:
    home.board("cellular").hang()
    home.run(for_=MIN)
    assert home.events("wan.module-gone")[-1]["reason"] == "silent"
    home.board("cellular").cut(off_for=S)
    home.run(for_=MIN)
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_a_bad_contact_loses_and_spoils_octets_and_no_message(home) -> None:
    wire = home.hub.uart("wan").wire
    wire.faults = Faults(home.kernel, "slot", [Fault(Effect.DROP, chance=0.005), Fault(Effect.CORRUPT, chance=0.005)])
    rows = home.head_end.meter("hub").objects()
    assert len(rows) > 20
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_a_head_end_is_told_of_nobody_behind_a_pulled_module(home) -> None:
    stream = home.head_end.host.connect(HUB, PORT)
    home.run(for_=S)
    ends: list[Closed] = []
    stream.on_close = ends.append
    home.only.wan_slot.pull()
    home.run(for_=S)
    home.only.wan_slot.fit("radio")
    home.run(for_=MIN)
    stream.probe()
    home.run(for_=S)
    assert ends == [Closed.RESET]


def test_module_and_hub_share_the_reserve(home) -> None:
    home.mains.off(300 * S)  # the reserve of both is over after 240
    home.run(for_=250 * S)
    assert not home.hub.powered
    assert not home.board("cellular").powered
    assert home.notices() == ["LastGasp"]
    home.run(for_=10 * MIN)
    assert home.notices() == ["LastGasp", "FirstBreath"]


def test_power_cut_at_every_operation_of_the_change(build) -> None:
    """The module and its line of the record are one operation: both are there, or neither and they come at the next start."""
    home = build("wan-module")
    for cuts, operations in enumerate(range(0, 400, 7)):
        home.only.wan_slot.pull()
        home.run(for_=S)
        kept = lines(home.hub.nvm)
        home.hub.cut_at_flash_operation(operations, off_for=10 * S)
        home.only.wan_slot.fit("radio" if cuts % 2 == 0 else "cellular")
        home.run(for_=20 * S)
        home.hub.flash.cut_after(1 << 40)
        home.run(for_=30 * S)
        assert home.hub.powered
        found = lines(home.hub.nvm)
        assert len(found) - len(kept) == 1 or len(kept) == 16
        assert found[-1].old == (kept[-1].new if kept else b"")
    assert 1 in home.head_end.meter("hub").names()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('kind = "hub"\nwan = "module"', "needs a device of kind wan-module"),
        ('kind = "hub"\n[[home.device]]\nkind = "wan-module"', "has no slot"),
        ('kind = "hub"\nwan_application = "gbcs"', "reserved"),
        ('kind = "hub"\nwan_application = ["dlms", "gateway"]', "expected `str`"),
        ('kind = "hub"\nwan = "modul"', 'did you mean "module"'),
    ],
)
def test_benches_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        loads(f"[[home]]\n[[home.device]]\n{text}\n")


@pytest.mark.req("S-019")
def test_two_consumers_cannot_share_a_hub() -> None:
    shared = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nconsumer = "flat-a"\n'
    loads(shared + '[[home.device]]\nkind = "ihd"\nconsumer = "flat-a"\n')
    with pytest.raises(BadInput, match=r"one consumer's, and these devices are 2 consumers' \(flat-a, flat-b\)"):
        loads(shared + '[[home.device]]\nkind = "ihd"\nconsumer = "flat-b"\n')


@pytest.mark.req("S-019")
def test_a_device_that_is_entered_at_a_neighbours_hub_is_a_breach_of_privacy() -> None:
    """Somebody gave the wrong hub's number with the order; once it is struck off again all is well."""
    text = "".join(f'[[home]]\nname = "{name}"\n{FLAT}' for name in ("flat-a", "flat-b"))
    run = Told(loads(text))
    commission(run)
    run.run(for_=MIN)
    assert run.head_end.breaches() == []
    stray, hub = run.home("flat-b").identities["cad"], run.home("flat-a").hub.name
    head_end = run.head_end
    head_end.settle(head_end.ask(hub, 1, Pairing(stray.eui64, stray.install_code, "cad"), writes=True))
    run.run(for_=MIN)
    (breach,) = head_end.breaches()
    assert (breach.home, breach.device, breach.premises) == ("flat-a", "flat-b/cad", "flat-b")
    told = "\n".join(closing(run, Tally(run.kernel), 1.0))
    assert "flat-a: breach of privacy: its hub has flat-b/cad of flat-b in its log" in told
    head_end.settle(head_end.ask(hub, 1, Unpairing(stray.eui64), writes=True))
    run.run(for_=MIN)
    assert head_end.breaches() == []


@pytest.mark.req("S-025", part=True)
def test_a_hub_that_handed_over_is_reached_through_its_module_and_knows_the_time_after_a_power_cut(home) -> None:
    def ask(question: Callable[[Client], Generator[bytes, bytes, T]]) -> T:
        return home.head_end.settle(home.head_end.ask(home.hub.name, 1, question, writes=True))

    home.run(for_=10 * MIN)
    ask(lambda client: swap_client.order(client, Order.HAND_OVER))
    home.run(for_=MIN)
    assert isinstance(home.hub.firmware, Retired)
    assert home.hub.firmware.wan is not None
    sealed = ask(swap_client.last_backup)
    assert sealed
    home.mains.off(HOUR)
    home.run(for_=HOUR + 5 * MIN)
    assert home.events("power", HUB)[-1] != home.events("power", HUB)[-2]  # it was without power, and is back
    assert abs(home.hub.rtc.read() - home.kernel.utc) < S
    home.only.wan_slot.pull()
    home.run(for_=MIN)
    home.only.wan_slot.fit("radio")
    home.run(for_=5 * MIN)
    assert ask(swap_client.last_backup) == sealed
    ask(lambda client: swap_client.order(client, Order.ERASE))
    home.run(for_=MIN)
    record = [(line.kind, line.at) for line in lines(home.hub.nvm)]
    assert [kind for kind, _ in record] == [Kind.WAN_MODULE, Kind.HANDED_OVER, Kind.WAN_MODULE, Kind.ERASED]
    assert [key for key in home.hub.nvm.keys("") if not key.startswith("swap/")] == ["store/layout"]
    assert abs(record[-1][1] - home.kernel.utc) < 2 * MIN
