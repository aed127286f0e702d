"""aiospinel as the host of a radio co-processor on TCP: resets it, asks it, listens in, sends, looks for networks. Prints what it
learnt as JSON.

    aiospinel_host.py HOST PORT CHANNEL
"""

import asyncio
import json
import sys

from aiospinel import CommandID, PropertyID, ResetReason, SpinelProtocol

SCAN_STATE = 0x30
"""aiospinel has another number for it, and calls this one unknown."""
PATIENCE = 60


class Protocol(SpinelProtocol):
    """Keeps what is told as a new item of a list, too: the beacons of a scan."""

    def __init__(self):
        super().__init__()
        self.inserted = []

    def frame_received(self, frame):
        super().frame_received(frame)
        if frame.command_id == CommandID.PROP_VALUE_INSERTED:
            self.inserted.append(PropertyID.deserialize(frame.data))


async def get(spinel, name):
    response = await spinel.send_command(CommandID.PROP_VALUE_GET, name.serialize())
    answered, value = PropertyID.deserialize(response.data)
    assert answered == name, (answered, name)
    return value


async def set_(spinel, name, value):
    response = await spinel.send_command(CommandID.PROP_VALUE_SET, name.serialize() + value)
    answered, told = PropertyID.deserialize(response.data)
    assert (answered, told) == (name, value), (answered, told, name, value)


async def scan(spinel, channels):
    """The beacons that an active scan brings: (channel, PAN identifier, short address, extended PAN identifier, flags)."""
    ended = asyncio.Event()
    spinel.add_property_listener(SCAN_STATE, lambda data: ended.set() if data == b"\0" else None)
    await set_(spinel, PropertyID.MAC_SCAN_MASK, bytes(channels))
    await set_(spinel, PropertyID.MAC_SCAN_PERIOD, (250).to_bytes(2, "little"))
    response = await spinel.send_command(CommandID.PROP_VALUE_SET, bytes((SCAN_STATE, 1)))
    assert response.data == bytes((SCAN_STATE, 1)), response
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    beacons = []
    for name, data in spinel.inserted:
        assert name == PropertyID.MAC_SCAN_BEACON
        mac, net = data[4 : 4 + data[2]], data[6 + data[2] :]
        identifier = net[5 : 5 + net[3]].hex()
        beacons.append((data[0], int.from_bytes(mac[10:12], "little"), int.from_bytes(mac[8:10], "little"), identifier, net[1]))
    return beacons


async def main(host, port, channel):
    loop = asyncio.get_running_loop()
    _, spinel = await loop.create_connection(Protocol, host, port)
    await spinel.wait_until_connected()
    await spinel.reset(ResetReason.STACK)
    learnt = {
        "protocol": list(await get(spinel, PropertyID.PROTOCOL_VERSION)),
        "version": (await get(spinel, PropertyID.NCP_VERSION)).rstrip(b"\0").decode(),
        "address": (await get(spinel, PropertyID.HWADDR)).hex().upper(),
    }
    await set_(spinel, PropertyID.PHY_ENABLED, b"\1")
    await set_(spinel, PropertyID.PHY_CHAN, bytes([channel]))
    await set_(spinel, PropertyID.MAC_RAW_STREAM_ENABLED, b"\1")
    await set_(spinel, PropertyID.MAC_PROMISCUOUS_MODE, b"\1")
    frames, enough = [], asyncio.Event()

    def heard(data):
        length = int.from_bytes(data[:2], "little")
        frames.append((data[2 : 2 + length].hex(), int.from_bytes(data[2 + length : 3 + length], "little", signed=True)))
        if len(frames) >= 5:
            enough.set()

    spinel.add_property_listener(PropertyID.STREAM_RAW, heard)
    async with asyncio.timeout(PATIENCE):
        await enough.wait()
    learnt["frames"] = frames[:5]
    beacon_request = bytes.fromhex("030801FFFFFFFF07") + b"\0\0"
    response = await spinel.send_command(
        CommandID.PROP_VALUE_SET, PropertyID.STREAM_RAW.serialize() + len(beacon_request).to_bytes(2, "little") + beacon_request
    )
    answered, status = PropertyID.deserialize(response.data)
    learnt["sent"] = [answered.name, status[0]]
    async with asyncio.timeout(PATIENCE):
        while not any(bytes.fromhex(frame)[0] & 7 == 0 for frame, _ in frames):
            await asyncio.sleep(0.05)
    learnt["beacon"] = next(frame for frame, _ in frames if bytes.fromhex(frame)[0] & 7 == 0)
    learnt["networks"] = await scan(spinel, (channel, 26))
    await spinel.disconnect()
    print(json.dumps(learnt))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
