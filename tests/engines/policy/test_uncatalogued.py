"""Runs whose tools nobody declared: only what needs no catalogue is charged, the rest is open."""

from __future__ import annotations

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.policy.identity import digest
from mythos.engines.policy.rulings import Rulings, no_sets
from mythos.engines.policy.uncatalogued import compile_uncatalogued, uncatalogued_rulings
from mythos.values.outcome import NO_CATALOGUE, Outcome
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import Story, forbid, permit, policy

BASELINE = baseline_policy_set()
OPEN, VIOLATED = Outcome.UNDECIDABLE, Outcome.VIOLATED


def judged(story: Story, *sets: PolicySet) -> Rulings:
    named = {digest(each): each for each in sets}
    engine = compile_uncatalogued(named)
    return uncatalogued_rulings(
        story.run, engine, sets_of=lambda _: [*named], shadows_of=lambda _: [*named]
    )


def outcomes(story: Story, *sets: PolicySet) -> list[Outcome]:
    return [each.outcome for each in judged(story, *sets).in_force]


def test_without_a_catalogue_nothing_is_a_pass() -> None:
    (ruling,) = judged(Story().user("Send it").call("send", {"to": "x"}), BASELINE).in_force
    assert (ruling.outcome, ruling.rule, ruling.tool) == (OPEN, NO_CATALOGUE, "send")


def test_a_loop_is_charged_without_a_catalogue() -> None:
    story = Story().user("Find it")
    for _ in range(11):
        story.call("find", {"q": "a"})
    assert outcomes(story, BASELINE) == [OPEN] * 10 + [VIOLATED]
    last = judged(story, BASELINE).in_force[-1]
    assert (last.rules, last.tool) == (("runaway-loop",), "find")


def test_calls_whose_arguments_were_not_captured_may_be_equal_or_not() -> None:
    story = Story()
    for _ in range(12):
        story.blind_call("find")
    assert set(outcomes(story, BASELINE)) == {OPEN}


def test_a_blown_budget_is_charged_even_if_no_content_was_captured() -> None:
    story = Story().answer(tokens_in=2_000_001).blind_call("find")
    assert outcomes(story, BASELINE) == [VIOLATED]


def test_rules_that_a_catalogue_could_answer_charge_nothing() -> None:
    after = "context.run.calls >= 0"
    sets = [
        policy("permits", permit("p", "", after)),
        policy("names-a-tool", forbid("f", "find", after)),
        policy("covers-one", forbid("f", "", after), covers={"tools": "shop/retail"}),
        policy("reads-effect", forbid("f", "", f"{after} && !context.tool.consequential")),
        policy("reads-trust", forbid("f", "", f"{after} && context.run.untrusted")),
    ]
    story = Story().call("look").call("find")
    assert outcomes(story, *sets) == [OPEN] * 10
    assert outcomes(story, policy("plain", forbid("f", "", after))) == [VIOLATED] * 2


def test_a_shadow_set_tells_only_what_it_would_deny() -> None:
    story = Story().call("find").answer(tokens_in=2_000_001).call("find", {"q": "a"})
    assert [each.outcome for each in judged(story, BASELINE).shadow] == [VIOLATED]


def test_without_policy_sets_there_is_nothing_to_say() -> None:
    engine = compile_uncatalogued({})
    told = uncatalogued_rulings(
        Story().call("find").run, engine, sets_of=no_sets, shadows_of=no_sets
    )
    assert told == Rulings()
