"""A home-automation host in miniature, on a radio co-processor: a ZigBee coordinator that shares no line with the bench.

It forms a network, lets everybody join, sends the network key under the default trust centre link key (or under the key of an
install code, where one is given for a device), gives a link key of its own to who asks, interviews each device as such hosts do,
reads Metering, binds it and asks for reports. Prints what it learnt as JSON. Spinel is aiospinel's, AES is OpenSSL's.

    foreign_host.py HOST PORT CHANNEL DEVICES [EUI64=INSTALLCODE ...]
"""

import asyncio
import json
import os
import sys

from aiospinel import CommandID, PropertyID, ResetReason, SpinelProtocol
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

STREAM_RAW = 0x71
PATIENCE = 90
OWN = bytes.fromhex("00124B0001020304")[::-1]
PAN = 0x1A62
EXTENDED_PAN = bytes.fromhex("DDDDDDDDDDDDDDDD")
NETWORK_KEY = bytes.fromhex("01030507090B0D0F00020406080A0C0D")
DEFAULT_LINK_KEY = b"ZigBeeAlliance09"
SERVER_MASK = 22 << 9 | 1  # revision 22, primary trust centre


def u16(number):
    return number.to_bytes(2, "little")


def u32(number):
    return number.to_bytes(4, "little")


def number(octets):
    return int.from_bytes(octets, "little")


# --- cryptography: ZigBee specification annexes A and B, written down anew


def block(key, data):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)


def mmo(data):
    padded = data + b"\x80"
    padded += bytes((14 - len(padded)) % 16) + (8 * len(data)).to_bytes(2, "big")
    digest = bytes(16)
    for at in range(0, len(padded), 16):
        piece = padded[at : at + 16]
        digest = bytes(a ^ b for a, b in zip(block(digest, piece), piece, strict=True))
    return digest


def keyed(key, data):
    inner = mmo(bytes(octet ^ 0x36 for octet in key) + data)
    return mmo(bytes(octet ^ 0x5C for octet in key) + inner)


def seal(key, source, header, auxiliary, payload):
    control = bytes((auxiliary[0] | 5,))
    nonce = source + auxiliary[1:5] + control
    return header + auxiliary + AESCCM(key, tag_length=4).encrypt(nonce, payload, header + control + auxiliary[1:])


def unseal(key, source, frame, at, end):
    control = bytes((frame[at] | 5,))
    nonce = source + frame[at + 1 : at + 5] + control
    return AESCCM(key, tag_length=4).decrypt(nonce, frame[end:], frame[:at] + control + frame[at + 1 : end])


class Device:
    def __init__(self, eui64, short, capability, link_key):
        self.eui64 = eui64
        self.short = short
        self.sleepy = not capability & 0x08
        self.parent = None
        """The router that it joined at; None: here."""
        self.link_key = link_key
        self.held = []
        self.learnt = {"sleepy": self.sleepy, "keys": []}


