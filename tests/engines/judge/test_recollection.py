"""What earlier runs leave for facts that reach beyond one run."""

from __future__ import annotations

from mythos.engines.judge.judgement import committed, judge_run
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.document import load_policy_set
from mythos.values.outcome import Outcome
from tests.engines.judge.desk import SECOND, START_S, Talk, catalogues

LATER_NS = (START_S + 3_600) * SECOND
CAP = """
policy_set: cap
version: 1
covers: {tools: retail-care}
facts:
  spent: {sum: input.amount_cents, of: issue_refund, scope: agent, within: 1h}
  tries: {count: issue_refund, by: order_id}
rules: |
  @id("cap") forbid (principal, action == Action::"issue_refund", resource)
  when { context.past.spent + context.input.amount_cents > 1000 || context.past.tries > 5 };
"""


def book() -> Rulebook:
    return make_rulebook([load_policy_set(CAP, source="cap.yaml")], catalogues(), ())


def refunds(trace: str, at_s: int, *cents: int) -> Talk:
    talk = Talk(trace=trace * 32, now_s=at_s).user("hi")
    for each in cents:
        talk.call(
            "issue_refund",
            {"order_id": "O-0002", "amount_cents": each, "payment_method": "card-0002"},
        )
    return talk


def test_a_run_sees_what_was_committed_before_and_leaves_it_as_it_was() -> None:
    rules = book()
    past = Recollection(rules)
    first = judge_run(refunds("a", START_S, 800).run, rules, recollection=past)
    second = refunds("b", START_S + 60, 300).run
    assert judge_run(second, rules, recollection=past).count(Outcome.VIOLATED) == 0
    committed(first, past, now_ns=LATER_NS)
    for _ in range(2):
        assert judge_run(second, rules, recollection=past).count(Outcome.VIOLATED) == 1
    much_later = refunds("c", START_S + 7_200, 300).run
    assert judge_run(much_later, rules, recollection=past).count(Outcome.VIOLATED) == 0


def test_what_is_kept_is_read_back_in_any_order_and_more_than_once() -> None:
    rules = book()
    past = Recollection(rules)
    runs = [refunds(trace, START_S + n, 400) for n, trace in enumerate("abc")]
    lines = [
        committed(judge_run(talk.run, rules, recollection=past), past, now_ns=LATER_NS)
        for talk in runs
    ]
    again = Recollection(rules)
    for line in [*lines[::-1], *lines]:
        again.restore(line)
    domain = catalogues()[0].domain
    mine, theirs = past.past(domain), again.past(domain)
    assert mine is not None
    assert theirs is not None
    assert theirs.logs() == mine.logs()


def test_nothing_is_kept_of_what_claims_to_lie_far_ahead() -> None:
    rules = book()
    past = Recollection(rules)
    judged = judge_run(refunds("a", START_S, 800).run, rules, recollection=past)
    assert committed(judged, past, now_ns=(START_S - 600) * SECOND) == ""
    later = refunds("b", START_S + 60, 300).run
    assert judge_run(later, rules, recollection=past).count(Outcome.VIOLATED) == 0
