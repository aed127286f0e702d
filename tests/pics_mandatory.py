"""What the standard makes mandatory of a cluster's side: attributes it holds, and commands it receives. All else is optional.

By the cluster definitions that come with ZAP (project-chip/zap, `zcl-builtin/silabs`, Apache-2.0; ZCL 8 and Smart Energy 1.4), for
the clusters of these devices.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from protocols.zigbee.zcl.cluster import Side


class Mandatory(NamedTuple):
    """Identifiers."""

    attributes: tuple[int, ...] = ()
    commands: tuple[int, ...] = ()


NOTHING: Final = Mandatory()
MANDATORY: Final = {
    (0x0000, Side.SERVER): Mandatory((0x0000, 0x0007)),
    (0x0003, Side.SERVER): Mandatory((0x0000,), (0x00, 0x01)),
    (0x0003, Side.CLIENT): Mandatory((), (0x00,)),
    (0x0009, Side.SERVER): Mandatory((), (0x00, 0x01)),
    (0x0009, Side.CLIENT): Mandatory((), (0x00,)),
    (0x000A, Side.SERVER): Mandatory((0x0000, 0x0001)),
    (0x0019, Side.CLIENT): Mandatory((0x0000, 0x0001, 0x0006)),
    (0x0025, Side.SERVER): Mandatory((0x0000, 0x0001)),
    (0x0700, Side.SERVER): Mandatory((), (0x00, 0x02)),
    (0x0700, Side.CLIENT): Mandatory((), (0x00,)),
    (0x0701, Side.SERVER): Mandatory((), (0x00, 0x01)),
    (0x0701, Side.CLIENT): Mandatory((0x0000, 0x0001, 0x0002, 0x0003), (0x00, 0x01, 0x02)),
    (0x0702, Side.SERVER): Mandatory((0x0000, 0x0200, 0x0300, 0x0303, 0x0306)),
    (0x0703, Side.SERVER): Mandatory((), (0x00, 0x01)),
    (0x0703, Side.CLIENT): Mandatory((), (0x00, 0x01)),
    (0x0704, Side.SERVER): Mandatory((0x0000,), (0x00, 0x01, 0x02, 0x03)),
    (0x0704, Side.CLIENT): Mandatory((), (0x00, 0x01, 0x02)),
    (0x0705, Side.SERVER): Mandatory((0x0000,)),
    (0x0707, Side.SERVER): Mandatory((), (0x04, 0x05)),
    (0x0707, Side.CLIENT): Mandatory((), (0x00, 0x01, 0x02, 0x03, 0x04)),
    (0x070A, Side.SERVER): Mandatory((), (0x00,)),
    (0x070B, Side.SERVER): Mandatory((0x0000, 0x0001, 0x0002, 0x0003, 0x0004), (0x00,)),
    (0x070B, Side.CLIENT): Mandatory((), (0x00,)),
    (0x0800, Side.SERVER): Mandatory((0x0000,), (0x00, 0x01, 0x02, 0x03)),
    (0x0800, Side.CLIENT): Mandatory((0x0000,), (0x00, 0x01, 0x02, 0x03)),
}
