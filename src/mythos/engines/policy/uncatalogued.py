"""Runs whose tools no catalogue declares: what can still be told of them.

Nothing is known of such a tool, so no call can be upheld: every outcome is undecidable, but for a
`forbid` that reads nothing a catalogue would have to say (`context.run` and `context.repeats`) and
speaks of any tool. Where one matches, no other rule could have allowed the call: it is charged.

Law: never a pass, and never a denial that a catalogue could have prevented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from mythos.engines.policy.check import covered_domains
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.policy.request import Standing, Verdict
from mythos.engines.policy.rule import Rule, rules_of
from mythos.engines.policy.rulings import Rulings, SetsOf, ruling_of
from mythos.engines.policy.slice import CompiledSet
from mythos.values.event import Run
from mythos.values.outcome import NO_CATALOGUE, Outcome, Ruling
from mythos.values.policy import PolicySet
from mythos.values.tools import Tool, ToolCatalogue

_ANY = Tool(name="any")
_STAND_IN = ToolCatalogue(domain="none", tools=(_ANY,))
_TOLD = frozenset({"run", "repeats"})
_WHY = "no tool catalogue declares the tools of this run"


def compile_uncatalogued(sets: Mapping[str, PolicySet]) -> PolicyEngine:
    """Make ready what these policy sets, by digest, can say of an unknown tool."""
    found = [
        _compiled(policy_set, name, f"past_{number}")
        for number, (name, policy_set) in enumerate(sets.items())
    ]
    return PolicyEngine(found, _STAND_IN)


def _compiled(policy_set: PolicySet, name: str, past: str) -> CompiledSet:
    rules = (
        tuple(filter(_can_tell, rules_of(policy_set))) if "*" in covered_domains(policy_set) else ()
    )
    factless = policy_set.model_copy(update={"facts": {}})
    return CompiledSet(factless, name, rules, past, covers=bool(rules))


def _can_tell(rule: Rule) -> bool:
    """Whether a rule forbids by the run's course alone; whose outputs are trusted is no part."""
    unbound = not rule.permits and rule.actions is None
    return unbound and rule.use.parts <= _TOLD and "untrusted" not in rule.words


def uncatalogued_rulings(
    run: Run, engine: PolicyEngine, *, sets_of: SetsOf, shadows_of: SetsOf
) -> Rulings:
    """Judge every call of a run that has no catalogue.

    Args:
        run: closed.
        engine: of `compile_uncatalogued`.
        sets_of: digests of the sets in force for an agent, by its name.
        shadows_of: digests of its shadow sets.

    Returns:
        One ruling for each call and set in force; of shadow sets what they would deny.
    """
    calls = [one for one in occasions_of(run, engine).found if one.executed]
    in_force = [each for one in calls for each in _of(one, engine, sets_of(one.event.agent))]
    shadow = [each for one in calls for each in _of(one, engine, shadows_of(one.event.agent))]
    charged = [each for each in shadow if each.outcome is Outcome.VIOLATED]
    return Rulings(tuple(in_force), tuple(charged))


def _of(occasion: Occasion, engine: PolicyEngine, names: Sequence[str]) -> Iterator[Ruling]:
    request = replace(occasion.request, tool=_ANY.name, arguments={}, hidden=frozenset())
    for name in names:
        verdicts = engine.decide(request, in_force=[name]).verdicts
        if any(each.standing is Standing.CHARGED for each in verdicts):
            yield ruling_of(occasion, verdicts[0], outcome=Outcome.VIOLATED)
        else:
            named = engine.policy_sets[name].policy_set
            verdict = Verdict(named, name, Standing.OPEN, NO_CATALOGUE, why=_WHY)
            yield ruling_of(occasion, verdict, outcome=Outcome.UNDECIDABLE)
