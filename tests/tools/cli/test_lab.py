"""`read`, `objects` and `write` against the laboratory of associations, each mechanism through its option, over its links."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.bench import config
from tools.cli.write import is_real
from tools.links import parse

LAB = Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "dlms-lab.toml"
ACCESS = config.load(LAB).access
CLIENT_SIGNING = "8414189C2BA830C7AFC220228A36265912606F3A43CCF97D4D054AE67974D48C"  # the lab's comment: a test key
SERVER_SIGNING = (
    "4DB3E57128029F0481D808CBDA793F2D6637783805624DB72B39ECE9C7DA2852"
    "09831ED371A420E2D3FC1A9B504456ECC3214773CCD43A744D3AD3F29FD78B4B"
)
ESME = "00DB1234567890A1"
IMPORT, PROFILE, CLOCK_ZONE = "1-0:1.8.0", "1-0:99.1.0", "0-0:1.0.0:3"
SERVER = ("--server", "1")


@pytest.fixture(scope="module")
def port(start_program) -> str:
    return str(start_program("serve", LAB, "--ready-json", "--after", "125m").endpoints["esme.optical.tcp"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all: the meter remembers our counter."""
    assert ACCESS.keys is not None
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text(
        f'title = "{ACCESS.client_title}"\nserver_title = "{ESME}"\nencryption = "{ACCESS.keys.unicast}"\n'
        f'authentication = "{ACCESS.keys.authentication}"\nsigning = "{CLIENT_SIGNING}"\nserver_signing = "{SERVER_SIGNING}"\n'
    )
    return path


@pytest.mark.parametrize(
    "auth, client, secret",
    [
        pytest.param("lls", 1, "12345678", marks=pytest.mark.dlms("client LLS")),
        pytest.param("hls2", 32, "test-secret", marks=pytest.mark.dlms("client HLS 2")),
        pytest.param("md5", 33, "test-secret", marks=pytest.mark.dlms("client HLS 3 MD5")),
        pytest.param("hls4", 34, "test-secret", marks=pytest.mark.dlms("client HLS 4 SHA-1")),
    ],
)
def test_a_secret_opens_an_association(meterbench, port: str, auth: str, client: int, secret: str) -> None:
    code, out, err = meterbench("read", port, IMPORT, *SERVER, "--client", client, "--auth", auth, "--secret", secret)
    assert (code, err) == (0, "")
    assert out.endswith(" Wh\n")
    code, _, err = meterbench("read", port, IMPORT, *SERVER, "--client", client, "--auth", auth, "--secret", "wrong---")
    assert (code, err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "auth, client, more",
    [
        pytest.param("gmac", 35, (), marks=pytest.mark.dlms("client HLS 5 GMAC", "client glo suite 0")),
        pytest.param("sha256", 36, ("--secret", "test-secret"), marks=pytest.mark.dlms("client HLS 6 SHA-256")),
        pytest.param("ecdsa", 37, (), marks=pytest.mark.dlms("client HLS 7 ECDSA")),
        pytest.param("hls5", 35, ("--protection", "authenticated"), marks=pytest.mark.dlms("client authentication only")),
        pytest.param("hls5", 35, ("--protection", "encrypted"), marks=pytest.mark.dlms("client encryption only")),
        pytest.param("hls5", 35, ("--protection", "none"), marks=()),
    ],
)
def test_keys_open_and_protect_an_association(meterbench, port: str, keys: Path, auth: str, client: int, more) -> None:
    arguments = ("read", port, IMPORT, *SERVER, "--client", client, "--auth", auth, *more, "--keys", keys)
    for _ in range(2):  # the second run goes on with the counter of the first
        code, out, err = meterbench(*arguments)
        assert (code, err) == (0, "")
        assert out.endswith(" Wh\n")


@pytest.mark.dlms("client pre-established association")
def test_an_association_that_is_there_already(meterbench, port: str, keys: Path) -> None:
    arguments = ("read", port, "3/1-0:1.8.0", *SERVER, "--client", 40, "--keys", keys)
    assert meterbench(*arguments)[0] == 1
    code, out, err = meterbench(*arguments, "--pre-established")
    assert (code, err) == (0, "")
    assert out.endswith(" Wh\n")


