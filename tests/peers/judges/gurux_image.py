"""A judge: Gurux's image transfer against a hub, step by step. Runs in .venv-peers, with nothing of ours.

    echo '{"port": 4059, "password": "..", "image": HEX, "ask": [["initiate", "name"], ["blocks", 3], ...]}' | gurux_image.py

Over the wrapper on loopback, as client 1 with a password, at server 1. Questions:
    ["initiate", IDENTIFIER, SIZE]    SIZE null: the image's
    ["blocks", MOST]                  those that are missing, by its bits; so many at most
    ["block", NUMBER, HEX]            any octets as that block
    ["verify"], ["activate"]
    ["status"]                        block size, bits, first missing, status, what there is to activate
    ["octets", OBIS]                  attribute 2 of a class 1 object, an octet-string

A refusal is {"refused": code}.
"""

from __future__ import annotations

import contextlib
import json
import sys

from gurux_dlms.objects import GXDLMSData, GXDLMSImageTransfer
from gurux_wrapper import Client, Refused


class Judge(Client):
    def __init__(self, port: int, password: str, image: bytes) -> None:
        super().__init__(port, 1, password)
        self.image = image
        self.thing = GXDLMSImageTransfer("0.0.44.0.0.255")

    def get(self, *numbers: int) -> None:
        for number in numbers:
            self.dlms.updateValue(self.thing, number, self.exchange(self.dlms.read(self.thing, number)).value)

    # --- questions

    def initiate(self, identifier: str, size: int | None = None) -> str:
        self.exchange(self.thing.imageTransferInitiate(self.dlms, identifier, len(self.image) if size is None else size))
        return "done"

    def blocks(self, most: int) -> list[int]:
        self.get(2, 3)
        missing = [number for number, bit in enumerate(str(self.thing.imageTransferredBlocksStatus)) if bit == "0"]
        packets = self.thing.imageBlockTransfer(self.dlms, self.image, [0])
        for number in missing[:most]:
            self.exchange(packets[number])
        return missing[:most]

    def block(self, number: int, octets: str) -> str:
        self.thing.imageBlockSize = len(octets) // 2
        packets = self.thing.imageBlockTransfer(self.dlms, bytes(number * len(octets) // 2) + bytes.fromhex(octets), [0])
        self.exchange(packets[number])
        return "done"

    def verify(self) -> str:
        self.exchange(self.thing.imageVerify(self.dlms))
        return "done"

    def activate(self) -> str:
        self.exchange(self.thing.imageActivate(self.dlms))
        return "done"

    def status(self) -> list[object]:
        self.get(2, 3, 4, 6, 7)
        it = self.thing
        info = [[each.size, bytes(each.identification).decode(), bytes(each.signature).hex()] for each in it.imageActivateInfo]
        bits, missing = str(it.imageTransferredBlocksStatus), int(it.imageFirstNotTransferredBlockNumber)
        return [int(it.imageBlockSize), bits, missing, int(it.imageTransferStatus), info]

    def octets(self, obis: str) -> str:
        return bytes(self.exchange(self.dlms.read(GXDLMSData(obis), 2)).value).hex()


def main() -> None:
    order = json.loads(sys.stdin.read())
    answers: list[object] = []
    with contextlib.redirect_stdout(sys.stderr):
        judge = Judge(order["port"], order["password"], bytes.fromhex(order["image"]))
        for name, *arguments in order["ask"]:
            try:
                answers.append(getattr(judge, name)(*arguments))
            except Refused as refusal:
                answers.append({"refused": refusal.args[0]})
    print(json.dumps(answers))


main()
