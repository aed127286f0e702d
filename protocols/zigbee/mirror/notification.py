"""The notification flags of one mirror: what waits for the meter, until it knows or has it (SE 1.4 annex D.3.3.3).

A flag that only tells something is cleared once the meter was told. Three kinds stay set: those that ask the meter to stay
awake and the one of waiting tunnel messages, until they are withdrawn; and those with a held command, until the meter fetched
it with GetNotifiedMessage. Of a kind of command the newest is held; those that add up, and top-ups, wait beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import FLAG_WORDS, WORD, Flag, Functional, Scheme
from protocols.zigbee.clusters.prepayment import Adjustment, Prepayment
from protocols.zigbee.zcl.cluster import Cluster, Side, command_of

ATTRIBUTES = 8
"""Notification attributes, 0x0000 to 0x0007."""
UNTIL_WITHDRAWN = Functional.STAY_AWAKE_REQUEST_HAN | Functional.STAY_AWAKE_REQUEST_WAN | Functional.TUNNEL_MESSAGE_PENDING

Place = tuple[int, int]
"""A notification attribute and one bit of it, as a mask."""


Kind = tuple[type[Frame], Hashable]
BESIDE: Final[Mapping[type[Frame], Callable[[Any], Hashable]]] = {
    Metering.GetSampledData: lambda each: each.sample_id,
    Prepayment.ConsumerTopUp: lambda each: each.top_up_code,
    Prepayment.CreditAdjustment: lambda each: (
        each.issuer_event_id if each.credit_adjustment_type == Adjustment.INCREMENTAL else None
    ),
    Prepayment.ChangeDebt: lambda each: (
        each.debt_amount_type // 2, each.issuer_event_id if each.debt_amount_type % 2 and each.debt_amount else None
    ),
}  # fmt: skip
"""What tells commands of one kind apart that are all to be carried out."""


@dataclass(slots=True)
class Notifications:
    """`words`: by notification attribute. `held`: commands for the meter, one of a kind, by the flag that tells of them."""

    words: list[int] = field(default_factory=lambda: [0] * ATTRIBUTES)
    held: dict[Place, dict[Kind, Frame]] = field(default_factory=dict)

    def set(self, flag: Flag) -> bool:
        """Have the meter told. False when it would be already."""
        word = WORD[type(flag)]
        before = self.words[word]
        self.words[word] |= flag
        return self.words[word] != before

    def withdraw(self, flag: Flag) -> bool:
        """Nothing to tell any more. False when there was nothing."""
        word = WORD[type(flag)]
        before = self.words[word]
        self.words[word] &= ~flag
        for bit in _bits(int(flag)):
            self.held.pop((word, bit), None)
        return self.words[word] != before

    def hold(self, flag: Flag, command: Frame) -> None:
        """Keep a command for the meter, in place of the last of its kind. LocalProtocolError unless it is one flag's bit."""
        if flag.bit_count() != 1 or (isinstance(flag, Functional) and flag & UNTIL_WITHDRAWN):
            raise LocalProtocolError(f"{flag!r} cannot hold a command")
        held = self.held.setdefault((WORD[type(flag)], int(flag)), {})
        held.pop(_kind(command), None)  # the order is that of the newest
        held[_kind(command)] = command
        self.set(flag)

    def answer(self, scheme: Scheme) -> list[int]:
        """The words of this scheme."""
        return self.words[: FLAG_WORDS[scheme]]

    def told(self, words: Sequence[int]) -> bool:
        """The meter has these words. False when nothing is cleared by it."""
        before = list(self.words)
        for number, word in enumerate(words):
            kept = int(UNTIL_WITHDRAWN) if number == 0 else 0
            for attribute, bit in self.held:
                kept |= bit if attribute == number else 0
            self.words[number] &= ~word | kept
        return self.words != before

    def fetched(self, attribute: int, flags: int) -> list[tuple[Place, Frame]]:
        """The commands held under these flags; call `gone` with each that has arrived."""
        places = [(attribute, bit) for bit in _bits(flags)]
        return [(place, command) for place in places for command in self.held.get(place, {}).values()]

    def gone(self, place: Place, command: Frame) -> None:
        """A command has arrived at the meter; one that has taken its place meanwhile stays."""
        held = self.held.get(place, {})
        if held.get(_kind(command)) is command:
            del held[_kind(command)]
            if not held:
                del self.held[place]
                self.words[place[0]] &= ~place[1]

    def plain(self) -> dict[str, object]:
        """As plain values, for non-volatile memory; who keeps the messages of the tunnel tells of them again after a restart."""
        held = []
        for (attribute, bit), commands in self.held.items():
            for command in commands.values():
                declared = command_of(type(command))
                held.append([attribute, bit, declared.cluster.id, int(declared.to), declared.id, command.build()])
        words = [self.words[0] & ~Functional.TUNNEL_MESSAGE_PENDING, *self.words[1:]]
        return {"words": words, "held": held}

    @classmethod
    def from_plain(cls, plain: Mapping[str, object], clusters: Sequence[type[Cluster]]) -> Notifications:
        """What `plain` gave, read back after a restart; commands of these clusters."""
        words, held = plain["words"], plain["held"]
        if not (isinstance(words, list) and isinstance(held, list)):
            raise TypeError(f"stored notifications: {plain!r}")
        known = {cluster.id: cluster for cluster in clusters}
        made = cls(list(words))
        for attribute, bit, cluster, to, number, octets in held:
            command = known[cluster].commands[Side(to)][number].parse(octets)
            made.held.setdefault((attribute, bit), {})[_kind(command)] = command
        return made


def _kind(command: Frame) -> Kind:
    apart = BESIDE.get(type(command))
    return type(command), None if apart is None else apart(command)


def _bits(flags: int) -> list[int]:
    return [1 << bit for bit in range(32) if flags >> bit & 1]
