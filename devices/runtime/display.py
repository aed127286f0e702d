"""What a person sees and touches: a display of text cells, and buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from protocols.core.errors import LocalProtocolError

if TYPE_CHECKING:
    from devices.runtime.board import Board


class Display:
    """`rows` lines of `columns` characters. Each change is one event of kind "display"."""

    def __init__(self, board: Board, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._board = board
        self._lines = [" " * columns] * rows
        self._asked: list[str] = []
        """What was to be shown last, if nothing has changed since."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What is shown, each line padded to the display's width."""
        return tuple(self._lines)

    def show(self, lines: Sequence[str]) -> None:
        """Replace the whole face. What does not fit is cut, as on glass; missing lines are blank."""
        if lines == self._asked:
            return
        padded = [line[: self.columns].ljust(self.columns) for line in lines[: self.rows]]
        padded += [" " * self.columns] * (self.rows - len(padded))
        if padded != self._lines and self._board.powered:
            self._lines, self._asked = padded, list(lines)
            self._board.log("display", {"lines": padded})

    def write(self, row: int, text: str, column: int = 0) -> None:
        """Replace the cells from (row, column) on; what does not fit is cut. Raises LocalProtocolError outside the display."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            raise LocalProtocolError(f"row {row}, column {column} of a display of {self.columns} x {self.rows}")
        old = self._lines[row]
        new = (old[:column] + text + old[column + len(text) :])[: self.columns]
        self.show([*self._lines[:row], new, *self._lines[row + 1 :]])

    def reset(self) -> None:
        """Blank, as without power."""
        self._lines, self._asked = [" " * self.columns] * self.rows, []


class Buttons:
    """Named push buttons. Firmware sets `on_press`, called with the button's name."""

    def __init__(self, board: Board, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self.on_press: Callable[[str], object] | None = None
        self._board = board

    def press(self, name: str) -> None:
        """A finger presses, now. Without power nothing notices. Raises LocalProtocolError for a button that is not there."""
        if name not in self.names:
            raise LocalProtocolError(f"{self._board.name} has no button {name!r}, it has {', '.join(self.names) or 'none'}")
        self._board.kernel.at(self._board.kernel.now, self._pressed, name, who=self._board.name)

    def reset(self) -> None:
        """Forget the firmware."""
        self.on_press = None

    def _pressed(self, name: str) -> None:
        self._board.log("button", {"name": name})
        if self.on_press is not None:
            self.on_press(name)
