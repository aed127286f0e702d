"""Journal and replay: what is recorded is enough to repeat a run; what is no journal is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from devices.runtime.journal import BadJournal, DigestMismatch, Happening, Inputs, Recorder, Replayer
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.port import Port, Wire
from protocols.core.errors import LocalProtocolError

START = 1_767_225_600 * S


class Bench:
    """A port that answers with a random octet after a random while, behind an endpoint from outside."""

    def __init__(self, seed: int | str, start: int = START) -> None:
        self.kernel = Kernel(seed, start)
        self.inputs = Inputs(self.kernel)
        self.port = Port(self.kernel, "esme.optical")
        self.port.on_receive = self.answer
        self.far = Port(self.kernel, "outside")
        self.inputs.bind("esme.optical", self.happen)
        self.kernel.at(3 * S, self.kernel.log.emit, "esme", "tick", b"", who="esme")

    def happen(self, happening: Happening, data: bytes) -> None:
        if happening is Happening.OPEN:
            Wire(self.kernel, self.far, self.port)
        elif happening is Happening.CLOSE:
            self.far.detach()
        else:
            self.far.write(data)

    def answer(self, data: bytes) -> None:
        rng = self.kernel.rng("esme/answers")
        self.kernel.after(rng.getrandbits(20), self.port.write, bytes((rng.getrandbits(8),)) + data, who="esme")


def recorded() -> tuple[list[dict[str, object]], Bench]:
    """A live run: driven in steps, with input between the steps, some late, some at an instant of ours, two at one instant."""
    bench, records = Bench(7), list[dict[str, object]]()
    recorder = Recorder(bench.inputs, records.append, bench="9f3c")
    bench.kernel.run_until(1 * S)
    bench.inputs.feed("esme.optical", Happening.OPEN)
    bench.inputs.feed("esme.optical", Happening.DATA, b"/?!\r\n")
    bench.kernel.run_until(2 * S)
    bench.inputs.feed("esme.optical", Happening.DATA, b"at an instant of ours", at=3 * S)
    bench.inputs.feed("esme.optical", Happening.DATA, b"before it, fed after it", at=2_500 * MS)
    bench.kernel.run_until(3 * S)
    bench.inputs.feed("esme.optical", Happening.DATA, b"late", at=1 * S)
    bench.kernel.run_until(3 * S)
    bench.inputs.feed("esme.optical", Happening.DATA, b"same instant, next step")
    bench.kernel.run_until(4 * S)
    bench.inputs.feed("esme.optical", Happening.CLOSE)
    bench.kernel.run_until(5 * S + 1 * MS)
    recorder.finish()
    return records, bench


def replay(records: list[Mapping[str, object]]) -> Bench:
    replayer = Replayer(json.loads(json.dumps(records)))
    bench = Bench(replayer.seed, replayer.start)
    replayer.load(bench.inputs)
    bench.kernel.run_until(replayer.until)
    replayer.check(bench.kernel)
    return bench


def test_a_replay_ends_with_the_same_digest() -> None:
    records, live = recorded()
    again = replay([*records])
    assert again.kernel.log.digest() == live.kernel.log.digest()
    assert again.kernel.log.count > 12
    assert again.kernel.now == 5 * S + 1 * MS


def test_records_are_plain_and_hold_nothing_of_the_host() -> None:
    records, live = recorded()
    assert records[0] == {"record": "header", "format": 1, "seed": 7, "start": START, "bench": "9f3c"}
    assert records[1] == {"record": "input", "at": 1 * S, "endpoint": "esme.optical", "event": "open", "data": ""}
    assert records[2]["data"] == b"/?!\r\n".hex()
    assert [record["at"] for record in records[1:]] == [1 * S, 1 * S, 3 * S, 2_500 * MS, 3 * S, 3 * S, 4 * S, 5 * S + 1 * MS]
    assert records[-1]["digest"] == live.kernel.log.digest()


@pytest.mark.parametrize("number, change", [
    (0, {"seed": 8}),
    (0, {"start": START, "seed": "7x"}),
    (2, {"data": "00"}),
    (2, {"at": 1 * S + 1}),
    (6, {"event": "close", "data": ""}),
    (8, {"digest": "00"}),
    (8, {"events": 3}),
])  # fmt: skip
def test_any_other_course_is_a_mismatch(number: int, change: dict[str, object]) -> None:
    records, _ = recorded()
    records[number] |= change
    with pytest.raises((DigestMismatch, LocalProtocolError)):
        replay([*records])


def test_the_journal_of_a_killed_run_is_good_as_far_as_it_goes() -> None:
    records, live = recorded()
    again = replay([*records[:-1]])
    assert again.kernel.now == 4 * S
    assert live.kernel.log.count >= again.kernel.log.count
    assert Replayer([*records[:1]]).until == 0


HEADER: dict[str, object] = {"record": "header", "format": 1, "seed": 7, "start": 0, "bench": ""}
INPUT: dict[str, object] = {"record": "input", "at": 5, "endpoint": "a", "event": "data", "data": "00"}
END: dict[str, object] = {"record": "end", "at": 6, "events": 0, "digest": ""}


@pytest.mark.parametrize("records, reason", [
    ([], "record 1: there is none"),
    ([INPUT], "record 1: a journal has one header, and it comes first"),
    ([HEADER, HEADER], "record 2: a journal has one header"),
    ([HEADER, END, INPUT], "record 3: comes after the end"),
    ([HEADER | {"format": 2}], "record 1: journal format 2, and this is format 1"),
    ([HEADER | {"path": "/home"}], "record 1: Object contains unknown field `path`"),
    ([HEADER, INPUT | {"at": "soon"}], r"record 2: Expected `int`, got `str` - at `\$.at`"),
    ([HEADER, INPUT | {"at": -1}], r"record 2: Expected `int` >= 0 - at `\$.at`"),
    ([HEADER, INPUT | {"event": "explode"}], "record 2: Invalid enum value 'explode'"),
    ([HEADER, INPUT | {"data": "0g"}], "record 2: non-hexadecimal"),
    ([HEADER, {"record": "output"}], "record 2: Invalid value 'output'"),
    ([HEADER, {}], "record 2: "),
])  # fmt: skip
def test_what_is_no_journal_is_refused_with_the_number_of_the_record(records: list[dict[str, object]], reason: str) -> None:
    with pytest.raises(BadJournal, match=reason):
        Replayer(records)


def test_endpoints_are_bound_once_and_known() -> None:
    bench = Bench(1)
    with pytest.raises(LocalProtocolError, match=r"endpoint esme\.optical is bound already"):
        bench.inputs.bind("esme.optical", bench.happen)
    with pytest.raises(LocalProtocolError, match=r"there is no endpoint 'gsme': esme\.optical"):
        bench.inputs.feed("gsme", Happening.OPEN)
