"""A payload that the APS layer is delivering: what was asked for, and how far it has got (05-3474 clause 2.2.8)."""

from __future__ import annotations

from protocols.zigbee.fragments import Key


class Outgoing:
    """One payload on its way."""

    __slots__ = (
        "blocks", "cluster", "counter", "destination", "endpoint", "handle", "link", "profile", "report", "source_endpoint",
        "start", "there", "tries",
    )  # fmt: skip

    def __init__(
        self,
        handle: int,
        destination: int,
        profile: int,
        cluster: int,
        source_endpoint: int,
        endpoint: int,
        counter: int,
        link: bool,
        report: bool,
        blocks: list[bytes],
    ) -> None:
        self.handle = handle
        self.destination = destination
        self.profile = profile
        self.cluster = cluster
        self.source_endpoint = source_endpoint
        self.endpoint = endpoint
        self.counter = counter
        self.link = link
        self.report = report
        self.blocks = blocks
        self.start = 0
        """First block of the window."""
        self.there = 0
        """Bit n: block `start` + n was acknowledged."""
        self.tries = 0

    @property
    def key(self) -> Key:
        """What its acknowledgements name."""
        return self.destination, self.counter

    def missing(self, window: int) -> list[int]:
        """Blocks of the window that are still to be acknowledged; empty: the payload is there."""
        end = min(self.start + window, len(self.blocks))
        return [block for block in range(self.start, end) if not self.there >> block - self.start & 1]

    def acknowledged(self, received: int, window: int) -> bool:
        """These blocks of the window are there, by bits; the window goes on once all are. False when that is no news."""
        there = self.there | received & (1 << window) - 1
        news = there != self.there
        self.there = there
        if not self.missing(window):
            self.start += window
            self.there = 0
        return news
