"""Steps that happened at the same time, and clocks that disagree."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.judge.judgement import Conformance, conformance_of
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.telemetry.otlp import decode_protobuf
from mythos.engines.telemetry.runs import assemble
from mythos.values.event import Span
from mythos.values.workflow import workflow_of
from tests.engines.conformance.strategies import Tree, act, acts, block
from tests.engines.telemetry.making import Loose, agent, call, sid


def book(steps: Tree, *, skew_ms: int = 0) -> Rulebook:
    document: Loose = {"schema": "mythos.ritual/1", "name": "w", "steps": steps}
    document["order"] = {"skew_ms": skew_ms}
    return make_rulebook([], [], [workflow_of(document, source="w")])


def followed(rulebook: Rulebook, *spans: Span) -> Conformance:
    (run,) = assemble([agent(1, at_s=0, for_s=60), *spans])
    found = conformance_of(run, rulebook)
    assert found is not None
    return found


def at(number: int, tool: str, start_s: float, end_s: float, *, parent: int = 1) -> Span:
    return call(number, parent, tool, at_s=start_s, for_s=end_s - start_s)


ABC = book(block("seq", *acts("abc")))


def test_steps_that_overlap_have_no_order() -> None:
    found = followed(ABC, at(2, "b", 1, 5), at(3, "a", 2, 4), at(4, "c", 5, 6))
    assert (found.alignment.cost, found.labels) == (0, ("a", "b", "c"))
    assert [one.event.tool for one in found.steps] == ["a", "b", "c"]
    assert found.loose == (True, True, False)


def test_steps_one_after_another_keep_their_order() -> None:
    found = followed(ABC, at(2, "b", 1, 2), at(3, "a", 2, 3), at(4, "c", 3, 4))
    assert (found.alignment.cost, found.labels) == (2, ("b", "a", "c"))


def test_a_long_step_leaves_the_order_of_those_beside_it() -> None:
    later = (at(3, "c", 2, 3), at(4, "b", 4, 5))
    assert followed(ABC, at(2, "a", 1, 9), *later).alignment.cost == 2
    assert followed(ABC, at(2, "b", 1, 9), at(3, "a", 2, 3), at(4, "c", 4, 5)).alignment.cost == 0


def test_starts_within_the_skew_have_no_order_and_those_beyond_it_have() -> None:
    spans = (at(2, "b", 1, 1.001), at(3, "a", 1.004, 1.005), at(4, "c", 3, 4))
    costs = {
        skew: followed(book(block("seq", *acts("abc")), skew_ms=skew), *spans).alignment.cost
        for skew in (0, 3, 4, 10)
    }
    assert costs == {0: 2, 3: 2, 4: 0, 10: 0}


def test_a_step_comes_before_those_inside_it_whatever_the_clocks_say() -> None:
    nested = book(block("seq", act("expert"), act("a"), act("b")))
    for shift_s in (-8, 0, 3):
        spans = (
            agent(2, 1, "expert", at_s=5, for_s=2),
            *(at(3, "a", 5 + shift_s, 5.5 + shift_s, parent=2),),
            *(at(4, "b", 6 + shift_s, 6.5 + shift_s, parent=2),),
        )
        assert followed(nested, *spans).labels == ("expert", "a", "b")
        assert followed(nested, *spans).alignment.cost == 0
        assert followed(book(block("seq", *acts("ba"))), *spans).labels == ("expert", "a", "b")


def test_spans_whose_parents_are_each_other_are_steps_all_the_same() -> None:
    looped = [at(2, "a", 1, 2, parent=3), at(3, "b", 3, 4, parent=2), agent(4, 1, "expert", at_s=5)]
    runs = assemble([agent(1, at_s=0, for_s=60), *looped])
    assert [found.labels for run in runs if (found := conformance_of(run, ABC))]


@pytest.mark.parametrize(
    ("recorded", "labels", "loose"),
    [
        ("pydantic_ai_01_scripted", ("lookup_order", "cancel_order"), False),
        ("pydantic_ai_02_parallel_calls", ("cancel_order", "lookup_order"), True),
        ("oa_run", ("support_agent", "lookup_order"), False),
    ],
)
def test_calls_that_a_framework_made_at_once_are_known_as_such(
    shared: Path, recorded: str, labels: tuple[str, ...], loose: bool
) -> None:
    body = (shared / f"data/agents/otlp-fixtures/{recorded}.pb").read_bytes()
    (run,) = assemble(decode_protobuf(body))
    found = conformance_of(run, ABC)
    assert found is not None
    assert (found.labels, found.loose) == (labels, (loose, loose))


def test_the_best_order_decides_which_workflow_a_run_follows() -> None:
    both = make_rulebook(
        *([], []),
        [
            workflow_of({"schema": "mythos.ritual/1", "name": n, "steps": s}, source=n)
            for n, s in (("first", act("a")), ("second", block("seq", *acts("ab"))))
        ],
    )
    found = followed(both, at(2, "b", 1, 5), at(3, "a", 2, 4))
    assert (found.workflow.document.name, found.alignment.cost) == ("second", 0)


def test_a_crowd_is_ordered_without_looking_at_every_pair() -> None:
    crowd = [at(2 + i, "ab"[i % 2], 1, 5) for i in range(400)]
    found = followed(book({"loop": {"do": block("xor", *acts("ab"))}}), *crowd)
    assert (found.alignment.cost, found.alignment.exact, len(found.labels)) == (0, True, 400)


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Up to six calls, and agents that make some of them, at times that often collide."""
    made: list[Span] = []
    for number in range(2, draw(st.integers(2, 7)) + 1):
        start, length = draw(st.integers(0, 8)), draw(st.integers(0, 4))
        parent = draw(st.sampled_from([1, *range(2, number)]))
        if draw(st.integers(0, 3)):
            tool = draw(st.sampled_from("abcx"))
            made.append(at(number, tool, start, start + length, parent=parent))
        else:
            made.append(agent(number, parent, "expert", at_s=start, for_s=length))
    return made


