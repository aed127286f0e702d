"""Somebody on a home's air who has its network key, and lies about everything else."""

from __future__ import annotations

from struct import pack

from devices.runtime.air import OnAir
from protocols.core import crc
from protocols.zigbee import aps, nwk, security

EUI64, SHORT = 0x00DB_BAD0_0000_0001, 0x3333
ENDPOINT = 1
_CAPABILITY = 0x88
"""A listening end device that the hub gives an address."""
SMART_ENERGY = 0x0109


class Intruder:
    """A radio of its own with the network key of the home, and a child of its hub."""

    def __init__(self, home, eui64=EUI64, short=SHORT):
        self.home, self.eui64, self.short = home, eui64, short
        self.network = home.hub.firmware.han.stack._network
        self.radio = home.only.air.radio(f"{home.only.name}/intruder{short:x}", 1.0, 1.0)
        self.radio.configure(
            channel=self.network.channel, pan_id=self.network.pan_id, short=short, eui64=eui64, rx_on_when_idle=True
        )
        self.counter = 1 << 20
        self.radio.on_receive = lambda psdu, lqi: None
        self.radio.on_confirm = lambda *ended: None
        self._sent = 0
        self.send(nwk.RejoinRequest(_CAPABILITY).build(), 0, kind=nwk.COMMAND, source_eui64=eui64)

    def send(self, payload, to, *, kind=nwk.DATA, source=None, secured=True, source_eui64=None):
        """One NWK frame to a short address; `source` is the one it claims."""
        source = self.short if source is None else source
        self.counter += 1
        control = kind | nwk.VERSION_PRO | (nwk.SECURITY if secured else 0) | (nwk.SOURCE_EUI64 if source_eui64 else 0)
        header = nwk.Header(control, to, source, 30, self.counter & 0xFF, None, source_eui64).build()
        frame = header + payload
        if secured:
            auxiliary = security.Auxiliary(0x28, self.counter, self.eui64, self.network.active_key).build()
            key = self.network.keys[self.network.active_key].key
            frame = security.seal(key, self.eui64.to_bytes(8, "little"), header, auxiliary, payload)
        self._sent += 1
        mac = pack("<HBHHH", 0x8861, self.counter & 0xFF, self.network.pan_id, to, source)
        self.radio.transmit(self._sent, crc.append_kermit(mac + frame))
        self.home.run(for_=20_000_000)

    def data(self, payload, to, counter, *, cluster=0, extension=b"", **claims):
        """An APS data frame to endpoint 1 that asks for an acknowledgement."""
        control = aps.ACK_REQUEST | (aps.EXTENDED if extension else 0)
        header = pack("<BBHHBB", control, ENDPOINT, cluster, SMART_ENERGY, ENDPOINT, counter)
        self.send(header + extension + payload, to, **claims)

    def command(self, frame, to, *, identifier=None, key=b"", sender=0, counter=1 << 30, **claims):
        """An APS command, in the clear or under a link key, whose `sender` may be anybody."""
        if identifier is None:
            self.send(bytes((aps.COMMAND, 1)) + frame.build(), to, **claims)
            return
        auxiliary = security.Auxiliary(identifier | 0x20, counter, sender).build()
        link = security.LinkKey(key, "some")
        octets = sender.to_bytes(8, "little")
        sealed = security.seal(link.derived(identifier), octets, bytes((0x21, 1)), auxiliary, frame.build())
        self.send(sealed, to, **claims)


class Listener:
    """Every PSDU on a run's air, from now on."""

    def __init__(self, home):
        self.psdus = []
        home.log.subscribe(self._hear)

    def _hear(self, now, who, kind, data):
        if kind == "air.frame":
            self.psdus.append(OnAir.unpack(data).psdu)

    def between(self, source, destination):
        """Data frames from one short address to another."""
        ends = pack("<HH", destination, source)
        return [psdu for psdu in self.psdus if psdu[0] & 7 == 1 and psdu[5:9] == ends]
