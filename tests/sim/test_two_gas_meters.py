"""Two gas meters on one hub: each has a mirror, a logical device and a tariff of its own, and nothing of one reaches the other."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest

from devices.parts import swap_client
from devices.parts.han import Refused
from devices.parts.prepaid import BALANCE
from devices.parts.swap_client import Order
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.prepay.objects import BALANCE as ACCOUNT_OF_HUB
from hubfw.sap_table import GAS, HUB
from hubfw.translation_logs import HALF_HOURS
from hubfw.translation_objects import PENDING
from hubfw.translation_orders import VALVE
from hubfw.translation_samples import SAMPLES
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ControlState
from protocols.dlms.cosem.credit import Credit
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.device_management.events import BY_LIST
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.status import Status
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.figures import Figures
from tools.bench.firmware import file
from tools.bench.fitting import fit

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "two-gas-meters.toml"
METERS = ("gas1", "gas2")
VOLUME, SITE, CALORIFIC, FACTOR, PRICE = (
    "7-0:3.0.0", "0-0:94.44.34.11", "7-0:54.0.0", "7-0:52.0.0", "7-0:130.3.1",
)  # fmt: skip
WARNING = Credit.warning_threshold.number
WAKE = 31 * MIN
HAN = 0x10
"""An event is told on the home network."""

SMALL = (
    "[[home]]", '[[home.device]]\nkind = "hub"',
    *(f'[[home.device]]\nkind = "gsme"\nname = "{label}"\nat = [6, 2]\nwake_minutes = 5' for label in METERS),
)  # fmt: skip


def lived(until=HOUR + 10 * MIN, text=None):
    run = Told(config.load(BENCH) if text is None else config.loads(text))
    commission(run)
    run.run_until(until)
    return run


@pytest.fixture(scope="module")
def home():
    """An hour and ten minutes old; each test leaves both meters able to report."""
    return lived()


def mirror(home, label):
    return home.hub.firmware.mirrors.of(home.board(label).eui64)


def litres(home):
    """What each meter's own register showed when it last reported."""
    return {label: home.board(label).firmware.register.reading.litres for label in METERS}


def get(home, label, name, class_id=1, attribute=2):
    return home.head_end.meter(label).get(name, class_id, attribute).python


def put(home, label, name, data, class_id=1, attribute=2):
    home.head_end.meter(label, writes=True).set(name, class_id, attribute, data)


def waiting(home):
    """The orders that wait for each meter, as the head end reads them."""
    return {label: get(home, label, PENDING) for label in METERS}


def asked(home, label, question):
    """What a device of the home finds out over the air."""
    found = []

    async def ask(han):
        found.append(await question(han))

    board = home.board(label)
    board.firmware.spawn(ask(board.firmware.han))
    home.until(lambda: found, within=MIN)
    return found[0]


def names(home):
    return home.head_end.meter("hub").names()


def saps(home):
    """The SAP of each gas meter, from the hub's directory."""
    return {label: home.head_end.settle(home.head_end.find(label)) for label in METERS}


@pytest.mark.req("S-018", part=True)
def test_each_answers_at_a_sap_of_its_own_with_what_it_holds_itself(home):
    places, held = saps(home), litres(home)
    assert places["gas1"] == GAS
    assert sorted([*places.values(), home.head_end.settle(home.head_end.find("esme"))]) == [2, 3, 4]
    assert len(set(names(home).values())) == 4
    assert held["gas2"] < 50_000 < held["gas1"]
    for label in METERS:
        assert int(home.head_end.meter(label).register(VOLUME).value * 1000) == held[label]
    assert [get(home, label, SITE) for label in METERS] == [b"1234567890", b"1234567891"]


