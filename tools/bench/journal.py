"""Journals on disk: one JSON record a line, each line in the file as soon as it is written.

What the records mean is devices.runtime.journal's; a run that was killed leaves a file that is good up to its last line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from devices.runtime.journal import BadJournal, Recorder, Replayer
from tools.bench.config import STARTS
from tools.bench.run import Run
from tools.errors import BadInput

LARGEST_FILE = 1 << 30
LONGEST_LINE = 1 << 20
LONGEST_RUN = 100 * 366 * 86_400_000_000_000
"""ns. A journal that says more is damaged: nobody waited for it."""

_record = msgspec.json.Decoder(dict[str, int | str])


class Journal:
    """The journal of a run, from now on, in a file that is replaced. As a context: a run that fails leaves it without an end."""

    def __init__(self, path: Path, run: Run) -> None:
        """Raises BadInput when the file cannot be written."""
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
        self._recorder = Recorder(run.inputs, self._write, bench=run.meaning)

    def close(self, *, finished: bool) -> None:
        """Close the file; `finished`: with the record of how the run stands now."""
        if finished:
            self._recorder.finish()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(finished=error is None)

    def _write(self, record: dict[str, object]) -> None:
        self._file.write(msgspec.json.encode(record) + b"\n")


def read(path: Path) -> Replayer:
    """A journal from its file. Raises BadInput with file, line and reason."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size > LARGEST_FILE:
                raise BadInput(f"{path}: larger than {LARGEST_FILE} octets")
            replayer = Replayer(_records(path, iter(lambda: file.readline(LONGEST_LINE), b"")))
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except BadJournal as error:
        raise BadInput(f"{path}: no journal of a run: {error}") from error
    if replayer.start not in STARTS or not 0 <= replayer.until <= LONGEST_RUN:
        raise BadInput(f"{path}: damaged: it begins at {replayer.start} and lasts {replayer.until} ns")
    return replayer


def _records(path: Path, lines: Iterator[bytes]) -> Iterator[dict[str, int | str]]:
    for number, line in enumerate(lines, 1):
        if not line.endswith(b"\n"):
            raise BadInput(f"{path}:{number}: the journal is cut: its last line is not whole")
        try:
            yield _record.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadInput(f"{path}:{number}: not a record of a journal: {str(error).lower()}") from error
