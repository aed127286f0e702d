"""tshark, with the exported keys, opens one capture of everything that our stacks can say: every command of every cluster both
ways, every secured layer, fragments, joins and key establishment. None is malformed, each is named, and its values are ours.

Payloads are drawn at random and rebuilt by our declarations. What tshark 4.0 does otherwise is listed below by command, and in
docs/zigbee.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocols.core.codec import Frame
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, command_of
from protocols.zigbee.zcl.security import needs_link_key
from tests.peers.exerciser import TRANSFER, Everything, commands, everything

pytestmark = [pytest.mark.needs("tshark"), pytest.mark.xdist_group("tshark-zigbee")]

EPOCH_2000 = 946_684_800
DOCS = Path(__file__).resolve().parents[2] / "docs" / "zigbee.md"
KE = "zbee_zcl_se.ke"
CLOSED = "zbee_sec.encrypted_payload"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    return everything(tmp_path_factory.mktemp("everything"), tmp_path_factory.mktemp("blind"))


# --- the capture as a whole


@pytest.mark.req("S-083", part=True)
def test_every_frame_opens_and_none_is_malformed(said: Everything) -> None:
    assert len(said.ask(CLOSED, "frame.number", blind=True)) > 2000, "without keys they are closed"
    assert said.ask(CLOSED, "frame.number") == []
    assert said.ask("_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0", "frame.number", "_ws.col.Info") == []


def test_every_way_to_secure_a_frame_is_in_it(said: Everything) -> None:
    """By the key identifiers of both layers: data, network, key-transport and key-load."""
    layers = Counter(
        tuple(row) for row in said.ask("zbee_nwk && !(zbee_nwk.frame_type == 1)", "zbee_nwk.security", "zbee_aps.security")
    )
    assert layers["1", "1"] > 1000
    assert layers["1", "0"] > 100
    assert layers["0", "1"] >= 4, "the network key for each joiner"
    identifiers = {value for row in said.ask("zbee.sec.key_id", "zbee.sec.key_id") for value in row[0].split(",")}
    assert {int(value, 16) for value in identifiers} == {0, 1, 2, 3}
    keys = {value for row in said.ask("zbee.sec.key_seqno", "zbee.sec.key_seqno") for value in row[0].split(",")}
    assert keys == {"0", "1"}, "the network key before and after its replacement"


def test_commands_go_under_the_keys_that_their_clusters_ask_for(said: Everything) -> None:
    """A link key or none, in each direction; what is under the network key alone is what the one table says."""
    rows = said.ask("zbee_zcl.type == 1", "zbee_aps.cluster", "zbee_aps.security", "zbee_zcl.dir")
    seen = {(int(cluster, 16), secured == "1", way) for cluster, secured, way in rows}
    clusters = {(command_of(kind).cluster.id, str(int(command_of(kind).to))) for kind in commands()}
    assert {(cluster, way) for cluster, _, way in seen} == clusters
    assert all(secured is needs_link_key(cluster) for cluster, secured, _ in seen)


@pytest.mark.parametrize(
    "name",
    [
        "Beacon Request", "Beacon", "Association Request", "Association Response", "Data Request", "Ack",
        "Transport Key", "Request Key", "Switch Key", "Device Announcement", "End Device Timeout Response, Success",
        "Match Descriptor Request", "Match Descriptor Response", "Active Endpoint Request", "Active Endpoint Response",
        "Node Descriptor Request", "Node Descriptor Response", "Simple Descriptor Request", "Simple Descriptor Response",
        "Extended Address Request", "Extended Address Response", "Network Address Request", "Network Address Response",
        "Link Status", "Rejoin Request", "Rejoin Response", "Leave",
        "Initiate Key Establishment", "Ephemeral Data", "Confirm Key",
        "ZCL: Read Attributes", "ZCL: Report Attributes", "ZCL: Default Response",
    ],
)  # fmt: skip
def test_joins_keys_and_discovery_are_named(said: Everything, name: str, infos: set[str]) -> None:
    assert any(name in info for info in infos)


@pytest.fixture(scope="module")
def infos(said: Everything) -> set[str]:
    return {row[0] for row in said.ask("wpan", "_ws.col.Info")}


def test_the_certificates_of_key_establishment_are_the_devices_own(said: Everything) -> None:
    names = "frame.number", f"{KE}.attr.suite", f"{KE}.cert.subject", f"{KE}.cert.issuer"
    rows = said.ask(f"{KE}.cert.subject && frame.number < {said.joined}", *names)
    assert {row[2].replace(":", "") for row in rows} == said.eui64s
    assert {row[1] for row in rows} == {"0x0002"}
    assert len({row[3] for row in rows}) == 1, "one authority"
    points = said.ask(f"({KE}.qeu || {KE}.qev) && frame.number < {said.joined}", f"{KE}.qeu", f"{KE}.qev")
    assert {len((qeu or qev).replace(":", "")) for qeu, qev in points} == {2 * 37}
    codes = said.ask(f"({KE}.macu || {KE}.macv) && frame.number < {said.joined}", f"{KE}.macu", f"{KE}.macv")
    assert len({"".join(row) for row in points}) == len({"".join(row) for row in codes}) == 2 * (len(said.eui64s) - 1)


def test_fragments_are_put_together_by_the_dissector(said: Everything) -> None:
    rows = said.ask("zbee_aps.reassembled.length", "zbee_aps.cluster", "data.data", "zbee_aps.fragment.count")
    assert [row[1:] for row in rows if row[1] == TRANSFER.hex()] == [[TRANSFER.hex(), "22"]] * 2
    assert len({cluster for cluster, *_ in rows}) > 5, "commands of other clusters, too, are longer than a frame"


# --- every command of every cluster


def test_it_is_every_command_both_ways(said: Everything) -> None:
    assert Counter(type(sample.frame) for sample in said.samples) == dict.fromkeys(commands(), 2)
    assert len(said.samples) > 2 * 150


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


NAMED_OTHERWISE = {
    "Identify.EZModeInvoke": "Unknown Command",
    "Identify.UpdateCommissionState": "Unknown Command",
    "Price.GetCurrencyConversionCommand": "Get Currency Conversion",
}
"""What tshark calls the commands that it does not know, or knows by another name."""
BOTH_WAYS = re.compile(r"(ClientToServer|ServerToClient|ByClient|ByServer)$")
"""Commands that go both ways have two frames here, and one name there."""


def test_each_is_named(said: Everything) -> None:
    other = {}
    for sample in said.samples:
        told = sample.info.partition(": ")[2].partition(",")[0]
        if plain(told) != plain(BOTH_WAYS.sub("", type(sample.frame).__name__)):
            other[sample.name] = told
    assert other == NAMED_OTHERWISE


def values(value: Any) -> Iterator[int | bytes]:
    """Every number and every run of octets that a frame holds."""
    if isinstance(value, int | bytes):
        yield value
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from values(inner)
    elif isinstance(value, Frame):
        for inner in msgspec.structs.astuple(value):
            yield from values(inner)


def shown(value: Any) -> Iterator[int | bytes]:
    """Every number and every run of octets that tshark shows, times as seconds since 2000."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from shown(inner)
        return
    if isinstance(value, list):
        for inner in value:
            yield from shown(inner)
        return
    yield value.encode()
    if re.fullmatch(r"([0-9a-f]{2}:)*[0-9a-f]{2}", value):
        octets = bytes.fromhex(value.replace(":", ""))
        yield octets
        yield int.from_bytes(octets, "big")
        if octets[0] == len(octets) - 1:
            yield octets[1:]  # a string with its length before it
    if re.fullmatch(r"0x[0-9a-fA-F]+", value):
        yield int(value, 16)
    elif re.fullmatch(r"-?[0-9]+", value):
        yield int(value)
    elif found := re.match(r"[A-Z][a-z]{2} +[0-9]+, [0-9]{4} [0-9:]{8}", value):
        moment = datetime.strptime(found[0], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
        yield int(moment.timestamp()) - EPOCH_2000


READ_OTHERWISE = {
    ("Identify.EZModeInvoke", "action"): "not known",
    ("Identify.UpdateCommissionState", "action"): "not known",
    ("Identify.UpdateCommissionState", "commission_state_mask"): "not known",
    ("Price.GetBlockPeriods", "tariff_type"): "the lower half of the tariff type",
    ("Price.GetTariffInformation", "tariff_type"): "the lower half of the tariff type",
    ("Price.GetBillingPeriod", "tariff_type"): "the lower half of the tariff type",
    ("Price.GetCO2Value", "tariff_type"): "the lower half of the tariff type",
    ("Demand Response and Load Control.GetScheduledEvents", "issuer_event_id"): "no issuer event identifier: SE 1.2b added it",
    ("Demand Response and Load Control.CancelLoadControlEvent", "effective_time"): "one octet of it",
    ("Metering.ScheduleSnapshot", "snapshot_schedule_payload"): "the first schedule only, and no start time",
    ("Metering.MirrorReportAttributeResponse", "notification_flags"): "the flags of a scheme it knows",
    ("Metering.RequestFastPollModeResponse", "fast_poll_mode_endtime"): "UTC time as Unix time",
    ("Metering.ConfigureMirror", "mirror_notification_reporting"): "a boolean as 0 or 1",
    ("Messaging.MessageConfirmation", "message_confirmation_control"): "the control as a boolean",
    ("Tunneling.RequestTunnel", "flow_control_support"): "a boolean as 0 or 1",
    ("Prepayment.ChangeDebt", "debt_recovery_balance_percentage"): "one octet of the percentage",
    ("Prepayment.PublishDebtLog", "debt_payload"): "the amount as a signed number",
    ("Energy Management.ReportEventStatus", "heating_temperature_set_point_applied"): "the temperature as a signed number",
    ("Calendar.PublishDayProfile", "day_schedule_entries"): "as many entries as the count says",
    ("Calendar.PublishSeasons", "season_entries"): "dates by year, month and day",
    ("Calendar.PublishSpecialDays", "special_day_entries"): "dates by year, month and day",
    ("Device Management.PublishChangeOfTenancy", "proposed_tenancy_change_control"): "the control with its octets reversed",
    ("Device Management.RequestNewPasswordResponse", "duration_in_minutes"): "the duration with its octets reversed",
    ("Device Management.SetEventConfiguration", "event_configuration_payload"): "as the configuration control says",
    ("Key Establishment.InitiateKeyEstablishmentRequest", "identity"): "nothing of a suite it does not know",
    ("Key Establishment.InitiateKeyEstablishmentResponse", "identity"): "nothing of a suite it does not know",
    ("MDU Pairing.PairingResponse", "eui64s"): "as many devices as the count says",
}
"""Fields where tshark 4.0 shows something else than what is on the air, and what it shows instead."""


def test_values_are_the_same(said: Everything) -> None:
    other = {
        (sample.name, name)
        for sample in said.samples
        for known in [set(shown(sample.layers))]
        for name in sample.frame.__struct_fields__
        if not set(values(getattr(sample.frame, name))) <= known
    }
    assert other <= set(READ_OTHERWISE), other


def leaves(value: Any) -> Iterator[set[int | bytes]]:
    """What tshark shows, in its order, each as all that it may stand for."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield set(shown(value))


def test_single_fields_stand_in_the_order_of_ours(said: Everything) -> None:
    """Each field's value is shown where, or behind where, that of the field before it is: no two are exchanged."""
    other = set()
    for sample in said.samples:
        told = leaves(sample.layers)
        current: set[int | bytes] = set()
        for name in sample.frame.__struct_fields__:
            ours = getattr(sample.frame, name)
            if isinstance(ours, list | Frame) or ours is None or (sample.name, name) in READ_OTHERWISE:
                continue
            for value in values(ours):
                while value not in current:
                    found = next(told, None)
                    if found is None:
                        other.add((sample.name, name))
                        told, current = iter(()), {value}
                    else:
                        current = found
    assert other == set()


def test_every_command_of_the_public_table_is_among_them(said: Everything, cluster_facts: Any) -> None:
    """se-clusters.json, drawn from zap and Wireshark: cluster, direction and number of each command."""
    way = {"client->server": SERVER, "server->client": CLIENT}
    wanted = {
        (int(cluster["id"], 16), way[command["direction"]], int(command["id"], 16))
        for cluster in cluster_facts["clusters"]
        for command in cluster["commands"]
    }
    declared = [command_of(type(sample.frame)) for sample in said.samples]
    heard = Counter((each.cluster.id, each.to, each.id) for each in declared)
    assert {command: heard[command] for command in wanted} == dict.fromkeys(wanted, 2)


def test_the_page_tells_what_it_cannot_name() -> None:
    told = [line.strip("| ").split(" | ") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    expected = [[name, "the command itself", shown] for name, shown in NAMED_OTHERWISE.items()]
    expected += [[*field, shown] for field, shown in READ_OTHERWISE.items()]
    assert [row for row in told if row in expected] == expected
