"""One premises built from its bench file: boards with their firmware, mains, air, wires, and people who come and go.

Boards are put together here and nowhere else; which firmware a kind of device runs is one row of `KINDS`. A home knows
nothing of real time, files or sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING

import hubfw
from devices import cad, esme, gsme, hht, ihd, load_controller, ppmid, rcp, repeater
from devices.runtime.air import Air, Transceiver
from devices.runtime.board import Board
from devices.runtime.ether import Ether
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.feed import Feed
from devices.runtime.firmware import Firmware
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import HOUR, MS, Kernel, S
from devices.runtime.net import Net
from devices.runtime.radio import Radio
from devices.runtime.rtc import Rtc
from devices.runtime.supply import Battery, Mains, MainsSupply, Supply
from protocols.zigbee.clusters.demand_response import DeviceClass
from protocols.zigbee.clusters.tunneling import GB_HRGP
from protocols.zigbee.end_to_end import Seal, Sender
from protocols.zigbee.key_establishment.certificates import SUITES, Credentials
from tools.bench import config, device_config, installation, prepay, safe_wire, tails
from tools.bench.hub_settings import engineer_password, hub_config, slotted
from tools.bench.identity import Identity, authority, identify
from tools.bench.medium import medium
from tools.bench.meters import electricity, gas, network_of, shared_key
from tools.bench.plant import shine
from tools.bench.profile import PROFILES
from tools.bench.publications import schedule
from tools.bench.visit import Visit
from tools.bench.wire import Lead
from tools.errors import BadInput

if TYPE_CHECKING:
    from devices.runtime.modem import Modem
    from tools.bench.han_slot import HanSlot
    from tools.bench.wan_slot import WanSlot

HEAD_END = "dcc"
"""The head end's host on the virtual network."""
LISTENER = "listener"
"""The host behind which a listener of the real world stands."""
METER_FLASH = 2048 * KIB
"""A bank that holds a year and a month of half hours."""
SMALL_FLASH = 128 * KIB
SUB_GHZ = ".sub-ghz"
"""What the radio of a hub below 1 GHz is called, behind the hub's name."""
MBUS = ("mbus-gas", "mbus-heat")


def network(kernel: Kernel, wan: config.Wan) -> Net:
    """The wide-area network of a bench."""
    net = Net(kernel, int(wan.latency_ms * MS))
    if wan.loss:
        net.faults = Faults(kernel, "wan", [Fault(Effect.DROP, chance=wan.loss)])
    return net


