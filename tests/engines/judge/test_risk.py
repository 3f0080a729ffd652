"""Risk: 0 iff clean, and never less for more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.judge.naming import short
from mythos.engines.judge.risk import risk_of
from mythos.values.outcome import Outcome, Ruling, Severity

CLEAN = (Outcome.UPHELD, Outcome.BLOCKED)
ANY = st.sampled_from(Outcome)


def rulings(
    outcomes: st.SearchStrategy[Outcome] = ANY,
) -> st.SearchStrategy[list[Ruling]]:
    one = st.builds(
        Ruling,
        policy_set=st.just("rules"),
        digest=st.just("sha256:" + "0" * 64),
        span_id=st.just("0" * 16),
        agent=st.just("clerk"),
        tool=st.just("refund"),
        start_ns=st.just(0),
        outcome=outcomes,
        rule=st.just("default"),
        severity=st.sampled_from(Severity),
    )
    return st.lists(one, max_size=12)


fitnesses = st.none() | st.floats(0.0, 1.0)


@given(rulings(), fitnesses)
def test_risk_is_zero_exactly_when_nothing_is_wrong(
    seen: list[Ruling], fitness: float | None
) -> None:
    clean = all(one.outcome in CLEAN for one in seen) and fitness in (None, 1.0)
    risk = risk_of(seen, fitness=fitness)
    assert (risk == 0.0) == clean
    assert 0.0 <= risk <= 1.0


@given(rulings(), rulings(), fitnesses)
def test_more_rulings_never_lower_risk(
    seen: list[Ruling], more: list[Ruling], fitness: float | None
) -> None:
    assert risk_of([*seen, *more], fitness=fitness) >= risk_of(seen, fitness=fitness)


@given(rulings(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_worse_fit_never_lowers_risk(seen: list[Ruling], one: float, other: float) -> None:
    worse, better = sorted((one, other))
    assert risk_of(seen, fitness=worse) >= risk_of(seen, fitness=better)


@given(rulings(st.just(Outcome.BLOCKED)))
def test_a_guard_that_works_is_no_risk(seen: list[Ruling]) -> None:
    assert risk_of(seen, fitness=None) == 0.0


@given(rulings(), st.permutations(range(12)))
def test_risk_does_not_depend_on_the_order(seen: list[Ruling], order: list[int]) -> None:
    shuffled = [seen[i] for i in order if i < len(seen)]
    assert abs(risk_of(shuffled, fitness=0.5) - risk_of(seen, fitness=0.5)) < 1e-12


@given(st.text(max_size=400), st.integers(18, 300))
def test_a_short_name_is_one_line_within_its_limit(name: str, limit: int) -> None:
    made = short(name, limit)
    assert len(made) <= limit
    assert "\n" not in made
    assert short(made, limit) == made


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (short(one, 20) == short(other, 20)) == (one == other)
