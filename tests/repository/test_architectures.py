"""docs/architectures.md says what the benches do, and they differ as the papers say."""

from __future__ import annotations

import pytest

from tests import architectures
from tools.bench.architectures import Comparison


@pytest.fixture(scope="module")
def found() -> dict[str, Comparison]:
    return dict(zip(architectures.BENCHES, architectures.comparisons(), strict=True))


@pytest.mark.req("S-176", part=True)
def test_the_page_is_what_was_measured(found: dict[str, Comparison]) -> None:
    page = architectures.page(list(found.values()))
    assert architectures.PAGE.read_text(encoding="utf-8") == page, "run .venv/bin/python -m tests.architectures"


@pytest.mark.req("S-176")
def test_a_stand_alone_hub_takes_longer_says_more_and_hangs_on_the_radio(found: dict[str, Comparison]) -> None:
    alone, wired = found["stand-alone"], found["wired"]
    assert alone.electricity_s is not None
    assert wired.electricity_s is not None
    assert alone.electricity_s > wired.electricity_s
    for one, other in ((alone.commissioning, wired.commissioning), (alone.running, wired.running)):
        assert sum(leg.messages for leg in one.values()) > sum(leg.messages for leg in other.values())
        assert sum(leg.octets for leg in one.values()) > sum(leg.octets for leg in other.values())
    assert "electricity read" in alone.failures["2.4 GHz link of electricity meter"]
    assert "electricity read" in alone.failures["2.4 GHz everywhere"]
    assert "2.4 GHz link of electricity meter" not in wired.failures
    assert "electricity read" not in wired.failures["2.4 GHz everywhere"]
    assert "electricity read" in wired.failures["meter wire"]


@pytest.mark.req("S-093", part=True)
def test_what_is_left_where_2_4_ghz_fails(found: dict[str, Comparison]) -> None:
    lost = {name: set(each.failures.get("2.4 GHz everywhere", ())) for name, each in found.items()}
    assert lost["stand-alone"] == set(found["stand-alone"].services)
    assert "gas read" in lost["wired"]
    assert "gas read" not in lost["dual-band"] | lost["gas-by-mbus"]


@pytest.mark.req("S-131", part=True)
def test_what_flag_does_not_carry(found: dict[str, Comparison]) -> None:
    assert set(found["wired"].services) - set(found["wired-flag"].services) == {"half hours", "load switch"}


@pytest.mark.req("S-032", part=True)
def test_gas_first_has_everything_but_electricity(found: dict[str, Comparison]) -> None:
    assert found["gas-first"].services == ("gas read", "gas shown")
    assert found["gas-first"].electricity_s is None


@pytest.mark.req("S-035", part=True)
def test_gas_by_its_own_way_has_less_that_can_fail_and_less_that_it_says(found: dict[str, Comparison]) -> None:
    direct = found["gas-direct"]
    assert direct.services == ("gas read",)
    assert set(direct.failures) == {"gas meter dies", "WAN"}
    assert {leg for leg, amount in direct.running.items() if amount.messages} == {"WAN"}
    assert sum(map(len, direct.failures.values())) < sum(map(len, found["gas-first"].failures.values()))


@pytest.mark.parametrize("name", architectures.BENCHES)
def test_no_failure_costs_nothing(found: dict[str, Comparison], name: str) -> None:
    """A failure that strikes nobody would be a fault of the comparison."""
    assert all(found[name].failures.values())