@pytest.mark.req("S-142", part=True)
def test_a_display_that_looks_for_metering_finds_both_mirrors_and_reads_each(home):
    async def read(han):
        places = [endpoint for _, endpoint in await han.match([Metering.id], destination=0)]
        wanted = [Metering.current_summation_delivered]
        return {at: (await han.read(0, at, Metering, wanted))[wanted[0]] for at in places}

    held = litres(home)
    assert asked(home, "ppmid", read) == {mirror(home, label).endpoint.number: held[label] for label in METERS}
    assert {mirror(home, label).endpoint.number for label in METERS} == {0x10, 0x11}


def test_a_display_of_a_dwelling_finds_and_shows_the_gas_meter_that_is_there(home):
    for display, label in (("ihd1", "gas1"), ("ihd2", "gas2")):
        shown = next(line for line in home.screen(display) if line.startswith("GAS"))
        assert shown.split() == ["GAS", f"{litres(home)[label] / 1000:,.3f}".replace(",", ""), "m3"]
    assert home.board("ihd1").nvm.get("published") is None  # what the bench publishes is for the other one
    assert home.board("ihd2").nvm.get("published")["fuels"] == {"1": 3}


@pytest.mark.req("S-057", part=True)
def test_what_is_published_for_one_is_found_fetched_and_counted_by_by_that_one_alone(home):
    rates = {label: home.board(label).firmware.rates for label in METERS}
    assert {label: each.calorific_value for label, each in rates.items()} == {"gas1": 395, "gas2": 381}  # the bench's publication
    assert get(home, "gas2", CALORIFIC, 4) == 381
    with pytest.raises(AccessError) as refused:
        get(home, "gas1", CALORIFIC, 4)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    put(home, "gas1", CALORIFIC, axdr.u32(402), 4)
    put(home, "gas1", FACTOR, axdr.u32(101_000), 4)
    put(home, "gas2", PRICE, axdr.structure(axdr.u32(31_000), axdr.u32(7_777)))
    home.run(for_=WAKE)
    assert {label: each.calorific_value for label, each in rates.items()} == {"gas1": 402, "gas2": 381}
    assert {label: each.conversion_factor for label, each in rates.items()} == {"gas1": 101_000, "gas2": 102_264}
    assert {label: each.price for label, each in rates.items()} == {"gas1": 6_040, "gas2": 7_777}
    assert [get(home, label, CALORIFIC, 4) for label in METERS] == [402, 381]
    tariffs, gas = home.hub.firmware.tariffs, home.hub.firmware.gas
    places = {label: tariffs.of(gas.fuel(home.board(label).eui64)).endpoint for label in METERS}
    assert places == {"gas1": 2, "gas2": 3}

    async def looked(han):
        return [endpoint for _, endpoint in await han.match([Price.id], destination=0)]

    assert asked(home, "gas1", looked) == [1, 2]
    assert asked(home, "gas2", looked) == [1, 3]
    assert asked(home, "ppmid", looked) == [1, 2, 3]
    assert [asked(home, display, looked) for display in ("ihd1", "ihd2")] == [[1, 2], [1, 3]]


def test_a_meter_that_asks_at_the_other_one_s_endpoint_is_told_nothing(home):
    async def fetch(han):
        answers = []
        for at in (2, 3):
            try:
                answers.append(await han.request(0, at, Price.GetCalorificValue(0, 0, 1), Price.PublishCalorificValue))
            except Refused as refused:
                answers.append(refused.status)
        return answers

    refused, told = asked(home, "gas2", fetch)
    assert (refused, told.calorific_value) == (Status.NOT_AUTHORIZED, 381)
    assert [answer.calorific_value for answer in asked(home, "ppmid", fetch)] == [402, 381]


