"""`meterbench listen`: notifications as they come, from several senders, ciphered ones too; garbage ends its sender only."""

from __future__ import annotations

import json
import os
import socket
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocols.dlms import axdr, hdlc, wrapper
from protocols.dlms.security.ciphering import GENERAL_GLO, GeneralCiphered, Keys, secure
from protocols.dlms.xdlms import DataNotification

NOTICE = DataNotification(0x1DB, b"", axdr.structure(axdr.u32(5), axdr.visible("up"))).build()
EK, AK, TITLE = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF", "4D4D4D0000BC614E"


@pytest.fixture
def listener(start_program) -> Callable[..., tuple[object, tuple[str, int]]]:
    def start(*options: object):
        program = start_program("listen", "tcp-listen:0", *options)
        ready = json.loads(program.first_line)
        assert ready["ready"] is True
        host, _, port = ready["link"].removeprefix("tcp:").rpartition(":")
        return program, (host, int(port))

    return start


def ended(program) -> tuple[int, str, str]:
    code, out, err = program.stop(0)
    return code, out, err


def test_notifications_are_shown_until_there_are_enough(listener) -> None:
    program, place = listener("--json", "--count", 2)
    with socket.create_connection(place, 10) as wrong, socket.create_connection(place, 10) as first:
        wrong.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert wrong.recv(1) == b""
        octets = wrapper.wrap(1, 16, NOTICE)
        first.sendall(octets[:5])
        first.sendall(octets[5:])
        with socket.create_connection(place, 10) as second:
            second.sendall(wrapper.wrap(2, 1, NOTICE))
            code, out, err = ended(program)
    assert code == 0
    assert "version is 1" in err
    said = [json.loads(line) for line in out.splitlines()]
    assert sorted((one["source"], one["destination"]) for one in said) == [(1, 16), (2, 1)]
    assert {one["apdu"]["name"] for one in said} == {"DataNotification"}


def test_a_ciphered_one_is_opened(listener, tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'title = "{TITLE}"\nencryption = "{EK}"\nauthentication = "{AK}"\n')
    program, place = listener("--keys", path, "--count", 1)
    sender = bytes.fromhex("4D45544552303031")
    sealed = secure(NOTICE, Keys(bytes.fromhex(EK), bytes.fromhex(AK)), sender, 7)
    with socket.create_connection(place, 10) as peer:
        peer.sendall(wrapper.wrap(1, 1, GeneralCiphered(GENERAL_GLO, sender, sealed).build()))
        code, out, _ = ended(program)
    assert code == 0
    assert "opened: authenticated, encrypted, counter 7, from 4D45544552303031" in out
    assert "visible-string up" in out


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """Our end of a terminal, and the path of the other."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for each in (ours, theirs):
        os.close(each)


@pytest.mark.parametrize(
    "said", [wrapper.wrap(1, 16, NOTICE), hdlc.unasked(16, 1, NOTICE)], ids=["as a PDU of the wrapper", "in a UI frame"]
)
def test_what_comes_out_of_a_modems_line_is_shown_also_what_came_before(start_program, line, said: bytes) -> None:
    ours, path = line
    os.write(ours, said)
    program = start_program("listen", f"pty:{path}", "--json", "--count", 2)
    assert json.loads(program.first_line) == {"ready": True, "link": f"pty:{path}"}
    os.write(ours, said[:7])
    os.write(ours, said[7:])
    code, out, _ = ended(program)
    assert code == 0
    for each in out.splitlines():
        told = json.loads(each)
        assert (told["from"], told["source"], told["destination"]) == (f"pty:{path}", 1, 16)
        assert told["apdu"]["name"] == "DataNotification"
    assert len(out.splitlines()) == 2


def test_a_line_that_ends_is_an_exit_code(start_program) -> None:
    ours, theirs = os.openpty()
    program = start_program("listen", f"pty:{os.ttyname(theirs)}")
    os.close(theirs)
    os.close(ours)
    code, _, err = ended(program)
    assert (code, err.count("\n")) == (3, 1)


def test_it_ends_at_a_signal(listener) -> None:
    program, _ = listener()
    assert program.stop()[0] == 0


def test_what_cannot_be_listened_at(meterbench) -> None:
    for link, expected in (
        ("tcp:127.0.0.1:1", 2),
        ("mqtt://127.0.0.1:1/x", 3),
        ("pty:/dev/none", 3),
    ):  # not possible; possible, and nobody is there
        code, out, err = meterbench("listen", link)
        assert (code, out, err.count("\n")) == (expected, "", 1)
