"""Who is charged with a denial: guards, defaults, several sets, failures, and what is unknown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.identity import digest
from mythos.engines.policy.particulars import particulars
from mythos.engines.policy.request import Decision, Origin, Request, Standing, Verdict
from mythos.engines.policy.rule import rules_of
from mythos.errors import PolicyError
from mythos.values.event import Json, Repeated
from mythos.values.outcome import DEFAULT_RULE, INVALID_ARGUMENTS, UNDECLARED_TOOL, Severity
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import RETAIL, engine_of, forbid, opened, permit, policy

UPHELD, CHARGED, OPEN = Standing.UPHELD, Standing.CHARGED, Standing.OPEN
CONFIRMED: dict[str, JsonValue] = {"confirmed": {"once": "user.confirm"}}

GUARD = policy("guard", forbid("no-big", "refund", "context.input.amount_cents > 100"))
DESK = policy("desk", permit("small", "refund", "context.input.amount_cents < 1000"))
READER = policy("reader", permit("read", "get_order"))
STRICT = policy("strict", forbid("never", "refund") + permit("look", "get_order"))


def ask(
    *sets: PolicySet,
    tool: str = "refund",
    arguments: Mapping[str, Json] | None = None,
    facts: Mapping[str, bool | None] | None = None,
    licensed: bool | None = True,
    origins: Mapping[str, frozenset[Origin]] | None = None,
    catalogue: ToolCatalogue = RETAIL,
) -> Decision:
    given_facts = {digest(each): facts or {} for each in sets}
    request = Request(
        agent="clerk",
        tool=tool,
        arguments={"amount_cents": 50} if arguments is None else arguments,
        facts=given_facts,
        licensed=licensed,
        origins=origins or {},
    )
    engine = engine_of(*sets, catalogue=catalogue)
    return engine.decide(request, in_force=map(digest, sets))


def standings(decision: Decision) -> dict[str, Standing]:
    return {verdict.policy_set: verdict.standing for verdict in decision.verdicts}


def part(decision: Decision, name: str) -> Verdict:
    (verdict,) = [each for each in decision.verdicts if each.policy_set == name]
    return verdict


TAKES_ANY = opened(RETAIL, "refund")
TO_KNOWN = policy("known", forbid("strange", "refund", "context.sinks.unknown"))


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("sink", ["to", "bcc"])
def test_a_blank_value_has_no_origin_and_is_no_reason_to_doubt(sink: str, blank: str) -> None:
    decision = ask(TO_KNOWN, arguments={"amount_cents": 50, sink: blank}, catalogue=TAKES_ANY)
    assert standings(decision) == {"known": UPHELD}


@pytest.mark.parametrize("value", ["x", "\u200b", "  ", "\n\t", 0, False, [" "]])
def test_the_origin_of_any_other_value_that_nobody_traced_is_open(value: Json) -> None:
    decision = ask(TO_KNOWN, arguments={"amount_cents": 50, "bcc": value}, catalogue=TAKES_ANY)
    assert standings(decision) == {"known": OPEN}


@pytest.mark.parametrize(
    ("sets", "amount", "expected"),
    [
        ((GUARD,), 50, {"guard": UPHELD}),
        ((GUARD,), 500, {"guard": CHARGED}),
        ((DESK,), 50, {"desk": UPHELD}),
        ((DESK,), 5000, {"desk": CHARGED}),
        ((READER,), 50, {"reader": CHARGED}),
        ((GUARD, DESK), 50, {"guard": UPHELD, "desk": UPHELD}),
        ((GUARD, DESK), 500, {"guard": CHARGED, "desk": UPHELD}),
        ((GUARD, READER), 50, {"guard": UPHELD, "reader": CHARGED}),
        ((GUARD, READER), 500, {"guard": CHARGED, "reader": UPHELD}),
        ((DESK, READER), 50, {"desk": UPHELD, "reader": UPHELD}),
        ((DESK, READER), 5000, {"desk": CHARGED, "reader": CHARGED}),
        ((DESK, STRICT), 50, {"desk": UPHELD, "strict": CHARGED}),
        ((GUARD, DESK, STRICT), 500, {"guard": CHARGED, "desk": UPHELD, "strict": CHARGED}),
    ],
)
def test_a_forbid_is_charged_to_its_set_and_a_default_to_all_but_guards(
    sets: tuple[PolicySet, ...], amount: int, expected: dict[str, Standing]
) -> None:
    decision = ask(*sets, arguments={"amount_cents": amount})
    assert standings(decision) == expected
    assert decision.allowed is (set(expected.values()) == {UPHELD})


def test_a_verdict_names_its_rules_and_the_loudest_severity() -> None:
    rules = (
        forbid("b", "refund", notes='@severity("info") @explain("Not that one.")')
        + forbid("a", "refund", notes='@severity("critical")')
        + forbid("c", "refund", "context.input.amount_cents > 100")
    )
    verdict = part(ask(policy("p", rules)), "p")
    assert (verdict.rule, verdict.rules) == ("a", ("a", "b"))
    assert verdict.severity is Severity.CRITICAL
    assert verdict.why == "rule a forbids it"


def test_a_permitting_rule_is_named_and_a_set_that_only_stood_by_says_default() -> None:
    decision = ask(DESK, READER)
    assert (part(decision, "desk").rule, part(decision, "reader").rule) == ("small", DEFAULT_RULE)


def test_a_default_denial_names_the_facts_that_were_missing() -> None:
    wanting = policy("p", permit("a", "refund", "context.past.confirmed"), facts=CONFIRMED)
    verdict = part(ask(wanting, facts={"confirmed": False}), "p")
    assert (verdict.standing, verdict.rule) == (CHARGED, DEFAULT_RULE)
    assert verdict.missing == ("confirmed",)
    assert "confirmed" in verdict.why


@pytest.mark.parametrize(
    ("severities", "expected"),
    [([], "warning"), (["info"], "warning"), (["warning", "critical"], "critical")],
)
def test_a_default_denial_is_as_loud_as_the_loudest_permit_of_its_tool(
    severities: list[str], expected: str
) -> None:
    rules = [
        permit(f"r{n}", "refund", "false", f'@severity("{severity}")')
        for n, severity in enumerate(severities)
    ]
    other = permit("other", "get_order", "false", '@severity("critical")')
    verdict = part(ask(policy("p", "".join([*rules, other]))), "p")
    assert (verdict.standing, verdict.rule, verdict.severity) == (CHARGED, DEFAULT_RULE, expected)


def test_two_sets_may_mean_different_things_by_one_fact() -> None:
    mine = policy("mine", permit("a", "refund", "context.past.seen"), facts=seen("find_user"))
    theirs = policy("theirs", forbid("b", "refund", "context.past.seen"), facts=seen("get_order"))
    engine = engine_of(mine, theirs)
    for found, ordered, allowed in [
        (True, False, True),
        (True, True, False),
        (False, False, False),
    ]:
        facts = {digest(mine): {"seen": found}, digest(theirs): {"seen": ordered}}
        request = Request("clerk", "refund", {"amount_cents": 5}, facts)
        decision = engine.decide(request, in_force=[digest(mine), digest(theirs)])
        assert decision.allowed is allowed


def seen(tool: str) -> dict[str, JsonValue]:
    return {"seen": {"once": tool}}


def test_every_way_of_writing_a_fact_reads_the_same_fact() -> None:
    for condition in (
        "context.past.confirmed",
        'context["past"]["confirmed"]',
        'context.past["confirmed"]',
        "context has past && context.past.confirmed",
        "context has past.confirmed && context.past.confirmed",
        'context has "past" && context.past has confirmed && context.past.confirmed',
    ):
        wanting = policy("p", permit("a", "refund", condition), facts=CONFIRMED)
        assert ask(wanting, facts={"confirmed": True}).allowed
        assert not ask(wanting, facts={"confirmed": False}).allowed


def test_an_undeclared_tool_is_denied_by_every_set_in_force_even_one_for_other_tools() -> None:
    elsewhere = policy("elsewhere", permit("a", ""), covers={"tools": "shop/toys"})
    decision = ask(GUARD, elsewhere, tool="wire_money")
    assert standings(decision) == {"guard": CHARGED, "elsewhere": CHARGED}
    assert {verdict.rule for verdict in decision.verdicts} == {UNDECLARED_TOOL}


def test_a_set_for_other_tools_has_no_part_in_a_declared_one() -> None:
    elsewhere = policy("elsewhere", forbid("a", ""), covers={"tools": "shop/toys"})
    assert standings(ask(DESK, elsewhere)) == {"desk": UPHELD}
    decision = ask(elsewhere)
    assert (decision.allowed, decision.governed) == (True, False)


def test_a_digest_that_was_not_compiled_is_refused() -> None:
    request = Request("clerk", "refund", {})
    with pytest.raises(PolicyError, match="was compiled"):
        engine_of(GUARD).decide(request, in_force=[digest(DESK)])


# Fail closed


OVERFLOWS = "context.input.amount_cents + 9223372036854775807 > 0"


def test_a_forbid_that_fails_to_evaluate_denies_and_is_named() -> None:
    broken = policy("broken", forbid("over", "refund", OVERFLOWS, '@severity("critical")'))
    decision = ask(broken, DESK)
    verdict = part(decision, "broken")
    assert standings(decision) == {"broken": CHARGED, "desk": UPHELD}
    assert (verdict.rule, verdict.severity) == ("over", Severity.CRITICAL)
    assert "cannot be evaluated" in verdict.why
    assert decision.errors[0].startswith("broken/over: ")


def test_a_permit_that_fails_to_evaluate_permits_nothing_and_is_reported() -> None:
    broken = policy("broken", permit("over", "refund", OVERFLOWS))
    decision = ask(broken)
    assert standings(decision) == {"broken": CHARGED}
    assert part(decision, "broken").rule == DEFAULT_RULE
    assert decision.errors
    assert ask(broken, DESK).allowed


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"amount_cents": "50"},
        {"amount_cents": 50.5},
        {"amount_cents": 2**63},
        {"amount_cents": True},
        {"amount_cents": 50, "memo": "x"},
        {"amount_cents": 50, "note": {"__extn": {"fn": "decimal", "arg": "1.0"}}},
        {"amount_cents": 50, "note": "\ud800"},
    ],
)
def test_arguments_that_do_not_fit_are_denied_by_every_set_whatever_its_rules_read(
    arguments: Mapping[str, Json],
) -> None:
    blind = policy("blind", permit("a", "refund"))
    silent = policy("silent", forbid("a", "find_user"))
    for each in (GUARD, DESK, blind, silent):
        decision = ask(each, arguments=arguments)
        verdict = part(decision, each.policy_set)
        assert (decision.allowed, verdict.standing) == (False, CHARGED)
        assert (verdict.rule, verdict.rules) == (INVALID_ARGUMENTS, (INVALID_ARGUMENTS,))
        assert verdict.why.startswith("the arguments do not fit what refund declares: argument ")
    assert not ask(arguments=arguments).governed


def test_of_a_tool_without_effect_nobody_can_tell_what_an_unfit_call_asked() -> None:
    lax = policy("lax", permit("a", "ask_user"))
    strict = policy("strict", permit("a", "ask_user", 'context.input.question != ""'))
    never = policy("never", forbid("a", "ask_user"))
    found = {
        name: part(ask(each, tool="ask_user", arguments={"query": "?"}), name).standing
        for name, each in (("lax", lax), ("strict", strict), ("never", never))
    }
    assert found == {"lax": OPEN, "strict": CHARGED, "never": CHARGED}
    decision = ask(lax, tool="ask_user", arguments={"query": "?"})
    assert not decision.allowed
    assert "do not fit what ask_user declares" in part(decision, "lax").why


def test_arguments_that_do_not_fit_are_denied_whatever_else_cannot_be_told() -> None:
    names = [f"f{number}" for number in range(7)]
    facts: dict[str, JsonValue] = {name: {"once": "find_user"} for name in names}
    condition = " && ".join(f"context.past.{name}" for name in names)
    wide = policy("wide", permit("a", "refund", condition), facts=facts)
    request = Request(
        "clerk", "refund", {"amount_cents": "*", "bcc": "x"}, hidden=frozenset({"amount_cents"})
    )
    for one in (wide, DESK, GUARD):
        engine = engine_of(one)
        (verdict,) = engine.decide(request, in_force=engine.policy_sets).verdicts
        assert (verdict.standing, verdict.rule) == (CHARGED, INVALID_ARGUMENTS)


def test_a_forbid_that_needs_no_arguments_is_named_beside_those_that_do_not_fit() -> None:
    rules = forbid("a", "refund", "!context.licensed", '@severity("critical")')
    rules += forbid("z", "refund", "context.past.asked")
    both = policy("p", rules, facts={"asked": {"once": "ask_user"}})
    unfit = {"amount_cents": "many"}
    verdict = part(ask(both, arguments=unfit, licensed=False, facts={"asked": None}), "p")
    assert (verdict.rule, verdict.rules) == ("a", ("a", INVALID_ARGUMENTS))
    assert verdict.severity is Severity.CRITICAL
    assert verdict.why.endswith("argument amount_cents is no Long; rule a forbids it")
    verdict = part(ask(both, arguments=unfit, facts={"asked": True}), "p")
    assert verdict.rules == (INVALID_ARGUMENTS, "z")


@pytest.mark.parametrize(
    ("rules", "tool", "expected"),
    [
        (permit("a", "refund"), "refund", Severity.WARNING),
        (permit("a", "get_order"), "get_order", Severity.INFO),
        (permit("a", "get_order", 'context.input.order_id != ""'), "get_order", Severity.WARNING),
        (permit("a", "refund", "context.licensed", '@severity("critical")'), "refund", "warning"),
        (GUARD.rules.replace('@id("no-big")', '@id("b") @severity("critical")'), "refund",
         Severity.CRITICAL),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_as_loud_as_what_would_have_read_them(
    rules: str, tool: str, expected: str
) -> None:
    assert part(ask(policy("p", rules), tool=tool, arguments={"x": 1}), "p").severity == expected


def test_of_many_arguments_that_do_not_fit_a_few_are_told() -> None:
    why = part(ask(GUARD, arguments={f"{n:02}" * 400: n for n in range(90)}), "guard").why
    assert why.endswith("; and 86 more")
    assert len(why) < 1_000


def test_an_agent_may_have_any_name() -> None:
    engine = engine_of(DESK)
    for name in ("", 'a"b\\c\n', "\ud800", "日本"):
        request = Request(name, "refund", {"amount_cents": 5})
        assert engine.decide(request, in_force=[digest(DESK)]).allowed


def test_a_rule_may_name_its_agent() -> None:
    rule = '@id("a") permit(principal == Agent::"clerk", action, resource);'
    engine = engine_of(policy("p", rule))
    for name, allowed in (("clerk", True), ("thief", False)):
        request = Request(name, "refund", {"amount_cents": 5})
        assert engine.decide(request, in_force=engine.policy_sets).allowed is allowed


# Not captured


def test_without_arguments_every_governing_set_is_open() -> None:
    engine = engine_of(GUARD, DESK)
    decision = engine.decide(Request("clerk", "refund", None), in_force=engine.policy_sets)
    assert standings(decision) == {"guard": OPEN, "desk": OPEN}
    assert not decision.allowed


def test_without_arguments_an_undeclared_tool_is_still_denied() -> None:
    engine = engine_of(GUARD)
    decision = engine.decide(Request("clerk", "wire", None), in_force=engine.policy_sets)
    assert standings(decision) == {"guard": CHARGED}


def test_a_fact_that_cannot_be_told_leaves_open_what_depends_on_it() -> None:
    wanting = policy("p", permit("a", "refund", "context.past.confirmed"), facts=CONFIRMED)
    decision = ask(wanting, facts={"confirmed": None})
    assert standings(decision) == {"p": OPEN}
    assert part(decision, "p").missing == ("confirmed",)
    assert not decision.allowed
    assert standings(ask(wanting, facts={})) == {"p": OPEN}


def test_what_is_denied_whatever_the_fact_is_denied() -> None:
    rules = permit("a", "refund", "context.past.confirmed") + forbid("never", "refund")
    assert standings(ask(policy("p", rules, facts=CONFIRMED))) == {"p": CHARGED}


def test_what_is_permitted_whatever_the_fact_is_upheld() -> None:
    rules = permit("a", "refund", "context.past.confirmed || true") + permit("b", "refund")
    assert standings(ask(policy("p", rules, facts=CONFIRMED))) == {"p": UPHELD}


def test_an_unknown_fact_of_one_set_leaves_a_guard_beside_it_decided() -> None:
    wanting = policy("p", permit("a", "refund", "context.past.confirmed"), facts=CONFIRMED)
    assert standings(ask(wanting, GUARD)) == {"p": OPEN, "guard": UPHELD}


def test_a_sink_that_nobody_traced_may_come_from_anywhere() -> None:
    rule = forbid("a", "", 'context.origin has to && context.origin.to == "untrusted"')
    with pytest.raises(PolicyError, match="origin"):
        engine_of(policy("p", rule.replace("has to &&", "has too && true ||")))
    guard = policy("p", forbid("a", "refund", "context.sinks.untrusted"))
    sent: Mapping[str, Json] = {"amount_cents": 5, "to": "x"}
    assert standings(ask(guard, arguments=sent)) == {"p": OPEN}
    assert standings(ask(guard)) == {"p": UPHELD}
    origins = {"to": frozenset({Origin.UNTRUSTED})}
    assert standings(ask(guard, arguments=sent, origins=origins)) == {"p": CHARGED}
    either = {"to": frozenset({Origin.USER, Origin.TRUSTED})}
    assert standings(ask(guard, arguments=sent, origins=either)) == {"p": UPHELD}


def test_too_much_that_is_unknown_leaves_everything_open() -> None:
    names = [f"f{number}" for number in range(7)]
    facts: dict[str, JsonValue] = {name: {"once": "find_user"} for name in names}
    condition = " && ".join(f"context.past.{name}" for name in names)
    wide = policy("p", permit("a", "refund", condition), facts=facts)
    assert standings(ask(wide)) == {"p": OPEN}
    assert standings(ask(wide, facts=dict.fromkeys(names, True))) == {"p": UPHELD}


# Shadow


def test_a_shadow_set_is_decided_with_those_in_force_and_speaks_for_itself_alone() -> None:
    engine = engine_of(DESK, STRICT)
    request = Request("clerk", "refund", {"amount_cents": 50})
    in_force = [digest(DESK)]
    shadow = engine.decide_shadow(request, in_force=in_force, shadow=digest(STRICT))
    assert shadow is not None
    assert (shadow.policy_set, shadow.standing, shadow.rule) == ("strict", CHARGED, "never")
    assert engine.decide(request, in_force=in_force).allowed


def test_a_shadow_set_that_does_not_govern_the_tool_says_nothing() -> None:
    elsewhere = policy("elsewhere", forbid("a", ""), covers={"tools": "shop/toys"})
    engine = engine_of(DESK, elsewhere)
    request = Request("clerk", "refund", {"amount_cents": 50})
    shadow = digest(elsewhere)
    assert engine.decide_shadow(request, in_force=[digest(DESK)], shadow=shadow) is None


# Slices


@given(st.integers(0, 2000), st.integers(0, 30))
def test_rules_of_other_tools_change_nothing(amount: int, others: int) -> None:
    padding = "".join(forbid(f"x{number}", "cancel_order") for number in range(others))
    wide = policy("wide", padding + permit("small", "refund", "context.input.amount_cents < 1000"))
    decision = ask(wide, arguments={"amount_cents": amount})
    assert decision.allowed is (amount < 1000)


def test_the_twelfth_rule_is_named_by_its_own_id() -> None:
    rules = "".join(
        forbid(f"r{number}", "refund", f"context.input.amount_cents == {number}")
        for number in range(30)
    )
    for number in range(30):
        verdict = part(ask(policy("p", rules), arguments={"amount_cents": number}), "p")
        assert verdict.rules == (f"r{number}",)


def test_a_denial_that_needs_no_argument_stands_though_the_arguments_are_hidden() -> None:
    never = policy("a", forbid("never", "refund", notes='@severity("critical")'))
    reads = policy("b", forbid("large", "refund", "context.input.amount_cents > 5"))
    engine = engine_of(never, reads)
    in_force = [digest(never), digest(reads)]
    for hidden in (
        Request(agent="a", tool="refund", arguments=None),
        Request(
            agent="a",
            tool="refund",
            arguments={"amount_cents": "***"},
            hidden=frozenset({"amount_cents"}),
        ),
    ):
        found = {v.policy_set: v for v in engine.decide(hidden, in_force=in_force).verdicts}
        assert (found["a"].standing, found["a"].rule) == (Standing.CHARGED, "never")
        assert found["b"].standing is Standing.OPEN


def test_the_loudest_of_the_rules_that_deny_gives_the_name() -> None:
    both = policy(
        "p", forbid("args", "refund") + forbid("never", "refund", notes='@severity("critical")')
    )
    asked = Request(agent="a", tool="refund", arguments={"amount_cents": 1})
    (verdict,) = engine_of(both).decide(asked, in_force=[digest(both)]).verdicts
    assert (verdict.rule, verdict.rules) == ("never", ("never", "args"))


def test_an_argument_that_is_given_twice_fits_no_rule_whichever_value_would() -> None:
    twice: dict[str, Json] = {"amount_cents": Repeated([50, 50])}
    decision = ask(GUARD, DESK, arguments=twice)
    assert standings(decision) == {"guard": CHARGED, "desk": CHARGED}
    assert "amount_cents is given more than once" in part(decision, "guard").why


def test_what_was_captured_and_does_not_fit_is_not_called_uncaptured() -> None:
    desk = policy(
        "desk",
        permit("once", "refund", "context.past.n < 2"),
        facts={"n": {"count": "refund", "by": "amount_cents"}},
    )
    facts: Mapping[str, bool | None] = {"n": None}
    unfit = part(ask(desk, facts=facts, arguments={"amount_cents": "5"}), "desk")
    assert (unfit.standing, unfit.rule) == (CHARGED, INVALID_ARGUMENTS)
    assert unfit.why.endswith("argument amount_cents is no Long")
    blind = part(ask(desk, facts=facts), "desk")
    assert blind.why.endswith("may be one key spelt in two ways")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("X9", '"X9"'),
        (["X9"], '"X9"'),
        (True, "true"),
        ([None], "null"),
        (["é", False], '["é", false]'),
        ({"to": 1.0}, '{"to": 1.0}'),
    ],
)
def test_the_value_of_a_sink_is_told_as_json_says_it(value: Json, said: str) -> None:
    rules = rules_of(policy("p", forbid("stranger", "refund", "context.sinks.unknown")))
    origins = {"receiver": frozenset({Origin.UNKNOWN})}
    request = Request("clerk", "refund", {"receiver": value}, origins=origins)
    assert particulars(rules, request) == f"receiver {said} (unknown)"
