from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.outage import GRACE, THRESHOLD, FirstBreath, Interruption, LastGasp, Persist, S, State, Supervisor
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError

UTC = 1_767_225_600 * S
DELAY = 20_000_000  # a report's way over the HAN


def notices(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if not isinstance(effect, Persist)]


def interruption(seconds: float) -> list[Effect]:
    """One loss of supply of this length, as the hub sees it through one meter's delayed reports."""
    supervisor = Supervisor(0, UTC)
    effects = supervisor.lost("esme", DELAY, UTC + DELAY)
    back = int(seconds * S) + DELAY
    if supervisor.deadline is not None and supervisor.deadline <= back:
        effects += supervisor.expire(supervisor.deadline, UTC + supervisor.deadline)
    effects += supervisor.restored("esme", back, UTC + back)
    effects += supervisor.expire(10**15, UTC + 10**15)
    return notices(effects)


@pytest.mark.parametrize("seconds", [0.1, 120, 179, 180, 180.4])
def test_a_loss_that_is_not_longer_than_the_threshold_gives_no_notice(seconds: float) -> None:
    (dip,) = interruption(seconds)
    assert isinstance(dip, Interruption)
    assert dip.kind == "dip"


@pytest.mark.parametrize("seconds", [181, 240, 86_400])
def test_a_longer_loss_gives_one_last_gasp_and_one_first_breath(seconds: float) -> None:
    gasp, breath = interruption(seconds)
    assert gasp == LastGasp(UTC + DELAY)
    assert breath == FirstBreath(UTC + DELAY, UTC + DELAY + int(seconds * S))


def test_the_decision_is_half_a_second_after_the_threshold() -> None:
    supervisor = Supervisor(0, UTC)
    supervisor.lost("esme", 7, UTC)
    assert supervisor.deadline == 7 + 180 * S + S // 2
    assert supervisor.expire(supervisor.deadline - 1, UTC) == []
    assert notices(supervisor.expire(supervisor.deadline, UTC)) == [LastGasp(UTC)]


def test_the_threshold_can_be_set() -> None:
    supervisor = Supervisor(0, UTC, threshold=60 * S)
    supervisor.lost("esme", 0, UTC)
    assert supervisor.deadline == 60 * S + GRACE


def test_power_back_at_the_hub_is_not_yet_a_first_breath() -> None:
    supervisor = Supervisor(0, UTC)
    supervisor.lost("esme", 0, UTC)
    supervisor.expire(THRESHOLD + GRACE, UTC)
    assert notices(supervisor.returned(200 * S, UTC + 200 * S)) == []
    assert notices(supervisor.restored("esme", 260 * S, UTC + 260 * S)) == [FirstBreath(UTC, UTC + 260 * S)]


def test_every_meter_that_lost_supply_must_be_back() -> None:
    supervisor = Supervisor(0, UTC)
    supervisor.lost("esme1", 0, UTC)
    supervisor.lost("esme2", 1, UTC)
    assert notices(supervisor.expire(THRESHOLD + GRACE, UTC)) == [LastGasp(UTC)]
    assert notices(supervisor.restored("esme1", 200 * S, UTC)) == []
    assert notices(supervisor.restored("esme2", 201 * S, UTC + 201 * S)) == [FirstBreath(UTC, UTC + 201 * S)]


def test_an_outage_goes_on_over_a_restart_of_the_hub() -> None:
    before = Supervisor(0, UTC)
    before.lost("esme", 0, UTC)
    *_, kept = before.expire(THRESHOLD + GRACE, UTC)
    assert isinstance(kept, Persist)
    after = Supervisor(0, UTC + 600 * S, kept.state)
    assert after.state is State.OUT
    assert after.deadline is None
    assert notices(after.restored("esme", 1, UTC + 600 * S)) == [FirstBreath(UTC, UTC + 600 * S)]


def test_a_restart_during_a_loss_decides_at_the_same_moment() -> None:
    before = Supervisor(0, UTC)
    (kept,) = before.lost("esme", 0, UTC)
    assert isinstance(kept, Persist)
    after = Supervisor(5 * S, UTC + 100 * S, kept.state)
    assert after.deadline == 5 * S + THRESHOLD + GRACE - 100 * S


def test_a_reserve_that_ends_too_early_is_recorded_as_a_missed_notice() -> None:
    before = Supervisor(0, UTC)
    before.lost("esme", 0, UTC)
    (kept,) = before.reserve_empty(60 * S, UTC + 60 * S)
    assert isinstance(kept, Persist)
    after = Supervisor(0, UTC + 900 * S, kept.state)
    assert after.deadline is None
    assert notices(after.restored("esme", 1, UTC + 900 * S)) == [Interruption("missed", UTC, UTC + 900 * S)]
    assert after.state is State.ON


def test_a_state_that_is_not_ours_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Supervisor(0, UTC, {"state": "dip", "lost": "noon", "waiting": []})


@given(st.lists(st.tuples(st.sampled_from(["lost", "restored", "returned", "reserve_empty", "expire"]), st.integers(0, 400))))
def test_notices_alternate_whatever_happens(story: list[tuple[str, int]]) -> None:
    """Invariant 25: a last gasp, then a first breath, never two of a kind."""
    supervisor, now, said = Supervisor(0, UTC), 0, []
    for what, seconds in story:
        now += seconds * S
        if what in ("lost", "restored"):
            effects = getattr(supervisor, what)("esme", now, UTC + now)
        else:
            effects = getattr(supervisor, what)(now, UTC + now)
        said += [type(effect) for effect in effects if isinstance(effect, (LastGasp, FirstBreath))]
    assert said == [LastGasp, FirstBreath] * (len(said) // 2) + [LastGasp] * (len(said) % 2)
