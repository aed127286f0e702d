"""One seed is one run; homes on one bench share a clock and nothing else; a run at rest does not grow."""

from __future__ import annotations

import gc
from collections import deque
from hashlib import blake2b

import msgspec
import pytest

from devices.runtime.kernel import HOUR, MIN
from tests.compliance.faulty_day import FaultyDay
from tools.bench.run import Run


@pytest.fixture
def air():
    """Digest of what is on the air of each home of a run."""

    def listen(run):
        digests = {name: blake2b() for name in run.homes}
        run.log.subscribe(
            lambda now, who, kind, data: digests[who.partition("/")[0]].update(now.to_bytes(8, "big") + data), ["air.frame"]
        )
        return digests

    return listen


def test_the_same_faults_have_the_same_digest_and_another_seed_has_another(bench_file):
    declared = bench_file("home")
    first, again = (FaultyDay(declared, end=3 * HOUR).run for _ in range(2))
    other = FaultyDay(msgspec.structs.replace(declared, seed=8), end=HOUR).run
    assert first.log.count == again.log.count
    assert first.digest() == again.digest()
    assert other.digest() != first.digest()


def test_a_run_in_pieces_is_the_run_at_once(bench_file):
    whole, pieces = Run(bench_file("home")), Run(bench_file("home"))
    whole.run_until(HOUR)
    for minute in range(1, 61):
        pieces.run_until(minute * MIN)
        pieces.screen("ihd")
    assert pieces.digest() == whole.digest()


def test_a_home_is_not_disturbed_by_its_neighbours(bench_file, air):
    declared = bench_file("home")
    first = msgspec.structs.replace(declared.home[0], name="home1")
    second = msgspec.structs.replace(bench_file("two-electricity-meters").home[0], name="home2")
    digests = []
    for homes in ([first], [first, second], [second, first], [second]):
        run = Run(msgspec.structs.replace(declared, home=homes, links={}), 7)
        heard = air(run)
        run.run_until(HOUR)
        run.homes[homes[0].name].mains.off(5 * MIN)
        run.homes[homes[-1].name].mains.off(5 * MIN)
        run.run_until(2 * HOUR)
        digests.append({name: digest.hexdigest() for name, digest in heard.items()})
    alone, together, swapped, other = digests
    assert together["home1"] == swapped["home1"] == alone["home1"]
    assert together["home2"] == swapped["home2"] == other["home2"]
    assert together["home1"] != together["home2"]


def test_a_home_at_rest_does_not_grow(bench_file):
    run = Run(bench_file("home"))
    run.run_until(HOUR + 10 * MIN)
    before = _size()
    run.run_until(5 * HOUR + 10 * MIN)
    objects, items = _size()
    assert objects < 1.01 * before[0]
    assert items < 1.01 * before[1]


def _size() -> tuple[int, int]:
    """Objects that the collector knows, and what is in all containers."""
    gc.collect()
    objects = gc.get_objects()
    return len(objects), sum(len(each) for each in objects if type(each) in (list, dict, set, deque))
