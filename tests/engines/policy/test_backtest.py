"""Back-test: two versions, one past; only what differs is told, and told from both sides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.backtest import Backtest, backtest
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import long_memory
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import Story, engine_of, forbid, permit, policy

FREE = policy("p", permit("all", "refund"))
CAPPED = policy(
    "p", permit("all", "refund") + forbid("cap", "refund", "context.input.amount_cents > 5")
)
ONCE = policy(
    "p",
    permit("first", "refund", "context.past.refunds < 1"),
    facts={"refunds": {"count": "refund", "scope": "agent", "within": "1d"}},
)
ASKED = policy(
    "p",
    permit("yes", "refund", "context.past.yes"),
    facts={"yes": {"once": "user.confirm", "since": "refund"}},
)
VERSIONS = (FREE, CAPPED, ONCE, ASKED)


def compared(story: Story, was: PolicySet, now: PolicySet) -> Backtest:
    sets = [digest(was)], [digest(now)]
    return backtest(story.run, engine_of(*VERSIONS), was=sets[0], now=sets[1])


def stories() -> st.SearchStrategy[Story]:
    steps = st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["yes", "no", None])), max_size=8)
    return steps.map(_story)


def _story(steps: list[int | str | None]) -> Story:
    story = Story().user("hello")
    for step in steps:
        if step is None:
            story.blind_call("refund")
        elif isinstance(step, str):
            story.user(step)
        else:
            story.call("refund", {"amount_cents": step})
    return story


@given(stories(), st.sampled_from(VERSIONS))
def test_a_version_against_itself_changes_nothing(story: Story, version: PolicySet) -> None:
    assert compared(story, version, version).changed == ()


@given(stories(), st.sampled_from(VERSIONS), st.sampled_from(VERSIONS))
def test_the_other_way_round_tells_the_same_calls_turned(
    story: Story, one: PolicySet, other: PolicySet
) -> None:
    there, back = compared(story, one, other), compared(story, other, one)
    assert there.n_calls == back.n_calls
    assert [(c.was, c.now) for c in there.changed] == [(c.now, c.was) for c in back.changed]
    turned = {"now_blocked": "now_allowed", "now_allowed": "now_blocked", "other": "other"}
    assert [turned[c.turn] for c in there.changed] == [c.turn for c in back.changed]


def test_a_call_is_told_with_its_rules_on_both_sides() -> None:
    story = (
        Story().user("hi").call("refund", {"amount_cents": 3}).call("refund", {"amount_cents": 9})
    )
    done = compared(story, FREE, CAPPED)
    [changed] = done.changed
    assert (done.n_calls, changed.turn) == (2, "now_blocked")
    assert (changed.was.rules, changed.now.rules) == (("all",), ("cap",))
    assert changed.occasion.arguments == {"amount_cents": 9}


def test_what_nobody_captured_is_neither_blocked_nor_allowed() -> None:
    story = Story().user("hi").blind_call("refund")
    assert compared(story, FREE, CAPPED).changed == ()  # open for both
    silent = Story().call("refund", {"amount_cents": 1})
    [changed] = compared(silent, FREE, ASKED).changed
    assert (changed.was.word, changed.now.word, changed.turn) == ("allow", "undecidable", "other")


def test_facts_of_an_agent_reach_from_one_run_to_the_next() -> None:
    engine = engine_of(FREE, ONCE)
    past = long_memory(engine)
    sides = {"was": [digest(FREE)], "now": [digest(ONCE)]}
    first = Story().user("hi").call("refund", {"amount_cents": 1})
    later = Story(now_s=500).user("hi").call("refund", {"amount_cents": 2})
    assert backtest(first.run, engine, **sides, past=past).changed == ()
    [changed] = backtest(later.run, engine, **sides, past=past).changed
    assert changed.turn == "now_blocked"
