"""Gurux hands in firmware through the WAN of a living home, is broken off, goes on, activates; then the display runs it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from devices.parts.ota import MANUFACTURER, SIGNER
from devices.runtime.kernel import MIN, S
from hubfw.image_intake import IMAGE_TYPE
from hubfw.wan.endpoint import PORT
from protocols.zigbee.ota.image import File, seal
from tools.bench.commissioning import commission
from tools.bench.config import Access, loads
from tools.bench.run import Run

pytestmark = pytest.mark.needs("peers")

JUDGE = Path(__file__).resolve().parent / "judges" / "gurux_image.py"
HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "ihd"
at = [2, 2]
"""
INITIATED, VERIFIED, REFUSED, ACTIVATED = 1, 3, 4, 6
SCOPE, OTHER_REASON = 13, 250
"""action-result"""
Ask = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def home() -> Run:
    run = Run(loads(HOME))
    commission(run)
    return run


@pytest.fixture
def ask(home: Run, peers_python: Path) -> Ask:
    """`ask(image, question...)`: one visit of the judge, in which a second passes with each request."""

    def visit(image: bytes, *questions: list[object]) -> list[Any]:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            subprocess.Popen(
                [str(peers_python), str(JUDGE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as judge,
        ):
            assert judge.stdin is not None
            order = {"port": listener.getsockname()[1], "password": Access().password, "image": image.hex(), "ask": questions}
            judge.stdin.write(json.dumps(order))
            judge.stdin.close()
            judge.stdin = None
            listener.settimeout(60)
            line, _ = listener.accept()
            with line:
                dialled = home.net.host("judge").connect(home.hub.name, PORT)
                dialled.on_data = line.sendall
                while data := line.recv(4096):
                    dialled.send(data)
                    home.run(for_=S)
                dialled.close()
                home.run(for_=S)
            out, err = judge.communicate(timeout=60)
        assert judge.returncode == 0, err
        answers: list[Any] = json.loads(out)
        return answers

    return visit


def image(home: Run, type: int, version: int, size: int = 2000) -> bytes:
    """Signed by the bench's maker."""
    issuer, random = home.only.authority, Random(version).getrandbits
    assert issuer is not None
    contents = bytes(Random(version).getrandbits(8) for _ in range(size))
    signer = issuer.issue(SIGNER, random)
    return seal(File(MANUFACTURER, type, version), contents, hardware=(1, 1), signer=signer, random=random)


def test_gurux_hands_in_an_image_that_a_power_cut_interrupts_and_the_display_runs_it_when_told(home: Run, ask: Ask) -> None:
    new = image(home, 0x0502, 0x02000000)
    info = [[len(new), "FFF1-0502-02000000", new[-80:].hex()]]
    assert ask(new, ["status"], ["initiate", "display"], ["blocks", 3], ["verify"], ["activate"]) == [
        [512, "", 0, 0, []], "done", [0, 1, 2], {"refused": OTHER_REASON}, {"refused": OTHER_REASON},
    ]  # fmt: skip
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert ask(new, ["status"], ["blocks", 9], ["status"], ["verify"], ["status"]) == [
        [512, "11100", 3, INITIATED, []], [3, 4], [512, "11111", 5, INITIATED, []], "done", [512, "11111", 5, VERIFIED, info],
    ]  # fmt: skip
    home.run(for_=10 * MIN)
    assert home.ihd.firmware.update.version == 0x01000000
    assert ask(new, ["activate"], ["activate"], ["status"]) == [
        "done", "done", [512, "11111", 5, ACTIVATED, info],
    ]  # fmt: skip
    home.run(for_=2 * MIN)
    assert home.ihd.firmware.update.version == 0x02000000


def test_gurux_is_refused_what_is_too_large_or_not_good_and_may_begin_anew(home: Run, ask: Ask) -> None:
    good = image(home, 0x0502, 0x03000000, 600)
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    assert ask(bad, ["initiate", "large", 32 * 1024 + 1], ["initiate", "x"], ["block", 0, "00" * 9], ["block", 7, "00" * 512]) == [
        {"refused": SCOPE}, "done", {"refused": SCOPE}, {"refused": SCOPE},
    ]  # fmt: skip
    assert ask(bad, ["blocks", 9], ["verify"], ["status"], ["blocks", 9], ["initiate", "again"], ["status"]) == [
        [0, 1], {"refused": OTHER_REASON}, [512, "11", 2, REFUSED, []], [], "done", [512, "00", 0, INITIATED, []],
    ]  # fmt: skip
    assert ask(good, ["blocks", 9], ["verify"])[1] == "done"


def test_gurux_updates_the_hub_and_reads_its_version(home: Run, ask: Ask) -> None:
    new = image(home, IMAGE_TYPE, 0x01020304)
    version = "0.0.0.2.1.255"
    before = ask(new, ["octets", version], ["initiate", "hub"], ["blocks", 9], ["verify"], ["activate"])
    assert (bytes.fromhex(before[0]), before[3:]) == (b"01000000", ["done", "done"])
    home.run(for_=MIN)
    after, status = ask(new, ["octets", version], ["status"])
    assert (bytes.fromhex(after), status[3]) == (b"01020304", ACTIVATED)
    older = image(home, IMAGE_TYPE, 0x01020303)
    assert ask(older, ["initiate", "hub"], ["blocks", 9], ["verify"])[2] == {"refused": OTHER_REASON}
