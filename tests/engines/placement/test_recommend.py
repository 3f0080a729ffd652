"""Laws of every recommendation, over small random fleets."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.belief import TEMPLATES as BELIEF_TEMPLATES
from mythos.engines.belief import Construct, render
from mythos.engines.placement import PlacementInput, recommend
from mythos.engines.placement.wording import TEMPLATES
from mythos.values.environment import eligible
from mythos.values.recommendation import Recommendation
from tests.engines.placement.fleets import (
    AGENTS,
    ENVIRONMENTS,
    FLOW,
    RULES,
    VAULT,
    questions,
    seen,
)

TOLERANCE = 1e-9
few = settings(max_examples=60)


def roles(found: Recommendation) -> list[dict[str, Any]]:
    slices: list[Any] = [each.assistant_role_distribution["roles"] for each in found.environments]
    return list(chain.from_iterable(slices))


def on_nodes(found: Recommendation) -> list[tuple[str, str, str, int, str]]:
    return [
        (role["agent"], here["environment"], node["node"], node["replicas"], here["mode"])
        for role in roles(found)
        for here in role["by_environment"]
        for node in here["by_node"]
    ]


def alignment(found: Recommendation) -> dict[str, float]:
    return {each.target_environment: each.symbolic_alignment_score for each in found.environments}


@few
@given(questions())
def test_placed_and_unplaced_sum_to_wanted(asked: PlacementInput) -> None:
    found = recommend(asked)
    wanted = {each.name: each.replicas for each in asked.agents}
    placed = dict.fromkeys(wanted, 0)
    for name, _, _, replicas, _ in on_nodes(found):
        placed[name] += replicas
    for role in roles(found):
        assert role["placed"] + role["unplaced"] == role["wanted"] == wanted[role["agent"]]
        assert role["placed"] == placed[role["agent"]]


@few
@given(questions())
def test_capacity_holds_on_every_node(asked: PlacementInput) -> None:
    taken: dict[str, int] = {}
    needs = {each.name: each.resources.cpu_m for each in asked.agents}
    for name, _, node, replicas, _ in on_nodes(recommend(asked)):
        taken[node] = taken.get(node, 0) + replicas * needs[name]
    capacity = {node.name: node.capacity.cpu_m for e in asked.environments for node in e.nodes}
    assert all(taken[node] <= capacity[node] for node in taken)


@few
@given(questions())
def test_every_placement_is_eligible_and_canaries_stay_few(asked: PlacementInput) -> None:
    found = recommend(asked)
    cells = {(c.agent, c.environment): c for e in found.environments for c in e.cells}
    environments = {each.name: each for each in asked.environments}
    replicas = {each.name: each.replicas for each in asked.agents}
    canaries: dict[str, int] = {}
    for name, where, _, count, mode in on_nodes(found):
        assert cells[name, where].verdict == {"certified": "yes", "canary": "canary"}[mode]
        assert not eligible(environments[where].labels, asked.labels)
        if mode == "canary":
            assert count == 1
            assert not environments[where].no_explore
            canaries[name] = canaries.get(name, 0) + count
    assert all(count <= max(1, replicas[name] // 20) for name, count in canaries.items())


@few
@given(questions(), st.data())
def test_shuffling_the_question_changes_no_byte(asked: PlacementInput, data: st.DataObject) -> None:
    environments = [
        each.model_copy(update={"nodes": tuple(data.draw(st.permutations(each.nodes)))})
        for each in asked.environments
    ]
    shuffled = replace(
        asked,
        agents=tuple(data.draw(st.permutations(asked.agents))),
        environments=tuple(data.draw(st.permutations(environments))),
        beliefs=tuple(data.draw(st.permutations(asked.beliefs))),
        arrivals=tuple(data.draw(st.permutations(asked.arrivals))),
    )
    assert recommend(asked).model_dump_json() == recommend(shuffled).model_dump_json()


@few
@given(
    questions(),
    st.sampled_from(ENVIRONMENTS),
    st.sampled_from(AGENTS),
    st.sampled_from([RULES, FLOW, VAULT]),
)
def test_one_more_run_now_moves_no_alignment_the_wrong_way(
    asked: PlacementInput, where: str, who: str, construct: Construct
) -> None:
    def with_run(kept: int, broken: int) -> dict[str, float]:
        run = seen(where, kept, broken, who=who, construct=construct, hours_ago=0)
        return alignment(recommend(replace(asked, beliefs=(*asked.beliefs, run))))

    before, clean, broken = alignment(recommend(asked)), with_run(1, 0), with_run(0, 1)
    assert all(clean[name] >= before[name] - TOLERANCE for name in before)
    assert all(broken[name] <= before[name] + TOLERANCE for name in before)


@few
@given(questions())
def test_scores_rank_the_environments_and_bound_each_other(asked: PlacementInput) -> None:
    found = recommend(asked)
    scores = [e.symbolic_alignment_score for e in found.environments]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= found.objective <= found.upper_bound + TOLERANCE
    for each in found.environments:
        assert each.lower <= each.symbolic_alignment_score + TOLERANCE
        assert (each.belief is None) == (each.coverage == 0)


@few
@given(questions())
def test_every_sentence_is_rendered_from_facts(asked: PlacementInput) -> None:
    for each in recommend(asked).environments:
        told = (*each.reasons, *each.counterfactuals)
        for reason in told:
            template = {**TEMPLATES, **BELIEF_TEMPLATES}[reason.code]
            known = {**reason.facts, "environment": reason.environment, "agent": reason.agent}
            assert render(template, known) == reason.text
        assert each.codex_coherence_recommendation == " ".join(reason.text for reason in told)
        assert {cell.reason for cell in each.cells} <= {reason.text for reason in told}


@few
@given(questions())
def test_the_clean_runs_that_are_named_do_certify(asked: PlacementInput) -> None:
    constructs = {each.name: each.constructs for each in asked.agents}
    for advice in recommend(asked).environments:
        for cell in advice.cells:
            if not cell.needed_runs:
                continue
            who, where = cell.agent, cell.environment
            runs = tuple(
                seen(where, cell.needed_runs, 0, who=who, construct=each, hours_ago=0)
                for each in constructs[who]
            )
            again = recommend(replace(asked, beliefs=(*asked.beliefs, *runs)))
            (after,) = (e for e in again.environments if e.target_environment == where)
            assert {c.agent: c.verdict for c in after.cells}[who] == "yes"
            return
