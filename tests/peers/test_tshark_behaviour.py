"""tshark names load control, prepayment, messages, events, alarms, identifying and pairing in a living home: none malformed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from devices.parts.han import Han
from devices.runtime.kernel import MIN, S
from hubfw.han.messages import Messages
from protocols.core.codec import Frame
from protocols.dlms.cosem.token import Judgement
from protocols.zigbee.clusters.alarms import Alarms
from protocols.zigbee.clusters.demand_response import DeviceClass
from protocols.zigbee.clusters.energy_management import EnergyManagement
from protocols.zigbee.clusters.events import Events
from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.clusters.prepayment import Originator, PaymentControl, Prepayment
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

pytestmark = pytest.mark.needs("tshark")

POUND = 100_000
KINDS = ("hub", "esme", "ihd", "ppmid", "load-controller")
BENCH = "[[home]]\n" + "".join(f'[[home.device]]\nkind = "{kind}"\nat = [{n}, 1]\n' for n, kind in enumerate(KINDS))
NAMED = {
    0x0003: {"Identify", "Identify Query", "Identify Query Response"},
    0x0009: {"Get Alarm", "Get Alarm Response", "Reset Alarm Log"},
    0x0701: {
        "Load Control Event", "Cancel Load Control Event", "Cancel All Load Control Events", "Report Event Status",
        "Get Scheduled Events",
    },
    0x0703: {"Display Message", "Cancel Message", "Cancel All Messages", "Get Last Message", "Message Confirmation"},
    0x0705: {
        "Select Available Emergency Credit", "Change Debt", "Emergency Credit Setup", "Consumer Top Up", "Consumer Top Up Response",
        "Credit Adjustment", "Change Payment Mode", "Change Payment Mode Response", "Get Prepay Snapshot",
        "Publish Prepay Snapshot", "Get Top Up Log", "Publish Top Up Log", "Set Low Credit Warning Level",
        "Set Maximum Credit Limit", "Set Overall Debt Cap",
    },
    0x0706: {"Manage Event", "Report Event Status"},
    0x0709: {"Publish Event", "Get Event Log", "Publish Event Log", "Clear Event Log Request", "Clear Event Log Response"},
    0x070A: {"Pairing Request", "Pairing Response"},
}  # fmt: skip
"""By cluster."""


def live(run: Run) -> None:
    hub, esme = run.hub.firmware, run.esme
    ppmid, load = run.ppmid, run.board("load-controller")
    endpoint = hub.han.endpoints[1]
    for cluster in (Prepayment, EnergyManagement, Identify):
        endpoint.use(cluster)

    def say(command: Frame, to: int, han: Han = hub.han) -> None:
        address = 0 if to == run.hub.eui64 else han.stack.address_of(to)
        han.command(address, 1, command)
        run.run(for_=2 * S)

    def prepay(*commands: Frame) -> None:
        for command in commands:
            say(command, esme.eui64)

    face = esme.firmware.prepayment
    face._account.judge = lambda token: Judgement(face.pay(token, 10 * POUND, Originator.DISPLAY))
    prepay(
        Prepayment.CreditAdjustment(1, 0, 1, 1), Prepayment.ChangeDebt(1, b"Debt", POUND, 0, 0, 0, 0, 1, 100, 0),
        Prepayment.EmergencyCreditSetup(1, 0, 5 * POUND, POUND), Prepayment.SetMaximumCreditLimit(0, 1, 0, 90 * POUND, 50 * POUND),
        Prepayment.SetOverallDebtCap(0, 1, 0, 1000), Prepayment.SetLowCreditWarningLevel(POUND),
        Prepayment.ChangePaymentMode(0, 1, 0, PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION, 0),
    )  # fmt: skip
    run.run(for_=40 * S)
    ppmid.buttons.press("credit")
    run.run(for_=10 * S)
    ppmid.firmware.top_up("12345678901234567890")
    run.run(for_=10 * S)
    prepay(Prepayment.GetTopUpLog(0xFFFFFFFF, 0), Prepayment.GetPrepaySnapshot(0, 0xFFFFFFFF, 0, 0xFFFFFFFF))
    messages: Messages = hub.messages
    number = messages.display("Come on Monday?", ask=True)
    run.run(for_=10 * S)
    run.ihd.buttons.press("ok")
    run.run(for_=10 * S)
    messages.cancel(number)
    run.run(for_=10 * S)
    messages.cancel_all()
    run.run(for_=10 * S)
    control = hub.load_control
    first = control.issue(30, classes=DeviceClass.WATER_HEATER)
    run.run(for_=10 * S)
    say(EnergyManagement.ManageEvent(first, 0x0004, 0, 1), load.eui64)
    control.cancel(first)
    control.issue(30)
    run.run(for_=10 * S)
    control.cancel_all()
    run.run(for_=10 * S)
    for asked in (
        Events.GetEventLog(0x10, 0, 0, 0, 0, 0), Events.ClearEventLogRequest(0), Identify.Identify(5), Identify.IdentifyQuery(),
        Alarms.GetAlarm(), Alarms.ResetAlarmLog(),
    ):  # fmt: skip
        say(asked, esme.eui64)
    say(MduPairing.PairingRequest(0, ppmid.eui64), run.hub.eui64, ppmid.firmware.han)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[list[str]]]:
    folder = tmp_path_factory.mktemp("behaviour")
    run = Run(config.loads(BENCH))
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        run.run(for_=2 * MIN)
        live(run)
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())

    def read(wanted: str, *fields: str) -> list[list[str]]:
        arguments = [word for name in fields for word in ("-e", name)]
        command = ["tshark", "-n", "-r", str(folder / "home.pcapng"), "-Y", wanted, "-T", "fields", *arguments]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
        return [line.split("\t") for line in done.stdout.splitlines()]

    return read


@pytest.mark.parametrize("cluster", NAMED, ids=hex)
def test_what_is_said_is_named(ask: Callable[..., list[list[str]]], cluster: int) -> None:
    infos = [row[0] for row in ask(f"zbee_zcl.type == 1 && zbee_aps.cluster == {cluster:#x}", "_ws.col.Info")]
    named = {info.partition(": ")[2].partition(",")[0] for info in infos}
    assert named >= NAMED[cluster], (NAMED[cluster] - named, named)


def test_none_is_malformed(ask: Callable[..., list[list[str]]]) -> None:
    assert ask("_ws.malformed || _ws.expert.severity == error", "frame.number", "_ws.col.Info") == []
