"""A judge: pydlms' simulated meter, for our client to read. Runs in .venv-peers, with nothing of ours.

    pydlms_meter.py '{"suite": 0, "title": .., "key": .., "authentication_key": .., "secret": .., "signing_key": ..,
                      "client_signing_key": .., "window": 1, "level": "AUTHENTICATED_ENCRYPTED",
                      "gbt_window": 1, "loses": [], "misses": []}'     (numbers of blocks of its own, and of ours, once each)

Octets are hexadecimal. It prints its ports as JSON, {"wrapper": N, "hdlc": N}, and answers until its standard input ends. Clients:
16 no security; 1 and 2 to 7 of that mechanism without ciphering; 32 to 37 high level security 2 to 7 with it. The objects are those
of pydlms' example meter.
"""

from __future__ import annotations

import json
import logging
import sys

from cryptography.hazmat.primitives.asymmetric import ec
from pydlms import Mechanism, SecurityContext
from pydlms.apdu.xdlms import Conformance
from pydlms.security.suites import SecurityPolicy
from pydlms.simulator import ClientProfile, example_meter, serve

CURVES = {32: ec.SECP256R1(), 48: ec.SECP384R1()}


def main() -> None:
    logging.disable(logging.CRITICAL)
    order = json.loads(sys.argv[1])
    octets = {name: bytes.fromhex(value) for name, value in order.items() if isinstance(value, str) and name != "level"}
    keys = octets["key"], octets["authentication_key"]
    meter = example_meter(system_title=octets["title"], max_pdu=order.get("max_pdu", 1024))
    meter.encryption_key, meter.authentication_key = keys
    policy = SecurityPolicy[order["level"]]
    meter.security = SecurityContext(*keys, client_system_title=octets["title"], suite=order["suite"], policy=policy)
    meter.conformance |= Conformance.GENERAL_BLOCK_TRANSFER
    meter.gbt_window = order.get("gbt_window", 1)
    meter.drop_gbt_blocks, meter.drop_gbt_requests = set(order.get("loses", ())), set(order.get("misses", ()))
    signing = {}
    if "signing_key" in octets:
        curve = CURVES[len(octets["signing_key"])]
        meter.signing_key = ec.derive_private_key(int.from_bytes(octets["signing_key"], "big"), curve)
        signing["client_public_key"] = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + octets["client_signing_key"])
    for mechanism in Mechanism:
        profile = {"mechanism": mechanism, "secret": octets["secret"]} | signing
        if mechanism is not Mechanism.NONE:
            meter.clients[int(mechanism)] = ClientProfile(**profile)
        if mechanism.is_hls:
            meter.clients[30 + int(mechanism)] = ClientProfile(**profile, ciphered=True)
    ports = {"wrapper": serve(meter), "hdlc": serve(meter, hdlc=True, hdlc_window=order.get("window", 1))}
    print(json.dumps({name: server.server_address[1] for name, server in ports.items()}), flush=True)
    sys.stdin.read()


main()
