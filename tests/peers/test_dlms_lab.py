"""Third-party DLMS clients against a meter of the lab: every mechanism, suite and form of protection that they have, by every way.

A covering set and no full product. All visits of one judge to one meter are made by one program, each an association of its own;
a case says which, and what must have come of it. Readings are set against what our own client reads without security.
"""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.dlms.client import Client, drive
from protocols.dlms.cosem import Access
from protocols.dlms.meter import Meter
from tools.links import open_stream, parse
from tools.links.exchange import HdlcExchange, WrapperExchange

pytestmark = pytest.mark.needs("peers")

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "dlms-lab.toml"
JUDGES = Path(__file__).resolve().parent / "judges"
START = datetime(2026, 1, 14, tzinfo=UTC)
AFTER = timedelta(minutes=185)  # of virtual time before the links open: six half hours are in the log
PACE = 5
"""Virtual seconds in a second: what goes through the home's radio network need not take as long as it would."""
PATIENCE = 240

IMPORT, EXPORT, LOG, SWITCH = "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.99.1.0.255", "0.0.96.3.10.255"
WATT_HOURS, OBJECT_UNDEFINED = 30, 4
READS = [["register", IMPORT], ["clock"], ["list", IMPORT, EXPORT], ["entries", LOG, 2, 3]]
BY_TIME = [["profile", LOG, "2026-01-14T01:00:00+00:00", "2026-01-14T02:30:00+00:00"], ["objects"]]
ACCESS = [["access", ["get", 3, IMPORT, 2], ["get", 3, "1.0.99.99.99.255", 2], ["action", 70, SWITCH, 1], ["get", 70, SWITCH, 3],
                     ["action", 70, SWITCH, 2]]]  # fmt: skip
ACTS = [["disconnect", SWITCH], ["state", SWITCH], ["reconnect", SWITCH], ["state", SWITCH]]
WALK = [["walk"]]
LONG = [["days", 45]]

METER_TITLE, CLIENT_TITLE = "00DB1234567890A1", "4D42480000000001"
SECRET, WRONG, PASSWORD = "test-secret", "another-one", "12345678"
GURUX, PYDLMS = "gurux.py", "pydlms_client.py"


class Way(NamedTuple):
    """Endpoint of the bench, framing, server address."""

    endpoint: str
    framing: str
    server: int


HUB = Way("hub.wan", "wrapper", 1)
WAN, HDLC, PTY = Way("hub.wan", "wrapper", 3), Way("esme.optical.tcp", "hdlc", 1), Way("esme.optical", "hdlc", 1)
MODE_E = PTY._replace(framing="optical")


class Who(NamedTuple):
    """A client of the lab, its mechanism in the words of both judges, and its secret."""

    client: int
    gurux: str
    pydlms: str
    secret: str | None


PUBLIC, LOW = Who(16, "none", "none", None), Who(1, "low", "lls", PASSWORD)
HLS, MD5, SHA1 = Who(32, "high", "hls", SECRET), Who(33, "high_md5", "hls_md5", SECRET), Who(34, "high_sha1", "hls_sha1", SECRET)
GMAC, SHA256 = Who(35, "high_gmac", "hls_gmac", None), Who(36, "high_sha256", "hls_sha256", SECRET)
ECDSA = Who(37, "high_ecdsa", "hls_ecdsa", None)


class Case(NamedTuple):
    """One visit: by whom, to a meter of which suite, and what is asked."""

    judge: str
    suite: int
    way: Way
    who: Who
    ask: list[list[Any]]
    security: dict[str, Any]
    """In the judge's own words; empty: nothing is ciphered."""
    more: dict[str, Any]
    fails: str = ""
    """What the judge says of it, where nothing may come of it."""
    policy: int = 0
    """Of the meter."""

    def __str__(self) -> str:
        told = [f"{name} {value}" for name, value in [*self.security.items(), *self.more.items()]]
        way = {PTY: "pty", MODE_E: "mode E", HUB: "hub"}.get(self.way, self.way.framing)
        judge, policy = self.judge.partition("_")[0].removesuffix(".py"), [f"policy {self.policy:02X}"] if self.policy else []
        asked = {"reads": READS, "reads more": READS + BY_TIME, "acts": ACTS, "reads and acts": READS + ACTS,
                 "ACCESS": ACCESS, "walks": WALK, "writes": LONG}  # fmt: skip
        (what,) = (words for words, ask in asked.items() if ask == self.ask)
        if self.fails:
            what = f"fails {len(told)} {self.who.secret}"
        return " ".join([judge, f"S{self.suite}", *policy, way, self.who.pydlms, *told, what])


