"""tshark dissects a capture with every command of every Smart Energy cluster: none malformed, each named, its values ours.

Payloads are drawn at random and rebuilt by our declarations. What tshark 4.0 does otherwise is listed below by command.
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import aps, clusters, mac, nwk
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import Cluster, command_of
from tools.capture.pcapng import LINK_TAP, Writer
from tools.capture.tap import Packet

pytestmark = pytest.mark.needs("tshark")

START = 1_768_348_800_000_000_000
CHANNEL, PAN, HUB, METER = 15, 0x1A62, 0x0000, 0x4812
ROOM = 80
"""Octets of a payload beside MAC, NWK, APS and ZCL headers in one frame."""
DRAWS, ENOUGH = 20_000, 6
EPOCH_2000 = 946_684_800


class Sample(NamedTuple):
    """A command as it was sent, and what tshark made of it."""

    frame: Frame
    layers: dict[str, Any]
    info: str

    @property
    def name(self) -> str:
        kind = type(self.frame)
        return f"{command_of(kind).cluster.name}.{kind.__name__}"


def commands() -> list[type[Frame]]:
    """Every command frame of every cluster."""
    for module in pkgutil.iter_modules(clusters.__path__):
        import_module(f"{clusters.__name__}.{module.name}")
    declared = sorted(Cluster.__subclasses__(), key=lambda cluster: cluster.id)
    return [frame for cluster in declared for side in cluster.commands.values() for frame in side.values()]


def draw(kind: type[Frame], random: Random) -> Frame:
    """A frame with random values: random octets that our declaration can read, the longest of many tries."""
    best: Frame | None = None
    found = 0
    for _ in range(DRAWS):
        size = random.randrange(ROOM + 1)
        octets = bytes(random.choice((random.getrandbits(8), random.randrange(8))) for _ in range(size))
        try:
            frame = kind.parse(octets)
        except RemoteProtocolError:
            continue
        if frame.build() == octets:
            found += 1
            if best is None or size > len(best.build()):
                best = frame
        if found > ENOUGH:
            break
    assert best is not None, f"no octets make a {kind.__name__}"
    return best


def psdu(frame: Frame, number: int) -> bytes:
    """The command on the air, in the clear."""
    declared = command_of(type(frame))
    source, destination = (HUB, METER) if declared.to else (METER, HUB)
    zcl = foundation.cluster(number, frame, disable_default_response=True)
    apdu = aps.DataHeader(aps.DATA, 1, None, declared.cluster.id, 0x0109, 1, number & 0xFF).build() + zcl
    npdu = nwk.Header(nwk.VERSION_PRO, destination, source, 30, number & 0xFF).build() + apdu
    header = mac.Header(0x8841, number & 0xFF, destination_pan=PAN, destination=destination, source=source)
    return mac.frame(header, npdu)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("clusters")
    random = Random(11)
    drawn = [draw(kind, random) for kind in commands()]
    with (folder / "all.pcapng").open("wb") as out:
        writer = Writer(out, "every command of every cluster")
        interface = writer.interface(LINK_TAP, "air")
        for number, frame in enumerate(drawn):
            writer.packet(interface, START + number, Packet(psdu(frame, number), CHANNEL).build())
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(folder)}
    base = ["tshark", "-n", "-r", str(folder / "all.pcapng")]
    dissected = subprocess.run([*base, "-T", "json"], capture_output=True, check=True, env=environment).stdout
    infos = subprocess.run([*base, "-T", "fields", "-e", "_ws.col.Info"], capture_output=True, check=True, env=environment).stdout
    lines = infos.decode().splitlines()
    packets = json.loads(dissected, object_pairs_hook=lambda pairs: _together(pairs))
    assert len(packets) == len(lines) == len(drawn)
    return [Sample(frame, packet["_source"]["layers"], line) for frame, packet, line in zip(drawn, packets, lines, strict=True)]


def _together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys come again: their values in a list."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        result[key] = (
            [*result[key], value] if isinstance(result.get(key), list) else [result[key], value] if key in result else value
        )
    return result


def test_none_is_malformed(samples: list[Sample]) -> None:
    assert len(samples) > 150
    bad = [sample.name for sample in samples if any("malformed" in str(layer) for layer in _keys(sample.layers))]
    assert bad == []


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


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


def test_each_is_named(samples: list[Sample]) -> None:
    other = {}
    for sample in samples:
        told = sample.info.partition(": ")[2].partition(",")[0]
        if plain(told) != plain(BOTH_WAYS.sub("", type(sample.frame).__name__)):
            other[sample.name] = told
    assert other == NAMED_OTHERWISE


def numbers(value: Any) -> Iterator[int]:
    """Every number that a frame holds."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, Frame):
        for inner in msgspec.structs.astuple(value):
            yield from numbers(inner)


def shown(value: Any) -> Iterator[int]:
    """Every number that tshark shows, times as seconds since 2000."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from shown(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from shown(inner)
    elif re.fullmatch(r"0x[0-9a-fA-F]+", value):
        yield int(value, 16)
    elif re.fullmatch(r"-?[0-9]+", value):
        yield int(value)
    elif re.fullmatch(r"([0-9a-f]{2}:){7}[0-9a-f]{2}", value):
        yield int(value.replace(":", ""), 16)
    elif found := re.match(r"[A-Z][a-z]{2} +[0-9]+, [0-9]{4} [0-9:]{8}", value):
        moment = datetime.strptime(found[0], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
        yield int(moment.timestamp()) - EPOCH_2000


READ_OTHERWISE = {
    ("Identify.UpdateCommissionState", "action"): "not known",
    ("Price.GetBlockPeriods", "tariff_type"): "the lower half of the tariff type",
    ("Price.GetTariffInformation", "tariff_type"): "the lower half of the tariff type",
    ("Price.GetBillingPeriod", "tariff_type"): "the lower half of the tariff type",
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
    ("MDU Pairing.PairingResponse", "eui64s"): "as many devices as the count says",
}
"""Fields where tshark 4.0 shows something else than the number on the air, and what it shows instead."""


def test_values_are_the_same(samples: list[Sample]) -> None:
    other = {
        (sample.name, name)
        for sample in samples
        for known in [set(shown(sample.layers))]
        for name in sample.frame.__struct_fields__
        if not set(numbers(getattr(sample.frame, name))) <= known
    }
    assert other <= set(READ_OTHERWISE), other
    assert len(samples) - len(other) > 140
