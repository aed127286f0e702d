"""The services of an association (Green Book 9.4.6): GET, SET, ACTION, ACCESS, each in a module with its frames' table.

`serving` binds them to what one client sees. They answer with plain APDUs; protection, general blocks and the association
itself are the session's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from protocols.core.codec import Frame
from protocols.dlms.services import access, action, get, set
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import Answer, Service

CLASSES: Final[tuple[tuple[Callable[[Objects], Any], tuple[Service, ...]], ...]] = (
    (get.Get, get.SERVICES),
    (set.Set, set.SERVICES),
    (action.Action, action.SERVICES),
    (access.Access, access.SERVICES),
)
FRAMES: Final = frozenset(service.frame for _, services in CLASSES for service in services)
"""The requests that are known."""


class Serving(NamedTuple):
    """A service bound to an association."""

    frame: type[Frame]
    serve: Callable[[Any], Answer]
    unmatched: Callable[[int], bytes] | None


def serving(objects: Objects) -> dict[type[Frame], Serving]:
    """What was agreed, by request."""
    return {
        service.frame: Serving(service.frame, service.serve.__get__(one), service.unmatched)
        for make, services in CLASSES
        for one in (make(objects),)
        for service in services
        if service.needs in objects.conformance
    }
