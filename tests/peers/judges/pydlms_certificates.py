"""A judge: pydlms' client manages a meter's certificates through its security setup. Runs in .venv-peers, with nothing of ours.

    pydlms_certificates.py '{"link": "tcp:HOST:PORT", "client": 35, "server": 3, "security": {...}, "ask": [["generate", 0]]}'

Questions: ["generate", TYPE], ["request", TYPE], ["import", HEX], ["export", ENTITY, TYPE, TITLE], ["listed"] (each certificate
of attribute 6, exported by the serial number and the issuer that stand there), ["remove", ENTITY, TYPE, TITLE]. The answers
stand in the order of the questions; a refusal is {"refused": code}.
"""

from __future__ import annotations

import json
import logging
import sys

from cryptography.hazmat.primitives.serialization import Encoding
from pydlms import DlmsClient, Mechanism, SecurityContext, ServiceError
from pydlms.security.certificates import CertificateSelector

SETUP = "0.0.43.0.0.255"
AUTHORITY = 2


def der(certificate) -> str:
    return certificate.certificate.public_bytes(Encoding.DER).hex()


class Judge:
    def __init__(self, meter: DlmsClient) -> None:
        self.meter = meter

    def generate(self, type: int) -> str:
        self.meter.generate_key_pair(type)
        return "done"

    def request(self, type: int) -> str:
        return self.meter.certificate_request(type).public_bytes(Encoding.DER).hex()

    def import_(self, certificate: str) -> str:
        self.meter.import_certificate(bytes.fromhex(certificate))
        return "done"

    def export(self, entity: int, type: int, title: str) -> str:
        return der(self.meter.export_certificate(CertificateSelector.by_entity_type(entity, type, bytes.fromhex(title))))

    def listed(self) -> list[list[object]]:
        found = []
        for info in self.meter.get(SETUP, 64, 6).value:
            entity, type, serial, issuer = (item.value for item in info.value[:4])
            selector = CertificateSelector.by_serial_issuer(serial, issuer)
            found.append([entity, type, "" if entity == AUTHORITY else der(self.meter.export_certificate(selector))])
        return found

    def remove(self, entity: int, type: int, title: str) -> str:
        self.meter.remove_certificate(CertificateSelector.by_entity_type(entity, type, bytes.fromhex(title)))
        return "done"


def main() -> None:
    logging.disable(logging.CRITICAL)
    order = json.loads(sys.argv[1])
    said = order["security"]
    security = SecurityContext(
        encryption_key=bytes.fromhex(said["unicast"]), authentication_key=bytes.fromhex(said["authentication"]),
        client_system_title=bytes.fromhex(said["title"]), invocation_counter=said["counter"], suite=said["suite"],
    )  # fmt: skip
    host, _, port = order["link"].removeprefix("tcp:").rpartition(":")
    place = {"client_sap": order["client"], "server_logical": order["server"], "timeout": 20.0, "mechanism": Mechanism.HLS_GMAC}
    found: list[object] = []
    with DlmsClient.tcp(host, int(port), security=security, **place) as meter:
        judge = Judge(meter)
        for name, *arguments in order["ask"]:
            try:
                found.append(getattr(judge, "import_" if name == "import" else name)(*arguments))
            except ServiceError as refusal:
                found.append({"refused": int(refusal.result)})
    print(json.dumps(found))


main()