def test_orders_wait_for_the_meter_that_they_are_for_and_change_nothing_at_the_other(home):
    put(home, "gas2", SITE, axdr.octets(b"ANNEXE"))
    home.head_end.meter("gas1", writes=True).action(VALVE, 70, 1)
    put(home, "gas2", BALANCE, axdr.i32(4_000), 112, WARNING)
    assert waiting(home) == {"gas1": ["ChangeSupply"], "gas2": ["UpdateSiteId", "SetLowCreditWarningLevel"]}
    home.run(for_=WAKE)
    home.run(for_=WAKE)  # what was changed at a wake is in the report of the next
    assert waiting(home) == {"gas1": [], "gas2": []}
    assert [home.board(label).firmware.identity.site for label in METERS] == [b"1234567890", b"ANNEXE"]
    assert [get(home, label, SITE) for label in METERS] == [b"1234567890", b"ANNEXE"]
    assert [ControlState(get(home, label, VALVE, 70, 3)) for label in METERS] == [
        ControlState.DISCONNECTED, ControlState.CONNECTED,
    ]  # fmt: skip
    assert get(home, "gas2", BALANCE, 112, WARNING) == 4_000 != get(home, "gas1", BALANCE, 112, WARNING)


def test_logs_and_samples_are_asked_of_one_and_not_of_the_other(home):
    home.head_end.meter("gas2", writes=True).action(HALF_HOURS, 7, 2)
    put(home, "gas1", SAMPLES, axdr.u32(300), 7, 4)
    home.run(for_=WAKE)
    home.head_end.meter("gas1", writes=True).action(SAMPLES, 7, 2)
    home.run(for_=WAKE)
    rows = {label: [row.value[1].value for row in home.head_end.meter(label).get(HALF_HOURS, 7, 2).value] for label in METERS}
    own = home.board("gas2").firmware
    assert rows["gas1"] == []
    assert rows["gas2"]
    assert sum(rows["gas2"]) <= own.register.reading.litres - 42_000
    assert len(get(home, "gas1", SAMPLES, 7)) >= 5
    assert get(home, "gas2", SAMPLES, 7) == []
    assert get(home, "gas2", SAMPLES, 7, 4) == 0


def test_messages_of_remote_parties_are_fetched_by_their_meter(home):
    given = {label: [] for label in METERS}
    for label in METERS:
        home.board(label).firmware.inbox.act = lambda message, label=label: given[label].append(message) or []
    home.hub.firmware.deliver(home.board("gas2").eui64, b"for gas2")
    home.hub.firmware.deliver(home.board("gas1").eui64, b"for gas1")
    home.run(for_=WAKE)
    assert given == {"gas1": [b"for gas1"], "gas2": [b"for gas2"]}


def test_how_events_are_handled_is_said_to_one_meter_from_its_own_endpoint(home):
    firmware = home.hub.firmware
    payload = bytes((1,)) + struct.pack("<H", EventId.LOW_BATTERY)
    before = {label: home.board(label).nvm.get("event-settings/held", []) for label in METERS}
    told = []
    home.board("gas2").firmware.han.on(Message, lambda message: told.append((message.cluster, message.source_endpoint)))
    command = DeviceManagement.SetEventConfiguration(9, 0, HAN, BY_LIST, payload)
    assert firmware.tariffs.publish(command, firmware.gas.fuel(home.board("gas2").eui64)) is Status.SUCCESS
    home.run(for_=WAKE)
    assert home.board("gas1").nvm.get("event-settings/held", []) == before["gas1"]
    assert home.board("gas2").nvm.get("event-settings/held", []) != before["gas2"]
    assert [at for cluster, at in told if cluster == DeviceManagement.id] == [3]


def test_an_image_for_one_is_fetched_and_run_by_that_one(home):
    head_end = home.head_end
    contents = bytes(Random(1).getrandbits(8) for _ in range(500))
    image = file(home.only, "gas2", 0x02000000, contents, alone=True)
    home.kernel.spawn(head_end.firmware.update("gas2", image, again=MIN), who="test")
    home.run(for_=2 * WAKE)
    versions = [head_end.settle(head_end.firmware.version(label)) for label in METERS]
    assert versions == ["01000000", "02000000"]


