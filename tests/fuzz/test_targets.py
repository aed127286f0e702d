"""Every fuzz target under Hypothesis: noise, seeds, and seeds with something wrong in them. Only RemoteProtocolError escapes."""

from __future__ import annotations

import ast
import inspect
import sys
from contextlib import suppress
from importlib import import_module
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from tests.fuzz.targets import TARGETS, Target, joined, parted, wmbus, zigbee

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def run(target: Target, octets: bytes) -> None:
    with suppress(RemoteProtocolError):
        target.run(octets)


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with octets changed, cut out, repeated, or put in; perhaps with a piece of another at its end."""
    octets = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(octets)))
        match draw(st.integers(0, 5)):
            case 0:
                octets[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case 1:
                octets[at : at + 1] = bytes([draw(st.sampled_from([0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF]))])
            case 2:
                del octets[at : at + draw(st.integers(1, 8))]
            case 3:
                octets[at:at] = octets[at : at + draw(st.integers(1, 8))]
            case 4:
                octets[at:at] = draw(st.binary(max_size=4))
            case _:
                octets[at:] = draw(st.sampled_from(seeds))[at:]
    return bytes(octets)


@each_target
def test_seeds(target: Target) -> None:
    for octets in target.seeds():
        run(target, octets)


@each_target
def test_noise(target: Target) -> None:
    @given(st.binary(max_size=300))
    def anything(octets: bytes) -> None:
        run(target, octets)

    anything()


@each_target
def test_seeds_that_were_damaged(target: Target) -> None:
    seeds = tuple(target.seeds())

    @given(damaged(seeds))
    def nearly(octets: bytes) -> None:
        run(target, octets)

    if seeds:
        nearly()


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_several_apdus_in_one_input(apdus: list[bytes]) -> None:
    assert list(parted(joined(apdus))) == apdus


# --- nothing that reads octets is left out

READERS = frozenset(("receive", "feed", "handle", "parse", "parse_from", "unpack", "inspect", "unseal"))
"""What a function or method is called that takes what came from outside."""


def readers() -> dict[str, set[str]]:
    """The modules of ZigBee, Spinel and wireless M-Bus that read what others say, with their functions that do."""
    found: dict[str, set[str]] = {}
    for name in [*zigbee.modules(), *wmbus.modules()]:
        tree = ast.parse(inspect.getsource(import_module(name)))
        named = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)} & READERS
        if named:
            found[name] = named
    return found


def test_every_reader_of_octets_is_reached_by_a_target() -> None:
    """By its seeds: whoever adds a parser or a machine adds a target, or has it live in the home of one."""
    reached: set[tuple[str, str]] = set()

    def look(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name in READERS:
            reached.add((frame.f_globals.get("__name__", ""), frame.f_code.co_name))

    sys.setprofile(look)
    try:
        for target in TARGETS.values():
            if target.run.__module__ in OURS:
                for octets in target.seeds():
                    run(target, octets)
    finally:
        sys.setprofile(None)
    wanted = {(module, function) for module, functions in readers().items() for function in functions}
    assert len(wanted) >= 20
    assert wanted - reached == set()


OURS = tuple(f"tests.fuzz.{name}" for name in ("zigbee", "network", "spinel", "wmbus", "firmware"))


def test_every_frame_declared_is_one_of_a_target() -> None:
    kinds = zigbee.declared()
    assert len(kinds) > 300
    numbers = {int.from_bytes(octets[:2], "big") for octets in TARGETS["zigbee-frames"].seeds()}
    unread = {kinds[number].__qualname__ for number in set(range(len(kinds))) - numbers}
    assert len(unread) < len(kinds) // 20, f"only by change of others' octets: {unread}"