def gurux(
    suite: int, way: Way, who: Who, level: str = "", *, ask: list[list[Any]] = READS, fails: str = "", **security: Any
) -> Case:
    return Case(GURUX, suite, way, who, ask, {"level": level} | security if level else {}, {}, fails)


def pydlms(
    suite: int, way: Way, who: Who, ask: list[list[Any]] = READS, *,
    plain: bool = False, more: Any = None, fails: str = "", **security: Any,
) -> Case:  # fmt: skip
    return Case(PYDLMS, suite, way, who, ask, {} if plain else {"level": BOTH_P} | security, more or {}, fails)


AUTHENTICATED, ENCRYPTED, BOTH = "AUTHENTICATION", "ENCRYPTION", "AUTHENTICATION_ENCRYPTION"
AUTHENTICATED_P, ENCRYPTED_P, BOTH_P = "AUTHENTICATED", "ENCRYPTED", "AUTHENTICATED_ENCRYPTED"

CIPHERED, SIGNED = 4 + 8 + 32 + 64, 16 + 128
"""Policies: requests and responses authenticated and encrypted, or digitally signed."""

CASES = [
    # every mechanism without ciphering, and each with it
    *(gurux(0, WAN, who) for who in (HLS, MD5, SHA1, SHA256)),
    *(gurux(0, WAN, who, BOTH) for who in (HLS, MD5, SHA1, GMAC, SHA256)),
    *(pydlms(0, WAN, who, plain=True) for who in (HLS, MD5, SHA1, SHA256)),
    *(pydlms(0, WAN, who) for who in (HLS, MD5, SHA1, GMAC, SHA256)),
    # the other two levels
    *(gurux(0, WAN, GMAC, level) for level in (AUTHENTICATED, ENCRYPTED)),
    *(pydlms(0, WAN, GMAC, level=level) for level in (AUTHENTICATED_P, ENCRYPTED_P)),
    # the forms
    *(pydlms(0, WAN, GMAC, protection=form, dedicated=own) for form in ("glo", "general-glo") for own in (False, True)),
    *(pydlms(0, WAN, GMAC, protection="general-ciphering", key_info=key) for key in ("none", "identified", "wrapped")),
    *(
        pydlms(suite, WAN, GMAC, protection="general-ciphering", key_info=key)
        for suite in (1, 2)
        for key in ("identified", "wrapped", "agreed 1e1s", "agreed 0e2s")
    ),
    *(
        pydlms(suite, WAN, GMAC, protection=form)
        for suite in (1, 2)
        for form in ("general-signing", "glo+signing", "general-ciphering+signing")
    ),
    # ACCESS, and general block transfer
    pydlms(0, WAN, LOW, ACCESS, plain=True, more={"access": True}),
    *(pydlms(suite, WAN, GMAC, ACCESS, more={"access": True}, protection="general-glo") for suite in (0, 2)),
    pydlms(1, WAN, GMAC, ACCESS, more={"access": True}, protection="general-ciphering+signing"),
    *(pydlms(0, WAN, LOW, READS + BY_TIME, plain=True, more={"gbt_window": n, "max_pdu": 200}) for n in (1, 3, 7)),
    pydlms(0, WAN, GMAC, READS + BY_TIME, more={"gbt_window": 3, "max_pdu": 200}),
    # the other suites
    *(gurux(1, WAN, who, BOTH) for who in (MD5, GMAC, SHA256, ECDSA)),
    gurux(1, WAN, ECDSA),
    *(gurux(2, WAN, who, BOTH) for who in (SHA1, GMAC, SHA256)),
    *(pydlms(suite, WAN, who) for suite in (1, 2) for who in (SHA1, GMAC, SHA256, ECDSA)),
    *(pydlms(suite, WAN, ECDSA, plain=True) for suite in (1, 2)),
    *(pydlms(suite, WAN, GMAC, protection="general-glo", dedicated=True) for suite in (1, 2)),
    # HDLC
    *(gurux(suite, HDLC, who, BOTH, ask=READS + BY_TIME) for suite, who in ((0, GMAC), (1, ECDSA), (2, SHA256))),
    *(pydlms(suite, HDLC, who, READS + BY_TIME) for suite, who in ((0, SHA256), (1, GMAC), (2, ECDSA))),
    *(pydlms(0, HDLC, MD5, plain=True, more={"window": window, "information": 64 * window}) for window in (1, 3, 7)),
    # blocks, and acting
    pydlms(0, WAN, LOW, READS + BY_TIME, plain=True, more={"max_pdu": 200}),
    pydlms(0, WAN, GMAC, READS + BY_TIME, more={"max_pdu": 200}),
    *(gurux(suite, WAN, who, BOTH, ask=ACTS) for suite, who in ((0, GMAC), (1, ECDSA), (2, SHA256))),
    *(pydlms(suite, WAN, who, ACTS) for suite, who in ((0, SHA1), (1, SHA256), (2, GMAC))),
    # long values both ways, in blocks of the service and general ones
    *(pydlms(0, way, LOW, LONG, plain=True, more={"max_pdu": 200}) for way in (WAN, HDLC)),
    *(pydlms(suite, WAN, GMAC, LONG, more={"max_pdu": 300}) for suite in (0, 2)),
    pydlms(0, WAN, LOW, LONG, plain=True, more={"max_pdu": 200, "gbt_window": 5}),
    pydlms(1, WAN, GMAC, LONG, more={"max_pdu": 700, "gbt_window": 3}, protection="general-ciphering+signing"),
    # everything that can be read
    *(gurux(0, way, LOW, ask=WALK) for way in (HDLC, HUB)),
    *(pydlms(0, way, LOW, WALK, plain=True) for way in (HDLC, HUB)),
    gurux(0, HUB, GMAC, BOTH, ask=WALK),
    pydlms(0, HDLC, GMAC, WALK),
    # a client that has lost its counter
    *(pydlms(0, WAN, GMAC, more={"counter_from": source}, counter=1) for source in ("meter", "refusal")),
    # what may not succeed
    gurux(0, WAN, MD5._replace(secret=WRONG), fails="Refused: 3"),
    gurux(0, WAN, SHA256._replace(secret=WRONG), BOTH, fails="Refused: 3"),
    pydlms(0, WAN, SHA1._replace(secret=WRONG), plain=True, fails="wrong secret"),
    pydlms(0, WAN, GMAC, key="FF" * 16, fails="DECIPHERING_ERROR"),
    gurux(0, WAN, GMAC, BOTH, authentication_key="FF" * 16, fails="Ciphering failed"),
    pydlms(0, WAN, GMAC, counter=1, fails="INVOCATION_COUNTER_ERROR"),
    gurux(0, WAN, GMAC, BOTH, title=METER_TITLE, fails="rejected"),
    pydlms(0, WAN, GMAC, server_title=CLIENT_TITLE, fails="is not the pinned meter"),
    pydlms(1, WAN, ECDSA, signing_key="11" * 32, fails="wrong secret"),
    # meters that want every APDU protected
    gurux(0, WAN, GMAC, BOTH)._replace(policy=CIPHERED),
    pydlms(0, WAN, SHA256, READS + ACTS)._replace(policy=CIPHERED),
    pydlms(0, WAN, GMAC, level=AUTHENTICATED_P, fails="rejected")._replace(policy=CIPHERED),
    pydlms(0, WAN, MD5, plain=True, fails="CONTEXT_NAME_NOT_SUPPORTED")._replace(policy=CIPHERED),
    *(pydlms(1, WAN, GMAC, protection=form)._replace(policy=SIGNED) for form in ("general-signing", "general-ciphering+signing")),
    pydlms(1, WAN, GMAC, fails="rejected")._replace(policy=SIGNED),
    # a pty, last: it cannot tell when a client goes, and keeps the port occupied for a while
    gurux(0, PTY, GMAC, BOTH),
    pydlms(0, PTY, SHA256, READS + ACTS),
    pydlms(0, MODE_E, GMAC),
]


