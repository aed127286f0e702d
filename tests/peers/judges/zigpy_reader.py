"""zigpy reads ZCL frames, ZDO messages and install codes: a JSON object a line comes in, and what it found goes out.

{"zcl": HEX, "cluster": 1794, "to_server": true}    {"zdo": HEX, "cluster": 19}    {"install_code": HEX}
"""

import json
import sys

import zigpy.types as t
from zigpy.util import convert_install_code
from zigpy.zcl import Cluster, foundation
from zigpy.zdo import types as zdo


def plain(value):
    """Numbers, octets and lists of what zigpy made of a field."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, t.EUI64):
        return int.from_bytes(value.serialize(), "little")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, str):
        return value.encode().hex()
    if isinstance(value, foundation.TypeValue):
        return plain(value.value)
    if hasattr(value, "as_dict"):
        return {name: plain(each) for name, each in value.as_dict().items() if each is not None}
    return str(value)


def zcl(asked):
    octets = bytes.fromhex(asked["zcl"])
    header, rest = foundation.ZCLHeader.deserialize(octets)
    if header.frame_control.frame_type == foundation.FrameType.GLOBAL_COMMAND:
        schema = foundation.GENERAL_COMMANDS[header.command_id].schema
    else:
        cluster = Cluster._registry[asked["cluster"]]
        commands = cluster.server_commands if asked["to_server"] else cluster.client_commands
        schema = commands[header.command_id].schema
    values, rest = schema.deserialize(rest)
    return {
        "name": schema.__name__,
        "sequence": int(header.tsn),
        "values": plain(values),
        "left": rest.hex(),
        "again": (header.serialize() + values.serialize()).hex(),
    }


def message(asked):
    octets = bytes.fromhex(asked["zdo"])
    names, types = zdo.CLUSTERS[zdo.ZDOCmd(asked["cluster"])][0], zdo.CLUSTERS[zdo.ZDOCmd(asked["cluster"])][1]
    sequence, rest = octets[0], octets[1:]
    values, rest = t.deserialize(rest, types)
    return {"sequence": sequence, "values": dict(zip(names, map(plain, values), strict=True)), "left": rest.hex()}


for line in sys.stdin:
    asked = json.loads(line)
    try:
        if "zcl" in asked:
            told = zcl(asked)
        elif "zdo" in asked:
            told = message(asked)
        else:
            told = {"key": bytes(convert_install_code(bytes.fromhex(asked["install_code"])).serialize()).hex()}
    except Exception as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told), flush=True)
