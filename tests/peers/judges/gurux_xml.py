"""A judge: Gurux's translator writes APDUs as XML. Runs in .venv-peers, with nothing of ours.

Standard input: a JSON list of APDUs, or of HDLC frames, in hexadecimal. Last line of standard output: a JSON list of XML, null
where it fails.
"""

from __future__ import annotations

import json
import sys

from gurux_dlms import GXByteBuffer, GXDLMSTranslator
from gurux_dlms.enums import TranslatorOutputType


def translated(octets: str) -> str | None:
    translator, buffer = GXDLMSTranslator(TranslatorOutputType.SIMPLE_XML), GXByteBuffer(bytes.fromhex(octets))
    try:
        return translator.messageToXml(buffer) if octets.startswith("7e") else translator.pduToXml(buffer)
    except Exception:  # whatever goes wrong in there
        return None


print(json.dumps([translated(octets) for octets in json.load(sys.stdin)]))
