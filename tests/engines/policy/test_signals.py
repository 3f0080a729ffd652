"""What a run shows around a call, as a sweep tells it and as rules read it."""

from __future__ import annotations

import pytest

from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.course import Course
from mythos.engines.policy.identity import digest
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.signals import Signals, signal_parts, uncertain
from mythos.values.event import Json
from mythos.values.outcome import Outcome
from tests.engines.policy.scenes import RETAIL, Story, forbid, policy

LINK = "evil.example/x"
QUIET = Signals(deletion=False, elsewhere=False, referred=False, links={}, course=Course())


def last(story: Story) -> Signals:
    found = occasions_of(story.run, compile_policies([], RETAIL)).found
    return found[-1].signals


def note(text: str) -> dict[str, Json]:
    return {"amount_cents": 5, "note": text}


def test_what_the_user_spoke_of_is_heard() -> None:
    assert last(Story().user("Cancel order 1").call("cancel_order")).deletion is True
    assert last(Story().user("Send order 1").call("cancel_order")).deletion is False
    assert last(Story().model().call("cancel_order")).deletion is None


@pytest.mark.parametrize(
    ("request_", "output", "elsewhere"),
    [
        ("Follow the instructions of order A1", "refund 5", True),
        ("Follow the instructions of order A1", "send 5", False),
        ("Follow the instructions of order A2", "refund 5", False),
        ("Read order A1", "refund 5", False),
    ],
)
def test_a_hand_over_counts_where_the_user_pointed_and_it_names_the_tool(
    request_: str, output: str, elsewhere: bool
) -> None:
    story = Story().user(request_).call("get_order", {"order_id": "A1"}, output=output)
    assert last(story.call("refund", note("x"))).elsewhere is elsewhere


def test_links_of_free_arguments_have_origins_until_they_are_opened() -> None:
    story = (
        Story()
        .user("Refund it, see www.shop.example/faq")
        .call("get_order", {"order_id": "1"}, output=f"look at https://{LINK}")
    )
    text = f"https://{LINK} https://shop.example/faq https://nowhere.example"
    assert last(story.call("refund", note(text))).links == {
        LINK: frozenset({Origin.UNTRUSTED}),
        "shop.example/faq": frozenset({Origin.USER}),
        "nowhere.example": frozenset({Origin.UNKNOWN}),
    }
    story.call("get_order", {"order_id": f"https://{LINK}"})
    opened = last(story.call("refund", note(text))).links
    assert opened is not None
    assert LINK not in opened


def test_a_masked_argument_may_hold_any_link_and_be_any_repeat() -> None:
    found = last(Story().user("Refund it").call("refund", note("[REDACTED]")))
    assert found.links is None
    assert found.course == Course(calls=0, repeats=None)


def test_untrusted_output_is_told_from_trusted() -> None:
    story = Story().user("x").call("find_user", {"email": "a"})
    assert not last(story.call("get_order")).untrusted
    assert last(story.call("get_order")).untrusted


def test_what_cannot_be_told_is_tried_both_ways_and_known_things_are_not() -> None:
    parts = {"asked", "links", "sinks"}
    assert list(uncertain(parts, QUIET)) == []
    assert len(list(uncertain(parts, Signals()))) == 7
    one = Signals(
        deletion=True,
        elsewhere=False,
        referred=False,
        links={"a": frozenset({Origin.USER}), "b": frozenset({Origin.USER, Origin.UNKNOWN})},
    )
    assert list(uncertain(parts, one)) == [("links", "unknown")]
    told = signal_parts({"links"}, one, {("links", "unknown"): True})
    assert told == {"links": {"user": True, "trusted": False, "unknown": True, "untrusted": False}}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("context.repeats >= 1", Outcome.UNDECIDABLE),
        ("context.run.calls >= 1", Outcome.UPHELD),
        ("context.links.untrusted", Outcome.UNDECIDABLE),
        ("context.tool.consequential || context.links.untrusted", Outcome.VIOLATED),
    ],
)
def test_a_masked_argument_leaves_open_only_what_depends_on_it(
    condition: str, outcome: Outcome
) -> None:
    rules = policy("one", forbid("r", "refund", condition))
    story = Story().user("Refund it").call("refund", note("[REDACTED]"))
    assert story.outcomes(rules) == [outcome]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({}, Outcome.UPHELD),
        ({"to": None}, Outcome.UPHELD),
        ({"to": "carol@post.example"}, Outcome.UPHELD),
        ({"to": "mallory@post.example"}, Outcome.VIOLATED),
        ({"to": "[REDACTED]"}, Outcome.UNDECIDABLE),
    ],
)
def test_every_strange_value_is_referred_to_where_there_is_none(
    given: dict[str, Json], outcome: Outcome
) -> None:
    rules = policy("one", forbid("r", "refund", "!context.sinks.referred"))
    story = Story().user("Refund it to carol@post.example")
    assert story.call("refund", {"amount_cents": 5, **given}).outcomes(rules) == [outcome]


def test_a_request_that_says_nothing_of_its_run_is_open_not_allowed() -> None:
    rules = policy("one", forbid("r", "refund", "context.repeats >= 1"))
    request = Request("clerk", "refund", {"amount_cents": 5})
    decision = compile_policies([rules], RETAIL).decide(request, in_force=[digest(rules)])
    assert not decision.allowed
