"""Every declared attribute and command against the table of public sources: ids, names, types, access, order.

`se-clusters.json` was drawn from the zap project's ami.xml and general.xml (Apache-2.0), checked against Wireshark.
It gives field names and types, not a grammar: which fields may be missing and what counts an array is ours.
"""

from __future__ import annotations

import re

import pytest

from protocols.core.codec import le, zcl_string
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.energy_management import EnergyManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import Events
from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.clusters.keep_alive import KeepAlive
from protocols.zigbee.clusters.key_establishment import KeyEstablishment
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from protocols.zigbee.zcl.security import NETWORK_KEY_CLUSTERS, needs_link_key
from protocols.zigbee.zcl.types import TYPES

CLUSTERS = [Basic, PowerConfiguration, Identify, Alarms, Time, Ota, KeepAlive, Price, DemandResponse, Metering, Messaging,
            Tunneling, Prepayment, EnergyManagement, Calendar, DeviceManagement, Events, MduPairing, SubGhz,
            KeyEstablishment]  # fmt: skip
SIDES = {SERVER: "client->server", CLIENT: "server->client"}
GLOBAL = {0xFFFD, 0xFFFE}
WIDTH = {"INT8U": 1, "INT16U": 2, "INT24U": 3, "INT32U": 4, "INT48U": 6, "INT32S": 4, "UTC_TIME": 4, "BOOLEAN": 1,
         "INT8S": 1, "INT16S": 2, "IEEE_ADDRESS": 8, "CLUSTER_ID": 2, "Status": 1,
         "ENUM8": 1, "BITMAP8": 1, "BITMAP16": 2, "BITMAP24": 3, "BITMAP32": 4}  # fmt: skip
RENAMED = {
    ("Price", "commodity_type"): "client_commodity_type",  # the client has one of its own beside the server's
    ("Device Management", "provider_id"): "client_provider_id",
    ("Device Management", "received_provider_id"): "client_received_provider_id",
    ("Key Establishment", "key_establishment_suite"): "client_key_establishment_suite",
    ("Over the Air Bootloading", "ota_upgrade_server_id"): "upgrade_server_id",
    ("Over the Air Bootloading", "offset_address_into_the_file"): "file_offset",
    ("Over the Air Bootloading", "ota_current_file_version"): "current_file_version",
    ("Over the Air Bootloading", "ota_current_zig_bee_stack_version"): "current_stack_version",
    ("Over the Air Bootloading", "ota_downloaded_file_version"): "downloaded_file_version",
    ("Over the Air Bootloading", "ota_downloaded_zig_bee_stack_version"): "downloaded_stack_version",
    ("Over the Air Bootloading", "ota_upgrade_status"): "upgrade_status",
}
TWICE = {0x01E4, 0x01E5, 0x01E6, 0x01E7, 0x0702}
"""Events that have the name of an earlier one."""
BOTH_SIDES = {"TerminateKeyEstablishmentByClient", "TerminateKeyEstablishmentByServer"}
"""Commands that both sides receive have two frames."""
FIXED = {"signature": 42, "secure_message_authentication_code": 16}
"""Fields that the table calls structures without fields: their octets."""
IN_THE_STANDARD = {"minimum_block_period", "current_time", "request_time"}
"""Fields of OTA commands (07-5123 11.13.6, 11.13.8) that the table leaves out; `image_data` has its length with it."""


def snake(name):
    name = re.sub(r"#(\d)", r"\1", name)
    name = name.replace("CO2", "Co2").replace("cO2", "co2").replace("(minutes)", "").replace("(server)", "").replace("(client)", "")
    name = re.sub(r"[^A-Za-z0-9]+", "_", name.strip()).strip("_")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_every_type_of_the_tables_is_known(cluster_facts):
    assert {int(octet, 16) for octet in cluster_facts["zcl_types"].values()} <= set(TYPES)


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c.name)
@pytest.mark.parametrize("side", list(SIDES), ids=lambda s: s.name)
def test_attributes(cluster, side, cluster_facts):
    rows = {int(row["id"], 16): row for row in cluster_facts["by_id"][cluster.id]["attributes"]
            if row["side"] == side.name.lower()}  # fmt: skip
    declared = cluster.attributes[side]
    wrong = []
    for id, attribute in declared.items():
        if id in GLOBAL:
            continue
        row = rows[id]
        name = snake(row["name"])
        found = (attribute.name, attribute.type.id, attribute.writes)
        if side is CLIENT:
            name = RENAMED.get((cluster.name, name), name) + ("_2" if cluster is DeviceManagement and id in TWICE else "")
        if found != (name, int(row["zcl_type"], 16), "W" in row["access"]):
            wrong.append((hex(id), found, row))
    assert not wrong
    assert set(declared) - GLOBAL == {id for id, row in rows.items() if row.get("zcl_type")}


