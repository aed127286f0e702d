"""A payload that the APS layer is delivering: what was asked for, and how far it has got (05-3474 clause 2.2.8)."""

from __future__ import annotations

from protocols.zigbee.fragments import Key


class Outgoing:
    """One payload on its way."""

    __slots__ = (
        "blocks", "cluster", "counter", "destination", "endpoint", "handle", "index", "link", "profile", "report",
        "source_endpoint", "tries",
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
        self.index = 0
        self.tries = 0

    @property
    def key(self) -> Key:
        """What its acknowledgements name."""
        return self.destination, self.counter