MECHANISMS = {
    "none": "no security", "lls": "LLS", "hls": "HLS 2", "hls_md5": "HLS 3 MD5", "hls_sha1": "HLS 4 SHA-1",
    "hls_gmac": "HLS 5 GMAC", "hls_sha256": "HLS 6 SHA-256", "hls_ecdsa": "HLS 7 ECDSA",
}  # fmt: skip
LEVELS = {
    AUTHENTICATED: "authentication only", AUTHENTICATED_P: "authentication only", ENCRYPTED: "encryption only",
    ENCRYPTED_P: "encryption only", BOTH: "authenticated encryption", BOTH_P: "authenticated encryption",
}  # fmt: skip
SERVICES = {
    "register": ["GET normal"], "list": ["GET with-list"], "entries": ["GET selection by entry"],
    "profile": ["GET selection by range"], "disconnect": ["ACTION normal"], "access": ["ACCESS get", "ACCESS action"],
}  # fmt: skip


def shown(case: Case) -> list[str]:
    """What of the conformance page a case shows."""
    if case.fails:
        return []
    found = [MECHANISMS[case.who.pydlms], "context LN ciphered" if case.security else "context LN"]
    found += [row for question, *_ in case.ask for row in SERVICES.get(question, [])]
    if case.security:
        found.append(LEVELS[case.security["level"]])
        found += ["security policy"] if case.policy else []
        found += protections(case)
    if "gbt_window" in case.more:
        found += ["general block transfer", "general block transfer streaming"]
    elif "max_pdu" in case.more:
        found += ["GET next", "negotiated APDU size"] + ["SET with-first-block"] * (case.ask == LONG)
    return [f"server {row}" for row in dict.fromkeys(found)]


