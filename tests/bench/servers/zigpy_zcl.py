"""zigpy's ZCL foundation, timed on request: for each line on standard input, us of one parse and of one serialisation.

zigpy_zcl.py HEX       the ZCL frame, a Read Attributes Response
"""

import sys
from time import perf_counter

from zigpy.zcl import foundation

ZCL = bytes.fromhex(sys.argv[1])
SCHEMA = foundation.GENERAL_COMMANDS[foundation.GeneralCommand.Read_Attributes_rsp].schema
LOOPS = 100


def parse():
    header, rest = foundation.ZCLHeader.deserialize(ZCL)
    values, rest = SCHEMA.deserialize(rest)
    assert not rest
    return header, values


def timed(function):
    start = perf_counter()
    for _ in range(LOOPS):
        function()
    return (perf_counter() - start) / LOOPS * 1e6


header, values = parse()
assert header.serialize() + values.serialize() == ZCL
for _ in sys.stdin:
    print(timed(parse), timed(lambda: header.serialize() + values.serialize()), flush=True)