class Coordinator:
    def __init__(self, spinel, channel, wanted, codes):
        self.spinel = spinel
        self.channel = channel
        self.wanted = wanted
        self.codes = codes
        self.devices = {}
        self.shorts = {}
        self.waiting = {}
        self.associations = {}
        self.sequence = 0
        self.counter = 0
        self.tasks = set()
        self.interviewed = asyncio.Event()
        self.air = asyncio.Lock()

    def next(self):
        self.sequence = (self.sequence + 1) & 0xFF
        return self.sequence

    def count(self):
        self.counter += 1
        return u32(self.counter)

    def go(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()

    # --- the radio

    async def set(self, name, value):
        response = await self.spinel.send_command(CommandID.PROP_VALUE_SET, name.serialize() + value)
        answered, told = PropertyID.deserialize(response.data)
        assert (answered, told) == (name, value), (answered, told, name, value)

    async def start(self):
        await self.spinel.reset(ResetReason.STACK)
        self.spinel.add_property_listener(PropertyID.STREAM_RAW, self.heard)
        await self.set(PropertyID.PHY_ENABLED, b"\1")
        await self.set(PropertyID.PHY_CHAN, bytes([self.channel]))
        await self.set(PropertyID.MAC_15_4_LADDR, OWN[::-1])
        await self.set(PropertyID.MAC_15_4_SADDR, u16(0))
        await self.set(PropertyID.MAC_15_4_PANID, u16(PAN))
        await self.set(PropertyID.MAC_RAW_STREAM_ENABLED, b"\1")

    async def transmit(self, psdu):
        psdu += b"\0\0"  # the radio puts in the checksum
        value = PropertyID.STREAM_RAW.serialize() + u16(len(psdu)) + psdu
        async with self.air:
            await self.spinel.send_command(CommandID.PROP_VALUE_SET, value, retries=0)

    def heard(self, data):
        psdu = data[2 : 2 + number(data[:2])][:-2]
        control, at = number(psdu[:2]), 3
        pan = source = None
        if control >> 10 & 3:  # a destination: its PAN, and a short address or an EUI-64
            pan = number(psdu[at : at + 2])
            at += 2 + (8 if control >> 10 & 3 == 3 else 2)
        if control >> 14 & 3:
            at += 0 if control & 0x40 else 2
            end = at + (8 if control >> 14 & 3 == 3 else 2)
            source, at = psdu[at:end], end
        kind, msdu = control & 7, psdu[at:]
        if kind == 3 and msdu[0] == 0x07:
            self.go(self.beacon())
        elif pan != PAN:
            return
        elif kind == 3 and msdu[0] == 0x01:
            self.associations[source] = msdu[1]
        elif kind == 3 and msdu[0] == 0x04:
            self.go(self.polled(source))
        elif kind == 1:
            self.network(msdu)

    async def beacon(self):
        payload = bytes.fromhex("002284") + EXTENDED_PAN + bytes.fromhex("FFFFFF00")
        await self.transmit(u16(0x8000) + bytes([self.next()]) + u16(PAN) + u16(0) + u16(0xCFFF) + b"\0\0" + payload)

    async def polled(self, source):
        if len(source) == 2:
            device = self.shorts.get(number(source))
            if device is not None and device.held:
                await self.transmit(device.held.pop(0))
            return
        capability = self.associations.pop(source, None)
        if capability is None:
            return
        short = 0x1000 + len(self.devices) + 1
        code = self.codes.get(source[::-1].hex().upper())
        device = Device(source, short, capability, DEFAULT_LINK_KEY if code is None else mmo(code))
        self.devices[source] = self.shorts[short] = device
        head = u16(0xCC63) + bytes([self.next()]) + u16(PAN) + source + OWN
        await self.transmit(head + b"\x02" + u16(short) + b"\0")
        key = b"\x05\x01" + NETWORK_KEY + b"\0" + source + OWN
        await self.command(device, key, 0x30, keyed(device.link_key, b"\0"), secure=False)

    # --- NWK

    async def send(self, device, aps, *, secure=True):
        header = u16(0x0208 if secure else 0x0008) + u16(device.short) + u16(0) + bytes([30, self.next()])
        if secure:
            aps = seal(NETWORK_KEY, OWN, header, b"\x28" + self.count() + OWN + b"\0", aps)
        else:
            aps = header + aps
        hop = device.parent or device
        psdu = u16(0x8861) + bytes([self.next()]) + u16(PAN) + u16(hop.short) + u16(0) + aps
        if hop.sleepy:
            hop.held.append(psdu)
        else:
            await self.transmit(psdu)

    def network(self, frame):
        control, short, at = number(frame[:2]), number(frame[4:6]), 8
        at += 8 * bool(control & 0x0800) + 8 * bool(control & 0x1000)
        if not control & 0x0200:
            return  # nobody speaks without the key
        source = frame[at + 5 : at + 13]
        payload = unseal(NETWORK_KEY, source, frame, at, at + 14)
        if not control & 3:
            self.aps(self.shorts[short], payload)

    # --- APS

    async def command(self, device, payload, control, key, *, secure=True):
        header = bytes([0x21 if key else 0x01, self.next()])
        if key:
            frame = seal(key, OWN, header, bytes([control]) + self.count() + OWN, payload)
        else:
            frame = header + payload
        await self.send(device, frame, secure=secure)

    async def data(self, device, profile, cluster, source, destination, payload):
        header = bytes([0x40, destination]) + u16(cluster) + u16(profile) + bytes([source, self.next()])
        await self.send(device, header + payload)

    def aps(self, device, frame):
        control = frame[0]
        if control & 3 == 1:
            payload, at = frame[2:], 2
            if control & 0x20:
                payload = unseal(device.link_key, device.eui64, frame, at, at + 5 + 8 * bool(frame[at] & 0x20))
            self.go(self.commanded(device, bool(control & 0x20), payload))
        elif control & 3 == 0:
            destination, cluster, profile, source, counter = frame[1], frame[2:4], frame[4:6], frame[6], frame[7]
            assert not control & 0xA0, "fragments, or a link key that nobody asked for"
            if control & 0x40:
                self.go(self.send(device, bytes([0x02, source]) + cluster + profile + bytes([destination, counter])))
            if destination == 0:
                self.go(self.zdo(device, number(cluster), frame[8:]))
            else:
                self.zcl(device, number(cluster), frame[8:])

    async def joined_there(self, router, eui64, short):
        """A device has joined at a router: the network key goes there in a tunnel command (4.6.3.7)."""
        code = self.codes.get(eui64[::-1].hex().upper())
        device = Device(eui64, short, 0x80, DEFAULT_LINK_KEY if code is None else mmo(code))
        device.sleepy, device.parent = False, router  # its parent holds what it sleeps through
        self.devices[eui64] = self.shorts[short] = device
        device.learnt["via"] = router.eui64[::-1].hex().upper()
        key = b"\x05\x01" + NETWORK_KEY + b"\0" + eui64 + OWN
        header = bytes([0x21, self.next()])
        inner = seal(keyed(device.link_key, b"\0"), OWN, header, b"\x30" + self.count() + OWN, key)
        await self.command(router, b"\x0e" + eui64 + inner, 0, None)

    async def commanded(self, device, secured, payload):
        if payload[0] == 0x06 and payload[11] == 0x01:  # Update-Device: an unsecured join
            await self.joined_there(device, payload[1:9], number(payload[9:11]))
        elif payload == b"\x08\x04" and secured:  # Request-Key, trust centre link key
            new = os.urandom(16)
            load = keyed(device.link_key, b"\x02")
            device.link_key = new  # at once: the meter may prove it before the radio has confirmed the frame
            device.learnt["keys"].append("requested")
            await self.command(device, b"\x05\x04" + new + device.eui64 + OWN, 0x38, load)
        elif payload[:2] == b"\x0f\x04" and not secured:  # Verify-Key
            right = payload[2:10] == device.eui64 and payload[10:] == keyed(device.link_key, b"\x03")
            device.learnt["keys"].append("verified" if right else "wrong")
            await self.command(device, b"\x10" + bytes([0 if right else 0xAD]) + b"\x04" + device.eui64, 0x20, device.link_key)

    # --- ZDO and ZCL

    async def ask(self, device, key, profile, cluster, endpoint, payload):
        future = self.waiting[key] = asyncio.get_running_loop().create_future()
        await self.data(device, profile, cluster, endpoint, endpoint, payload)
        async with asyncio.timeout(10):
            return await future

    async def ask_zdo(self, device, cluster, payload):
        sequence = self.next()
        return await self.ask(device, (device.short, cluster | 0x8000, sequence), 0, cluster, 0, bytes([sequence]) + payload)

    async def ask_zcl(self, device, cluster, command, payload):
        """A general command under the profile of home automation, as hosts do."""
        sequence = self.next()
        frame = bytes([0, sequence, command]) + payload
        return await self.ask(device, (device.short, cluster, sequence), 0x0104, cluster, 1, frame)

    async def zdo(self, device, cluster, payload):
        waiting = self.waiting.get((device.short, cluster, payload[0]))
        if waiting is not None and not waiting.done():
            waiting.set_result(payload[1:])
        elif cluster == 0x0013:
            assert payload[3:11] == device.eui64
            self.go(self.interview(device))
        elif cluster == 0x0002:
            descriptor = bytes.fromhex("00408F000052FF00") + u16(SERVER_MASK) + bytes.fromhex("FF0000")
            await self.data(device, 0, 0x8002, 0, 0, payload[:1] + b"\0\0\0" + descriptor)
        elif cluster == 0x0006:
            asked = [number(payload[at : at + 2]) for at in range(6, 6 + 2 * payload[5], 2)]
            device.learnt.setdefault("looked for", []).extend(asked)
            await self.data(device, 0, 0x8006, 0, 0, payload[:1] + b"\x86\0\0\0")

    def zcl(self, device, cluster, frame):
        waiting = self.waiting.get((device.short, cluster, frame[1]))
        if waiting is not None and not waiting.done() and frame[2] != 0x0A:
            waiting.set_result(frame[2:])
        elif frame[2] == 0x0A and cluster == 0x0702 and frame[3:5] == b"\0\0":
            device.learnt["reported"] = number(frame[6:12])
            if sum("reported" in each.learnt for each in self.devices.values()) == self.wanted:
                self.interviewed.set()

    async def interview(self, device):
        learnt, of = device.learnt, u16(device.short)
        descriptor = await self.ask_zdo(device, 0x0002, of)
        learnt["node"] = {"status": descriptor[0], "type": descriptor[3] & 7, "capability": descriptor[5]}
        learnt["node"]["revision"] = number(descriptor[11:13]) >> 9
        learnt["power"] = (await self.ask_zdo(device, 0x0003, of)).hex()
        learnt["endpoints"] = list((await self.ask_zdo(device, 0x0005, of))[4:])
        simple = (await self.ask_zdo(device, 0x0004, of + b"\x01"))[4:]
        inputs = 7 + 2 * simple[6]
        learnt["simple"] = {
            "endpoint": simple[0],
            "profile": number(simple[1:3]),
            "device": number(simple[3:5]),
            "inputs": [number(simple[at : at + 2]) for at in range(7, inputs, 2)],
            "outputs": [number(simple[at : at + 2]) for at in range(inputs + 1, len(simple), 2)],
        }
        basic = await self.read(device, 0x0000, 0x0004, 0x0005, 0x0007)
        learnt["basic"] = {name: value.decode() if isinstance(value, bytes) else value for name, value in basic.items()}
        if 0x0702 not in learnt["simple"]["inputs"]:
            learnt["opened"] = list(await self.ask_zdo(device, 0x0036, bytes((180, 1))))
            return
        learnt["metering"] = await self.read(device, 0x0702, 0x0000, 0x0300, 0x0301, 0x0302, 0x0306, 0x0FFF)
        binding = device.eui64 + b"\x01" + u16(0x0702) + b"\x03" + OWN + b"\x01"
        learnt["bind"] = list(await self.ask_zdo(device, 0x0021, binding))
        learnt["bindings"] = (await self.ask_zdo(device, 0x0033, b"\0")).hex() == (bytes([0, 1, 0, 1]) + binding).hex()
        learnt["unbind"] = [(await self.ask_zdo(device, 0x0022, binding)).hex() for _ in range(2)]
        learnt["stranger"] = list(await self.ask_zdo(device, 0x0021, OWN + binding[8:]))
        learnt["group"] = list(await self.ask_zdo(device, 0x0021, binding[:11] + b"\x01" + u16(7)))
        reporting = b"\0" + u16(0x0000) + b"\x25" + u16(1) + u16(2) + (1).to_bytes(6, "little")
        learnt["reporting"] = list(await self.ask_zcl(device, 0x0702, 0x06, reporting))

    async def read(self, device, cluster, *attributes):
        answer = await self.ask_zcl(device, cluster, 0x00, b"".join(map(u16, attributes)))
        assert answer[0] == 0x01, answer.hex()
        values, at = {}, 1
        while at < len(answer):
            name, status, at = f"{number(answer[at : at + 2]):04X}", answer[at + 2], at + 3
            if status:
                values[name] = {"status": status}
                continue
            kind, at = answer[at], at + 1
            size = {0x18: 1, 0x20: 1, 0x22: 3, 0x25: 6, 0x30: 1, 0x41: None, 0x42: None}[kind]
            if size is None:
                size, at = answer[at], at + 1
                values[name] = answer[at : at + size]
            else:
                values[name] = number(answer[at : at + size])
            at += size
        return values


async def main(host, port, channel, wanted, codes):
    _, spinel = await asyncio.get_running_loop().create_connection(SpinelProtocol, host, port)
    await spinel.wait_until_connected()
    coordinator = Coordinator(spinel, channel, wanted, codes)
    await coordinator.start()
    async with asyncio.timeout(PATIENCE):
        await coordinator.interviewed.wait()
    await spinel.disconnect()
    print(json.dumps({device.eui64[::-1].hex().upper(): device.learnt for device in coordinator.devices.values()}))


CODES = {eui64: bytes.fromhex(code) for eui64, _, code in (argument.partition("=") for argument in sys.argv[5:])}
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), CODES))
