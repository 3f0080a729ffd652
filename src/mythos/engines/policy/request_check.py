"""What is wrong with a request that an `expect` entry tries, each objection at its own place.

A misspelt argument would make a call fail to fit and so be denied: an expected denial would hold
for the wrong reason. So whatever does not fit its declaration is refused, never tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.document_number import MOST_EXACT, meant_arguments, meant_fact
from mythos.engines.policy.facts.kind import kind_of
from mythos.engines.policy.origin_name import STRANGE, has_origin
from mythos.engines.policy.problem import Problem
from mythos.engines.policy.shape import arguments_shape
from mythos.values.event import Json
from mythos.values.expected import ExpectedRequest
from mythos.values.marks import Path
from mythos.values.objection import shown
from mythos.values.policy import Last, PolicySet
from mythos.values.tools import Tool, ToolCatalogue

_PLACES = 4  # of a Cedar decimal
_LONG = 2**63


def request_problems(
    request: ExpectedRequest, policy_set: PolicySet, catalogue: ToolCatalogue
) -> Iterator[Problem]:
    """What is wrong with a request about a tool that the catalogue declares.

    Args:
        request: as an entry of the policy set's `expect` would have it.
        policy_set: whose facts it names.
        catalogue: that the set covers.
    """
    yield from alone_problems(request, policy_set, ())
    if tool := catalogue.find(request.tool):
        yield from fit_problems(request, tool, policy_set, catalogue, ())


def alone_problems(
    request: ExpectedRequest, policy_set: PolicySet, path: Path
) -> Iterator[Problem]:
    """What the document shows to be wrong without any catalogue."""
    yield from _numbers(request.arguments, (*path, "arguments"))
    yield from _numbers(request.past, (*path, "past"))
    yield from _facts(request.past, policy_set, (*path, "past"))


def _numbers(value: Json, path: Path) -> Iterator[Problem]:
    """Numbers that Cedar cannot say: 64-bit integers and decimals of four places are all it has."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _numbers(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _numbers(inner, (*path, number))
    elif isinstance(value, float) and _n_places(value) > _PLACES:
        yield _at(path, f"{value!r} has more than four decimal places", "round it, or use cents")
    elif isinstance(value, int | float) and not -_LONG <= value < _LONG:
        yield _at(path, f"{value} does not fit in 64 bits", "use a smaller number")
    elif isinstance(value, int) and abs(value) > MOST_EXACT:
        message = f"{value} is more than every reader of JSON takes exactly"
        yield _at(path, message, f'write it as text: "{value}"')


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


def fit_problems(
    request: ExpectedRequest,
    tool: Tool,
    policy_set: PolicySet,
    catalogue: ToolCatalogue,
    path: Path,
) -> Iterator[Problem]:
    """What does not fit the declarations of the tool and the facts."""
    shape = arguments_shape(tool.parameters)
    arguments = meant_arguments(shape, request.arguments)
    _, misfits = cedar_arguments(shape, arguments)
    told = [_spelt(problem.path) for problem in _numbers(request.arguments, ())]
    for misfit in misfits:
        if not any(misfit.startswith(f"argument {name} ") for name in told):
            remedy = f"give {tool.name} the arguments that it declares"
            yield _at((*path, "arguments"), misfit, remedy)
    yield from _about_sinks(request, arguments, tool, path)
    for name, value in request.past.items():
        fact = policy_set.facts.get(name)
        if fact is None or value is None or [*_numbers(value, ())]:
            continue  # told from the document alone
        kind = kind_of(fact, catalogue)
        if wrong := meant_fact(kind, value)[1]:
            said = wrong.removeprefix("argument value ")
            message = f"the fact {name!r} is a {kind}: {shown(value)} {said}"
            whole = kind == "Long" and isinstance(value, float) and value.is_integer()
            remedy = f"write {value:.0f}" if whole else "correct the value"
            yield _at((*path, "past", name), message, remedy)


def _spelt(path: Path) -> str:
    """The path of an argument as misfits name it."""
    parts = ("[]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _about_sinks(
    request: ExpectedRequest, arguments: Mapping[str, Json], tool: Tool, path: Path
) -> Iterator[Problem]:
    sinks = tool.sinks_of(arguments)
    for sink in sorted(request.origins.keys() - set(sinks)):
        message = f"{sink!r} is no sink of {tool.name}"
        yield _at((*path, "origins", sink), message, "name an argument of its `sinks`")
    found = {
        request.origins.get(sink, "unknown")
        for sink in sinks
        if sink in request.origins or has_origin(arguments.get(sink))
    }
    if request.sinks.referred is False and found.isdisjoint(STRANGE):
        message = "`referred` is true of a call without an untrusted or unknown sink value"
        yield _at((*path, "sinks", "referred"), message, "leave it out, or say whose in `origins`")


def _at(path: Path, message: str, remedy: str) -> Problem:
    return Problem(0, 0, message, remedy, path=path)
