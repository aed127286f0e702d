"""A register that integrates a level over time exactly: watts to watt-hours, litres an hour to litres.

The sum is kept in level-nanoseconds as an integer, so nothing is lost to rounding however often it is read and a
register never falls (invariant: total registers never fall).
"""

from __future__ import annotations

HOUR = 3_600 * 1_000_000_000


class Integrator:
    """Total of a non-negative level over time, in level-hours."""

    __slots__ = ("_level", "_since", "_sum")

    def __init__(self, now: int, total: int = 0, remainder: int = 0) -> None:
        """Start at `now` (ns) with `total` level-hours and a `remainder` in level-nanoseconds (see `state`)."""
        self._sum = total * HOUR + remainder
        self._level = 0
        self._since = now

    @property
    def level(self) -> int:
        """The level that holds now."""
        return self._level

    def set(self, level: int, now: int) -> None:
        """From `now` on the level is this. Raises ValueError when it is negative or time runs backwards."""
        if level < 0 or now < self._since:
            raise ValueError(f"level {level} at {now}, after {self._since}")
        self._sum += self._level * (now - self._since)
        self._since = now
        self._level = level

    def total(self, now: int) -> int:
        """Whole level-hours up to `now`."""
        return (self._sum + self._level * (now - self._since)) // HOUR

    def state(self, now: int) -> tuple[int, int]:
        """(total, remainder) up to `now`, for non-volatile memory."""
        return divmod(self._sum + self._level * (now - self._since), HOUR)
