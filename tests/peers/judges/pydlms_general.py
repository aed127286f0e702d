"""A judge: pydlms seals and opens general-ciphering and general-signing APDUs. Runs in .venv-peers, with nothing of ours.

    pydlms_general.py '[{"do": "seal", "form": ["cipher", "sign"], "key_info": "agreed 1e1s", "suite": 1, "apdu": "C0..", ...}]'

`form`: the layers, the outermost first. `form_of_field` false: the header is authenticated, and the length of the content signed.
Keys of curves are raw, everything is hexadecimal. Of each order stands the APDU that came of it, or {"failed": why}.
"""

from __future__ import annotations

import json
import logging
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from pydlms import SecurityContext
from pydlms.security.general import (
    ONE_PASS_DH,
    STATIC_UNIFIED_MODEL,
    GeneralAad,
    KeyInfo,
    SigningForm,
    unwrap_general_ciphering,
    verify_general_signing,
    wrap_general_ciphering,
    wrap_general_signing,
)
from pydlms.security.suites import SecurityPolicy

CURVES = {32: ec.SECP256R1(), 48: ec.SECP384R1()}
KEY_INFOS = {
    "none": KeyInfo("none"), "identified": KeyInfo("identified"), "wrapped": KeyInfo("wrapped"),
    "broadcast": KeyInfo("identified", 1),
    "agreed 1e1s": KeyInfo("agreed", scheme=ONE_PASS_DH), "agreed 0e2s": KeyInfo("agreed", scheme=STATIC_UNIFIED_MODEL),
}  # fmt: skip


def private(raw: bytes):
    return ec.derive_private_key(int.from_bytes(raw, "big"), CURVES[len(raw)]) if raw else None


def public(raw: bytes):
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[len(raw) // 2], b"\x04" + raw) if raw else None


def context(order: dict) -> SecurityContext:
    def octets(name: str) -> bytes:
        return bytes.fromhex(order[name])

    field = order["form_of_field"]
    return SecurityContext(
        octets("unicast"), octets("authentication"), octets("title"), octets("peer_title"), 1, order["suite"],
        policy=SecurityPolicy[order["level"]], broadcast_key=octets("broadcast"), master_key=octets("master"),
        signing_key=private(octets("signing")), key_agreement_key=private(octets("agreement")),
        peer_signing_key=public(octets("peer_signing")), peer_key_agreement_key=public(octets("peer_agreement")),
        general_aad=GeneralAad.SC_AK if field else GeneralAad.WITH_HEADER,
        signing_form=SigningForm.CONTENT if field else SigningForm.LENGTH_PREFIXED_CONTENT,
    )  # fmt: skip


def seal(order: dict) -> str:
    known, apdu = context(order), bytes.fromhex(order["apdu"])
    recipient, transaction = bytes.fromhex(order["peer_title"]), bytes.fromhex(order["transaction"])
    for layer in reversed(order["form"]):
        if layer == "sign":
            apdu = wrap_general_signing(known, apdu, recipient, transaction)
        else:
            apdu = wrap_general_ciphering(known, apdu, recipient, KEY_INFOS[order["key_info"]], transaction)
    return apdu.hex()


def opened(order: dict) -> str:
    known, apdu = context(order), bytes.fromhex(order["apdu"])
    for layer in order["form"]:
        if layer == "sign":
            apdu = verify_general_signing(known, apdu)[1]
        else:
            apdu = unwrap_general_ciphering(known, apdu).plaintext
    return apdu.hex()


def main() -> None:
    logging.disable(logging.CRITICAL)
    found: list[object] = []
    for order in json.loads(sys.argv[1]):
        try:
            found.append(seal(order) if order["do"] == "seal" else opened(order))
        except Exception as failure:  # whatever the library has for it
            found.append({"failed": f"{type(failure).__name__}: {failure}"})
    print(json.dumps(found))


main()
