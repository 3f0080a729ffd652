"""What is wrong with the `expect` entries of a policy set, each objection at its own place.

First what the document alone shows, then what the tools show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TypeAlias

import cedarpy
import orjson

from mythos.engines.policy.argument_names import unknown_arguments
from mythos.engines.policy.cedar_text import plain_newlines, split_rules
from mythos.engines.policy.problem import Problem
from mythos.engines.policy.request_check import alone_problems, fit_problems
from mythos.engines.policy.rule import Rule, read_rules
from mythos.values.marks import Path
from mythos.values.policy import Expectation, PolicySet
from mythos.values.tools import ToolCatalogue

TypeProblems: TypeAlias = "Callable[[PolicySet, Sequence[Rule], ToolCatalogue], Iterable[Problem]]"

_ID = "expect"
_HEAD = f'@id("{_ID}") permit(principal, action'


def document_problems(policy_set: PolicySet) -> Iterator[Problem]:
    """What the entries show to be wrong without any catalogue."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(policy_set.expect):
        first = seen.setdefault(entry.name, number)
        if first != number:
            yield _at(
                ("expect", number, "name"),
                f"expect {entry.name!r}: entry {first + 1} has this name, and so has entry "
                f"{number + 1}",
                "give each entry a name of its own",
            )
        yield from _named(entry, _alone(entry, policy_set, ("expect", number)))


def catalogue_problems(
    policy_set: PolicySet, covered: Sequence[ToolCatalogue], type_problems: TypeProblems
) -> Iterator[Problem]:
    """What the tools of the covered catalogues show to be wrong with the entries.

    Args:
        policy_set: its entries passed `document_problems`.
        covered: every catalogue that it covers.
        type_problems: Cedar's strict validator (`check.type_problems`).
    """
    tools = {tool.name: (tool, one) for one in covered for tool in one.tools}
    for number, entry in enumerate(policy_set.expect):
        path: Path = ("expect", number)
        request = entry.request
        if request is None:
            unknown = [name for name in entry.tools if name not in tools]
            found = [_unknown(name, tools, (*path, "actions")) for name in unknown]
            if entry.when is not None and not unknown:
                found += _mistyped(entry, policy_set, covered, type_problems, (*path, "when"))
        elif request.tool not in tools:
            found = [_unknown(request.tool, tools, (*path, "request", "tool"))]
        else:
            tool, catalogue = tools[request.tool]
            found = [*fit_problems(request, tool, policy_set, catalogue, (*path, "request"))]
        yield from _named(entry, found)


def _named(entry: Expectation, problems: Iterable[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, message=f"expect {entry.name!r}: {problem.message}")


def _alone(entry: Expectation, policy_set: PolicySet, path: Path) -> Iterator[Problem]:
    if entry.request is not None:
        yield from alone_problems(entry.request, policy_set, (*path, "request"))
    if entry.when is not None:
        _, problems = read_promise(entry)
        yield from (_at((*path, "when"), p.message, p.remedy) for p in problems)
        yield from _read_facts(entry, policy_set, (*path, "when"))


def read_promise(entry: Expectation) -> tuple[Rule | None, tuple[Problem, ...]]:
    """The condition of a property as a rule about its tools, and what is wrong with it.

    Args:
        entry: a property; one without `when` is about every call of its tools.

    Returns:
        A `permit` that matches exactly the calls the property speaks of, or problems.
    """
    named = ", ".join(f"Action::{orjson.dumps(name).decode()}" for name in entry.tools)
    scope = f" in [{named}]" if named else ""
    text = f"{_HEAD}{scope}, resource) when {{\n{entry.when or 'true'}\n}};"
    wrong = Problem(1, 1, "`when` is not one condition", "write one Cedar expression")
    if len(split_rules(plain_newlines(text))[0]) > 1:
        return None, (wrong,)
    rules, problems = read_rules(text)
    if problems:
        return None, problems
    return (rules[0], ()) if _n_conditions(rules[0]) == 1 else (None, (wrong,))


def _n_conditions(rule: Rule) -> int:
    (policy,) = orjson.loads(cedarpy.policies_to_json_str(rule.text))["staticPolicies"].values()
    return len(policy["conditions"])


def _read_facts(entry: Expectation, policy_set: PolicySet, path: Path) -> Iterator[Problem]:
    rule, _ = read_promise(entry)
    for name in rule.use.facts if rule else ():
        if name not in policy_set.facts:
            yield _at(
                path,
                f"it reads context.past.{name}, which `facts` does not declare",
                f"declare the fact {name!r} or correct the name",
            )


def _mistyped(
    entry: Expectation,
    policy_set: PolicySet,
    covered: Sequence[ToolCatalogue],
    type_problems: TypeProblems,
    path: Path,
) -> Iterator[Problem]:
    rule, _ = read_promise(entry)
    if rule is None:
        return
    found = [] if policy_set.covers.tools == "*" else list(unknown_arguments([rule], covered))
    for catalogue in () if found else covered:
        typed = type_problems(policy_set, [rule], catalogue)
        found += [p for p in typed if not p.fact][:1]  # Cedar tells the same for every tool
    for problem in found:
        said = problem.message.removeprefix(f"rule {_ID!r}: ")
        said = said.replace(f"rule {_ID!r} reads", "`when` reads")
        remedy = f"{problem.remedy}; `actions` names the tools that are meant"
        yield _at(path, said, remedy)


def _unknown(name: str, tools: Iterable[str], path: Path) -> Problem:
    near = get_close_matches(name, sorted(tools), n=1)
    remedy = f"write {near[0]!r}" if near else "correct the tool's name, or declare the tool"
    return _at(path, f"no catalogue that is covered declares the tool {name!r}", remedy)


def _at(path: Path, message: str, remedy: str) -> Problem:
    return Problem(0, 0, message, remedy, path=path)
