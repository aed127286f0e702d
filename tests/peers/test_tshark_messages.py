"""tshark, with the exported keys, reads GB's messages on the air: published ones, to a meter that sleeps and to one awake."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from devices.runtime.kernel import HOUR, MIN
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

pytestmark = pytest.mark.needs("tshark")

BENCH = """
profile = "gb"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
"""
CODE = "gbcs_message.grouping_header.message_code"
LONGEST = 1000
TO_GAS, TO_ELECTRICITY, ANSWERS = 6, 3, 2


class Messages(NamedTuple):
    """A capture of a home to which published messages were sent, and their codes."""

    folder: Path
    gas: list[int]
    electricity: list[int]
    answers: list[int]

    def ask(self, wanted, *names):
        """tshark's fields of the packets that a display filter wants; each packet's several values of a field in one list."""
        command = ["tshark", "-n", "-r", str(self.folder / "home.pcapng"), "-Y", wanted, "-T", "fields"]
        for name in names:
            command += ["-e", name]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def messages(tmp_path_factory, shared_vectors):
    every = shared_vectors("gbcs")["messages"]
    published = [each for each in every if each["hex"].startswith("dd") and len(each["hex"]) < 2 * LONGEST]
    commands = [each for each in published if each["kind"] == "command"]
    gas = [each for each in commands if each["use_case"].startswith("GCS")][:TO_GAS]
    electricity = [each for each in commands if each["use_case"].startswith("ECS")][:TO_ELECTRICITY]
    answers = [each for each in published if each["kind"] == "response" and each["use_case"].startswith("GCS")][:ANSWERS]
    folder = tmp_path_factory.mktemp("messages")
    run = Run(loads(BENCH))
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        run.run_until(HOUR + 10 * MIN)
        waiting = [bytes.fromhex(each["hex"]) for each in answers]
        run.gsme.firmware.inbox.act = lambda message: [waiting.pop(0)] if waiting else []
        for each in gas:
            run.hub.firmware.deliver(run.gsme.eui64, bytes.fromhex(each["hex"]))
        for each in electricity:
            run.hub.firmware.deliver(run.esme.eui64, bytes.fromhex(each["hex"]))
        run.run(for_=30 * MIN)
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    codes = [[int(each["message_code"], 16) for each in group] for group in (gas, electricity, answers)]
    assert [len(group) for group in codes] == [TO_GAS, TO_ELECTRICITY, ANSWERS]
    return Messages(folder, *codes)


def test_each_message_is_named_by_its_code_and_none_is_malformed(messages):
    to_gas = messages.ask(f"gbcs_tunnel.command == 2 && {CODE}", CODE, "gbcs_tunnel.remaining")
    assert [int(code, 0) for code, _ in to_gas] == messages.gas
    assert [int(remaining, 0) for _, remaining in to_gas] == list(range(TO_GAS - 1, -1, -1))
    from_gas = messages.ask(f"gbcs_tunnel.command == 3 && {CODE}", CODE)
    assert [int(code, 0) for (code,) in from_gas] == messages.answers
    bare = messages.ask(f"{CODE} && !gbcs_tunnel.command", CODE)
    assert [int(code, 0) for (code,) in bare] == messages.electricity
    assert messages.ask("_ws.malformed", "frame.number") == []


def test_the_meter_asks_once_for_each(messages):
    assert len(messages.ask("gbcs_tunnel.command == 1", "gbcs_tunnel.command")) == TO_GAS


def test_tunnels_of_protocol_6_are_asked_for_by_hub_and_gas_meter(messages):
    tun = "zbee_zcl_se.tun"
    asked = messages.ask(
        f"{tun}.protocol_id && {tun}.manufacturer_code", f"{tun}.protocol_id", f"{tun}.manufacturer_code",
        f"{tun}.flow_control_supported", f"{tun}.max_in_transfer_size", "zbee_nwk.src",
    )  # fmt: skip
    assert len(asked) == 2
    assert {tuple(int(value, 0) for value in row[:2]) for row in asked} == {(6, 0xFFFF)}
    assert {int(row[3], 0) for row in asked} == {1500}
    assert {row[4] == "0x0000" for row in asked} == {True, False}


def test_flags_of_scheme_b_come_after_the_report_that_says_complete(messages):
    met = "zbee_zcl_se.met.mirror_report_attribute_response"
    flags = messages.ask(f"{met}.notification_scheme", f"{met}.notification_scheme", "frame.number")
    assert {int(scheme, 0) for scheme, _ in flags} == {2}
    assert len(flags) >= 3
    complete = messages.ask("zbee_zcl_se.met.attr_id == 0xfffe", "frame.number", "zbee_aps.counter", "zbee_nwk.src")
    names = "frame.number", "zbee_aps.counter", "zbee_nwk.src"
    acknowledged = messages.ask("zbee_aps.type == 2 && zbee_aps.cluster == 0x0702", *names)
    for _, answer in flags:
        number, counter, _ = [row for row in complete if int(row[0]) < int(answer)][-1]
        acks = [int(row[0]) for row in acknowledged if row[1] == counter and row[2] == "0x0000" and int(row[0]) > int(number)]
        assert acks[0] < int(answer)
