from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import JsonValue

from mythos.engines.coherence.environment import JudgedRule
from mythos.engines.coherence.relations import contains, contains_any, is_empty
from mythos.engines.coherence.symbols import (
    Either,
    Listed,
    Symbols,
    Truth,
    Type,
    UnsupportedError,
)
from mythos.engines.coherence.terms import Bank, Evaluation
from mythos.engines.coherence.translate import Translator
from tests.engines.coherence.random_rules import compiled, environment_of


def judged(condition: str, *, scope: str = "principal, action, resource") -> JudgedRule:
    (rule,) = environment_of(compiled(f'@id("r") permit({scope}) when {{ {condition} }};')).rules
    return rule


@pytest.mark.parametrize(
    "condition",
    [
        "context.input.amount * context.past.calls > 3",
        'context.input.tags == ["a"]',
        "context.input.tags.containsAll(context.input.more)",
        '["a", "b"].containsAll(context.input.tags)',
        'ip("10.0.0.1").isInRange(ip("10.0.0.0/8"))',
        'resource.getTag("x") == "y"',
        "(" * 70 + "true" + " || context.licensed)" * 70,
    ],
)
def test_what_has_no_exact_translation_is_said_to_have_none(condition: str) -> None:
    rule = judged(condition)
    assert rule.unsupported or rule.satisfied is True


@pytest.mark.parametrize(
    ("member", "said"),
    [(Type("Bool"), "a set of Booleans"), (Type("Record"), "a set of records")],
)
def test_a_set_of_which_nothing_can_be_asked_is_called_what_it_is(member: Type, said: str) -> None:
    bank = Bank()
    given = Symbols(bank).value(Type("Set", member), "flags")
    with pytest.raises(UnsupportedError, match=f"^{said}$"):
        contains(bank, given, Truth(True))
    with pytest.raises(UnsupportedError, match=f"^{said}$"):
        contains_any(bank, given, Listed((Truth(True),)))
    with pytest.raises(UnsupportedError, match=f"^{said}$"):
        is_empty(given)


def test_a_set_that_an_if_chooses_is_called_one() -> None:
    bank = Bank()
    chosen = Either(bank.var("bool", "b"), Listed(()), Listed((Truth(True),)))
    with pytest.raises(UnsupportedError, match="`contains` on sets that `if` chooses"):
        contains(bank, chosen, Truth(True))


@pytest.mark.parametrize(
    "body",
    [
        {"hologram": {"left": {"Value": 1}, "right": {"Value": 2}}},
        {"hologram": [{"Value": 1}]},
        {"&&": {"left": {"Value": True}, "right": {"hologram": None}}},
        {"Value": {"__hologram": 1}},
        {"like": {"left": {"Value": "a"}, "pattern": ["Hologram"]}},
        {},
    ],
)
def test_an_unknown_node_is_unsupported_and_no_crash(body: dict[str, JsonValue]) -> None:
    owner = compiled('@id("r") permit(principal, action, resource);')
    translator = environment_of(owner).translator(owner.digest)
    assert isinstance(translator, Translator)
    with pytest.raises(UnsupportedError):
        translator.condition(body)


def test_a_rule_with_an_unknown_node_is_free_within_its_scope() -> None:
    owner = compiled('@id("r") permit(principal == Agent::"a", action, resource) when { true };')
    (known,) = owner.rules
    conditions: list[JsonValue] = [{"kind": "when", "body": {"hologram": {}}}]
    unknown = replace(known, tree={**known.tree, "conditions": conditions})
    environment = environment_of(replace(owner, rules=(unknown,)))
    (rule,) = environment.rules
    assert "hologram" in rule.unsupported
    solver, bank = environment.solver(), environment.bank
    assert solver.model(rule.satisfied) is not None
    assert solver.model(rule.errs) is not None
    assert solver.model(rule.satisfied, rule.errs) is None
    agent = bank.var("text", "agent")
    assert solver.model(rule.satisfied, bank.not_(bank.same(agent, "a"))) is None


def test_a_long_chain_is_no_deep_nesting() -> None:
    rule = judged(" || ".join(f'context.input.name == "n{n}"' for n in range(450)))
    assert not rule.unsupported
    assert Evaluation({"input.name": "n449"}).holds(rule.satisfied)
    assert not Evaluation({"input.name": "n450"}).holds(rule.satisfied)


def test_an_overflow_is_an_error_only_where_it_is_evaluated() -> None:
    rule = judged("context.input.flag && context.input.amount + 1 > 0")
    most = {"input.amount": 2**63 - 1}
    assert Evaluation({**most, "input.flag": True}).holds(rule.errs)
    assert not Evaluation({**most, "input.flag": False}).holds(rule.errs)


def test_other_engines_never_load_the_solver() -> None:
    code = (
        "import sys, mythos.engines.coherence.environment, mythos.engines.coherence.witness, "
        "mythos.engines.judge.judgement; sys.exit('z3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