@dataclass(frozen=True, slots=True)
class Parts:
    """What a row of `KINDS` builds a board from."""

    home: Home
    device: device_config.Device
    identity: Identity
    password: bytes

    @property
    def credentials(self) -> tuple[Credentials, ...]:
        """The device's own certificate, or one of the bench's authority; the same whatever other devices there are."""
        if self.device.credentials is not None:
            return (self.device.credentials.credentials,)
        issuer = self.home.authority
        return (
            ()
            if issuer is None
            else (
                issuer.promise(
                    self.identity.eui64, self.identity.random("certificate").getrandbits, serial_number=self.identity.eui64
                ),
            )
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of device is built. `display`: columns and rows."""

    firmware: Callable[[Parts], Callable[[Board], Firmware]]
    supply: Callable[[Parts], Supply]
    bank: int = SMALL_FLASH
    display: tuple[int, int] = (24, 8)
    buttons: tuple[str, ...] = ()
    radio: bool = True
    wan: bool = False


class Home:
    """A home on a kernel. Boards by label: `home["esme"]`. Nothing has happened yet when it is built."""

    def __init__(
        self,
        kernel: Kernel,
        net: Net,
        declared: config.Home,
        bench: config.Bench,
        *,
        here: Collection[str] | None = None,
        radio: Callable[[str], Radio] | None = None,
        air: Air | None = None,
    ) -> None:
        """`here`: labels of the devices to build, where others run in other processes. `radio` makes a device's radio,
        in place of one on this home's air. `air`: one that homes share."""
        self.kernel = kernel
        self.net = net
        self._senders: dict[str, Sender] = {}
        self.name = declared.name
        self.declared = {device.label: device for device in declared.device}
        self.bench = bench
        self.mains = Mains(kernel, f"{self.name}/mains", installation.volts(declared.installation, declared.device))
        self.air = medium(kernel, f"{self.name}/air", declared.air) if air is None else air
        self.ether = Ether(kernel, f"{self.name}/ether", loss=declared.air.loss) if self.of_kind(*MBUS) else None
        """The channel of wireless M-Bus, where there is a meter on it."""
        self.at = declared.at
        self.channel = None if declared.air.channel == "auto" else declared.air.channel
        self.sub_ghz = declared.air.sub_ghz
        self.foreign = declared.foreign
        self.default_link_key = declared.air.default_link_key
        self.profile = PROFILES[bench.profile]
        self.whole = not any(device.elsewhere for device in declared.device)
        """No device of it runs elsewhere."""
        self.identities = {device.label: identify(kernel.seed, self.name, device) for device in declared.device}
        suite = SUITES.get(declared.air.key_establishment)
        self.authority = None if suite is None else authority(kernel.seed, suite)
        hub = next((each for each in declared.device if isinstance(each, device_config.Hub)), None)
        self.feed = None if hub is None or hub.power == "mains" else Feed(self.mains, f"{self.name}/feed")
        """What a hub without a supply of its own gets from the meter it is wired to."""
        self.lead: Lead | None = None
        """The wire between electricity meter and hub, where there is one."""
        self.boards: dict[str, Board] = {}
        self._radio = radio or self.seat
        self._together = here is None and radio is None and declared.air.carrier == "radio"
        """All of it is in this process: the terminal, too, can go by radio."""
        for device in declared.device:
            if device.label in here if here is not None else not device.elsewhere:
                self.boards[device.label] = self._board(device)
        for label, board in self.boards.items():
            if label in self.of_kind("hub") and declared.publish:
                schedule(self, declared.publish)
            made = self.declared[label]
            if isinstance(made, device_config.Hub) and made.prepay is not None and here is None:
                prepay.people(self, made.prepay)
            if isinstance(made, device_config.Esme) and (made.isolator or made.switch is not None):
                tails.hang(board, made)
            if here is None and isinstance(made, device_config.Esme) and made.interface == "wired":
                self.lead = Lead(board.uart("wired"), self.hub.uart("wired"), made.wire, self.feed)
        if declared.generation is not None:
            shine(self, declared.generation)
        self.gas_leads = dict(safe_wire.leads(self))
        """The wire to each gas meter, by its name, where all of the network is wired."""
        self.wan_slot = _wan_slot(self)
        """Where WAN modules go in and come out, at a hub that has such a slot."""
        self.han_slot = _han_slot(self)
        """Where its radio does, likewise."""
        if here is None and self.of_kind("consumer-module"):
            _consumers().connect(self)
        for shield in declared.air.shielded:
            for hours, loss in ((shield.from_hours, 1.0), (shield.to_hours, declared.air.loss)):
                if hours is not None:
                    kernel.at(int(hours * HOUR), self._shield, shield.device, loss, who=f"{self.name}/air")

    def _shield(self, label: str, loss: float) -> None:
        own = self.identities[label].node
        for other in self.air.radios:
            if other != own and own in self.air.radios:
                self.air.set_loss(own, other, loss)
                self.air.set_loss(other, own, loss)

    def __getitem__(self, label: str) -> Board:
        return self.boards[label]

    @property
    def hub(self) -> Board:
        """The hub. Raises BadInput where there is none."""
        if self.foreign:
            raise BadInput(f"{self.name} has no hub")
        return self.boards[self.of_kind("hub")[0]]

    def sender(self, label: str) -> Sender:
        """The head end's use of the key that it shares with a device: one, with its counters, for all who ask."""
        return self._senders.setdefault(label, Sender(Seal(shared_key(self, label))))

    @property
    def notified(self) -> str:
        """The host that the hub's notices go to."""
        return LISTENER if self.bench.notifications.to != config.HEAD_END else HEAD_END

    def of_kind(self, *kinds: str) -> list[str]:
        """Labels of the devices of some kinds, in the order of the bench file."""
        return [label for label, device in self.declared.items() if device.kind in kinds]

    def seat(self, label: str, suffix: str = "") -> Transceiver:
        """A radio on this home's air, where the device stands."""
        x, y = self.declared[label].at
        return self.air.radio(self.identities[label].node + suffix, self.at[0] + x, self.at[1] + y)

    def _board(self, device: device_config.Device) -> Board:
        if isinstance(device, device_config.Hub) and device.han == "module":
            from tools.bench import han_slot  # few homes have such a hub: the others don't wait for it

            return han_slot.hub(self, lambda radio: self._made(device, radio))
        return self._made(device, self._radio(device.label) if self._has_radio(device) else None)

    def _has_radio(self, device: device_config.Device) -> bool:
        return KINDS[device.kind].radio or (device.kind == "hht" and self._together)

    def _made(self, device: device_config.Device, radio: Radio | None) -> Board:
        kind, identity = KINDS[device.kind], self.identities[device.label]
        parts = Parts(self, device, identity, self.bench.access.password.encode())
        return Board(
            self.kernel,
            identity.node,
            firmware=kind.firmware(parts),
            supply=kind.supply(parts),
            eui64=identity.eui64,
            flash=Flash(kind.bank),
            rtc=Rtc(self.kernel, ppm=device.clock_ppm),
            radio=radio,
            sub_ghz=self.seat(device.label, SUB_GHZ) if device.kind == "hub" and self.sub_ghz is not None else None,
            ether=self.ether.transceiver(identity.node) if self.ether is not None and device.kind in ("hub", *MBUS) else None,
            net=self.net.host(identity.node) if kind.wan and not slotted(device) else None,
            modem=_modem(self, device, identity.node),
            buttons=kind.buttons,
            display=kind.display,
        )

    # --- people ---

    def visit(self, meter: str | None = "esme", terminal: str = "hht") -> Visit:
        """An engineer comes with the hand-held terminal and puts its head on the meter's optical port; None: on nobody's."""
        return Visit(self, None if meter is None else self.boards[meter], self.boards[terminal])

    # --- what the bench may see ---

    def zigbee_keys(self) -> list[tuple[str, bytes]]:
        """(label, key) of every ZigBee key that devices with power hold now, each key once: a capture needs them."""
        keys: dict[bytes, str] = {}
        for label, board in self.boards.items():
            han = getattr(board.firmware, "han", None)
            for purpose, key in han.stack.labelled_keys() if han is not None else ():
                keys.setdefault(key, f"{self.name} {label} {purpose}")
        return [(label, key) for key, label in keys.items()]


def _wan_slot(home: Home) -> WanSlot | None:
    modules = {label: home.boards[label] for label in home.of_kind("wan-module") if label in home.boards}
    if not modules:
        return None
    from tools.bench.wan_slot import WanSlot  # few homes have one: the others don't wait for it

    return WanSlot(home.net, home.hub, modules)


def _modem(home: Home, device: device_config.Device, node: str) -> Modem | None:
    if isinstance(device, device_config.WanGas):
        from tools.bench import wan_gas

        return wan_gas.modem(home.net, node)
    if not isinstance(device, device_config.WanModule):
        return None
    from tools.bench import wan_slot

    return wan_slot.modem(home.net, device, node)


def _wan_module(parts: Parts) -> Callable[[Board], Firmware]:
    from tools.bench import wan_slot

    return wan_slot.firmware(parts)


def _slot(parts: Parts) -> Supply:
    from tools.bench import module_slot

    return module_slot.supply(parts)


def _han_slot(home: Home) -> HanSlot | None:
    modules = {label: home.boards[label] for label in home.of_kind("han-module") if label in home.boards}
    if not modules:
        return None
    from tools.bench.han_slot import HanSlot

    return HanSlot(home.hub, modules)


def _mains(hold_up_s: float) -> Callable[[Parts], Supply]:
    return lambda parts: MainsSupply(parts.home.mains, int(hold_up_s * S))


def _reserve(parts: Parts) -> Supply:
    seconds = recharge = 0.0
    match parts.device:
        case device_config.Hub():
            seconds, recharge = parts.device.reserve_s, parts.device.recharge_s
        case device_config.Esme():
            seconds = parts.device.hold_up_s
    feed = parts.home.feed if parts.device.kind == "hub" else None
    supply = MainsSupply(feed or parts.home.mains, int(seconds * S), int(recharge * S))
    if isinstance(parts.device, device_config.Hub) and parts.device.message_j:
        each = int(parts.device.message_j / parts.device.draw_w * S)
        parts.home.net.host(parts.identity.node).on_transmit = partial(supply.spend, each)
    return supply


def _gas_supply(parts: Parts) -> Supply:
    assert isinstance(parts.device, device_config.Gsme)
    return _cell(True)(parts) if parts.device.power == "battery" else safe_wire.supply(parts.home, parts.device.power)


def _cell(inserted: bool) -> Callable[[Parts], Supply]:
    return lambda parts: Battery(parts.home.kernel, inserted=inserted and parts.home.mains.live)


def _repeater(parts: Parts) -> repeater.Config:
    home = parts.home
    return repeater.Config(
        parts.identity.install_code, _network(parts), parts.credentials,
        foreign=home.foreign, default_link_key=home.default_link_key,
    )  # fmt: skip


def _gsme_of(parts: Parts) -> type[gsme.Firmware]:
    assert isinstance(parts.device, device_config.Gsme)
    return gsme.Minimal if parts.device.minimal else gsme.Firmware


def _load_controller(parts: Parts) -> load_controller.Config:
    device = parts.device
    assert isinstance(device, device_config.LoadController)
    return load_controller.Config(
        parts.identity.install_code,
        network_of(parts.home),
        parts.credentials,
        appliance=DeviceClass[device.appliance.upper().replace("-", "_")],
        watts=device.watts,
        start_randomisation=device.start_randomisation_minutes,
        duration_randomisation=device.duration_randomisation_minutes,
    )


def _cad(parts: Parts) -> cad.Config:
    consumers = device_config.on_consumer_network(parts.device)
    return cad.Config(parts.identity.install_code, _network(parts), parts.credentials, in_hub=consumers)


def _network(parts: Parts) -> int | None:
    """The meters', or the consumers'."""
    home = parts.home
    if device_config.on_consumer_network(parts.device):
        return home.identities[home.of_kind("consumer-module")[0]].eui64
    return network_of(home)


def _consumers() -> ModuleType:
    from tools.bench import consumers  # few homes have such a module: the others don't wait for it

    return consumers


def _ppmid(parts: Parts) -> ppmid.Config:
    messages = parts.home.profile.tunnel_protocol == GB_HRGP
    return ppmid.Config(parts.identity.install_code, network_of(parts.home), parts.credentials, messages=messages)


def _mbus_gas(parts: Parts) -> Callable[[Board], Firmware]:
    from tools.bench import mbus

    return mbus.firmware(parts)


def _wan_gas(parts: Parts) -> Callable[[Board], Firmware]:
    from tools.bench import wan_gas

    return wan_gas.firmware(parts)


def _hht(parts: Parts) -> hht.Config:
    credentials = () if parts.home.foreign else parts.credentials
    return hht.Config(
        install_code=parts.identity.install_code,
        network=network_of(parts.home),
        credentials=credentials,
        password=engineer_password(parts.home),
    )


KINDS: Mapping[str, Kind] = MappingProxyType({
    "hub": Kind(
        lambda p: partial(hubfw.load, config=hub_config(p)), _reserve, wan=True, buttons=(*"0123456789", "ok", "clear", "emergency")
    ),
    "esme": Kind(lambda p: partial(esme.Firmware, config=electricity(p)), _reserve, bank=METER_FLASH, buttons=("a", "b")),
    "gsme": Kind(lambda p: partial(_gsme_of(p), config=gas(p)), _gas_supply, bank=METER_FLASH, buttons=("valve",)),
    "prepay-gas": Kind(
        lambda p: prepay.meter(p, network_of(p.home)), _cell(True), bank=METER_FLASH,
        buttons=("emergency", "wake", *"0123456789", "ok"),
    ),
    "mbus-heat": Kind(_mbus_gas, _cell(True), radio=False),
    "mbus-gas": Kind(_mbus_gas, _cell(True), bank=METER_FLASH, buttons=("valve",), radio=False),
    "wan-gas": Kind(_wan_gas, _cell(True), bank=METER_FLASH, buttons=("valve",), radio=False),
    "ihd": Kind(
        lambda p: partial(ihd.Firmware, config=ihd.Config(p.identity.install_code, network_of(p.home), p.credentials)),
        _mains(0),
        buttons=("ok", "no", "now"),
    ),
    "consumer-module": Kind(lambda p: _consumers().firmware(p), lambda p: safe_wire.supply(p.home, "hub")),
    "cad": Kind(lambda p: partial(cad.Firmware, config=_cad(p)), _mains(0)),
    "ppmid": Kind(
        lambda p: partial(ppmid.Firmware, config=_ppmid(p)),
        _mains(0),
        buttons=("ok", "no", "supply", "gas", "credit", "gas-credit"),
    ),
    "load-controller": Kind(
        lambda p: partial(load_controller.Firmware, config=_load_controller(p)), _mains(0), buttons=("opt",)
    ),
    "repeater": Kind(
        lambda p: partial(repeater.Firmware, config=_repeater(p)), _mains(0)
    ),
    "hht": Kind(
        lambda p: partial(hht.Firmware, config=_hht(p)), _cell(False), buttons=("fetch", "deliver", "discard"), radio=False
    ),
    "rcp": Kind(lambda p: rcp.Firmware, _mains(0)),
    "wan-module": Kind(_wan_module, _slot, radio=False),
    "han-module": Kind(lambda p: rcp.Firmware, _slot),
})  # fmt: skip
"""Kind of device in a bench file to how it is built."""
