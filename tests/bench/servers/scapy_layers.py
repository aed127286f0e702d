"""scapy's layers, timed on request: for each line on standard input, us of reading a secured frame's headers (it opens none), of
reading an unsecured frame from MAC to ZCL, and of building that again.

scapy_layers.py HEX HEX       the secured and the unsecured frame, without FCS
"""

import logging
import sys
from time import perf_counter

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.config import conf  # noqa: E402 - the level above keeps its start quiet
from scapy.layers.dot15d4 import Dot15d4  # noqa: E402
from scapy.layers.zigbee import ZigbeeAppDataPayload, ZigbeeNWK  # noqa: E402

conf.dot15d4_protocol = "zigbee"
SECURED, PLAIN = map(bytes.fromhex, sys.argv[1:])
LOOPS = 20


def timed(function):
    start = perf_counter()
    for _ in range(LOOPS):
        function()
    return (perf_counter() - start) / LOOPS * 1e6


def rebuild():
    again = packet.copy()
    again.clear_cache()
    return bytes(again)


packet = Dot15d4(PLAIN)
assert ZigbeeNWK in Dot15d4(SECURED)
assert ZigbeeAppDataPayload in packet
assert rebuild() == PLAIN
for _ in sys.stdin:
    print(timed(lambda: Dot15d4(SECURED)), timed(lambda: Dot15d4(PLAIN)), timed(rebuild), flush=True)
