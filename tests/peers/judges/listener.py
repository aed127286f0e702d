"""A judge: what a meter pushes, as Gurux's client or pydlms' decoder understands it. Runs in .venv-peers, with nothing of ours.

    listener.py gurux|pydlms '[[CLASS, OBIS, ATTRIBUTE], ...]'      the push object list

It prints its TCP port; then, for each connection that has been heard to its end, a line of JSON with the values in the order of
the list, octets in hexadecimal digits. It ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys


def gurux(octets: bytes, _) -> list[object]:
    from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
    from gurux_dlms.enums import Authentication, InterfaceType

    client = GXDLMSClient(True, 1, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    reply, note = GXReplyData(), GXReplyData()
    client.getData(GXByteBuffer(octets), reply, note)
    return list(note.value)


def pydlms(octets: bytes, captured: list[list[object]]) -> list[object]:
    from pydlms.push import PushDecoder

    (message,) = PushDecoder("wrapper", None, None, capture_objects=[(*each, 0) for each in captured]).feed(octets)
    assert [str(record.obis) for record in message.records] == [obis for _, obis, _ in captured]
    return [record.raw for record in message.records]


def plain(value: object) -> object:
    return bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value


def main() -> None:
    judge, captured = {"gurux": gurux, "pydlms": pydlms}[sys.argv[1]], json.loads(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", 0))
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is sys.stdin:
                return
            connection, _ = listener.accept()
            with connection:
                octets = b"".join(iter(lambda link=connection: link.recv(4096), b""))
            with contextlib.redirect_stdout(sys.stderr):
                values = judge(octets, captured)
            print(json.dumps([plain(value) for value in values]), flush=True)


main()
