"""A channel over a file descriptor of our own: under ptys and serial ports alike.

pyserial's own write is not used inside the event loop: it spins for ever once the output buffer is full.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from tools.links.channel import SEND_QUEUE, ignore_close, ignore_data
from tools.links.stream import READ, reason


class Descriptor:
    """A channel over a non-blocking file descriptor. Ends on the first error; the descriptor's owner closes it."""

    def __init__(
        self,
        fd: int,
        peer: str,
        on_end: Callable[[str], None],
        on_full: Callable[[], None] | None,
        on_rate: Callable[[int | None], None] = lambda baud: None,
    ) -> None:
        self.peer = peer
        self._on_rate = on_rate
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self.on_input: Callable[[], None] = lambda: None
        self._fd = fd
        self._on_end = on_end
        self._on_full = on_full
        self._queue = bytearray()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    def send(self, data: bytes) -> None:
        if self._fd < 0:
            return
        waiting = bool(self._queue)
        self._queue += data
        if not waiting:
            self._writable()
        if len(self._queue) > SEND_QUEUE:
            if self._on_full is None:
                self._end("the line takes no more octets")
            else:
                self.discard()
                self._on_full()

    def set_rate(self, baud: int | None) -> None:
        self._on_rate(baud)

    def discard(self) -> None:
        """Forget what is queued."""
        self._queue.clear()
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        self.on_data, self.on_close = ignore_data, ignore_close
        self._detach()

    def _detach(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(reason(error))
            return
        if not data:
            self._end("hung up")
            return
        self.on_input()
        self.on_data(data)

    def _writable(self) -> None:
        try:
            written = os.write(self._fd, self._queue)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError as error:
            self._end(reason(error))
            return
        del self._queue[:written]
        if self._queue:
            self._loop.add_writer(self._fd, self._writable)
        else:
            self._loop.remove_writer(self._fd)

    def _end(self, why: str) -> None:
        self._detach()
        tell, self.on_close, self.on_data = self.on_close, ignore_close, ignore_data
        self._on_end(why)
        tell(why)
