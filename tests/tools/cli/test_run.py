"""`meterbench run` and `meterbench replay`, called as a user does."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path

import pytest

from tools.capture import reader
from tools.capture.keys import read as read_keys

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HOME = BENCHES / "home.toml"


def test_a_run_tells_what_happens_and_how_it_ended(meterbench) -> None:
    code, out, err = meterbench("run", HOME, "--until", "10m")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    joined = [line.split()[1] for line in lines if "is on the network" in line]
    assert sorted(joined) == ["esme", "gsme", "hub", "ihd", "ppmid"]
    assert any(line.split()[:2] == ["802.15.4", "data"] for line in lines)
    assert "times real time" in lines[-2]
    assert lines[-2].startswith("00:10:00.000 in ")
    assert lines[-1].startswith("digest ")


def test_json_is_one_value_and_says_the_same(meterbench) -> None:
    code, out, err = meterbench("run", HOME, "--until", "600s", "--seed", 3, "--json")
    summary = json.loads(out)
    assert (code, err) == (0, "")
    assert (summary["bench"], summary["seed"], summary["virtual_seconds"], summary["commissioned"]) == ("home", 3, 600, True)
    assert summary["frames"]["802.15.4, data"] > 100
    again = json.loads(meterbench("run", HOME, "--until", "600s", "--seed", 3, "--json")[1])
    assert (again["digest"], again["events"]) == (summary["digest"], summary["events"])


def test_capture_keys_and_journal_are_kept_and_change_nothing(meterbench, tmp_path: Path) -> None:
    kept = ("--capture", tmp_path / "f.pcapng", "--keys", tmp_path / "keys", "--journal", tmp_path / "journal.jsonl")
    plain = json.loads(meterbench("run", HOME, "--until", "5m", "--json")[1])
    code, out, _ = meterbench("run", HOME, "--until", "5m", "--json", *kept)
    assert code == 0
    assert json.loads(out)["digest"] == plain["digest"]
    frames = sum(count for name, count in plain["frames"].items() if name.startswith("802.15.4"))
    assert sum(packet.link_type == 283 for packet in reader.read(tmp_path / "f.pcapng")) == frames
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
    assert any("hub" in label for label, _ in read_keys(tmp_path / "keys"))
    first, last = map(json.loads, (tmp_path / "journal.jsonl").read_text().splitlines())
    assert (first["record"], first["seed"]) == ("header", 7)
    assert (last["record"], last["digest"], last["events"]) == ("end", plain["digest"], plain["events"])


def test_two_homes_and_gas_first_run(meterbench) -> None:
    for name in ("gas-first", "two-electricity-meters"):
        code, out, _ = meterbench("run", BENCHES / f"{name}.toml", "--until", "5m", "--json")
        assert code == 0
        assert json.loads(out)["commissioned"] is True


@pytest.mark.req("S-003", part=True)
@pytest.mark.req("S-002", part=True)
def test_a_reserve_that_is_too_small_and_a_dip_are_lines_of_the_timeline(meterbench, tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(
        '[[home]]\nfeeder = "street"\ndevice = [{ kind = "hub", reserve_s = 60 }, { kind = "esme", at = [0.3, 0] }]\n'
        '[[outage]]\nfeeder = "street"\nat_h = 0.25\nfor_s = 600\n[[outage]]\nfeeder = "street"\nat_h = 0.5\nfor_s = 20\n'
    )
    _, out, _ = meterbench("run", bench, "--until", "35m")
    lines = [line for line in out.splitlines() if " outage" in line]
    assert lines == [
        "00:25:00.000  hub        MISSED an outage of 600.0 s: its reserve had ended before it was one",
        "00:30:20.000  hub        counts a loss of supply of 20.0 s: no outage",
    ]


def test_a_runs_messages_are_counted_under_what_carries_them(meterbench) -> None:
    counted = {
        name: json.loads(meterbench("run", BENCHES / f"{name}.toml", "--until", "2m", "--json")[1])["frames"]
        for name in ("wired-flag", "gas-by-mbus", "gas-direct")
    }
    assert counted["wired-flag"]["wires, octets"] > 200  # IEC 62056-21, and no HDLC
    assert counted["gas-by-mbus"]["wireless M-Bus, telegrams"] > 0
    assert counted["gas-direct"] == {"WAN, messages": 1}


def test_a_paced_run_keeps_to_the_wall_clock_and_has_the_digest_of_a_fast_one(meterbench) -> None:
    fast = json.loads(meterbench("run", HOME, "--until", "30s", "--json")[1])
    code, out, _ = meterbench("run", HOME, "--until", "30s", "--pace", 60, "--json")
    paced = json.loads(out)
    assert code == 0
    assert paced["seconds"] >= 0.5
    assert (paced["digest"], paced["virtual_seconds"]) == (fast["digest"], 30)


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["nowhere.toml"], 2, "nowhere.toml: no such file or directory"),
        ([HOME, "--until", "soon"], 2, '"soon" is no length of time'),
        ([HOME, "--pace", "fast"], 2, '"fast" is neither "max"'),
        ([HOME, "--seed", "-1"], 2, "--seed"),
        ([HOME, "--until", "1s", "--capture", "/nowhere/f.pcapng"], 2, "/nowhere/f.pcapng: no such file"),
        ([HOME, "--until", "1s", "--journal", "/nowhere/j"], 2, "/nowhere/j: no such file"),
        ([HOME, "--until", "1s", "--keys", "/nowhere/k"], 2, "/nowhere/k: no such file"),
        ([], 2, "BENCH.toml"),
    ],
)
def test_wrong_use_is_told_in_a_line(meterbench, arguments: list[object], code: int, said: str) -> None:
    result = meterbench("run", *arguments)
    assert result[:2] == (code, "")
    assert said in result[2]


def test_ctrl_c_ends_a_paced_run_well(start_program, meterbench, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    program = start_program("run", HOME, "--pace", 100, "--journal", journal)
    assert "hub" in program.first_line
    code, out, err = program.stop(signal.SIGINT)
    assert (code, err) == (0, "")
    assert "times real time" in out
    assert meterbench("replay", journal, "--bench", HOME)[0] == 0


# --- replay


@pytest.fixture
def journal(meterbench, tmp_path: Path) -> Path:
    """The journal of two minutes of the home."""
    path = tmp_path / "journal.jsonl"
    assert meterbench("run", HOME, "--until", "2m", "--seed", 4, "--journal", path)[0] == 0
    return path


def test_a_replay_has_the_same_digest(meterbench, journal: Path) -> None:
    end = json.loads(journal.read_text().splitlines()[-1])
    code, out, err = meterbench("replay", journal, "--bench", HOME)
    assert (code, err) == (0, "")
    assert end["digest"] in out
    assert "the same run" in out
    told = json.loads(meterbench("replay", journal, "--bench", HOME, "--json")[1])
    assert told == {"virtual_seconds": 120, "seed": 4, "events": end["events"], "digest": end["digest"], "compared": True}


def test_comments_and_layout_of_the_bench_do_not_count(meterbench, journal: Path, tmp_path: Path) -> None:
    bench = tmp_path / "same.toml"
    bench.write_text("# the same\n\n" + HOME.read_text().replace("seed = 7 ", "seed=7"))
    assert meterbench("replay", journal, "--bench", bench)[0] == 0


def test_another_bench_is_refused(meterbench, journal: Path, tmp_path: Path) -> None:
    code, out, err = meterbench("replay", journal, "--bench", BENCHES / "gas-first.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is not the bench of that run" in err
    code, _, err = meterbench("replay", journal)
    assert code == 2
    assert "not a journal of the demo" in err


def edited(journal: Path, line: int, **changes: object) -> Path:
    lines = journal.read_text().splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changes)
    journal.write_text("\n".join(lines) + "\n")
    return journal


@pytest.mark.parametrize(
    "line, changes", [(-1, {"digest": "00" * 32}), (-1, {"events": 1}), (0, {"seed": 5}), (0, {"start": 10**18})]
)
def test_a_run_that_took_another_course_is_a_failed_check(meterbench, journal: Path, line: int, changes: dict[str, object]) -> None:
    code, out, err = meterbench("replay", edited(journal, line, **changes), "--bench", HOME)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "the replay has" in err


def test_a_journal_of_a_killed_run_is_repeated_and_not_compared(meterbench, journal: Path) -> None:
    lines = journal.read_text().splitlines()
    opened = {"record": "input", "at": 60 * 10**9, "endpoint": "home1/hub.wan#0", "event": "open", "data": ""}
    journal.write_text(lines[0] + "\n" + json.dumps(opened) + "\n")
    code, out, err = meterbench("replay", journal, "--bench", HOME)
    assert code == 1
    assert out.startswith("00:01:00.000, seed 4")
    assert "has no end" in err


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda text: b"", "no journal of a run: record 1: there is none"),
        (lambda text: text[:-20], "the journal is cut: its last line is not whole"),
        (lambda text: text[:-2] + b"\n", ":2: not a record of a journal"),
        (lambda text: b"\xff\xfe" + text, ":1: not a record of a journal"),
        (lambda text: text.splitlines(True)[1], "record 1: a journal has one header, and it comes first"),
        (lambda text: text + text, "record 3: a journal has one header"),
        (lambda text: text + text.splitlines(True)[1], "record 3: comes after the end"),
        (lambda text: text.replace(b'"start":17', b'"start":-17'), "damaged"),
        (lambda text: text.replace(b'"format":1', b'"format":9'), "journal format 9, and this is format 1"),
        (lambda text: text.replace(b'"at":120000000000', b'"at":' + b"9" * 30), "damaged"),
        (lambda text: text.replace(b'"at":120000000000', b'"at":-1'), "record 2"),
        (lambda text: b"[" * 5000 + b"\n", ":1: not a record of a journal"),
        (lambda text: b"{" + b" " * (1 << 20) + b"}\n", ":1: the journal is cut"),
        (lambda text: b'{"record":{"a":1}}\n', ":1: not a record of a journal"),
    ],
)
def test_what_is_no_journal_is_bad_input(meterbench, journal: Path, spoil, said: str) -> None:
    journal.write_bytes(spoil(journal.read_bytes()))
    code, out, err = meterbench("replay", journal, "--bench", HOME)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_input_for_an_endpoint_that_is_not_there_is_a_damaged_journal(meterbench, journal: Path) -> None:
    header, end = journal.read_text().splitlines()
    stray = {"record": "input", "at": 1, "endpoint": "home1/moon", "event": "open", "data": ""}
    journal.write_text(f"{header}\n{json.dumps(stray)}\n{end}\n")
    code, _, err = meterbench("replay", journal, "--bench", HOME)
    assert code == 2
    assert "damaged: there is no endpoint 'home1/moon'" in err


def test_a_file_that_is_not_there(meterbench, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        code, out, err = meterbench("replay", path)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_help_has_an_example(meterbench) -> None:
    for command in ("run", "replay", "serve"):
        code, out, _ = meterbench(command, "--help")
        assert code == 0
        assert f"Example: meterbench {command} " in out
        assert "--json" in out


def test_of_several_homes_every_line_says_whose_it_is(meterbench) -> None:
    code, out, _ = meterbench("run", BENCHES / "feeder-outage.toml", "--until", "45m")
    assert code == 0
    for told in ("LAST GASP", "FIRST BREATH"):
        hubs = {line.split(":")[2].rpartition(" of ")[2] for line in out.splitlines() if told in line}
        assert hubs >= {"number-1/hub", "number-3/hub", "number-7/hub"}
    story = out.split("\n\n")[0].splitlines()
    assert all("/" in line.split()[1] for line in story if line.split()[1] != "dcc")
    assert "How it went\n  outage of high-street: 3 of 4 restored" in out
