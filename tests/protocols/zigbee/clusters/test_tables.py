"""Every declared attribute and command against the table of public sources: ids, names, types, access, order.

`se-clusters.json` was drawn from the zap project's ami.xml and general.xml (Apache-2.0), checked against Wireshark.
It gives field names and types, not a grammar: which fields may be missing and what counts an array is ours.
"""

from __future__ import annotations

import re

import pytest

from protocols.core.codec import le, zcl_string
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.clusters.tunneling import Tunneling
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from protocols.zigbee.zcl.security import NETWORK_KEY_CLUSTERS, needs_link_key
from protocols.zigbee.zcl.types import TYPES

CLUSTERS = [Basic, Time, Price, Metering, Messaging, Tunneling, Prepayment]
SIDES = {SERVER: "client->server", CLIENT: "server->client"}
GLOBAL = {0xFFFD, 0xFFFE}
WIDTH = {"INT8U": 1, "INT16U": 2, "INT24U": 3, "INT32U": 4, "INT48U": 6, "INT32S": 4, "UTC_TIME": 4, "BOOLEAN": 1,
         "ENUM8": 1, "BITMAP8": 1, "BITMAP16": 2, "BITMAP24": 3, "BITMAP32": 4}  # fmt: skip
RENAMED = {("Price", "commodity_type"): "client_commodity_type"}  # the client has one of its own beside the server's


def snake(name):
    name = re.sub(r"#(\d)", r"\1", name)
    name = name.replace("CO2", "Co2").replace("cO2", "co2").replace("(minutes)", "")
    name = re.sub(r"[^A-Za-z0-9]+", "_", name.strip())
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
            name = RENAMED.get((cluster.name, name), name)
        if found != (name, int(row["zcl_type"], 16), "W" in row["access"]):
            wrong.append((hex(id), found, row))
    assert not wrong
    if cluster.id in (0x0000, 0x000A, 0x0703, 0x0704):
        assert set(declared) - GLOBAL == set(rows)


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
    if type(part).__name__ == "Trailing":
        part = part.subcon
    kind = type(part).__name__
    if kind == "NullablePrefixed":
        return "string"
    if kind in ("Array", "ToEnd", "Rest"):
        return "items"
    return part.sizeof()


@pytest.mark.parametrize("cluster", CLUSTERS, ids=lambda c: c.name)
@pytest.mark.parametrize("side", list(SIDES), ids=lambda s: s.name)
def test_commands(cluster, side, cluster_facts):
    rows = {int(row["id"], 16): row for row in cluster_facts["by_id"][cluster.id]["commands"]
            if row["direction"] == SIDES[side]}  # fmt: skip
    declared = cluster.commands[side]
    assert {id: frame.__name__ for id, frame in declared.items()} == {id: row["name"] for id, row in rows.items()}
    for id, frame in declared.items():
        expected = [(snake(item["name"]), wire(item, cluster_facts)) for item in rows[id]["payload"]
                    if "removedIn" not in item]  # fmt: skip
        assert [(field.name, octets_of(field)) for field in frame._fields] == expected, frame


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
