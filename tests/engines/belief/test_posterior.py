"""Posteriors pool over labels, and obey clean and broken runs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.belief import (
    BeliefCell,
    BeliefKey,
    Construct,
    HourCount,
    Memory,
    Pool,
    Subject,
    merge,
    posteriors,
)

HOUR = 3_600
NOW = 6 * HOUR
RULES = Construct("sha256:rules", "policy", "refund-rules")
SUBJECT = Subject("refunds", "v2", (RULES,))
LABELS = {
    "a": {"region": "eu", "kind": "cloud"},
    "b": {"region": "eu", "kind": "edge"},
    "c": {"region": "us", "kind": "cloud"},
    "d": {},
}
TOLERANCE = 1e-9


def cell(environment: str, *hours: HourCount) -> BeliefCell:
    return BeliefCell(BeliefKey(environment, "refunds", RULES.digest), hours)


hour_counts = st.builds(
    HourCount,
    start_s=st.integers(0, 6).map(lambda hour: hour * HOUR),
    kept=st.integers(0, 30),
    broken=st.integers(0, 30),
    agent_digest=st.sampled_from(["v1", "v2"]),
)
cells = st.builds(
    lambda environment, hours: cell(environment, *hours),
    st.sampled_from(sorted(LABELS)),
    st.lists(hour_counts, max_size=6),
)
evidence = st.lists(cells, max_size=6)


def believed(
    cells: list[BeliefCell], labels: Mapping[str, dict[str, str]] = LABELS
) -> dict[str, float]:
    found = posteriors(SUBJECT, cells=cells, labels=labels, as_of_s=NOW, tau=0.9)
    return {name: each[0].p_uphold for name, each in found.items()}


def test_given_no_evidence_then_every_environment_is_believed_alike_and_widely() -> None:
    found = posteriors(SUBJECT, cells=[], labels=LABELS, as_of_s=NOW, tau=0.9)
    (a,) = found["a"]
    (d,) = found["d"]
    assert (a.a, a.b) == pytest.approx((32 / 13, 8 / 13))
    assert (a.a, a.b) == (d.a, d.b)
    assert a.mean == pytest.approx(0.8)
    assert a.low < 0.5
    assert a.high > 0.95


@given(evidence, st.data())
def test_merging_evidence_in_any_grouping_gives_equal_posteriors(
    cells: list[BeliefCell], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(cells))
    cut = data.draw(st.integers(0, len(cells)))
    grouped = [*merge(shuffled[:cut]), *merge(shuffled[cut:])]
    assert believed(cells) == believed(grouped)


@given(evidence, st.sampled_from(sorted(LABELS)), st.sampled_from(["v1", "v2"]))
def test_one_more_clean_run_now_never_lowers_any_belief(
    cells: list[BeliefCell], environment: str, version: str
) -> None:
    before = believed(cells)
    after = believed([*cells, cell(environment, HourCount(NOW, 1, 0, version))])
    assert all(after[name] >= before[name] - TOLERANCE for name in LABELS)


@given(evidence, st.sampled_from(sorted(LABELS)), st.sampled_from(["v1", "v2"]))
def test_one_more_broken_run_now_never_raises_any_belief(
    cells: list[BeliefCell], environment: str, version: str
) -> None:
    before = believed(cells)
    after = believed([*cells, cell(environment, HourCount(NOW, 0, 1, version))])
    assert all(after[name] <= before[name] + TOLERANCE for name in LABELS)


@given(evidence)
def test_the_prior_never_weighs_more_than_eight_runs(cells: list[BeliefCell]) -> None:
    found = posteriors(SUBJECT, cells=cells, labels=LABELS, as_of_s=NOW, tau=0.9)
    unseen = set(LABELS) - {each.key.environment for each in cells}
    assert all(found[name][0].a + found[name][0].b <= 8 for name in unseen)


@given(evidence)
def test_the_interval_lies_around_the_mean(cells: list[BeliefCell]) -> None:
    found = posteriors(SUBJECT, cells=cells, labels=LABELS, as_of_s=NOW, tau=0.9)
    for (each,) in found.values():
        assert 0 <= each.low <= each.high <= 1
        assert 0 < each.mean < 1


def test_peers_of_a_label_raise_an_unseen_environment_more_than_strangers_do() -> None:
    after = believed([cell("b", HourCount(NOW, 50, 0, "v2"))])
    nothing = believed([])
    assert after["a"] > after["d"] > nothing["d"]


def test_a_busy_environment_lends_no_more_than_twenty_runs() -> None:
    labels = {"a": {"region": "eu"}, "b": {"region": "eu"}}
    twenty = Pool.of(labels, {"b": Memory(kept=20)}).prior("a")
    many = Pool.of(labels, {"b": Memory(kept=20_000)}).prior("a")
    assert (many.a, many.b) == pytest.approx((twenty.a, twenty.b))


def test_own_runs_do_not_enter_the_own_prior() -> None:
    labels = {"a": {"region": "eu"}, "b": {"region": "eu"}}
    alone = Pool.of(labels, {}).prior("a")
    seen = Pool.of(labels, {"a": Memory(kept=9, broken=3)}).prior("a")
    assert (seen.a, seen.b) == (alone.a, alone.b)


def test_labels_under_note_do_not_pool() -> None:
    noted = {"a": {"note.owner": "x"}, "b": {"note.owner": "x"}}
    bare: dict[str, dict[str, str]] = {"a": {}, "b": {}}
    cells = [cell("b", HourCount(NOW, 50, 0, "v2"))]
    assert believed(cells, noted)["a"] == believed(cells, bare)["a"]


def test_evidence_of_other_agents_and_environments_is_left_out() -> None:
    hours = (HourCount(NOW, 0, 50, "v2"),)
    strangers = [
        BeliefCell(BeliefKey("a", "billing", RULES.digest), hours),
        BeliefCell(BeliefKey("a", "refunds", "sha256:others"), hours),
        BeliefCell(BeliefKey("retired", "refunds", RULES.digest), hours),
    ]
    assert believed(strangers) == believed([])


def test_an_hour_that_becomes_a_surprise_never_raises_the_belief() -> None:
    def p_uphold(n_broken: int) -> float:
        hours = (HourCount(0, 300, 300, "v2"), HourCount(NOW, 20, n_broken, "v2"))
        found = posteriors(
            SUBJECT, cells=[cell("a", *hours)], labels={"a": {}}, as_of_s=NOW, tau=0.55
        )
        return found["a"][0].p_uphold

    falling = [p_uphold(n_broken) for n_broken in range(60)]
    assert falling == sorted(falling, reverse=True)
