"""What lies between a meter and the consumer unit behind it: the contact of the meter's load switch, and a hand-operated isolator.

Both are things on a wall: they outlive firmware and power. The meter drives its contact, which may stick (a fault put in from
outside, or wear after so many operations); the isolator has an isolating gap, is turned by hand and by nothing else, and no
firmware can reach it. A contact has no such gap: it never isolates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devices.runtime.kernel import Kernel


class Tails:
    """Behind one meter. `changed()`: current can flow now, or no longer."""

    def __init__(self, kernel: Kernel, name: str, changed: Callable[[], object]) -> None:
        self._kernel = kernel
        self._name = name
        self._changed = changed
        self.contact = True
        """The load switch's contact is closed."""
        self.isolator = True
        """The isolator is on."""
        self.stuck = False
        """The contact does not move."""
        self.operations = 0
        """How often the contact has moved."""
        self.life: int | None = None
        """After so many operations it sticks where it is; None: it is not worn out."""

    @property
    def carries(self) -> bool:
        """Whether current can flow to the consumer unit."""
        return self.contact and self.isolator

    @property
    def isolated(self) -> bool:
        """Whether it is safe to work behind it: by the isolator's gap, whatever the load switch does."""
        return not self.isolator

    def drive(self, closed: bool) -> None:
        """The meter's actuator: move the contact, unless it sticks."""
        if self.contact is closed or self.stuck:
            return
        self._move(closed)
        self.operations += 1
        if self.life is not None and self.operations >= self.life:
            self.stick(self.contact)

    def stick(self, closed: bool) -> None:
        """A fault: the contact is welded shut, or does not make any more."""
        if not self.stuck or self.contact is not closed:
            self.stuck = True
            self._kernel.log.emit(self._name, "contact.stuck", {"closed": closed})
            if self.contact is not closed:
                self._move(closed)

    def mend(self) -> None:
        """A new switch: it moves again, from the next order on."""
        self.stuck, self.operations, self.life = False, 0, None
        self._kernel.log.emit(self._name, "contact.mended", {"closed": self.contact})

    def turn(self, on: bool) -> None:
        """A hand at the isolator."""
        if self.isolator is not on:
            self.isolator = on
            self._kernel.log.emit(self._name, "isolator", {"on": on})
            self._changed()

    def _move(self, closed: bool) -> None:
        self.contact = closed
        self._changed()
