"""Generated code against interpreted construct: the same value or the same refusal, for every declared frame."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protocols
from protocols.core.codec import Frame
from tools.testkit.strategies import frame_classes, frames

for module in pkgutil.walk_packages(protocols.__path__, "protocols."):
    importlib.import_module(module.name)
DECLARED = frame_classes()

quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]  # the fixtures have no state
EXAMPLES = settings.default.max_examples  # of the profile; each example of a frame is tried in some 200 variants
few = settings(max_examples=max(EXAMPLES // 25, 1), suppress_health_check=quiet, database=None)
some = settings(max_examples=max(EXAMPLES // 3, 1), suppress_health_check=quiet, database=None)
many = settings(suppress_health_check=quiet, database=None)


def check(engines: Any, frame: Frame, changes: Callable[[bytes], list[bytes]]) -> None:
    data = engines.build(frame)
    assert data is not None
    assert engines.parse(type(frame), data) == frame
    for changed in changes(data[:64]):
        engines.parse(type(frame), changed)


@some
@given(data=st.data())
def test_random_values_truncations_and_changes(animal: type[Frame], engines: Any, changes: Any, data: st.DataObject):
    check(engines, data.draw(frames(animal)), changes)


@few
@given(data=st.data())
@pytest.mark.parametrize("frame", DECLARED, ids=lambda frame: f"{frame.__module__}.{frame.__qualname__}")
def test_every_declared_frame(frame: type[Frame], engines: Any, changes: Any, data: st.DataObject):
    check(engines, data.draw(frames(frame)), changes)


@many
@given(data=st.binary(max_size=60))
def test_garbage(animal: type[Frame], engines: Any, data: bytes):
    engines.parse(animal, data)


@few
@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("frame", DECLARED, ids=lambda frame: f"{frame.__module__}.{frame.__qualname__}")
def test_garbage_for_every_declared_frame(frame: type[Frame], engines: Any, data: bytes):
    engines.parse(frame, data)


WRONG = (None, -1, 1 << 70, 0.5, "text", b"", b"octets", [], [None], [1, 2, 3], object())


@many
@given(data=st.data())
def test_a_wrong_value_in_any_field_is_an_encode_error_or_encodes_alike(animal: type[Frame], engines: Any, data: st.DataObject):
    if not animal.__struct_fields__:
        return
    good = data.draw(frames(animal))
    values = {name: getattr(good, name) for name in animal.__struct_fields__}
    values[data.draw(st.sampled_from(animal.__struct_fields__))] = data.draw(st.sampled_from(WRONG))
    engines.build(animal(**values))