def test_the_hub_comes_back_with_the_same_endpoints_and_addresses(home):
    before = saps(home), {label: mirror(home, label).endpoint.number for label in METERS}, litres(home)
    home.hub.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    assert (saps(home), {label: mirror(home, label).endpoint.number for label in METERS}, litres(home)) == before
    assert [int(home.head_end.meter(label).register(VOLUME).value * 1000) for label in METERS] == list(litres(home).values())
    assert [get(home, label, CALORIFIC, 4) for label in METERS] == [402, 381]
    sets = len(home.times("gsme.set-taken"))
    home.run(for_=WAKE)
    assert len(home.times("gsme.set-taken")) >= sets + 2
    assert [int(home.head_end.meter(label).register(VOLUME).value * 1000) for label in METERS] == list(litres(home).values())


def test_a_report_counts_what_either_is_asked_as_asked_of_gas(home):
    figures, counts = Figures(home), []
    for label in METERS:
        home.head_end.meter(label).register(VOLUME)
        counts.append(
            {each.target: each.asked for each in figures.latencies() if each.target != "hub" and each.request[:3] == "Get"}
        )
    (one,), (both,) = (list(count.items()) for count in counts)
    assert (one[0], both) == ("gas (mirror)", ("gas (mirror)", 2 * one[1]))


@pytest.mark.parametrize(("gone", "stays"), [METERS, METERS[::-1]])
def test_when_one_is_removed_the_other_is_unhurt_and_no_address_means_another_meter(gone, stays):
    home = lived(6 * MIN, "\n".join(SMALL))
    places, kept = saps(home), mirror(home, stays).endpoint.number
    free = mirror(home, gone).endpoint.number
    home.head_end.settle(home.head_end.unpair(gone))
    for _ in range(2):
        home.run(for_=6 * MIN)
        assert mirror(home, gone) is None
        assert mirror(home, stays).endpoint.number == kept
        assert home.head_end.meter(stays).register(VOLUME).value * 1000 == litres(home)[stays]
        with pytest.raises(AccessError) as refused:
            home.head_end.meter(gone).register(VOLUME)
        assert refused.value.result == DataAccessResult.TEMPORARY_FAILURE
        with pytest.raises(AccessError):
            put(home, gone, SITE, axdr.octets(b"NOBODY"))
        assert saps(home) == places
        home.hub.cut(off_for=S)
        home.run(for_=10 * S)
    home.head_end.settle(home.head_end.pair(gone, seconds=3600))
    home.until(lambda: mirror(home, gone) is not None, within=HOUR)
    assert (saps(home), mirror(home, gone).endpoint.number) == (places, free)


def test_a_power_cut_in_the_middle_of_a_removal_leaves_nothing_of_that_meter_behind():
    home = lived(6 * MIN, "\n".join(SMALL))
    gone = home.board("gas1").eui64
    home.hub.firmware.deliver(gone, b"never fetched")
    home.hub.firmware.coordinator.unregister(gone)
    home.hub.cut(off_for=S)
    home.run(for_=5 * S)
    assert [mirror(home, label) is None for label in METERS] == [True, False]
    assert [key for key in home.hub.nvm.keys("") if key.startswith(("mirror", "mail")) and f"{gone:016X}" in key] == []


def test_another_hub_has_the_same_addresses_mirrors_and_publications(home):
    head_end, old = home.head_end, home.hub

    def ask(board, question):
        return head_end.settle(head_end.ask(board.name, HUB, question, writes=True))

    before = saps(home), {label: mirror(home, label).endpoint.number for label in METERS}, names(home)
    ask(old, lambda client: swap_client.order(client, Order.HAND_OVER))
    home.run(for_=10 * S)
    sealed = ask(old, swap_client.last_backup)
    new = fit(home.only)
    home.run(for_=5 * S)
    ask(new, lambda client: swap_client.restore(client, sealed))
    home.run(for_=10 * S)
    old.power_off()
    home.until(lambda: new.firmware.commissioned and len(home.events("han.trust-centre-replaced")) >= 6, within=2 * HOUR)
    home.run(for_=WAKE)
    after = names(home)
    assert (saps(home), {label: mirror(home, label).endpoint.number for label in METERS}) == before[:2]
    assert {sap: name for sap, name in after.items() if sap != HUB} == {sap: name for sap, name in before[2].items() if sap != HUB}
    assert [get(home, label, CALORIFIC, 4) for label in METERS] == [402, 381]
    assert [int(home.head_end.meter(label).register(VOLUME).value * 1000) for label in METERS] == list(litres(home).values())


