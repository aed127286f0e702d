"""A home in which the hub asks the electricity meter and the gas meter everything that Metering knows, and both answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from devices.parts.han import NoAnswer, Refused
from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.codec import Frame
from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule, SupplyStatus
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.snapshots import ANY_CAUSE, Cause
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.foundation import DefaultResponse
from tools.bench.commissioning import commission
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

START = 1_768_348_800 * S
ALWAYS = 0, 0xFFFFFFFF


class Heard(NamedTuple):
    """ZCL frames of Metering that the hub heard (`answers`) and that the electricity meter heard (`questions`)."""

    questions: list[bytes]
    answers: list[bytes]


def questions(now: int) -> Iterator[tuple[Frame, type[Frame]]]:
    """Each with what answers it. `now`: seconds since 2000."""
    daily = SnapshotSchedule(1, now, 2 << 22 | 1, 4, Cause.GENERAL)
    yield Metering.GetProfile(0, 0, 24), Metering.GetProfileResponse
    yield Metering.RequestFastPollMode(2, 15), Metering.RequestFastPollModeResponse
    yield Metering.ScheduleSnapshot(1, 0, 1, [daily]), Metering.ScheduleSnapshotResponse
    yield Metering.TakeSnapshot(Cause.GENERAL), Metering.TakeSnapshotResponse
    yield Metering.GetSnapshot(*ALWAYS, 0, ANY_CAUSE), Metering.PublishSnapshot
    yield Metering.StartSampling(1, 0, 0, 60, 20), Metering.StartSamplingResponse
    yield Metering.ResetLoadLimitCounter(1, 1), DefaultResponse
    yield Metering.SetSupplyStatus(1, 3, 3, 3, 3), DefaultResponse
    yield Metering.ChangeSupply(1, 1, now, 0, SupplyStatus.OFF_ARMED, 1), Metering.SupplyStatusResponse
    yield Metering.LocalChangeSupply(SupplyStatus.ON), DefaultResponse
    yield Metering.ChangeSupply(1, 2, now, 0, SupplyStatus.OFF, 0), DefaultResponse


def live(folder: Path) -> Heard:
    """Live through it; the folder has the capture, and the keys where tshark looks for them."""
    run = Run(BENCH, start_ns=START)
    heard = Heard([], [])
    with Capture(folder / "home.pcapng", run.kernel, "test") as capture:
        commission(run)
        run.run(for_=13 * HOUR)
        hub = run.hub.firmware
        _listen(hub.han, heard.answers)
        _listen(run.esme.firmware.han, heard.questions)
        for command, expect in questions(run.kernel.utc // S - EPOCH):
            _ask(run, command, expect)
        run.run(for_=HOUR)
        _ask(run, Metering.GetSampledData(1, 0, 0, 20), Metering.GetSampledDataResponse)
        hub.mirrors.hold(run.gsme.eui64, Functional.GET_SAMPLED_DATA, Metering.GetSampledData(1, 0, 0, 20))
        hub.mirrors.hold(run.gsme.eui64, Functional.GET_SNAPSHOT, Metering.GetSnapshot(*ALWAYS, 0, ANY_CAUSE))
        run.run(for_=32 * MIN)
        assert capture.packets > 100
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    return heard


def _listen(han, heard: list[bytes]) -> None:
    han.on(Message, lambda message: heard.append(message.payload) if message.cluster == Metering.id else None)


def _ask(run: Run, command: Frame, expect: type[Frame]) -> None:
    han = run.hub.firmware.han

    async def question() -> None:
        address = await han.find(run.esme.eui64)
        try:
            await han.ask(address, 1, Metering, command, expect)
        except (NoAnswer, Refused) as reason:
            raise AssertionError(f"{command}: {reason}") from reason

    task = run.hub.firmware.spawn(question())
    while not task.done:
        run.run(for_=S)
