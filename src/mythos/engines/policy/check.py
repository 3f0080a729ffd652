"""A policy set against tool catalogues: unknown tools and ill-typed rules, by place.

Cedar's strict validator names a rule by its position and no line at all, so its messages are
translated: to the rule's id and the line of the word it complains of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import cedarpy
import orjson

from mythos.engines.policy.facts.check import catalogue_problems, unknown_events
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.problem import Places, Problem, places_by_name, refuse
from mythos.engines.policy.rule import Rule, rules_of
from mythos.engines.policy.schema import rule_schema
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

_QUOTED = re.compile(r"`([^`]+)`")
_PREFIX = re.compile(r"^for policy `policy[0-9]+`, ")


def covers(policy_set: PolicySet, catalogue: ToolCatalogue) -> bool:
    """Whether the policy set governs the tools of this catalogue."""
    return not {"*", catalogue.domain, catalogue.service}.isdisjoint(_covered(policy_set))


def check_against(
    policy_set: PolicySet, catalogues: Iterable[ToolCatalogue], *, places: Places | None = None
) -> None:
    """Check every name and type a policy set uses against the tools it governs.

    Args:
        policy_set: the policy set.
        catalogues: all catalogues at hand; those it does not cover are left aside.
        places: where it stands in its file; without, lines count within its rules.

    Raises:
        PolicyError: none of the catalogues is covered, a tool is in none of the covered ones, or
            a rule does not fit the schema of one; names every problem.
    """
    where = places or places_by_name(policy_set.policy_set)
    rules = rules_of(policy_set, places=where)
    given = tuple(catalogues)
    covered = [catalogue for catalogue in given if covers(policy_set, catalogue)]
    if not covered:
        refuse([_nothing_covered(policy_set, given)], where)
    names = frozenset().union(*(catalogue.names for catalogue in covered))
    problems = [*unknown_events(policy_set, names), *_unknown_tools(rules, names)]
    if not problems:
        for catalogue in covered:
            problems.extend(type_problems(policy_set, rules, catalogue))
    refuse(tuple(dict.fromkeys(problems)), where)


def check_types(policy_set: PolicySet, rules: Sequence[Rule], catalogue: ToolCatalogue) -> None:
    """Check a policy set for use with one catalogue of several it may cover.

    Raises:
        PolicyError: a rule about tools of this catalogue does not fit its schema; or, for a set
            that covers this catalogue alone, any name is unknown.
    """
    if len(_covered(policy_set)) == 1 and "*" not in _covered(policy_set):
        check_against(policy_set, [catalogue])
        return
    problems = tuple(type_problems(policy_set, rules, catalogue))
    refuse(problems, places_by_name(policy_set.policy_set))


def type_problems(
    policy_set: PolicySet, rules: Sequence[Rule], catalogue: ToolCatalogue
) -> Iterator[Problem]:
    """What Cedar's strict validator says of the rules about tools of a catalogue."""
    if not catalogue.tools:
        return  # nothing a rule could be about
    yield from catalogue_problems(policy_set, rules, catalogue)
    here = [rule for rule in rules if rule.actions is None or rule.actions & catalogue.names]
    elsewhere = {name for rule in here for name in named_tools(rule)} - catalogue.names
    schema = rule_schema(catalogue, kinds_of(policy_set, catalogue), elsewhere=elsewhere)
    text = "\n".join(rule.text for rule in here)
    result = cedarpy.validate_policies(text, orjson.dumps(schema).decode())
    for error in result.errors:
        number = error.policy_id.removeprefix("policy")
        yield _ill_typed(here[int(number)] if number.isdigit() else None, error.error)


def _covered(policy_set: PolicySet) -> tuple[str, ...]:
    named = policy_set.covers.tools
    return (named,) if isinstance(named, str) else named


def named_tools(rule: Rule) -> Iterator[str]:
    """Tools written as `Action::"tool"` anywhere in the rule."""
    words = [token.text for token in rule.source.tokens]
    for index in range(len(words) - 2):
        if words[index : index + 2] == ["Action", "::"]:
            yield words[index + 2].strip('"')
    yield from rule.actions or ()


def _nothing_covered(policy_set: PolicySet, given: Sequence[ToolCatalogue]) -> Problem:
    seen = ", ".join(catalogue.domain for catalogue in given) or "none"
    wanted = ", ".join(_covered(policy_set))
    return Problem(
        1,
        1,
        f"it covers {wanted}, but the catalogues given are {seen}",
        "name the catalogue's domain under `covers: {tools: …}`, or give the catalogue",
    )


def _unknown_tools(rules: Sequence[Rule], names: frozenset[str]) -> Iterator[Problem]:
    for rule in rules:
        for tool in sorted(set(named_tools(rule)) - names):
            line, column = _place(rule, f'"{tool}"')
            yield Problem(
                line,
                column,
                f"rule {rule.id!r} names the tool {tool!r}, which the catalogue does not declare",
                "correct the tool's name, or declare the tool",
            )


def _ill_typed(rule: Rule | None, message: str) -> Problem:
    seen = _PREFIX.sub("", message)
    if rule is None:
        return Problem(1, 1, seen, "correct the rules")
    named = _QUOTED.findall(seen)
    line, column = _place(rule, named[0].split(".")[-1] if named else "")
    todo = "correct the name or type"
    if "optional attribute" in seen or "not found" in seen:
        todo = "test for it first, such as `context.input has X && …`, or name the rule's tools"
    return Problem(line, column, f"rule {rule.id!r}: {seen}", todo)


def _place(rule: Rule, word: str) -> tuple[int, int]:
    token = next((each for each in rule.source.tokens if each.text == word), None)
    return (token.line, token.column) if token else (rule.line, rule.source.column)
