"""Rules: one Cedar policy each, with what its annotations and its scope say.

Annotations: `@id("…")` is required, unique and the name under which outcomes are counted;
`@severity("critical"|"warning"|"info")` is warning when absent; `@explain("…")` is the sentence
shown to a person when the rule denies. Template slots are refused: nothing would fill them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.cedar_text import RuleText, plain_newlines, split_rules
from mythos.engines.policy.complaint import not_cedar
from mythos.engines.policy.context_use import ContextUse, context_use
from mythos.engines.policy.problem import Places, Problem, places_by_name, refuse
from mythos.values.outcome import (
    DEFAULT_RULE,
    INVALID_ARGUMENTS,
    NO_CATALOGUE,
    UNDECLARED_TOOL,
    Severity,
)
from mythos.values.policy import PolicySet

RESERVED = frozenset({DEFAULT_RULE, UNDECLARED_TOOL, INVALID_ARGUMENTS, NO_CATALOGUE})

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")
_NOTES = ("id", "severity", "explain")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `actions` are the tools its scope names, None for every tool.

    `line` counts from 1 within the rules; `text` is verbatim, `tree` is Cedar's JSON form of it;
    `words` are its names, literals and signs.
    """

    id: str
    effect: str
    severity: Severity
    text: str
    line: int
    explanation: str
    actions: frozenset[str] | None
    source: RuleText = field(repr=False, compare=False)
    tree: Mapping[str, JsonValue] = field(repr=False, compare=False)
    words: frozenset[str] = field(repr=False, compare=False)
    use: ContextUse = field(repr=False, compare=False)

    @property
    def permits(self) -> bool:
        """Whether this is a `permit`; else it is a `forbid`."""
        return self.effect == "permit"

    def about(self, tool: str) -> bool:
        """Whether the rule's scope lets it match a call of `tool`."""
        return self.actions is None or tool in self.actions


def rules_of(policy_set: PolicySet, *, places: Places | None = None) -> tuple[Rule, ...]:
    """The rules of a policy set, in the order of its text.

    Args:
        policy_set: the policy set.
        places: where its rules stand in a file, for errors; else lines within the rules.

    Returns:
        The rules; empty for a set without any.

    Raises:
        PolicyError: the text is not a set of well-formed rules; names every problem.
    """
    rules, problems = read_rules(policy_set.rules)
    refuse(problems, places or places_by_name(policy_set.policy_set))
    return rules


def read_rules(text: str) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """The rules of a text and what is wrong with the others.

    Args:
        text: Cedar policies, with any line ends.

    Returns:
        Well-formed rules in order, and problems in order of their place.
    """
    sources, problems = split_rules(plain_newlines(text))
    found = list(problems)
    rules: list[Rule] = []
    for source in sources:
        rule, wrong = _read(source)
        found.extend(wrong)
        if rule:
            rules.append(rule)
    found.extend(_repeated(rules))
    return tuple(rules), tuple(sorted(found, key=lambda each: (each.line, each.column)))


def _read(source: RuleText) -> tuple[Rule | None, tuple[Problem, ...]]:
    slot = next((token for token in source.tokens if token.text == "?"), None)
    if slot:
        problem = Problem(
            slot.line,
            slot.column,
            "template slots are not supported",
            "write the principal or resource that is meant",
        )
        return None, (problem,)
    try:
        static = orjson.loads(cedarpy.policies_to_json_str(source.text))["staticPolicies"]
    except ValueError as error:
        return None, (not_cedar(source, str(error)),)
    (policy,) = static.values()
    return _build(source, policy)


def _build(
    source: RuleText, policy: dict[str, JsonValue]
) -> tuple[Rule | None, tuple[Problem, ...]]:
    annotations = policy.get("annotations")
    notes: dict[str, str] = {}
    if isinstance(annotations, dict):
        notes = {name: str(value or "") for name, value in annotations.items()}
    use, problems = context_use(source)
    problems = (*_annotation_problems(source, notes), *problems)
    if problems:
        return None, problems
    rule = Rule(
        id=notes["id"],
        effect=str(policy["effect"]),
        severity=Severity(notes.get("severity", "warning")),
        text=source.text,
        line=source.line,
        explanation=notes.get("explain", ""),
        actions=_actions(policy["action"]),
        source=source,
        tree=policy,
        words=frozenset(token.text for token in source.tokens),
        use=use,
    )
    return rule, ()


def _annotation_problems(source: RuleText, notes: dict[str, str]) -> tuple[Problem, ...]:
    found = []
    name = notes.get("id", "")
    if not name:
        found.append(("this rule has no @id", 'begin it with @id("a-short-name")'))
    elif not _ID.fullmatch(name):
        found.append((f"@id({name!r}) is no rule name", "use letters, digits and . _ : / -"))
    elif name in RESERVED:
        found.append((f"@id({name!r}) is reserved for MythOS", "choose another name"))
    severity = notes.get("severity", "warning")
    if severity not in set(Severity):
        found.append(
            (f"rule {name!r} has @severity({severity!r})", "use critical, warning or info")
        )
    found += [
        (f"rule {name!r} has @{note}", f"write @{near[0]}")
        for note in sorted(notes.keys() - set(_NOTES))
        if (near := get_close_matches(note, _NOTES, n=1, cutoff=0.75))  # others are plain Cedar's
    ]
    return tuple(Problem(source.line, source.column, seen, todo) for seen, todo in found)


def _actions(scope: JsonValue) -> frozenset[str] | None:
    """The tools an action scope names: `== a`, `in a` or `in [a, b]`; None for all."""
    if not isinstance(scope, dict) or scope.get("op") == "All":
        return None
    several = scope.get("entities")
    named = several if isinstance(several, list) else [scope.get("entity")]
    return frozenset(str(each["id"]) for each in named if isinstance(each, dict))


def _repeated(rules: list[Rule]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for rule in rules:
        if rule.id in seen:
            wrong = f"@id({rule.id!r}) is already the name of a rule above"
            todo = "give each rule a name of its own"
            found.append(Problem(rule.line, rule.source.column, wrong, todo))
        seen.add(rule.id)
    return found
