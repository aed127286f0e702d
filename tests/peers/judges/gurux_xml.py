"""A judge: Gurux's translator writes APDUs as XML. Runs in .venv-peers, with nothing of ours.

Standard input: a JSON list of APDUs in hexadecimal. Last line of standard output: a JSON list of XML, null where it fails.
"""

from __future__ import annotations

import json
import sys

from gurux_dlms import GXByteBuffer, GXDLMSTranslator
from gurux_dlms.enums import TranslatorOutputType


def translated(octets: str) -> str | None:
    try:
        return GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML).pduToXml(GXByteBuffer(bytes.fromhex(octets)))
    except Exception:  # whatever goes wrong in there
        return None


print(json.dumps([translated(octets) for octets in json.load(sys.stdin)]))
