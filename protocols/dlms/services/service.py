"""What the services of a session share: how one is declared, and the answers that any of them may give. Green Book 9.4.6."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from protocols.core.codec import Frame
from protocols.dlms.initiate import Conformance
from protocols.dlms.xdlms import CONFIRMED, ExceptionResponse, ServiceError, StateError

Answer: TypeAlias = "bytes | Iterator[bytes] | None"
"""An APDU; the pieces of one that is longer than agreed, for general block transfer; or silence."""

LONGEST_LIST: Final = 255
"""Items of one request with a list."""


class Service(NamedTuple):
    """One kind of request: the conformance it needs, who serves it, and the answer to a data type that does not exist.

    `serve` is a method of a service class, which is made once an association.
    """

    frame: type[Frame]
    needs: Conformance
    serve: Callable[[Any, Any], Answer]
    unmatched: Callable[[int], bytes] | None = None


def exception(error: ServiceError, state: StateError = StateError.SERVICE_NOT_ALLOWED) -> bytes:
    """An exception-response."""
    return ExceptionResponse(state, error).build()


def confirmed(invoke: int, response: Frame) -> bytes | None:
    """A response, unless the request asked for none."""
    return response.build() if invoke & CONFIRMED else None


def fitting(pieces: Iterator[bytes], limit: int) -> tuple[list[bytes], bool]:
    """The first pieces, up to the one with which there are more than `limit` octets, and whether that is all of them."""
    taken = []
    for piece in pieces:
        taken.append(piece)
        limit -= len(piece)
        if limit < 0:
            return taken, False
    return taken, True
