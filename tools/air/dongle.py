"""A radio that is a dongle: a radio co-processor on a link, driven over Spinel. The line enters through `journal.Inputs`."""

from __future__ import annotations

from devices.parts.spinel_radio import SpinelRadio
from devices.runtime.journal import Happening, Inputs
from tools.bench.bridges import Slot


class DongleRadio(SpinelRadio):
    """The radio of one device, at `endpoint` of `inputs`; its octets go to `slot`."""

    def __init__(self, inputs: Inputs, endpoint: str) -> None:
        self.slot = Slot(endpoint)
        super().__init__(inputs.kernel, endpoint, self.slot.output)
        inputs.bind(endpoint, self._happen)

    def _happen(self, happening: Happening, data: bytes) -> None:
        if happening is Happening.DATA:
            self.heard(data)
        else:
            self.line(happening is Happening.OPEN)
