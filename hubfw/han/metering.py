"""What meters tell the hub in commands: snapshots, samples, what became of an order for the supply, and what accounts remember.

They are answers to what was held for a sleeping meter, or come by themselves. The hub notes them as events, and says them on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.core.codec import Frame
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.zcl.endpoint import Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.board import Board


def hear(
    board: Board, metering: Instance, may_tell: Callable[[int | None], bool], heard: Callable[[Frame], object] = lambda frame: None
) -> None:
    """Take these commands on a client side; `may_tell(eui64)`: whose they may be. `heard(command)`: whom else they concern."""

    def note(kind: str, command: Frame, told: dict[str, object], request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if not may_tell(eui64):
            return Status.NOT_AUTHORIZED
        board.log(kind, {"eui64": eui64, **told})
        heard(command)
        return Status.SUCCESS

    def snapshot(part: Metering.PublishSnapshot, request: Request) -> Outcome:
        told = {"id": part.snapshot_id, "time": part.snapshot_time, "cause": part.snapshot_cause, "part": part.command_index,
                "parts": part.total_commands, "found": part.total_snapshots_found, "type": part.snapshot_payload_type,
                "payload": part.snapshot_payload}  # fmt: skip
        return note("meter.snapshot", part, told, request)

    def samples(part: Metering.GetSampledDataResponse, request: Request) -> Outcome:
        told = {"id": part.sample_id, "start": part.sample_start_time, "interval": part.sample_request_interval,
                "samples": part.samples}  # fmt: skip
        return note("meter.samples", part, told, request)

    def supply(command: Metering.SupplyStatusResponse, request: Request) -> Outcome:
        return note("meter.supply", command, {"event": command.issuer_event_id, "status": command.supply_status}, request)

    def sampling(command: Metering.StartSamplingResponse, request: Request) -> Outcome:
        return note("meter.sampling", command, {"id": command.sample_id}, request)

    metering.on(Metering.StartSamplingResponse, sampling)
    metering.on(Metering.PublishSnapshot, snapshot)
    metering.on(Metering.GetSampledDataResponse, samples)
    metering.on(Metering.SupplyStatusResponse, supply)


PAYMENTS: Final[tuple[type[Frame], ...]] = (
    Prepayment.ConsumerTopUpResponse, Prepayment.ChangePaymentModeResponse, Prepayment.PublishTopUpLog, Prepayment.PublishDebtLog,
    Prepayment.PublishPrepaySnapshot,
)  # fmt: skip


def hear_payments(
    board: Board, prepayment: Instance, may_tell: Callable[[int | None], bool], heard: Callable[[Frame], object]
) -> None:
    """Likewise of Prepayment."""

    def take(command: Frame, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if not may_tell(eui64):
            return Status.NOT_AUTHORIZED
        board.log("meter.payment", {"eui64": eui64, "command": type(command).__name__})
        heard(command)
        return Status.SUCCESS

    for kind in PAYMENTS:
        prepayment.on(kind, take)
