"""A judge that dials a socket of this machine is connected to the WAN of a home in this process; the home's time waits for it."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from devices.runtime.kernel import S
from hubfw.wan.endpoint import PORT
from tools.bench.config import Access
from tools.bench.run import Run


def ask(python: Path, judge: Path, run: Run, server: int, questions: list[list[object]]) -> list[Any]:
    """One visit: the questions to a SAP of the only home's hub, and the answers. `python` has the judge's packages."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        order = {"port": listener.getsockname()[1], "server": server, "password": Access().password, "ask": questions}
        with subprocess.Popen(
            [str(python), str(judge), json.dumps(order)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            listener.settimeout(60)
            line, _ = listener.accept()
            with line:
                _serve(run, line)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    answers: list[Any] = json.loads(out)
    return answers


def _serve(run: Run, line: socket.socket) -> None:
    """What comes over the socket enters the home's WAN as any connection of its network."""
    dialled = run.net.host("judge").connect(run.hub.name, PORT)
    dialled.on_data = line.sendall
    while data := line.recv(4096):
        dialled.send(data)
        run.run(for_=S)
    dialled.close()
    run.run(for_=S)
