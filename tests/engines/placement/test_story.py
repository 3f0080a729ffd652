"""The story told to the operator: which environment, why, and what would change the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mythos.engines.belief import BeliefCell
from mythos.engines.placement import Exclusion, recommend
from mythos.values.environment import FleetEnvironment
from mythos.values.recommendation import EnvironmentAdvice, Recommendation
from tests.engines.placement.fleets import FLOW, RULES, agent, environment, question, seen

EU = environment("cloud-eu", labels={"kind": "cloud"})
US = environment("cloud-us", labels={"kind": "cloud"})
REFUNDS = agent(replicas=2, constructs=(RULES, FLOW))


def evidence(good: str, bad: str) -> tuple[BeliefCell, ...]:
    return (
        seen(good, 60, 0),
        seen(good, 58, 2, construct=FLOW),
        seen(bad, 30, 14),
        seen(bad, 44, 0, construct=FLOW),
    )


def codes(advice: EnvironmentAdvice) -> list[str]:
    return [each.code for each in (*advice.reasons, *advice.counterfactuals)]


def only(found: Recommendation) -> EnvironmentAdvice:
    (advice,) = found.environments
    return advice


@pytest.mark.parametrize(("good", "bad"), [("cloud-eu", "cloud-us"), ("cloud-us", "cloud-eu")])
def test_given_two_environments_that_differ_in_evidence_alone_then_the_better_one_is_first(
    good: str, bad: str
) -> None:
    found = recommend(question((REFUNDS,), (EU, US), *evidence(good, bad)))
    first, second = found.environments
    assert (found.verdict, found.status, found.gap) == ("deploy", "optimal", 0.0)
    assert (first.target_environment, first.verdict, first.coverage) == (good, "yes", 1.0)
    assert (second.target_environment, second.verdict, second.coverage) == (bad, "no", 0.0)
    assert f"Place 2 replicas of refunds in {good}" in first.codex_coherence_recommendation
    assert (
        f"In {bad} the refunds agent broke refund-rules in 14 of 44 runs: P(upholds >= 0.90) "
        "< 0.01, so it may not run there."
    ) in second.codex_coherence_recommendation
    assert f"more clean runs of refunds on {bad} would make it yes." in (
        second.codex_coherence_recommendation
    )


def test_given_no_evidence_at_all_then_one_canary_with_a_wide_interval() -> None:
    found = recommend(question((REFUNDS,), (EU, US)))
    assert found.verdict == "canary"
    assert sum(each.coverage for each in found.environments) == 0.5
    for advice in found.environments:
        assert advice.verdict == "canary"
        assert all(each.high - each.low > 0.5 for each in advice.cells[0].posteriors)


def test_given_no_environment_then_hold() -> None:
    found = recommend(question((REFUNDS,), ()))
    assert (found.verdict, found.environments) == ("hold", ())


def test_given_environments_without_nodes_then_hold_and_it_says_so() -> None:
    empty = FleetEnvironment(name="cloud-eu")
    found = recommend(question((REFUNDS,), (empty,)))
    assert found.verdict == "hold"
    assert "cloud-eu has no node yet" in only(found).codex_coherence_recommendation


def test_given_a_label_no_environment_carries_then_infeasible_and_the_label_is_named() -> None:
    found = recommend(question((REFUNDS,), (EU,), labels={"region": "eu"}))
    assert (found.verdict, found.status) == ("infeasible", "infeasible")
    assert only(found).verdict == "forbidden"
    assert only(found).symbolic_alignment_score == 0.0
    assert "cloud-eu lacks region=eu" in only(found).codex_coherence_recommendation
    assert "LABEL" in codes(only(found))


def test_a_note_label_is_description_and_keeps_nobody_out() -> None:
    found = recommend(question((REFUNDS,), (EU,), labels={"note.owner": "payments"}))
    assert only(found).verdict == "canary"


def test_contradicting_policy_sets_forbid_everywhere_and_cite_the_suggested_change() -> None:
    shut = Exclusion("refunds", ("let refund-rules permit what refund-flow asks for.",))
    found = recommend(
        question((REFUNDS,), (EU, US), *evidence("cloud-eu", "cloud-us"), exclusions=(shut,))
    )
    assert found.verdict == "infeasible"
    for advice in found.environments:
        assert "contradict each other" in advice.codex_coherence_recommendation
        assert (
            "For refunds: let refund-rules permit what refund-flow asks for."
            in advice.codex_coherence_recommendation
        )


def test_given_bad_evidence_everywhere_then_hold() -> None:
    found = recommend(question((REFUNDS,), (EU,), seen("cloud-eu", 5, 60)))
    assert found.verdict == "hold"
    assert "LOWER_TAU" not in codes(only(found))


def test_given_too_little_room_then_infeasible_with_what_is_missing() -> None:
    small = environment("cloud-eu", 1_000)
    wanted = agent(replicas=3, cpu_m=500)
    found = recommend(question((wanted,), (small,), seen("cloud-eu", 60, 0)))
    assert found.verdict == "infeasible"
    assert only(found).coverage == pytest.approx(2 / 3)
    assert "1 replica of 3 stay unplaced" in only(found).codex_coherence_recommendation
    assert "Room for 1 replica more of refunds on cloud-eu (500 mCPU" in (
        only(found).codex_coherence_recommendation
    )


def test_a_node_without_capacity_is_kept_and_explained() -> None:
    found = recommend(
        question((REFUNDS,), (environment("cloud-eu", 4_000, 0),), *evidence("cloud-eu", "x"))
    )
    assert found.verdict == "deploy"
    assert "cloud-eu-1 offers no capacity" in only(found).codex_coherence_recommendation


def test_capacity_does_not_enter_the_alignment_score() -> None:
    roomy = recommend(question((REFUNDS,), (EU,), *evidence("cloud-eu", "x")))
    full = recommend(
        question(
            (REFUNDS,),
            (environment("cloud-eu", 0, labels={"kind": "cloud"}),),
            *evidence("cloud-eu", "x"),
        )
    )
    assert only(full).symbolic_alignment_score == only(roomy).symbolic_alignment_score
    assert (only(full).coverage, only(full).belief) == (0.0, None)


def test_one_agent_certified_and_one_unseen_make_the_environment_a_canary() -> None:
    found = recommend(question((agent(), agent("billing")), (EU,), seen("cloud-eu", 60, 0)))
    assert found.verdict == "canary"
    assert [cell.verdict for cell in only(found).cells] == ["canary", "yes"]
    assert only(found).verdict == "canary"


def test_a_large_fleet_affords_canaries_beside_its_certified_replicas() -> None:
    wanted = agent(replicas=40)
    found = recommend(question((wanted,), (EU, US), seen("cloud-eu", 200, 2)))
    shares = {each.target_environment: each.coverage for each in found.environments}
    assert (found.verdict, shares) == ("deploy", {"cloud-eu": 39 / 40, "cloud-us": 1 / 40})


def test_an_air_gapped_environment_says_how_old_its_evidence_may_be() -> None:
    site = EU.model_copy(update={"air_gapped": True})
    found = recommend(question((REFUNDS,), (site,), *evidence("cloud-eu", "x")))
    assert "reports by file every 604800 s" in only(found).codex_coherence_recommendation


def test_the_seed_is_part_of_the_digest_and_of_every_slice() -> None:
    asked = question((REFUNDS,), (EU,))
    zero, one = recommend(asked), recommend(replace(asked, seed=1))
    assert zero.inputs_digest != one.inputs_digest
    assert only(one).assistant_role_distribution["seed"] == 1
    assert only(one).ritual_density_projection["inputs_digest"] == one.inputs_digest
