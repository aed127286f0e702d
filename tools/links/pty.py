"""Pseudo-terminals: the client stream on a path that `serve` printed, and the serving end.

A pty is kept raw and never hangs up, because we hold its other end open too; so a client's coming and going is not
seen: input after a silence is taken for a new visit, and what the last visitor left unread is thrown away. The rate that
a client has set means nothing, and is put back to the usual one: the system refuses settings of which a pty can change
none (7E1 at a rate that is set already), as readers on an optical head ask for them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path

from tools.errors import BadInput, LinkDown
from tools.links.channel import Channel
from tools.links.descriptor import Descriptor
from tools.links.spec import LinkSpec
from tools.links.stream import READ, WRITE_TIMEOUT, Closing, Stream, reason

RATE = termios.B38400
_INPUT_SPEED, _OUTPUT_SPEED = 4, 5
VISIT_GAP = 5.0
"""Seconds without input after which the next octet begins a new visit."""


class TerminalStream(Closing):
    """A pty opened by path: our own descriptor, raw, locked against a second reader.

    `fresh`: what was said there before is thrown away; it was for somebody else.
    """

    def __init__(self, path: str, *, fresh: bool = True) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise LinkDown(f"{path}: {reason(error)}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tty.setraw(self._fd, termios.TCSANOW)
            if fresh:
                termios.tcflush(self._fd, termios.TCIFLUSH)
        except (OSError, termios.error) as error:
            os.close(self._fd)
            busy = isinstance(error, BlockingIOError)
            raise LinkDown(f"{path}: {'another program holds it' if busy else 'is not a terminal'}") from error

    def read(self, timeout: float) -> bytes:
        ready, _, _ = select.select([self._fd], [], [], max(timeout, 0.0))
        if not ready:
            return b""
        try:
            data = os.read(self._fd, READ)
        except OSError as error:
            raise LinkDown(f"the link ended: {reason(error)}") from error
        if not data:
            raise LinkDown("the other end of the pty is closed")
        return data

    def write(self, data: bytes) -> None:
        until = time.monotonic() + WRITE_TIMEOUT
        view = memoryview(data)
        while view:
            _, ready, _ = select.select([], [self._fd], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise LinkDown("nobody reads the other end of the pty")
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise LinkDown(f"the link ended: {reason(error)}") from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_pty(spec: LinkSpec, timeout: float) -> Stream:
    """`pty:PATH`: the path that `serve` printed."""
    if not spec.path:
        raise BadInput('link "pty:" needs the path that serve printed, such as pty:/dev/pts/3')
    return TerminalStream(spec.path)


class Pty:
    """`pty:[PATH]`: a fresh pseudo-terminal; with PATH, a symbolic link to it there, removed at the end."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        self.spelling = str(spec)
        self._link = Path(spec.path) if spec.path else None
        self._ours = self._theirs = -1
        self._channel: Descriptor | None = None
        self._last_input = 0.0

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        try:
            self._ours, self._theirs = os.openpty()
        except OSError as error:
            raise LinkDown(f"no pty: {reason(error)}") from error
        tty.setraw(self._theirs)
        path = os.ttyname(self._theirs)
        if self._link is not None:
            self._publish(self._link, path)
        self.spelling = f"pty:{self._link or path}"
        self._channel = Descriptor(self._ours, path, lambda why: None, self._flush)
        self._channel.on_input = self._note_input
        on_open(self._channel)

    async def stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        for fd in (self._ours, self._theirs):
            if fd >= 0:
                os.close(fd)
        if self._ours >= 0 and self._link is not None:
            self._link.unlink(missing_ok=True)
        self._ours = self._theirs = -1

    def _publish(self, link: Path, path: str) -> None:
        try:
            if link.is_symlink() and not link.exists():
                link.unlink()
            link.symlink_to(path)
        except OSError as error:
            os.close(self._ours)
            os.close(self._theirs)
            self._ours = self._theirs = -1
            raise LinkDown(f"pty:{link}: {reason(error)}") from error

    def _note_input(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._last_input > VISIT_GAP:
            self._flush()
        self._last_input = now
        self._reset_rate()

    def _reset_rate(self) -> None:
        settings = termios.tcgetattr(self._theirs)
        if settings[_INPUT_SPEED] != RATE or settings[_OUTPUT_SPEED] != RATE:
            settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = RATE
            termios.tcsetattr(self._theirs, termios.TCSANOW, settings)

    def _flush(self) -> None:
        if self._channel is not None:
            self._channel.discard()
        termios.tcflush(self._theirs, termios.TCIFLUSH)
