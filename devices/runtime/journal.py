"""The journal of a run, and the only door by which the outside enters it.

`Inputs` takes what arrives at named endpoints (a connection opened, octets, a connection closed, a command) and hands it to the run
as external events. A `Recorder` writes each down; a `Replayer` feeds them to a fresh run of the same bench and seed, which then
ends with the same digest. Records are plain dicts that JSON can carry; octets are hexadecimal:

    {"record": "header", "format": 1, "seed": 7, "start": 1767225600000000000, "bench": "9f3c.."}
    {"record": "input", "at": 5000000000, "endpoint": "esme.optical", "event": "data", "data": "7ea0.."}
    {"record": "end", "at": 86400000000000, "events": 112992, "digest": "41d2.."}

No path, wall time or host name is in them, and no file is opened here: reading and writing lines is for tools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Annotated

import msgspec

from devices.runtime.kernel import Kernel
from protocols.core.errors import DecodeError, LocalProtocolError

FORMAT = 1


class Happening(Enum):
    """What can happen at an endpoint."""

    OPEN = "open"
    DATA = "data"
    CLOSE = "close"


_Instant = Annotated[int, msgspec.Meta(ge=0)]
Handler = Callable[[Happening, bytes], object]


class BadJournal(DecodeError):
    """Records that are no journal, or not of this bench. One line says why."""


class DigestMismatch(Exception):
    """A replay did not end as the run it repeats: the same seed and input took another course."""


class _Header(msgspec.Struct, frozen=True, tag_field="record", tag="header", forbid_unknown_fields=True):
    format: int
    seed: int | str
    start: int
    bench: str


class _Input(msgspec.Struct, frozen=True, tag_field="record", tag="input", forbid_unknown_fields=True):
    at: _Instant
    endpoint: str
    event: Happening
    data: str


class _End(msgspec.Struct, frozen=True, tag_field="record", tag="end", forbid_unknown_fields=True):
    at: _Instant
    events: int
    digest: str


class Inputs:
    """The endpoints of a run. The bench binds a handler to each; a driver feeds them."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.watchers: list[Callable[[int, str, Happening, bytes], object]] = []
        self._handlers: dict[str, Handler] = {}

    def bind(self, endpoint: str, handler: Handler) -> None:
        """Give an endpoint to `handler(happening, octets)`. Raises LocalProtocolError when it has one."""
        if endpoint in self._handlers:
            raise LocalProtocolError(f"endpoint {endpoint} is bound already")
        self._handlers[endpoint] = handler

    def feed(self, endpoint: str, happening: Happening, data: bytes = b"", at: int | None = None) -> None:
        """Something arrived from outside, at `at` ns or now; a time that has passed means now. Raises LocalProtocolError for
        an endpoint nobody bound."""
        handler = self._handlers.get(endpoint)
        if handler is None:
            raise LocalProtocolError(f"there is no endpoint {endpoint!r}: {', '.join(sorted(self._handlers)) or 'none is bound'}")
        when = self.kernel.now if at is None else max(at, self.kernel.now)
        for watcher in self.watchers:
            watcher(when, endpoint, happening, data)
        self.kernel.external(when, self._happen, endpoint, handler, happening, data, who=endpoint)

    def _happen(self, endpoint: str, handler: Handler, happening: Happening, data: bytes) -> None:
        self.kernel.log.emit(endpoint, f"input.{happening.value}", data)
        handler(happening, data)


class Recorder:
    """Writes the journal of a run, record by record, through `write`. `bench` is a digest of the bench file's meaning."""

    def __init__(self, inputs: Inputs, write: Callable[[dict[str, object]], object], *, bench: str) -> None:
        self._kernel = kernel = inputs.kernel
        self._write = write
        self._record(_Header(FORMAT, kernel.seed, kernel.start_ns, bench))
        inputs.watchers.append(self._input)

    def finish(self) -> None:
        """Write the last record: how the run stands now."""
        self._record(_End(self._kernel.now, self._kernel.log.count, self._kernel.log.digest()))

    def _input(self, at: int, endpoint: str, happening: Happening, data: bytes) -> None:
        self._record(_Input(at, endpoint, happening, data.hex()))

    def _record(self, record: msgspec.Struct) -> None:
        plain: dict[str, object] = msgspec.to_builtins(record)
        self._write(plain)


class Replayer:
    """A journal, checked: `seed`, `start` and `bench` say what to build; `load`, run until `until`, `check`."""

    def __init__(self, records: Iterable[Mapping[str, object]]) -> None:
        """Raises BadJournal with the number of the record that is wrong, from 1 on. A journal without an end (the run was
        killed) is good as far as it goes."""
        self._inputs: list[_Input] = []
        self._end: _End | None = None
        header: _Header | None = None
        for number, plain in enumerate(records, 1):
            record = _checked(number, plain)
            if (header is None) is not isinstance(record, _Header):
                raise BadJournal(f"record {number}: a journal has one header, and it comes first")
            if self._end is not None:
                raise BadJournal(f"record {number}: comes after the end")
            if isinstance(record, _Header):
                header = record
            elif isinstance(record, _Input):
                self._inputs.append(record)
            else:
                self._end = record
        if header is None:
            raise BadJournal("record 1: there is none")
        if header.format != FORMAT:
            raise BadJournal(f"record 1: journal format {header.format}, and this is format {FORMAT}")
        self.seed = header.seed
        self.start = header.start
        self.bench = header.bench

    @property
    def until(self) -> int:
        """ns at which the run ended, or had its last input when it was killed."""
        if self._end is not None:
            return self._end.at
        return max((record.at for record in self._inputs), default=0)

    @property
    def complete(self) -> bool:
        """Whether the run came to its end, so that there is a digest to compare; False when it was killed."""
        return self._end is not None

    def load(self, inputs: Inputs) -> None:
        """Feed all input to a fresh run."""
        for record in self._inputs:
            inputs.feed(record.endpoint, record.event, bytes.fromhex(record.data), record.at)

    def check(self, kernel: Kernel) -> None:
        """Raises DigestMismatch when the run, having reached `until`, is not what the journal says."""
        if self._end is not None and (kernel.log.count, kernel.log.digest()) != (self._end.events, self._end.digest):
            raise DigestMismatch(
                f"the replay has {kernel.log.count} events and digest {kernel.log.digest()}, "
                f"the journal {self._end.events} and {self._end.digest}"
            )


def _checked(number: int, plain: Mapping[str, object]) -> _Header | _Input | _End:
    try:
        record = msgspec.convert(plain, _Header | _Input | _End)
        if isinstance(record, _Input):
            bytes.fromhex(record.data)
    except (msgspec.ValidationError, ValueError) as reason:
        raise BadJournal(f"record {number}: {reason}") from None
    return record
