"""A meter of the lab gets its certificates from strangers: pydlms manages it, openssl certifies its keys and judges requests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("peers", "openssl")

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "dlms-lab.toml"
JUDGES = Path(__file__).resolve().parent / "judges"
JUDGE, GURUX = JUDGES / "pydlms_certificates.py", JUDGES / "gurux.py"
METER, CLIENT, STRANGER = "00DB1234567890A1", "4D42480000000001", "4D42580000000009"
AUTHORITY, SERVER_ENTITY, CLIENT_ENTITY = 2, 0, 1
SIGNATURE, AGREEMENT, TLS, OTHER = range(4)
OTHER_REASON = 250
UNAVAILABLE = 11
UNICAST, AUTHENTICATION, MASTER = bytes(range(32)), bytes(range(0x40, 0x60)), bytes(range(0x80, 0xA0))


class Lab:
    """A served bench of one suite whose authority is openssl's, and the judge at its electricity meter."""

    def __init__(self, suite: int, folder: Path, start_program: Any, python: Path) -> None:
        self.suite, self.folder, self.python = suite, folder, python
        self.hash, curve = ("-sha256", "prime256v1") if suite == 1 else ("-sha384", "secp384r1")
        self.octets = 16 if suite == 1 else 32
        for key in ("root", "stranger", "client"):
            self.openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", f"{key}.pem")
        for root in ("root", "stranger"):
            self.openssl(
                "req", "-x509", "-new", self.hash, "-key", f"{root}.pem", "-days", 36500, "-subj", "/CN=Authority of openssl",
                "-out", f"{root}.crt", "-addext", "keyUsage=critical,keyCertSign",
            )  # fmt: skip
        self.counter = 1
        self.link = start_program("serve", self.bench(), "--ready-json", "--after", "10m").endpoints["hub.wan"]

    def openssl(self, *arguments: object) -> bytes:
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=True, timeout=60).stdout

    def bench(self) -> Path:
        root = self.openssl("x509", "-in", "root.crt", "-outform", "DER")
        keys = {"unicast": UNICAST, "broadcast": bytes(32), "authentication": AUTHENTICATION, "master": MASTER}
        lines = [f'{name} = "{key[: self.octets].hex()}"' for name, key in keys.items()] + [f'authority = "{root.hex()}"']
        before, _, rest = BENCH.read_text().partition("[access.keys]")
        homes = "[[home]]" + rest.partition("[[home]]")[2]
        # The bench lives when openssl's certificates are valid: today.
        today = self.openssl("x509", "-in", "root.crt", "-noout", "-startdate", "-dateopt", "iso_8601").decode()
        before = before.replace("2026-01-14T00:00:00Z", today.strip().removeprefix("notBefore=").replace(" ", "T"))
        path = self.folder / "lab.toml"
        path.write_text(
            before.replace("suite = 0 ", f"suite = {self.suite} ") + "[access.keys]\n" + "\n".join(lines) + "\n\n" + homes
        )
        return path

    def ask(self, *questions: list[Any]) -> list[Any]:
        security = {"unicast": UNICAST[: self.octets].hex(), "authentication": AUTHENTICATION[: self.octets].hex(),
                    "title": CLIENT, "suite": self.suite, "counter": self.counter}  # fmt: skip
        self.counter += 1000
        order = {"link": self.link, "client": 35, "server": 3, "security": security, "ask": questions}
        run = subprocess.run([str(self.python), str(JUDGE), json.dumps(order)], capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        answers: list[Any] = json.loads(run.stdout)
        return answers

    def ask_gurux(self, unicast: bytes, *questions: list[Any]) -> Any:
        security = {"suite": self.suite, "level": "AUTHENTICATION_ENCRYPTION", "title": CLIENT, "key": unicast.hex(),
                    "authentication_key": AUTHENTICATION[: self.octets].hex(), "counter": self.counter}  # fmt: skip
        self.counter += 1000
        visit = {"link": self.link, "framing": "wrapper", "client": 35, "server": 3, "mechanism": "high_gmac", "security": security}
        order = json.dumps([visit | {"ask": questions}])
        run = subprocess.run([str(self.python), str(GURUX), order], capture_output=True, text=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)[0]

    def certified(self, request: str, usage: str, root: str = "root") -> str:
        """openssl's certificate for a request in a file, as hexadecimal DER."""
        (self.folder / "usage").write_text(f"keyUsage=critical,{usage}\n")
        self.openssl(
            "x509", "-req", self.hash, "-in", request, "-CA", f"{root}.crt", "-CAkey", f"{root}.pem", "-days", 365,
            "-extfile", "usage", "-outform", "DER", "-out", "certificate.der",
        )  # fmt: skip
        return (self.folder / "certificate.der").read_bytes().hex()

    def request_of(self, title: str) -> str:
        self.openssl("req", "-new", self.hash, "-key", "client.pem", "-subj", f"/CN={title}", "-out", f"{title}.csr")
        return f"{title}.csr"


@pytest.fixture(params=[1, 2], ids=["S1", "S2"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, start_program: Callable[..., Any], peers_python: Path) -> Lab:
    return Lab(request.param, tmp_path, start_program, peers_python)


@pytest.mark.dlms(
    "server generate key pair",
    "server certificate request",
    "server import certificate",
    "server export certificate",
    "server remove certificate",
    "class 64 method 4",
    "class 64 method 5",
    "class 64 method 6",
    "class 64 method 7",
    "class 64 method 8",
)
def test_pydlms_and_openssl_give_a_meter_its_certificates(lab: Lab) -> None:
    ((entity, type, _),) = lab.ask(["listed"])[0]
    assert (entity, type) == (AUTHORITY, OTHER)
    imported = {}
    for type, usage in ((SIGNATURE, "digitalSignature"), (AGREEMENT, "keyAgreement")):
        done, request = lab.ask(["generate", type], ["request", type])
        assert done == "done"
        (lab.folder / "meter.der").write_bytes(bytes.fromhex(request))
        lab.openssl("req", "-inform", "DER", "-in", "meter.der", "-verify", "-noout")
        assert METER in lab.openssl("req", "-inform", "DER", "-in", "meter.der", "-noout", "-subject").decode()
        lab.openssl("req", "-inform", "DER", "-in", "meter.der", "-out", "meter.csr")
        # A certificate for the other purpose, or by another's hand, is not taken; the right one is.
        wrong = "keyAgreement" if type == SIGNATURE else "digitalSignature"
        refused = [lab.certified("meter.csr", wrong), lab.certified("meter.csr", usage, "stranger")]
        imported[type] = lab.certified("meter.csr", usage)
        answers = lab.ask(*(["import", certificate] for certificate in [*refused, imported[type]]))
        assert answers == [{"refused": OTHER_REASON}, {"refused": OTHER_REASON}, "done"]
        assert lab.ask(["export", SERVER_ENTITY, type, METER]) == [imported[type]]
    client = lab.certified(lab.request_of(CLIENT), "digitalSignature")
    answers = lab.ask(
        ["import", client], ["listed"], ["remove", CLIENT_ENTITY, SIGNATURE, CLIENT], ["remove", CLIENT_ENTITY, SIGNATURE, CLIENT],
        ["export", CLIENT_ENTITY, SIGNATURE, CLIENT], ["listed"], ["generate", TLS],
    )  # fmt: skip
    own = [[AUTHORITY, OTHER, ""], [SERVER_ENTITY, SIGNATURE, imported[SIGNATURE]], [SERVER_ENTITY, AGREEMENT, imported[AGREEMENT]]]
    assert answers == [
        "done", [*own, [CLIENT_ENTITY, SIGNATURE, client]], "done", {"refused": UNAVAILABLE}, {"refused": UNAVAILABLE}, own,
        {"refused": OTHER_REASON},
    ]  # fmt: skip


@pytest.mark.dlms("server key transfer", "class 64 method 2")
@pytest.mark.parametrize("lab", [1], ids=["S1"], indirect=True)  # Gurux takes no master key of 256 bits
def test_gurux_reads_a_security_setup_and_changes_a_key(lab: Lab) -> None:
    old, new = UNICAST[: lab.octets], bytes(range(0xC0, 0xC0 + lab.octets))
    done, request, shown = lab.ask_gurux(old, ["generate", SIGNATURE], ["request", SIGNATURE], ["security"])
    assert done == "done"
    (lab.folder / "meter.der").write_bytes(bytes.fromhex(request))
    lab.openssl("req", "-inform", "DER", "-in", "meter.der", "-verify", "-noout")
    assert shown == [0, lab.suite, CLIENT, METER, [[AUTHORITY, OTHER, True]]]
    # The answer to the transfer comes under the old key; the next association is under the new one, and under no other.
    found = lab.ask_gurux(old, ["transfer", MASTER[: lab.octets].hex(), 0, new.hex()])
    assert found == ["transferred"]
    assert lab.ask_gurux(new, ["security"]) == [shown]
    assert "failed" in lab.ask_gurux(old, ["security"])
