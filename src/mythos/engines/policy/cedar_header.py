"""The head of an exported Cedar file: what a plain engine must supply and does not enforce.

Every line is a comment of Cedar. The last one is the rest of the document, for MythOS to read back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.limits import Limits
from mythos.engines.policy.rule import Rule, rules_of
from mythos.engines.policy.shape import Shape, arguments_shape
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

MARK = "//! "
FIRST = f"{MARK}policy set "
DOCUMENT = f"{MARK}document: "
LAST = f"{MARK}---\n"

_ALWAYS = (
    "Plain Cedar does not enforce what MythOS does beside the rules:",
    "  MythOS denies where a forbid fails to evaluate; plain Cedar skips that forbid.",
    "  MythOS denies calls of undeclared tools, and those whose arguments are of another type,",
    "  missing, undeclared or given twice, whatever the rules read; plain Cedar notices what",
    "  the schema beside this file says, and only where it validates requests by it.",
)
_FACTS = (
    "  MythOS keeps context.past itself, from what was seen to happen, and allows nothing where",
    "  a fact that decides cannot be told; plain Cedar believes what it is given.",
)


def header(policy_set: PolicySet, catalogues: Sequence[ToolCatalogue]) -> Iterator[str]:
    """The lines of the head, without the mark that ends it.

    Args:
        policy_set: well formed.
        catalogues: those that it covers.
    """
    rules = rules_of(policy_set)
    body = policy_set.model_dump(mode="json", exclude={"rules"}, exclude_defaults=True)
    yield f"{FIRST}{_line(policy_set.policy_set)}, version {policy_set.version}\n"
    for line in (
        *_supplied(policy_set, rules, catalogues),
        *_denied(policy_set, rules, catalogues),
    ):
        yield f"{MARK}{line}\n"
    yield f"{DOCUMENT}{orjson.dumps(body).decode()}\n"


def _supplied(
    policy_set: PolicySet, rules: Sequence[Rule], catalogues: Sequence[ToolCatalogue]
) -> Iterator[str]:
    kinds = {name: kind for one in catalogues for name, kind in kinds_of(policy_set, one).items()}
    yield "A plain Cedar engine must supply, with each request:"
    yield '  principal Agent::"name", action Action::"tool", resource Tool::"tool"'
    for part in sorted({part for rule in rules for part in rule.use.parts} - {"past"}):
        yield f"  context.{part}"
    for name, fact in policy_set.facts.items():
        kind = kinds[name][0] if name in kinds else "?"
        declared = orjson.dumps(fact.model_dump(mode="json", exclude_defaults=True)).decode()
        yield f"  context.past.{name} ({kind}): {declared}"


def _denied(
    policy_set: PolicySet, rules: Sequence[Rule], catalogues: Sequence[ToolCatalogue]
) -> Iterator[str]:
    """What MythOS holds calls to beside the rules."""
    yield from _ALWAYS
    if not any(rule.permits for rule in rules):
        yield "  It only forbids: MythOS allows what no rule forbids, plain Cedar nothing."
    if policy_set.facts:
        yield from _FACTS
    bounds = dict.fromkeys(
        f"    {_line(f'{tool.name} {path}')}: {said}"
        for one in catalogues
        for tool in one.tools
        if any(rule.about(tool.name) for rule in rules)
        for path, said in _bounds(arguments_shape(tool.parameters), "")
    )
    if bounds:
        yield "  MythOS denies arguments beyond these bounds, which no Cedar schema can say:"
        yield from bounds


def _bounds(shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    """Each argument that is held to more than its type, and to what."""
    said = ", ".join(_in_words(shape))
    if said:
        yield path, said
    if shape.element:
        yield from _bounds(shape.element, f"{path}[]")
    for name, inner in (shape.fields or {}).items():
        yield from _bounds(inner, f"{path}.{name}" if path else name)


def _in_words(shape: Shape) -> Iterator[str]:
    limits: Limits = shape.limits
    if shape.least is not None:
        yield f"at least {shape.least}"
    if shape.most is not None:
        yield f"at most {shape.most}"
    if limits.allowed is not None:
        yield f"one of {orjson.dumps(limits.allowed).decode()}"
    unit = "items" if shape.kind == "Set" else "characters"
    if limits.shortest:
        yield f"at least {limits.shortest} {unit}"
    if limits.longest is not None:
        yield f"at most {limits.longest} {unit}"
    if limits.unique:
        yield "no item twice"
    yield from (f"a multiple of {float(step):g}" for step in limits.steps)


def _line(text: str) -> str:
    return " ".join(text.split())