WORKFLOW = book(
    block(
        "seq", act("a"), {"opt": act("expert")}, block("xor", act("b"), {"loop": {"do": act("c")}})
    )
)


@given(spans(), st.randoms(use_true_random=False))
def test_shuffled_and_repeated_spans_change_nothing(drawn: list[Span], random: Random) -> None:
    shuffled = [*drawn, *drawn[::2]]
    random.shuffle(shuffled)
    assert followed(WORKFLOW, *shuffled) == followed(WORKFLOW, *drawn)


@given(st.lists(st.sampled_from("abcx"), min_size=2, max_size=4), st.integers(0, 3))
def test_concurrent_siblings_that_change_places_change_nothing(tools: list[str], late: int) -> None:
    """Whatever the times and ids they were given: they overlap all the same."""
    answers = set()
    for order in permutations(tools):
        crowd = [at(2 + i, tool, 1 + i / 8, 3 + i / 8) for i, tool in enumerate(order)]
        after = at(9, "abcx"[late], 20, 21)
        found = followed(WORKFLOW, *crowd, after)
        answers.add((found.labels, found.alignment))
    assert len(answers) == 1


@given(spans())
def test_ids_of_spans_decide_nothing(drawn: list[Span]) -> None:
    def renamed(span: Span) -> Span:
        parent = span.parent_id if span.parent_id == sid(1) else flipped(span.parent_id)
        return replace(span, span_id=flipped(span.span_id), parent_id=parent)

    one, other = followed(WORKFLOW, *drawn), followed(WORKFLOW, *map(renamed, drawn))
    assert (one.labels, one.alignment) == (other.labels, other.alignment)


def flipped(span_id: str) -> str:
    return sid(1_000 - int(span_id, 16))


@pytest.mark.parametrize("late", [False, True])
def test_a_call_that_is_tried_beside_another_has_no_order_with_it(late: bool) -> None:
    tried = [
        replace(span, attributes={**span.attributes, "gen_ai.tool.call.id": "c1"})
        for span in (at(2, "b", 1, 2), at(4, "b", 6, 7))
    ]
    beside = at(3, "a", 8, 9) if late else at(3, "a", 3, 4)
    found = followed(ABC, *tried, beside, at(5, "c", 10, 11))
    assert (found.labels, found.alignment.cost) == (
        (("b", "a", "c"), 2) if late else (("a", "b", "c"), 0)
    )
