"""Replay: the decision point's answer for each action of a run that is over."""

from __future__ import annotations

from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import Answer, answer_of, replay
from mythos.engines.policy.request import Decision, Standing, Verdict
from mythos.values.outcome import Outcome
from tests.engines.policy.scenes import Story, engine_of, forbid, permit, policy

CONFIRMED = policy(
    "p",
    permit("look", "get_order") + permit("cancel", "cancel_order", "context.past.confirmed"),
    facts={"confirmed": {"once": "user.confirm", "since": "cancel_order"}},
)
CAP = policy("caps", forbid("cap", "refund", "context.input.amount_cents > 5", '@explain("No.")'))
STORY = (
    Story()
    .user("cancel W1")
    .call("cancel_order", {"order_id": "W1"})
    .user("yes")
    .call("cancel_order", {"order_id": "W1"})
    .blind_call("get_order")
    .call("refund", {"amount_cents": 9})
    .call("launch")
)


def answers(story: Story) -> list[Answer]:
    engine = engine_of(CONFIRMED, CAP)
    in_force = [digest(CONFIRMED), digest(CAP)]
    return [each.answer for each in replay(story.run, engine, in_force=in_force)]


def test_an_action_is_decided_by_what_happened_before_it() -> None:
    before, after, *_ = answers(STORY)
    assert (before.word, before.rules, before.missing) == ("deny", ("default",), ("confirmed",))
    assert (after.word, "cancel" in after.rules) == ("allow", True)


def test_what_cannot_be_told_is_undecidable_and_what_is_undeclared_denied() -> None:
    *_, blind, refund, launch = answers(STORY)
    assert (blind.word, blind.why) == ("undecidable", "the arguments of the call were not captured")
    assert (refund.word, refund.rules[0], "No." in refund.why) == ("deny", "cap", True)
    assert (launch.word, set(launch.rules)) == ("deny", {"undeclared_tool"})


def test_the_answers_are_those_of_the_judge() -> None:
    judged: dict[str, set[Outcome]] = {}
    for ruling in STORY.judged(CONFIRMED, CAP).in_force:
        judged.setdefault(ruling.span_id, set()).add(ruling.outcome)
    words = {
        span: "deny"
        if Outcome.VIOLATED in outcomes
        else "undecidable"
        if Outcome.UNDECIDABLE in outcomes
        else "allow"
        for span, outcomes in judged.items()
    }
    in_force = [digest(CONFIRMED), digest(CAP)]
    replayed = replay(STORY.run, engine_of(CONFIRMED, CAP), in_force=in_force)
    assert {each.occasion.event.span_id: each.answer.word for each in replayed} == words


def test_nothing_in_force_governs_nothing() -> None:
    [one] = replay(Story().call("get_order").run, engine_of(CONFIRMED), in_force=[])
    assert (one.answer.word, one.answer.governed) == ("allow", False)


def test_a_denial_outweighs_what_is_open() -> None:
    verdicts = (
        Verdict("a", "sha256:a", Standing.OPEN, "default", why="not captured"),
        Verdict("b", "sha256:b", Standing.CHARGED, "cap", missing=("x",), why="too much"),
        Verdict("c", "sha256:c", Standing.CHARGED, "cap", missing=("x",), why="too much"),
    )
    answer = answer_of(Decision(allowed=False, governed=True, verdicts=verdicts))
    assert answer == Answer("deny", ("cap", "cap"), ("b", "c"), ("x",), "too much")