MIXED = """
[access.suppliers]
flame = "flame-password"
ember = "ember-password"
[[home]]
[[home.device]]
kind = "hub"
prepay = { opening_pounds = 10, gas = { rates = [{ pence = [0.5] }] } }
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 5
supplier = "flame"
[[home.device]]
kind = "mbus-gas"
supplier = "ember"
report_minutes = 5
[[home.device]]
kind = "prepay-gas"
at = [5, 2]
"""
KINDS = ("gsme", "prepay-gas", "mbus-gas")


def test_meters_of_three_kinds_and_two_suppliers_are_served_side_by_side():
    home = lived(7 * MIN, MIXED)
    places = [home.head_end.settle(home.head_end.find(label)) for label in KINDS]
    assert (places[0], sorted(places)) == (GAS, [2, 3, 4])
    proxies = [home.hub.firmware.server.devices[sap] for sap in places]
    assert [proxy.find(bytes(Obis(ACCOUNT_OF_HUB))) is not None for proxy in proxies] == [False, True, False]
    for label, litres in (
        ("gsme", home.gsme.firmware.register.reading.litres),
        ("mbus-gas", home.board("mbus-gas").firmware.litres),
    ):
        assert home.head_end.meter(label).register(VOLUME).value * 1000 == litres
    for supplier, own, other in (("flame", "gsme", "mbus-gas"), ("ember", "mbus-gas", "gsme")):
        assert home.head_end.supplier(supplier, own).register(VOLUME)
        with pytest.raises(RemoteProtocolError):
            home.head_end.supplier(supplier, other).register(VOLUME)


CONSUMERS = "\n".join((*SMALL, '[[home.device]]\nkind = "consumer-module"\n[[home.device]]\nkind = "cad"\nnetwork = "consumer"\n'))


def test_the_consumers_network_has_a_copy_of_each():
    home = lived(7 * MIN, CONSUMERS)
    home.run(for_=MIN)

    async def read(han):
        wanted = Metering.current_summation_delivered
        places = [endpoint for _, endpoint in await han.match([Metering.id], destination=0)]
        return {at: (await han.read(0, at, Metering, [wanted])).get(wanted) for at in places}

    assert asked(home, "cad", read) == {2: None, 3: litres(home)["gas1"], 4: litres(home)["gas2"]}


def test_what_comes_in_the_place_of_the_only_gas_meter_gets_another_address_and_is_told_nothing_of_its_tariff():
    home = lived(6 * MIN, "\n".join(SMALL) + "\nlisted = false")
    assert names(home).keys() == {1, 2}
    put(home, "gas1", CALORIFIC, axdr.u32(402), 4)
    home.head_end.settle(home.head_end.unpair("gas1"))
    home.hub.cut(off_for=S)
    home.run(for_=10 * S)
    home.head_end.settle(home.head_end.pair("gas2", seconds=3600))
    home.until(lambda: mirror(home, "gas2") is not None and mirror(home, "gas2").gas.reading is not None, within=HOUR)
    assert saps(home) == {"gas1": GAS, "gas2": 3}
    assert home.head_end.meter("gas2").register(VOLUME).value * 1000 == litres(home)["gas2"]
    with pytest.raises(AccessError):
        home.head_end.meter("gas1").register(VOLUME)
    with pytest.raises(AccessError):
        get(home, "gas2", CALORIFIC, 4)

    async def looked(han):
        return [endpoint for _, endpoint in await han.match([Price.id], destination=0)]

    assert asked(home, "gas2", looked) == [1]
