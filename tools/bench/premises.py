"""What a bench file's home must be like for the modules of its hub, and because it is one consumer's home."""

from __future__ import annotations

from collections.abc import Iterable

from tools.bench.device_config import AnyDevice, HanModule, Hub, WanModule


def check(devices: Iterable[AnyDevice]) -> None:
    """Raises ValueError for modules without a slot, a slot without a module, and a hub that two consumers would share."""
    listed = list(devices)
    hub = next((device for device in listed if isinstance(device, Hub)), None)
    for part, kind, slotted in (
        ("wan", WanModule, hub is not None and hub.wan == "module"),
        ("han", HanModule, hub is not None and hub.han == "module"),
    ):
        modules = [device.label for device in listed if isinstance(device, kind)]
        if modules and not slotted:
            raise ValueError(f'"{modules[0]}" has no slot: a hub with `{part} = "module"` has one')
        if slotted and not modules:
            raise ValueError(f'a hub with `{part} = "module"` needs a device of kind {part}-module; the first one is in its slot')
    consumers = dict.fromkeys(device.consumer for device in listed if device.consumer is not None)
    if len(consumers) > 1:
        raise ValueError(
            f"a hub is one consumer's, and these devices are {len(consumers)} consumers' ({', '.join(consumers)}): "
            "each could see what the other uses. Give each premises a [[home]] of its own"
        )
