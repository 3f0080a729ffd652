"""What is wrong with the `expect` entries of a policy set, each objection at its own place.

First what the document alone shows, then what the tools show. A misspelt argument would make a
call fail to fit and so be denied: an expected denial would hold for the wrong reason. So whatever
does not fit its declaration is refused here, never tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeAlias

import cedarpy
import orjson

from mythos.engines.policy.argument_names import unknown_arguments
from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.cedar_text import plain_newlines, split_rules
from mythos.engines.policy.facts.kind import as_kind, kind_of
from mythos.engines.policy.problem import Problem
from mythos.engines.policy.rule import Rule, read_rules
from mythos.engines.policy.shape import arguments_shape
from mythos.values.event import Json
from mythos.values.marks import Path
from mythos.values.policy import Expectation, ExpectedRequest, Last, PolicySet
from mythos.values.tools import Tool, ToolCatalogue

TypeProblems: TypeAlias = "Callable[[PolicySet, Sequence[Rule], ToolCatalogue], Iterable[Problem]]"

MAX_PLACES = 4  # of a Cedar decimal
_LONG = 2**63
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
            found = [*_misfits(request, tool, policy_set, catalogue, (*path, "request"))]
        yield from _named(entry, found)


def _named(entry: Expectation, problems: Iterable[Problem]) -> Iterator[Problem]:
    for problem in problems:
        yield replace(problem, message=f"expect {entry.name!r}: {problem.message}")


def _alone(entry: Expectation, policy_set: PolicySet, path: Path) -> Iterator[Problem]:
    if entry.request is not None:
        yield from _numbers(entry.request.arguments, (*path, "request", "arguments"))
        yield from _numbers(entry.request.past, (*path, "request", "past"))
        yield from _facts(entry.request.past, policy_set, (*path, "request", "past"))
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


def _numbers(value: Json, path: Path) -> Iterator[Problem]:
    """Numbers that Cedar cannot say: 64-bit integers and decimals of four places are all it has."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _numbers(inner, (*path, number))
    elif isinstance(value, float) and _n_places(value) > MAX_PLACES:
        yield _at(path, f"{value!r} has more than four decimal places", "round it, or use cents")
    elif isinstance(value, int | float) and not -_LONG <= value < _LONG:
        yield _at(path, f"{value} does not fit in 64 bits", "use a smaller number")


def _n_places(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _facts(past: Mapping[str, Json], policy_set: PolicySet, path: Path) -> Iterator[Problem]:
    for name, value in past.items():
        fact = policy_set.facts.get(name)
        if fact is None:
            known = ", ".join(policy_set.facts)
            remedy = f"declare it, or write one of {known}" if known else "declare it in `facts`"
            yield _at((*path, name), f"the fact {name!r} is not declared", remedy)
        elif value is None and not isinstance(fact, Last):
            yield _at((*path, name), f"the fact {name!r} is never absent", "give it a value")


def _read_facts(entry: Expectation, policy_set: PolicySet, path: Path) -> Iterator[Problem]:
    rule, _ = read_promise(entry)
    for name in rule.use.facts if rule else ():
        if name not in policy_set.facts:
            yield _at(
                path,
                f"it reads context.past.{name}, which `facts` does not declare",
                f"declare the fact {name!r} or correct the name",
            )


def _misfits(
    request: ExpectedRequest,
    tool: Tool,
    policy_set: PolicySet,
    catalogue: ToolCatalogue,
    path: Path,
) -> Iterator[Problem]:
    _, misfits = cedar_arguments(arguments_shape(tool.parameters), request.arguments)
    for misfit in misfits:
        yield _at((*path, "arguments"), misfit, f"give {tool.name} the arguments that it declares")
    for sink in sorted(request.origins.keys() - set(tool.sinks_of(request.arguments))):
        message = f"{sink!r} is no sink of {tool.name}"
        yield _at((*path, "origins", sink), message, "name an argument of its `sinks`")
    for name, value in request.past.items():
        fact = policy_set.facts.get(name)
        if fact is None:
            continue  # told from the document alone
        kind = kind_of(fact, catalogue)
        if value is not None and (wrong := as_kind(kind, value)[1]):
            said = wrong.removeprefix("argument value ")
            message = f"the fact {name!r} is a {kind}: {value!r} {said}"
            yield _at((*path, "past", name), message, "correct the value")


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
