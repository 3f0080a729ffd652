"""A policy set against tool catalogues: unknown tools and ill-typed rules, by place.

Cedar's strict validator names a rule by its position and no line at all, so its messages are
translated: to the rule's id and the line of the word it complains of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import cedarpy
import orjson

from mythos.engines.policy import expectation_check
from mythos.engines.policy.argument_names import place_of, unknown_arguments
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
    return not {"*", catalogue.domain, catalogue.service}.isdisjoint(covered_domains(policy_set))


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
    refuse(problems_against(policy_set, rules, covered), where)


def problems_against(
    policy_set: PolicySet, rules: Sequence[Rule], covered: Sequence[ToolCatalogue]
) -> tuple[Problem, ...]:
    """Every name and type that does not fit the catalogues a policy set covers.

    Args:
        policy_set: the policy set.
        rules: those of its rules that could be read.
        covered: all catalogues that it covers, at least one.

    Returns:
        Problems; a rule that names what nobody declares is told of that alone.
    """
    names = frozenset().union(*(catalogue.names for catalogue in covered))
    problems = [*unknown_events(policy_set, names), *_unknown_tools(rules, names)]
    broken = {each.fact for each in problems if each.fact}
    declared = policy_set.facts.keys() - broken
    fit = [
        rule
        for rule in rules
        if names.issuperset(named_tools(rule)) and declared >= rule.use.facts.keys()
    ]
    everywhere = "*" in covered_domains(policy_set)  # some other catalogue may have the argument
    misread = [] if everywhere else list(unknown_arguments(fit, covered))
    problems.extend(misread)
    wrong = {(each.line, each.column) for each in misread}
    for catalogue in covered:
        found = type_problems(policy_set, fit, catalogue)
        problems.extend(p for p in found if (p.line, p.column) not in wrong or p.fact)
    problems.extend(expectation_check.catalogue_problems(policy_set, covered, type_problems))
    return tuple(dict.fromkeys(problems))


def covered_by(
    policy_set: PolicySet, catalogues: Iterable[ToolCatalogue]
) -> tuple[list[ToolCatalogue], list[str]]:
    """The catalogues a policy set covers, and the domains it names that none of them has."""
    covered = [catalogue for catalogue in catalogues if covers(policy_set, catalogue)]
    known = {name for one in covered for name in (one.domain, one.service)}
    return covered, [name for name in covered_domains(policy_set) if name not in {*known, "*"}]


def check_types(policy_set: PolicySet, rules: Sequence[Rule], catalogue: ToolCatalogue) -> None:
    """Check a policy set for use with one catalogue of several it may cover.

    Raises:
        PolicyError: a rule about tools of this catalogue does not fit its schema; or, for a set
            that covers this catalogue alone, any name is unknown.
    """
    if len(covered_domains(policy_set)) == 1 and "*" not in covered_domains(policy_set):
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
    yield from schema_problems(here, orjson.dumps(schema).decode())


def schema_problems(rules: Sequence[Rule], schema: str) -> Iterator[Problem]:
    """What Cedar's strict validator says of rules and a schema in its JSON format.

    Raises:
        ValueError: the schema is none.
    """
    result = cedarpy.validate_policies("\n".join(rule.text for rule in rules), schema)
    errors = sorted(result.errors, key=lambda each: each.error)  # Cedar has no order of its own
    for error in errors:
        if error.error.startswith("Schema"):
            raise ValueError(error.error)
        number = error.policy_id.removeprefix("policy")
        yield _ill_typed(rules[int(number)] if number.isdigit() else None, error.error)


def covered_domains(policy_set: PolicySet) -> tuple[str, ...]:
    """The domains that a policy set covers; `*` is every one."""
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
    wanted = ", ".join(covered_domains(policy_set))
    return Problem(
        1,
        1,
        f"it covers {wanted}, but the catalogues given are {seen}",
        "name the catalogue's domain under `covers: {tools: …}`, or give the catalogue",
    )


def _unknown_tools(rules: Sequence[Rule], names: frozenset[str]) -> Iterator[Problem]:
    for rule in rules:
        for tool in sorted(set(named_tools(rule)) - names):
            line, column = place_of(rule, f'"{tool}"')
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
    line, column = place_of(rule, *(named[0], named[0].split(".")[-1]) if named else ())
    todo = "correct the name or type"
    if "optional attribute" in seen or "not found" in seen:
        todo = "test for it first, such as `context.input has X && …`, or name the rule's tools"
    return Problem(line, column, f"rule {rule.id!r}: {seen}", todo)
