"""Looks for octets that break a fuzz target, guided by coverage: atheris, in an environment of its own.

    python -m tests.fuzz.run [--seconds N] [TARGET...]

`make fuzz SECONDS=20` makes the environment and runs every target for that long, each in a process of its own. What was found
interesting is kept in out/fuzz/TARGET for the next time; octets that break a target are in out/fuzz/TARGET.crash.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import subprocess
import sys
from contextlib import suppress
from types import FunctionType

from protocols.core.errors import RemoteProtocolError
from tests.fuzz.targets import LARGEST, ROOT, TARGETS

OUT = ROOT / "out" / "fuzz"
SLOWEST = 10
"""Seconds that one input may take."""
MEMORY = 2048
"""MiB."""
OURS = ("/protocols/", "<generated ")
"""In the file names of the code whose coverage counts."""


def search(name: str, seconds: int) -> None:
    """Fuzz one target. Never returns: libFuzzer ends the process, with 0 when nothing broke."""
    import atheris

    target, corpus = TARGETS[name], OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for octets in target.seeds():
        (corpus / hashlib.sha256(octets).hexdigest()[:16]).write_bytes(octets)
        with suppress(RemoteProtocolError):
            target.run(octets)  # so that the parsers that are generated on first use are there
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if any(part in function.__code__.co_filename for part in OURS):
            atheris.instrument_func(function)

    def once(octets: bytes) -> None:
        with suppress(RemoteProtocolError):
            target.run(octets)

    atheris.Setup(
        [
            sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={LARGEST}", f"-timeout={SLOWEST}",
            f"-rss_limit_mb={MEMORY}", f"-exact_artifact_path={OUT / name}.crash", "-print_final_stats=1",
        ],
        once,
    )  # fmt: skip
    atheris.Fuzz()


def main() -> int:
    """Run targets one after the other; how many broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="default: all")
    wanted = parser.parse_args()
    if len(wanted.target) == 1:
        search(wanted.target[0], wanted.seconds)
    broken = 0
    for name in wanted.target or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz.run", "--seconds", str(wanted.seconds), name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        figures = dict(line.removeprefix("stat::").split(":") for line in done.stderr.splitlines() if line.startswith("stat::"))
        print(f"{name:16} {figures.get('number_of_executed_units', '0').strip():>10} inputs", flush=True)
        if done.returncode:
            broken += 1
            print(done.stdout + done.stderr, flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(main())
