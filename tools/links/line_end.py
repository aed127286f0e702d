"""The far end of a line: what is heard there, and nothing said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tools.errors import LinkDown
from tools.links.channel import Channel, ignore_close, ignore_data
from tools.links.registry import open_stream
from tools.links.spec import LinkSpec
from tools.links.stream import Stream

_LOOK = 0.2
"""Seconds between looks at whether anybody still listens."""


def _opened(spec: LinkSpec) -> Stream:
    if spec.scheme != "pty":
        return open_stream(spec)
    from tools.links.pty import TerminalStream

    return TerminalStream(spec.path, fresh=False)  # a notice may have come before anybody listened


class LineEnd:
    """The far end of a line, which somebody else has opened: one channel, from its opening to its end."""

    def __init__(self, spec: LinkSpec) -> None:
        self.spelling = self.peer = str(spec)
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._spec = spec
        self.reading: asyncio.Task[bool] | None = None
        """Ends with LinkDown when the line does."""
        self._stream: Stream | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        self._stream = _opened(self._spec)
        on_open(self)
        self.reading = asyncio.ensure_future(self._read(self._stream))

    async def stop(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, LinkDown):
                await self.reading
        if self._stream is not None:
            self._stream.close()

    async def _read(self, stream: Stream) -> bool:
        while True:
            data = await asyncio.to_thread(stream.read, _LOOK)
            if data:
                self.on_data(data)

    def send(self, data: bytes) -> None:
        """Nothing is sent."""

    def close(self) -> None:
        """What comes is ignored from now on."""
        self.on_data = ignore_data

    def set_rate(self, baud: int | None) -> None:
        """The line's is its spelling's."""
