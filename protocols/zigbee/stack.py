"""One ZigBee node, sans-I/O: coordinator, router, rx-on or sleepy end device (05-3474, 802.15.4-2006).

`Stack` is the only class a radio and a firmware need; the effects it returns are in `protocols.zigbee.node`. Every call
that can do anything returns the effects, in the order in which they are to be carried out. The radio's side is
`receive`, `confirm`, `expire` and `deadline`; everything else is the firmware's.

It does not discover routes (a home is one hop around its hub, and parents relay for their children), does not bind and
holds no groups. MAC acknowledgements and MAC retries are the medium's.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from protocols.core.effects import Effect
from protocols.zigbee.node import Counters, NodeConfig, TxStatus


class Stack:
    """A node. `rng` is the node's own random stream; `counters` its reserve-ahead outgoing frame counters.

    Attributes to read: `deadline` (ns, when `expire` is wanted, or None), `short` (0xFFFF: none), `joined`,
    `trust_centre` (coordinator: `.add(eui64, install_code)`, `.remove(eui64)`, `.devices`), `drops` (Counter of (layer, reason)).
    """

    def __init__(self, config: NodeConfig, rng: Random, counters: Counters) -> None: ...

    # --- the radio's side ---
    def receive(self, psdu: bytes, now: int, lqi: int = 255) -> list[Effect]:
        """A PSDU with its FCS arrived. Never raises on octets from the air: refuses, counts and says so (`Dropped`)."""

    def confirm(self, handle: int, status: TxStatus, frame_pending: bool, now: int) -> list[Effect]:
        """The transmission `handle` ended; `frame_pending` is the bit of the acknowledgement received."""

    def expire(self, now: int) -> list[Effect]:
        """Time has come to `deadline` (calling early is harmless)."""

    # --- network life ---
    def form(self, now: int) -> list[Effect]:
        """Coordinator: start a network. Effects: Configure, Joined, Persist."""

    def permit(self, seconds: int, now: int) -> list[Effect]:
        """Let devices associate for `seconds` (1..254; 0 closes)."""

    def join(self, now: int) -> list[Effect]:
        """Scan, associate, await the network key, announce. Ends in Joined (with Persist) or JoinFailed."""

    def resume(self, state: Mapping[str, object], now: int) -> list[Effect]:
        """Go on after a restart with what Persist gave; nothing is sent. Effects: Configure, Joined(resumed=True)."""

    def rejoin(self, now: int) -> list[Effect]:
        """Look for the network again and rejoin it under its key. Ends in Joined or JoinFailed."""

    def leave(self, now: int, *, rejoin: bool = False) -> list[Effect]:
        """Tell the neighbours, forget the network. Effect: Left."""

    def announce(self, now: int) -> list[Effect]:
        """Broadcast device_annce again."""

    def poll(self, now: int) -> list[Effect]:
        """Sleepy: ask the parent once for held frames; goes on by itself while the parent has more."""

    def stay_awake(self, until: int, now: int) -> list[Effect]:
        """Sleepy: poll every `config.poll_period` until then (an answer of the application is awaited)."""

    # --- data ---
    def send(
        self,
        destination: int,
        profile: int,
        cluster: int,
        source_endpoint: int,
        destination_endpoint: int,
        payload: bytes,
        *,
        link_key: bool,
        ack: bool = True,
        now: int,
    ) -> tuple[int, list[Effect]]:
        """Send to a short address or a broadcast address; fragments when it must.

        Returns the handle that Delivered or Undelivered will name. Raises LocalProtocolError when the call can never
        work: not joined, payload over 4,096 octets, a broadcast with an ACK, a link key or more than one frame.
        """

    def address_of(self, eui64: int) -> int | None:
        """Short address of a known device."""

    def eui64_of(self, short: int) -> int | None:
        """EUI-64 of a known device."""

    # --- ZDO requests; the answers are MatchResponse and ZdoResponse ---
    def match(self, destination: int, profile: int, inputs: tuple[int, ...], outputs: tuple[int, ...], now: int) -> tuple[int, list[Effect]]:
        """Match_Desc_req to a device or RX_ON_DEVICES. Returns the transaction sequence number that answers carry."""

    def active_endpoints(self, destination: int, now: int) -> tuple[int, list[Effect]]:
        """Active_EP_req."""

    def simple_descriptor(self, destination: int, endpoint: int, now: int) -> tuple[int, list[Effect]]:
        """Simple_Desc_req."""

    def find(self, eui64: int, now: int) -> tuple[int, list[Effect]]:
        """NWK_addr_req broadcast for a device's short address; `address_of` knows it after the answer."""

    # --- keys ---
    def request_partner_key(self, eui64: int, now: int) -> list[Effect]:
        """Ask the trust centre for a link key with a partner. Ends in PartnerKey or PartnerKeyFailed."""

    def keys(self) -> list[tuple[str, bytes]]:
        """Every key held, labelled, for a capture's key file. The one place keys leave the stack."""