def protections(case: Case) -> list[str]:
    """The rows of the forms of protection."""
    form = case.security.get("protection", "glo")
    found = [f"general-signing suite {case.suite}"] if "signing" in form else []
    match form.partition("+")[0]:
        case "general-ciphering" if (key := case.security.get("key_info", "identified")) != "none":
            found.append(f"general-ciphering {key.partition(' ')[0]} key {key.partition(' ')[2]}".rstrip())
        case "glo" | "general-glo" as envelope:
            found.append(f"{envelope.replace('glo', 'ded') if case.security.get('dedicated') else envelope} suite {case.suite}")
    return found


class Lab:
    """A served bench of one suite, with keys for it. Invocation counters are never used twice."""

    def __init__(self, suite: int, start_program: Any, folder: Path, after: timedelta = AFTER, policy: int = 0) -> None:
        self.suite, self.policy = suite, policy
        octets = 32 if suite == 2 else 16
        curve = ec.SECP384R1() if suite == 2 else ec.SECP256R1()
        names = ("unicast", "broadcast", "authentication", "master")
        self.keys = {name: bytes((0x10 * number + index) & 0xFF for index in range(octets)) for number, name in enumerate(names, 1)}
        self.own, self.peer = (ec.derive_private_key(0xC0FFEE + number, curve) for number in range(2))
        self.endpoints: dict[str, str] = start_program(
            "serve", self._bench(folder), "--ready-json", "--pace", PACE, "--after", f"{after.seconds}s"
        ).endpoints
        self._counters = count(1000, 1000)

    def _bench(self, folder: Path) -> Path:
        keys = "\n".join(f'{name} = "{key.hex()}"' for name, key in self.keys.items())
        if self.suite:
            keys += f'\nsigning = "{scalar(self.peer)}"\nclient_signing = "{point(self.own)}"'
        before, _, rest = BENCH.read_text().partition("[access.keys]")
        homes = "[[home]]" + rest.partition("[[home]]")[2]
        before = before.replace("suite = 0 ", f"suite = {self.suite} ").replace("policy = 0 ", f"policy = {self.policy} ")
        text = before + f"[access.keys]\n{keys}\n\n[wan]\nlatency_ms = 0\n\n{homes}"
        path = folder / f"lab{self.suite}-{self.policy}.toml"
        path.write_text(text)
        return path

    def visit(self, case: Case) -> dict[str, Any]:
        """A case as the judge is told it."""
        way, who = case.way, case.who
        gurux = case.judge == GURUX
        found = {"link": self.endpoints[way.endpoint], "framing": way.framing, "server": way.server, "client": who.client,
                 "mechanism": who.gurux if gurux else who.pydlms, "ask": case.ask} | case.more  # fmt: skip
        if who.secret is not None:
            found["secret"] = who.secret
        security: dict[str, Any] = {"suite": self.suite, "title": CLIENT_TITLE, "counter": next(self._counters)}
        if self.suite:
            security |= {"signing_key": scalar(self.own), "peer_signing_key": point(self.peer)}
        if case.security or gurux:
            security |= {"key": self.keys["unicast"].hex(), "authentication_key": self.keys["authentication"].hex()}
        if case.security and not gurux:
            security |= {"master_key": self.keys["master"].hex(), "server_title": METER_TITLE}
        return found | {"security": security | case.security}

    def walk(self, way: Way) -> dict[str, Any]:
        """Every attribute that client 1 may read, as our own client reads it."""
        stream, client = open_stream(parse(self.endpoints[way.endpoint])), Client(1, way.server, PASSWORD.encode())
        exchange = WrapperExchange if way.framing == "wrapper" else HdlcExchange
        with exchange(stream, 1, way.server, 20.0) as link, Meter(link, client) as meter:
            return {
                f"{entry.class_id} {'.'.join(map(str, bytes(entry.name)))} {number}":
                    bare(drive(client.get(entry.name, entry.class_id, number), link).python)
                for entry in meter.objects() for number, mode in entry.attributes.items() if mode & Access.READ
            }  # fmt: skip

    def ours(self) -> tuple[datetime, int, list[list[object]]]:
        """Clock, register and half hours as our own client reads them without security."""
        stream = open_stream(parse(self.endpoints["hub.wan"]))
        with WrapperExchange(stream, 16, WAN.server, 20.0) as exchange, Meter(exchange, Client(16, WAN.server)) as meter:
            rows = [[at.isoformat(), status, int(energy.value)] for at, status, energy in meter.profile("1-0:99.1.0").rows()]
            return meter.clock(), int(meter.register("1-0:1.8.0").value), rows