def test_counters_go_on_from_run_to_run(meterbench, port: str, keys: Path) -> None:
    arguments = ("read", port, IMPORT, *SERVER, "--client", 35, "--auth", "gmac", "--keys", keys)
    kept = keys.with_name("keys.toml.counter")
    numbers = []
    for _ in range(2):
        assert meterbench(*arguments)[0] == 0
        numbers.append(int(kept.read_text()))
    assert 1 < numbers[0] < numbers[1] < 1000
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("none\n")
    code, out, err = meterbench(*arguments)
    kept.write_text(str(numbers[1]))
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.dlms("client GET selection by range", "client GET selection by entry", "client selected columns")
def test_rows_of_a_profile(meterbench, port: str) -> None:
    everything = json.loads(meterbench("read", port, PROFILE, *SERVER, "--json")[1])[0]
    assert everything["columns"] == ["0-0:1.0.0.255:2", "0-0:96.10.1.255:2", "1-0:1.8.0.255:2"]
    rows = everything["rows"]
    assert [row[0][11:16] for row in rows] == ["00:30", "01:00", "01:30", "02:00"]
    assert all(row[2].endswith(" Wh") for row in rows)

    def some(*options: object) -> list[list[object]]:
        code, out, err = meterbench("read", port, PROFILE, *SERVER, "--json", *options)
        assert (code, err) == (0, "")
        found: list[list[object]] = json.loads(out)[0]["rows"]
        return found

    assert some("--last", 2) == rows[-2:]
    assert some("--since", "2026-01-14T01:00") == rows[1:]
    assert some("--since", "2026-01-14T01:00+00:00", "--until", "2026-01-14T01:30") == rows[1:3]
    assert some("--columns", "3,1") == [[row[2], row[0]] for row in rows]
    assert some("--columns", "1-0:1.8.0", "--last", 1) == [[rows[-1][2]]]
    code, out, _ = meterbench("read", port, PROFILE, *SERVER, "--last", 1)
    assert (code, len(out.splitlines())) == (0, 3)


def test_objects_with_classes_and_rights(meterbench, port: str) -> None:
    code, out, err = meterbench("objects", port, *SERVER)
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if line.startswith("1-0:1.8.0.255")]
    assert line.split()[1:] == ["3.0", "Register", "1r", "2r", "3r"]
    found = {one["name"]: one for one in json.loads(meterbench("objects", port, *SERVER, "--json")[1])}
    assert found["0-0:1.0.0.255"]["class_name"] == "Clock"
    assert found["0-0:1.0.0.255"]["attributes"][1] == {"number": 2, "name": "time", "rights": "r"}
    as_one = meterbench("objects", port, *SERVER, "--client", 1, "--auth", "lls", "--password", "12345678", "--json")[1]
    assert {one["name"]: one for one in json.loads(as_one)}["0-0:1.0.0.255"]["attributes"][1]["rights"] == "rw"


ONE = ("--client", 1, "--auth", "lls", "--password", "12345678")


@pytest.mark.dlms("client SET normal", "client ACTION normal")
def test_an_attribute_is_written_and_a_method_called(meterbench, port: str) -> None:
    time = meterbench("read", port, "0-0:1.0.0:2", *SERVER, "--json")[1]
    octets = json.loads(time)[0]["value"]
    assert meterbench("write", port, "0-0:1.0.0:2", octets, *SERVER, *ONE)[:2] == (0, f"{'0-0:1.0.0:2':24}written\n")
    code, out, _ = meterbench("write", port, "0-0:1.0.0:2", f"octets:{octets}", *SERVER, *ONE, "--json")
    assert (code, json.loads(out)) == (0, {"attribute": "0-0:1.0.0:2", "class": 8, "done": "written"})
    code, _, err = meterbench("write", port, "0-0:1.0.0:2", f"octets:{octets}", *SERVER)
    assert code == 1
    assert "read-write-denied" in err
    shifted = meterbench("write", port, "0-0:1.0.0:6", "i16:1", "--method", *SERVER, *ONE)
    assert shifted[:2] == (0, f"{'0-0:1.0.0:6':24}called\n")


@pytest.mark.parametrize(
    "value, words",
    [("octet:00", 'did you mean "octets"?'), ("u8:300", "is no u8"), ("octets:0", "is no octets"), ("data:02", "is no data")],
)
def test_values_that_are_none(meterbench, value: str, words: str) -> None:
    code, out, err = meterbench("write", "tcp:127.0.0.1:1", CLOCK_ZONE, value)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


