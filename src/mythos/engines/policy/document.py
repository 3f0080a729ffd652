"""Policy-set documents: text to `PolicySet`, every objection with its place in the file.

What needs a tool catalogue (`engines.policy.check`) comes later; so does trying what `expect` says
(`engines.policy.expectation`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mythos.engines.policy import expectation_check
from mythos.engines.policy.check import covered_by, problems_against
from mythos.engines.policy.empty import empty_parts
from mythos.engines.policy.facts.check import document_problems
from mythos.engines.policy.problem import Places, Problem, refuse, together
from mythos.engines.policy.rest import readable_rest
from mythos.engines.policy.rule import Rule, read_rules
from mythos.errors import DocumentError, PolicyError
from mythos.values.json_text import string_literal
from mythos.values.policy import PolicySet
from mythos.values.source import Document, read_document, validated
from mythos.values.tools import ToolCatalogue


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy set that was read, its rules, and where they stand in the file."""

    policy_set: PolicySet
    rules: tuple[Rule, ...]
    places: Places


def load_policy_set(text: str, *, source: str) -> PolicySet:
    """Read a policy set and check all that can be checked without a tool catalogue.

    Args:
        text: the YAML or JSON document.
        source: what to call it in errors, usually its path.

    Returns:
        The policy set.

    Raises:
        PolicyError: all problems at once, each with `source:line`.
    """
    return read_policy_document(text, source=source).policy_set


def read_policy_document(
    text: str, *, source: str, catalogues: Iterable[ToolCatalogue] = ()
) -> PolicyDocument:
    """Read a policy set together with the places of its rules and facts.

    Args:
        text: the YAML or JSON document.
        source: what to call it in errors, usually its path.
        catalogues: tools to check names and types against, if all that it covers are there.

    Returns:
        The policy set, its rules and their places.

    Raises:
        PolicyError: all problems at once, each with `source:line`.
    """
    document = read_document(text, source=source, error=PolicyError)
    try:
        policy_set = validated(PolicySet, document, PolicyError)
    except PolicyError as error:
        raise _with_the_rest(error, document, text) from error
    places = _places(document, policy_set.facts, policy_set.rules, text=text)
    rules, problems = read_rules(policy_set.rules)
    objections = _objections(policy_set, rules, problems)
    covered, absent = covered_by(policy_set, catalogues)
    if covered and not absent:
        objections = (*objections, *problems_against(policy_set, rules, covered))
    refuse(tuple(dict.fromkeys(objections)), places)
    return PolicyDocument(policy_set, rules, places)


def _objections(
    policy_set: PolicySet, rules: Iterable[Rule], problems: Iterable[Problem]
) -> tuple[Problem, ...]:
    """What the document alone shows; `problems` are those of its rules."""
    return (
        *empty_parts(policy_set),
        *document_problems(policy_set),
        *problems,
        *undeclared_facts(policy_set, rules),
        *expectation_check.document_problems(policy_set),
    )


def _with_the_rest(error: PolicyError, document: Document, text: str) -> DocumentError:
    """A misspelt key hides nothing: the objections to all else are told beside it."""
    rest = readable_rest(document.value)
    if rest is None:
        return error
    places = _places(document, rest.facts, rest.rules, text=text)
    rules, problems = read_rules(rest.rules)
    found = dict.fromkeys(_objections(rest, rules, problems))
    told = [PolicyError(p.message, remedy=p.remedy, where=places.of(p)) for p in found]
    return together([error, *told]) if told else error


def _places(document: Document, names: Iterable[str], rules: str, *, text: str) -> Places:
    facts = {name: document.where_key(("facts", name)) for name in names}
    line, column = document.marks.values.get(("rules",), (1, 1))
    lines = text.removeprefix("\ufeff").splitlines()
    head = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    if not head.startswith("|"):
        return Places(
            document.source,
            first_line=line,
            indent=column - 1,
            verbatim=False,
            literal=_literal(head, rules),
            facts=facts,
            document=document,
        )
    body = next((each for each in lines[line:] if each.strip()), "")
    first = next((each for each in rules.split("\n") if each.strip()), "")
    indent = len(body) - len(first) if body.endswith(first) else 0
    return Places(
        document.source, first_line=line + 1, indent=indent, facts=facts, document=document
    )


def _literal(head: str, rules: str) -> str:
    """The rules as the JSON string they are written as; none if they are written otherwise."""
    literal = string_literal(head)
    return literal if literal and json.loads(literal) == rules and "\r" not in rules else ""


def undeclared_facts(policy_set: PolicySet, rules: Iterable[Rule]) -> Iterator[Problem]:
    """Reads of facts that the policy set does not declare."""
    for rule in rules:
        for name, token in rule.use.facts.items():
            if name not in policy_set.facts:
                yield Problem(
                    token.line,
                    token.column,
                    f"rule {rule.id!r} reads context.past.{name}, which `facts` does not declare",
                    f"declare the fact {name!r} or correct the name",
                )
