"""Certification, its counterfactuals and its sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.belief import (
    TEMPLATES,
    Construct,
    Memory,
    Prior,
    admitting_tau,
    certify,
    forbid,
    is_certified,
    needed_clean_runs,
    posterior,
    reason,
    render,
    why,
)
from mythos.errors import PlacementError
from mythos.values.recommendation import Posterior

RULES = Construct("sha256:rules", "policy", "refund-rules")
FRESH = Prior(a=32 / 13, b=8 / 13, peer_runs=0)


def believed(
    kept: int, broken: int, *, prior: Prior = FRESH, construct: Construct = RULES
) -> Posterior:
    memory = Memory(kept=kept, broken=broken, own_runs=kept + broken, n_kept=kept, n_broken=broken)
    return posterior(construct, memory=memory, prior=prior, tau=0.9)


beliefs = st.builds(
    believed,
    st.integers(0, 60),
    st.integers(0, 20),
    construct=st.builds(
        Construct, st.just("sha256:x"), st.just("policy"), st.just("x"), st.booleans()
    ),
)


# Least n with P(Beta(a + n, b) >= tau) >= 1 - alpha; checked by an independent computation.
@pytest.mark.parametrize(
    ("a", "b", "tau", "needed"),
    [
        (1.6, 0.4, 0.90, (5, 10, 15)),
        (6.4, 1.6, 0.90, (17, 25, 33)),
        (7.6, 0.4, 0.90, (0, 4, 9)),
        (1.6, 0.4, 0.95, (12, 21, 32)),
        (6.4, 1.6, 0.95, (42, 58, 73)),
        (7.6, 0.4, 0.95, (6, 15, 26)),
        (1.6, 0.4, 0.99, (63, 112, 165)),
        (6.4, 1.6, 0.99, (238, 320, 400)),
        (7.6, 0.4, 0.99, (57, 106, 159)),
    ],
)
def test_the_clean_runs_that_admit_are_those_of_the_closed_form(
    a: float, b: float, tau: float, needed: tuple[int, int, int]
) -> None:
    seen = Memory(own_runs=5)
    each = posterior(RULES, memory=seen, prior=Prior(a, b, 0), tau=tau)
    found = tuple(needed_clean_runs([each], tau=tau, alpha=alpha) for alpha in (0.2, 0.1, 0.05))
    assert found == needed


@given(st.lists(beliefs, min_size=1, max_size=3))
def test_the_clean_runs_that_are_needed_certify_and_one_less_does_not(
    each: list[Posterior],
) -> None:
    needed = needed_clean_runs(each, alpha=0.2)
    assert needed is not None
    assert is_certified(each, tau=0.9, alpha=0.2, more_clean=needed)
    assert not needed or not is_certified(each, tau=0.9, alpha=0.2, more_clean=needed - 1)


@given(st.lists(beliefs, max_size=3))
def test_an_agent_is_certified_exactly_when_no_more_runs_are_needed(each: list[Posterior]) -> None:
    cell = certify("refunds", "cloud-eu", each)
    assert (cell.verdict == "yes") == (cell.needed_runs == 0)


def test_given_many_clean_runs_then_yes_with_the_counts() -> None:
    cell = certify("refunds", "cloud-eu", [believed(40, 0)])
    assert cell.verdict == "yes"
    assert cell.reason == (
        "In cloud-eu the refunds agent upheld refund-rules in 40 of 40 runs: "
        "P(upholds >= 0.90) > 0.99, so it may run there."
    )


def test_given_many_broken_runs_then_no_with_the_counts() -> None:
    cell = certify("refunds", "cloud-us", [believed(30, 14)])
    assert cell.verdict == "no"
    assert cell.reason == (
        "In cloud-us the refunds agent broke refund-rules in 14 of 44 runs: "
        "P(upholds >= 0.90) < 0.01, so it may not run there."
    )


def test_a_workflow_is_followed_or_strayed_from() -> None:
    flow = Construct("sha256:flow", "workflow", "refund-flow")
    assert "followed refund-flow in 40 of 40 runs: P(follows" in (
        certify("refunds", "x", [believed(40, 0, construct=flow)]).reason
    )
    assert "strayed from refund-flow in 30 of 40 runs" in (
        certify("refunds", "x", [believed(10, 30, construct=flow)]).reason
    )


def test_given_no_runs_then_canary_and_nothing_is_claimed() -> None:
    cell = certify("refunds", "cloud-eu", [believed(0, 0)])
    assert cell.verdict == "canary"
    assert "has no runs against refund-rules in cloud-eu yet" in cell.reason


def test_pooled_evidence_alone_earns_a_canary() -> None:
    cell = certify("refunds", "cloud-eu", [believed(4, 0, prior=Prior(7.8, 0.2, 40))])
    assert cell.verdict == "canary"
    assert "4 of its own runs count there and 5 are needed" in cell.reason
    assert cell.needed_runs == 1


def test_an_environment_without_canaries_turns_them_into_no() -> None:
    cell = certify("refunds", "vault", [believed(0, 0)], no_explore=True)
    assert cell.verdict == "no"
    assert "canaries are switched off" in cell.reason


def test_a_critical_construct_asks_for_less_doubt() -> None:
    critical = Construct("sha256:rules", "policy", "refund-rules", critical=True)
    ordinary = certify("refunds", "x", [believed(9, 0)])
    strict = certify("refunds", "x", [believed(9, 0, construct=critical)])
    assert (ordinary.verdict, strict.verdict) == ("yes", "canary")
    assert "above the allowed 0.05" in strict.reason


def test_an_agent_without_constructs_is_never_certified() -> None:
    cell = certify("helper", "cloud-eu", [])
    assert (cell.verdict, cell.needed_runs) == ("canary", None)
    assert "names no policy set and no workflow" in cell.reason


def test_hopeless_evidence_needs_more_runs_than_are_worth_naming() -> None:
    assert needed_clean_runs([believed(0, 5_000)]) is None


def test_the_lower_tau_that_would_admit_is_named_in_hundredths() -> None:
    each = [believed(17, 2)]
    tau = admitting_tau(each)
    assert tau is not None
    assert tau < 0.9
    assert is_certified(each, tau=tau, alpha=0.2)
    assert not is_certified(each, tau=tau + 0.01, alpha=0.2)


def test_no_tau_admits_an_agent_that_was_never_seen() -> None:
    assert admitting_tau([believed(0, 0)]) is None


def test_labels_that_are_missing_forbid_with_the_values_wanted() -> None:
    cell = forbid("refunds", "us-1", missing_labels={"region": "eu", "iso": "yes"})
    assert (cell.verdict, cell.q, cell.missing_labels) == ("forbidden", 0.0, ("iso", "region"))
    assert (
        cell.reason == "us-1 lacks iso=yes and region=eu, so the refunds agent may not run there."
    )


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_outside_zero_and_one_is_refused(share: float) -> None:
    with pytest.raises(PlacementError, match="tau"):
        certify("refunds", "x", [believed(1, 0)], tau=share)
    with pytest.raises(PlacementError, match="alpha"):
        certify("refunds", "x", [believed(1, 0)], alpha=share)


@given(st.lists(beliefs, min_size=1, max_size=3), st.booleans())
def test_every_sentence_is_rendered_from_its_facts(each: list[Posterior], no_explore: bool) -> None:
    cell = certify("refunds", "x", each, alpha=0.2, no_explore=no_explore)
    told = why(
        "refunds", "x", each, verdict=cell.verdict, tau=0.9, alpha=0.2, no_explore=no_explore
    )
    again = render(TEMPLATES[told.code], {**told.facts, "environment": "x", "agent": "refunds"})
    assert cell.reason == told.text == again


def test_a_probability_near_its_end_is_not_rounded_to_certainty() -> None:
    facts = {"labels": ["a"], "p": 0.999}
    assert render("{p:p}", facts) == "> 0.99"
    assert render("{p:p}", {"p": 0.001}) == "< 0.01"
    assert reason("LABEL_MISSING", environment="e", agent="a", facts={"labels": ["k=v"]}).text