def bare(value: object) -> object:
    """As JSON has it: octets in hexadecimal digits."""
    if isinstance(value, list | tuple):
        return [bare(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def scalar(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_numbers().private_value.to_bytes(key.key_size // 8, "big").hex()


def point(key: ec.EllipticCurvePrivateKey) -> str:
    numbers, octets = key.public_key().public_numbers(), key.key_size // 8
    return (numbers.x.to_bytes(octets, "big") + numbers.y.to_bytes(octets, "big")).hex()


class Judged(NamedTuple):
    """What came of all visits of one judge to one meter, and what our client read before and after."""

    answers: dict[str, Any]
    before: tuple[datetime, int, list[list[object]]]
    after: tuple[datetime, int, list[list[object]]]
    walks: dict[Way, list[dict[str, Any]]]
    """Everything that can be read, before and after, where a case asks for it."""


Group = tuple[str, int, int, bool]


def group(case: Case) -> Group:
    """Cases that one program goes through."""
    return case.judge, case.suite, case.policy, case.way.endpoint == PTY.endpoint


@pytest.fixture(scope="module")
def judged(start_program: Any, tmp_path_factory: pytest.TempPathFactory, peers_python: Path) -> Callable[[Case], Judged]:
    folder = tmp_path_factory.mktemp("lab")
    labs: dict[tuple[int, int], Lab] = {}
    done: dict[Group, Judged] = {}

    def judge(case: Case) -> Judged:
        meter, key = (case.suite, case.policy), group(case)
        if meter not in labs:
            labs[meter] = Lab(case.suite, start_program, folder, policy=case.policy)
        lab = labs[meter]
        if key not in done:
            cases = [each for each in CASES if group(each) == key]
            walks: dict[Way, list[dict[str, Any]]] = {each.way: [lab.walk(each.way)] for each in cases if each.ask == WALK}
            before = lab.ours()
            program = [peers_python, JUDGES / case.judge, json.dumps([lab.visit(each) for each in cases])]
            run = subprocess.run(list(map(str, program)), capture_output=True, text=True, timeout=PATIENCE)
            assert run.returncode == 0, run.stderr
            answers = json.loads(run.stdout)
            for way, found in walks.items():
                found.append(lab.walk(way))
            done[key] = Judged(dict(zip(map(str, cases), answers, strict=True)), before, lab.ours(), walks)
        return done[key]

    return judge


def test_every_row_is_one_of_the_conformance_page() -> None:
    page = tomllib.loads((BENCH.parents[2] / "docs" / "dlms-conformance.toml").read_text())
    known = {f"server {row}" for chapter in page["chapters"] for row in chapter["rows"]}
    assert {row for case in CASES for row in shown(case)} <= known


def test_each_case_is_another() -> None:
    assert len(set(map(str, CASES))) == len(CASES)


def check_walk(answer: list[list[Any]], before: dict[str, Any], after: dict[str, Any]) -> None:
    """A judge has read what our client reads, but for what changes by itself, and for which association is whose."""
    own = {place for place in before if place.startswith("15 ") and (" 0.0.40.0.0.255 " in place or place.endswith(" 8"))}
    still = {place for place in before.keys() - own if before[place] == after[place]}
    theirs = {f"{class_id} {obis} {number}": value for class_id, obis, number, value in answer}
    assert before.keys() <= theirs.keys()
    assert not {place: (before[place], theirs[place]) for place in still if theirs[place] != before[place]}
    assert len(still) > 0.8 * len(before) > 100


@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.dlms(*shown(case)), id=str(case)) for case in CASES])
def test_the_meter_says_the_same_to_a_judge(judged: Callable[[Case], Judged], case: Case) -> None:
    found = judged(case)
    answers = found.answers[str(case)]
    if case.fails:
        assert case.fails in answers["failed"]
        return
    assert isinstance(answers, list), answers
    (from_time, from_energy, rows), (to_time, to_energy, _) = found.before, found.after
    for (question, *_), answer in zip(case.ask, answers, strict=True):
        match question:
            case "register":
                assert (answer["scaler"], answer["unit"]) in ((0, WATT_HOURS), (1, WATT_HOURS))  # Gurux: the factor
                assert from_energy <= answer["value"] <= to_energy
            case "clock":
                assert from_time <= datetime.fromisoformat(answer) <= to_time
            case "list":
                assert from_energy <= answer[0] <= to_energy
                assert answer[1] == 0
            case "entries":
                assert answer == rows[1:4]
            case "profile":
                assert answer == [row for row in rows if "T01:00" <= str(row[0])[10:16] <= "T02:30"]
            case "objects":
                assert [3, 0, IMPORT] in answer
            case "disconnect" | "reconnect":
                assert answer == "done"
            case "access":
                assert from_energy <= answer[0][1] <= to_energy
                assert answer[1] == [OBJECT_UNDEFINED, None]
                assert [result for result, _ in answer] == [0, OBJECT_UNDEFINED, 0, 0, 0]
                assert answer[3] == [0, 0]
            case "walk" if case.judge == GURUX:
                assert len(answer) > 100
                assert {(class_id, obis) for class_id, obis, _ in answer} >= {(8, "0.0.1.0.0.255"), (15, "0.0.40.0.0.255")}
            case "walk":
                check_walk(answer, *found.walks[case.way])
            case "days":
                assert answer == [45, True]
            case "state":
                pass
            case _:
                raise AssertionError(question)
    states = [answer for (question, *_), answer in zip(case.ask, answers, strict=True) if question == "state"]
    assert states in ([], [[False, 0], [True, 1]], [[False, 0], [False, 2]])


@pytest.mark.dlms("server key transfer")
@pytest.mark.parametrize(
    "suite", [0, *(pytest.param(suite, marks=pytest.mark.dlms("server key agreement 2e0s")) for suite in (1, 2))]
)
def test_pydlms_gives_the_meter_new_keys(start_program: Any, tmp_path: Path, peers_python: Path, suite: int) -> None:
    lab = Lab(suite, start_program, tmp_path, timedelta(minutes=1))

    def ask(*question: Any) -> Any:
        program = [peers_python, JUDGES / PYDLMS, json.dumps([lab.visit(pydlms(suite, WAN, GMAC, [list(question)]))])]
        (answer,) = json.loads(subprocess.check_output(list(map(str, program)), text=True, timeout=PATIENCE))
        return answer

    def holds(key: bytes) -> None:
        """The old key opens nothing any more, and the new one does."""
        assert "DECIPHERING_ERROR" in ask("clock")["failed"]
        lab.keys["unicast"] = key
        (time,) = ask("clock")
        assert datetime.fromisoformat(time) >= START

    given = bytes(range(len(lab.keys["unicast"])))
    assert ask("transfer", 0, given.hex()) == ["transferred"]
    holds(given)
    if suite:
        (agreed,) = ask("agree", 0)
        holds(bytes.fromhex(agreed))
