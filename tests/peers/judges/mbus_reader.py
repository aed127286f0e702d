"""pyMeterBus reads M-Bus frames (wired long frames, wireless SND-NR): a line of hexadecimal digits comes in, its finding goes out.

68 1F 1F 68 08 01 72 ...    ->  {"records": [{"value": ..., "unit": ..., "type": ...}], ...}
"""

import json
import sys

import meterbus

for line in sys.stdin:
    try:
        frame = meterbus.load(bytes.fromhex(line))
        found = json.loads(frame.to_JSON())
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), flush=True)
