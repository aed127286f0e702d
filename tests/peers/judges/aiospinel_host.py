"""aiospinel as the host of a radio co-processor on TCP: resets it, asks it, listens in, sends. Prints what it learnt as JSON.

    aiospinel_host.py HOST PORT CHANNEL
"""

import asyncio
import json
import sys

from aiospinel import CommandID, PropertyID, ResetReason, SpinelProtocol

STREAM_RAW = 0x71
PATIENCE = 60


async def get(spinel, name):
    response = await spinel.send_command(CommandID.PROP_VALUE_GET, name.serialize())
    answered, value = PropertyID.deserialize(response.data)
    assert answered == name, (answered, name)
    return value


async def set_(spinel, name, value):
    response = await spinel.send_command(CommandID.PROP_VALUE_SET, name.serialize() + value)
    answered, told = PropertyID.deserialize(response.data)
    assert (answered, told) == (name, value), (answered, told, name, value)


async def main(host, port, channel):
    loop = asyncio.get_running_loop()
    _, spinel = await loop.create_connection(SpinelProtocol, host, port)
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
    await spinel.disconnect()
    print(json.dumps(learnt))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
