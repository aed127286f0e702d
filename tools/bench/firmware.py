"""New firmware for devices of a bench: `[[firmware]]` tables, handed in by the head end at a time, activated by an order apart.

Files are signed by the maker of the bench's devices, where devices have certificates, and hold octets that mean nothing. What is
interrupted goes on; a hub takes in one file after the other's activation. Each step is an event `headend.firmware`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from devices.runtime.kernel import DAY, MIN, S
from protocols.core.errors import RemoteProtocolError
from tools.bench.declared import Declared
from tools.bench.device_config import AnyDevice, Hub
from tools.errors import suggest

if TYPE_CHECKING:
    from tools.bench.config import Home as DeclaredHome
    from tools.bench.home import Home
    from tools.headend.bench import BenchHeadEnd

OWN_IMAGE: Final = 0
"""An electricity meter's, which is no ZigBee file."""
TYPES: Final = {"hub": 0x0500, "gsme": 0x0501, "ihd": 0x0502, "ppmid": 0x0502, "cad": 0x0502, "esme": OWN_IMAGE}
"""Kinds that take firmware to the image type of their files."""
AGAIN: Final = 30 * S
"""After what was interrupted."""
LOOK: Final = 10 * MIN
"""Between questions which version runs, for a day at most."""


class Firmware(Declared, frozen=True, kw_only=True):
    """A version for a device, and for all others of its type in its home unless `alone`."""

    device: str
    """`ihd`, or `home2/ihd` where there are several homes."""
    version: Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{8}$", description="eight hexadecimal digits, as 02000000")]
    """Eight hexadecimal digits; devices begin with 01000000."""
    octets: Annotated[int, Meta(ge=1, le=24_000)] = 4000
    """How much there is to it, without its header and signature."""
    after_min: Annotated[float, Meta(ge=0, le=525_600)] = 30
    """Minutes from virtual time zero."""
    activate_after_min: Annotated[float, Meta(ge=0, le=525_600)] = 60
    """Minutes from when the hub has all of it: time for devices to fetch it, who then change over at once."""
    alone: bool = False


def check(wanted: Iterable[Firmware], homes: Iterable[DeclaredHome]) -> None:
    """Raises ValueError for a device that is not there, takes none, or hangs on a hub that the head end does not reach by DLMS."""
    listed = list(homes)
    known: dict[str, AnyDevice] = {f"{home.name}/{device.label}": device for home in listed for device in home.device}
    for each in wanted:
        full = each.device if "/" in each.device or len(listed) > 1 else f"{listed[0].name}/{each.device}"
        if full not in known:
            raise ValueError(f'`firmware`: no device "{each.device}"{suggest(full, known)}')
        if known[full].kind not in TYPES:
            raise ValueError(f"`firmware`: a device of kind {known[full].kind} takes none (kinds: {', '.join(TYPES)})")
        home = next(home for home in listed if full.startswith(f"{home.name}/"))
        hub = next((device for device in home.device if isinstance(device, Hub)), None)
        if hub is None or hub.wan_application != "dlms":
            raise ValueError(f"`firmware`: {home.name} has no hub that the head end reaches by DLMS")


def file(home: Home, label: str, version: int, contents: bytes, *, alone: bool = False) -> bytes:
    """A file for a device, as its maker makes it."""
    from devices.parts import image_store, ota
    from protocols.zigbee.ota import image

    type = TYPES[home.declared[label].kind]
    if type == OWN_IMAGE:
        return image_store.image(version.to_bytes(4, "big"), contents)
    random, issuer = home.kernel.rng(f"{home.name}/firmware").getrandbits, home.authority
    return image.seal(
        image.File(ota.MANUFACTURER, type, version), contents, text=f"{home.declared[label].kind} {version:08X}",
        hardware=(ota.HARDWARE, ota.HARDWARE), destination=home.identities[label].eui64 if alone else None,
        signer=None if issuer is None else issuer.issue(ota.SIGNER, random), random=random,
    )  # fmt: skip


def start(wanted: Iterable[Firmware], head_end: BenchHeadEnd) -> None:
    """Have it handed in, in a run that has not begun."""
    for each in wanted:
        head_end.kernel.spawn(_update(each, head_end), who=head_end.host.name)


async def _update(wanted: Firmware, head_end: BenchHeadEnd) -> None:
    kernel, updates, device = head_end.kernel, head_end.firmware, wanted.device
    home, label = updates.place(device)
    version = wanted.version.upper()

    def tell(outcome: str, reason: str = "") -> None:
        told = {"device": device, "version": version, "outcome": outcome, "reason": reason}
        kernel.log.emit(head_end.host.name, "headend.firmware", told)

    await kernel.sleep(int(wanted.after_min * MIN))
    contents = bytes(kernel.rng(f"{home.name}/firmware/{version}").getrandbits(8) for _ in range(wanted.octets))
    octets = file(home, label, int(version, 16), contents, alone=wanted.alone)
    try:
        await updates.update(device, octets, again=AGAIN, activate_after=int(wanted.activate_after_min * MIN), tell=tell)
    except RemoteProtocolError as error:
        tell("refused", str(error))
        return
    for _ in range(DAY // LOOK):
        await kernel.sleep(LOOK)
        try:
            if (await updates.version(device) or "").upper() == version:
                tell("runs")
                return
        except RemoteProtocolError:
            continue  # the hub is away for a while
    tell("does not run")
