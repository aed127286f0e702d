"""Fuzz targets: what one is, where they are entered, and octets to begin with.

Whatever the octets are, a target returns or raises RemoteProtocolError; anything else that escapes is a mistake of ours.
tests/fuzz/test_targets.py gives every target octets from Hypothesis, tests/fuzz/run.py lets atheris look for new ones.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from tests.compliance import bad_requests

LARGEST: Final = 4096
"""Octets of one input."""
ROOT: Final = Path(__file__).resolve().parents[2]


class Target(NamedTuple):
    """One function to be fuzzed: `run(octets)`. `seeds()`: octets that get far."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


TARGETS: Final[dict[str, Target]] = {}


def target(name: str, seeds: Callable[[], Iterable[bytes]]) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    def enter(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[name] = Target(run, seeds)
        return run

    return enter


# --- what to begin with


@cache
def vectors() -> tuple[bytes, ...]:
    """Every run of octets in the published vectors; none where their folder is not."""
    folder = Path(os.environ.get("METERBENCH_SHARED", ROOT.parent / "shared")) / "vectors"
    path = folder / "dlms.json"
    return tuple(dict.fromkeys(_octets(json.loads(path.read_text(encoding="utf-8"))))) if path.is_file() else ()


def _octets(value: object) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _octets(item)
    elif isinstance(value, str) and len(value) >= 8:
        try:
            octets = bytes.fromhex(value)
        except ValueError:
            return
        yield octets[:LARGEST]


def requests() -> list[bytes]:
    """The bad requests that fit, and the good ones between them."""
    found = [bytes.fromhex(request) for dialogue in dialogues() for request, _ in dialogue]
    return [octets for octets in found if len(octets) <= 512]


def dialogues() -> list[bad_requests.Dialogue]:
    alone = [dialogue for _, dialogue in bad_requests.ALONE.values()]
    return [*bad_requests.ASSOCIATED.values(), *bad_requests.SMALL.values(), *alone]


def apdus() -> list[bytes]:
    return [*vectors(), *requests()]


def joined(apdus: Iterable[bytes]) -> bytes:
    """Several APDUs as one input."""
    return b"".join(len(octets).to_bytes(2, "big") + octets for octets in apdus)


def parted(octets: bytes) -> Iterator[bytes]:
    """The APDUs of an input, whatever it is: length fields that say too much say what is left."""
    while octets:
        size = int.from_bytes(octets[:2], "big") & 0x0FFF
        yield octets[2 : 2 + size]
        octets = octets[2 + size :]


def pieces(octets: bytes) -> Iterator[bytes]:
    """An input cut as its first octet says."""
    size = octets[0] or len(octets) if octets else 1
    for start in range(1, len(octets), size):
        yield octets[start : start + size]