@pytest.mark.parametrize(
    "link, real",
    [
        ("pty:/dev/pts/3", False), ("tcp:127.0.0.1:4059", False), ("tcp:localhost:4059", False), ("tcp:[::1]:4059", False),
        ("serial:/dev/ttyUSB0", True), ("tcp:192.0.2.1:4059", True), ("rfc2217://meter:2217", True),
    ],
)  # fmt: skip
def test_hardware_is_anything_but_a_pty_and_this_machine(link: str, real: bool) -> None:
    assert is_real(parse(link)) is real


def test_a_switch_of_real_hardware_is_not_moved_unasked(meterbench, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.cli.write.is_real", lambda spec: True)
    move = ("write", port, "70/0-0:96.3.10:1", "--method", *SERVER, *ONE)
    code, out, err = meterbench(*move)
    assert (code, out) == (2, "")
    assert "say --allow-actuation" in err
    assert "say --allow-actuation" not in meterbench(*move, "--allow-actuation")[2]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--auth", "gmac"), "needs --keys"),
        (("--auth", "md5"), "go together"),
        (("--auth", "gmac", "--secret", "x"), "takes no --password"),
        (("--suite", "1"), "need --keys"),
        (("--last", "1", "--since", "2026-01-01"), "--last goes without"),
        (("--since", "yesterday"), "is no date and time"),
    ],
)
def test_options_that_do_not_go_together(meterbench, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = meterbench("read", "tcp:127.0.0.1:1", IMPORT, *arguments)
    assert code == 2
    assert words in err


@pytest.mark.parametrize(
    "text, words",
    [
        ("title = 5", "title"),
        ("titel = '0011223344556677'", 'did you mean "title"?'),
        ("title = '00112233445566'", "a system title has 8 octets"),
        ("title = 'x'", "hexadecimal"),
        ("title = '4D42480000000001'\nsuite = 3", "suite is 0, 1 or 2"),
        ("title = '4D42480000000001'\nencryption = '00'", "has keys of 16 octets"),
        ("title", "="),
    ],
)
def test_key_files_that_cannot_be_used(meterbench, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    code, out, err = meterbench("read", "tcp:127.0.0.1:1", IMPORT, "--auth", "gmac", "--keys", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


@pytest.fixture
def served(tmp_path: Path, start_program):
    """The lab with another suite, with a capture: its optical port, its key file, its capture."""

    def serve(suite: int):
        text = LAB.read_text().replace("suite = 0 ", f"suite = {suite} ")
        assert ACCESS.keys is not None
        unicast, authentication = ACCESS.keys.unicast, ACCESS.keys.authentication
        if suite == 2:
            text = re.sub(r'^(unicast|broadcast|authentication|master) = "(\w+)"', r'\1 = "\2\2"', text, flags=re.MULTILINE)
            text = re.sub(r"^(signing|client_signing) = .*\n", "", text, flags=re.MULTILINE)
            unicast, authentication = 2 * unicast, 2 * authentication
        bench, keys, capture = tmp_path / "lab.toml", tmp_path / "keys.toml", tmp_path / "lab.pcapng"
        bench.write_text(text)
        keys.write_text(
            f'title = "{ACCESS.client_title}"\nserver_title = "{ESME}"\nsuite = {suite}\n'
            f'encryption = "{unicast}"\nauthentication = "{authentication}"\n'
        )
        program = start_program("serve", bench, "--ready-json", "--after", "35m", "--capture", capture)
        return program, program.endpoints["esme.optical.tcp"], keys, capture

    return serve


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(1, marks=pytest.mark.dlms("client glo suite 1")),
        pytest.param(2, marks=pytest.mark.dlms("client glo suite 2")),
    ],
)
def test_other_suites_and_what_the_capture_shows_of_them(meterbench, served, suite: int) -> None:
    program, port, keys, capture = served(suite)
    secured = ("--client", 35, "--auth", "gmac", "--keys", keys)
    code, out, err = meterbench("read", port, IMPORT, *SERVER, *secured)
    assert (code, err) == (0, "")
    value = out.split()[1]
    if suite == 1:
        assert meterbench("read", port, IMPORT, *SERVER, *secured, "--suite", 0)[0] == 1
    assert program.stop()[0] == 0
    closed = meterbench("decode", capture)[1]
    assert "glo_GetResponse" in closed
    assert "GetResponseNormal" not in closed
    opened = meterbench("decode", capture, "--keys", keys)[1]
    assert "opened: authenticated, encrypted, counter" in opened
    register = re.search(r"GetResponseNormal\n.*\n.*\n.*\n.*\n.*\n +\d+ +value: double-long-unsigned (\d+)", opened)
    assert register is not None
    assert register[1] == value
