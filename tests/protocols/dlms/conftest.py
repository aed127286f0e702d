"""Published DLMS vectors by area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def dlms_vectors(shared_vectors: Callable[[str], Any]) -> Callable[..., list[dict[str, Any]]]:
    """`dlms_vectors("acse", "initiate")`: the vectors of these areas, each with id, given and expect."""

    def of(*areas: str) -> list[dict[str, Any]]:
        found = [vector for vector in shared_vectors("dlms")["vectors"] if vector["area"] in areas]
        assert {vector["area"] for vector in found} == set(areas)
        return found

    return of
