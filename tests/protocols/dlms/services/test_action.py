"""ACTION: methods, lists, and arguments and return values in blocks."""

from __future__ import annotations

import pytest

from protocols.dlms import axdr, xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import ActionResult, Datablock, MethodDescriptor
from tests.protocols.dlms.home import DISCONNECT, INVOKE, Home, ask, exception


@pytest.mark.dlms("server ACTION normal")
def test_action(home: Home) -> None:
    session = home.associated()
    answer = ask(session, xdlms.ActionRequestNormal(INVOKE, DISCONNECT, axdr.i8(0)))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(0))
    assert home.switch.control_state == axdr.enum(0)
    assert home.happened == [axdr.i8(0)]


@pytest.mark.parametrize("method, argument, result", [
    (MethodDescriptor(70, Obis("0-0:96.3.99"), 1), axdr.i8(0), ActionResult.OBJECT_UNDEFINED),
    (MethodDescriptor(1, Obis("0-0:96.3.10"), 1), axdr.i8(0), ActionResult.OBJECT_CLASS_INCONSISTENT),
    (MethodDescriptor(70, Obis("0-0:96.3.10"), 3), axdr.i8(0), ActionResult.READ_WRITE_DENIED),
    (MethodDescriptor(3, Obis("1-0:1.8.0"), 1), axdr.i8(0), ActionResult.READ_WRITE_DENIED),
    (DISCONNECT, axdr.u8(0), ActionResult.TYPE_UNMATCHED),
    (DISCONNECT, None, ActionResult.TYPE_UNMATCHED),
])  # fmt: skip
def test_actions_that_are_refused(home: Home, method: MethodDescriptor, argument: Data | None, result: ActionResult) -> None:
    answer = ask(home.associated(), xdlms.ActionRequestNormal(INVOKE, method, argument))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(result))
    assert home.happened == []


@pytest.mark.dlms("server ACTION with-list")
def test_action_with_list(home: Home) -> None:
    methods = [DISCONNECT, MethodDescriptor(3, Obis("1-0:1.8.0"), 1)]
    session = home.associated()
    answer = ask(session, xdlms.ActionRequestWithList(INVOKE, methods, [axdr.i8(0)] * 2))
    assert answer == xdlms.ActionResponseWithList(INVOKE, [xdlms.ActionResponse(0), xdlms.ActionResponse(3)])
    assert ask(session, xdlms.ActionRequestWithList(INVOKE, methods, [axdr.i8(0)])) == exception(1, 3)


@pytest.mark.dlms("server ACTION with-first-block")
def test_action_in_blocks(home: Home) -> None:
    session = home.associated()
    first = xdlms.ActionRequestWithFirstPblock(INVOKE, DISCONNECT, Datablock(0, 1, b"\x0f"))
    assert ask(session, first) == xdlms.ActionResponseNextPblock(INVOKE, 1)
    assert home.happened == []
    last = xdlms.ActionRequestWithPblock(INVOKE, Datablock(1, 2, b"\x00"))
    assert ask(session, last) == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(0))
    assert home.happened == [axdr.i8(0)]
    assert ask(session, last) == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(ActionResult.NO_LONG_ACTION_IN_PROGRESS))


def test_action_blocks_out_of_order_do_nothing(home: Home) -> None:
    session = home.associated()
    ask(session, xdlms.ActionRequestWithFirstPblock(INVOKE, DISCONNECT, Datablock(0, 1, b"\x0f")))
    answer = ask(session, xdlms.ActionRequestWithPblock(INVOKE, Datablock(1, 3, b"\x00")))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(ActionResult.LONG_ACTION_ABORTED))
    assert home.happened == []


def test_action_next_with_nothing_to_fetch(home: Home) -> None:
    answer = ask(home.associated(), xdlms.ActionRequestNextPblock(INVOKE, 1))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(ActionResult.NO_LONG_ACTION_IN_PROGRESS))
