"""Every fuzz target under Hypothesis: noise, seeds, and seeds with something wrong in them. Only RemoteProtocolError escapes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import RemoteProtocolError
from tests.fuzz.targets import TARGETS, Target, joined, parted

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