def wire(item, facts):
    """What a declared field's item is on the wire: its octets, or 'string', or the shape of its items."""
    type_ = item["type"]
    if "zcl_type" in item and not item.get("array") and not item.get("struct"):
        names = {octet: name for name, octet in facts["zcl_types"].items()}
        type_ = names[item["zcl_type"]]
    if item.get("array") or item.get("struct"):
        return "items"
    return "string" if type_.endswith("_STRING") else WIDTH[type_]


def octets_of(field):
    """The same of our declaration, found by looking at the construct tree."""
    part = field.subcon
    if type(part).__name__ in ("Trailing", "When"):
        part = part.subcon
    kind = type(part).__name__
    if kind == "NullablePrefixed":
        return "string"
    if kind in ("Array", "ToEnd", "Rest", "Prefixed", "Bytes"):
        return "items"
    return part.sizeof()


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c.name)
@pytest.mark.parametrize("side", list(SIDES), ids=lambda s: s.name)
def test_commands(cluster, side, cluster_facts):
    rows = {int(row["id"], 16): row for row in cluster_facts["by_id"][cluster.id]["commands"]
            if row["direction"] == SIDES[side]}  # fmt: skip
    declared = cluster.commands[side]
    names = {id: name[:-8] if (name := frame.__name__) in BOTH_SIDES else name for id, frame in declared.items()}
    assert names == {id: row["name"] for id, row in rows.items()}
    for id, frame in declared.items():
        expected = [(snake(item["name"]), wire(item, cluster_facts)) for item in rows[id]["payload"]
                    if "removedIn" not in item]  # fmt: skip
        found = [(field.name, octets_of(field)) for field in frame._fields]
        if cluster is Ota:
            named = [item["name"] for item in rows[id]["payload"]]
            found = [row for row in found if row[0] not in IN_THE_STANDARD or row[0] in map(snake, named)]
            expected = [row for row in expected if row[0] != "data_size"]
        expected = [(name, FIXED.get(name, size)) for name, size in expected]
        assert found == expected, frame


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c.name)
def test_link_key_table(cluster, cluster_facts):
    assert needs_link_key(cluster.id) is cluster_facts["by_id"][cluster.id]["apsLinkKeyRequired"]


def test_link_key_table_names_clusters_that_need_none(cluster_facts):
    exempt = {id: row["name"] for id, row in cluster_facts["by_id"].items() if not row["apsLinkKeyRequired"]}
    assert exempt == NETWORK_KEY_CLUSTERS


def test_what_gb_gas_meters_report_is_declared_so(cluster_facts):
    reported = cluster_facts["gb_profile"]["gsme_reported_attributes"]
    names = {octet: name for name, octet in cluster_facts["zcl_types"].items()}
    for cluster, rows in ((Metering, reported["metering"]), (Prepayment, reported["prepayment"])):
        for id, _, type_ in rows:
            attribute = cluster.attributes[SERVER][int(id, 16)]
            assert attribute.reports, attribute
            assert names[f"0x{attribute.type.id:02X}"] == type_, attribute
    for id in reported["basic"]:
        assert Basic.attributes[SERVER][int(id, 16)].reports


def test_what_gb_meters_report_is_declared_so(cluster_facts):
    names = {octet: name for name, octet in cluster_facts["zcl_types"].items()}
    for id, _, type_ in cluster_facts["gb_profile"]["gbcs_metering_attributes"]["attributes"]:
        attribute = Metering.attributes[SERVER][int(id, 16)]
        assert attribute.reports, attribute
        assert names[f"0x{attribute.type.id:02X}"] == type_, attribute


def test_aliases_used_by_the_declarations():
    assert le.boolean == le.u8
    assert zcl_string.__metadata__


def test_events_are_the_attributes_of_device_management(cluster_facts):
    rows = {int(row["id"], 16): snake(row["name"]) for row in cluster_facts["by_id"][DeviceManagement.id]["attributes"]
            if row["side"] == "client" and row.get("zcl_type") and int(row["id"], 16) >= 0x100}  # fmt: skip
    assert {event.value: event.name.lower().removesuffix("_2" if event in TWICE else "\0") for event in EventId} == rows
