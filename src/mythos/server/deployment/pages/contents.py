"""What a bundle holds, construct by construct, against the version before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import JsonValue

from mythos.server.deployment.pages.facts import BundleFact
from mythos.server.deployment.pages.text import Line, difference
from mythos.values.bundle import Construct, ConstructKind

Change = Literal["new", "changed", "same", "first"]
MAX_STEPS, MAX_DIFFERENCES = 8, 8
TITLES: dict[ConstructKind, str] = {
    "agent": "Agents",
    "policy_set": "Policy sets",
    "workflow": "Workflows",
    "tools": "Tool catalogues",
    "memory": "Memory",
    "memory_log": "Memory logs",
}


@dataclass(frozen=True, slots=True)
class ConstructShown:
    """One construct; `note` says in a line what it is."""

    kind: str
    name: str
    version: int
    digest: str
    size: int
    change: Change
    note: str


@dataclass(frozen=True, slots=True)
class Group:
    """The constructs of one kind, with how many are new or changed."""

    kind: str
    title: str
    constructs: tuple[ConstructShown, ...]
    changed: int
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one document differs from the version before."""

    kind: str
    name: str
    lines: tuple[Line, ...]
    added: int
    removed: int


def groups_of(bundle: BundleFact, before: BundleFact | None) -> tuple[Group, ...]:
    """Contents by kind, in the order agents, policy sets, workflows, tools, memory, its logs."""
    return tuple(_group(kind, bundle, before) for kind in get_args(ConstructKind))


def differences_of(bundle: BundleFact, before: BundleFact | None) -> tuple[Difference, ...]:
    """Documents that are in both versions and differ."""
    if before is None:
        return ()
    old = {(each.kind, each.name): each for each in _constructs(before)}
    changed = [
        (each, old[each.kind, each.name])
        for each in _constructs(bundle)
        if (each.kind, each.name) in old
        and old[each.kind, each.name].digest != each.digest
        and each.digest in bundle.documents
    ]
    return tuple(_difference(new, was, bundle, before) for new, was in changed[:MAX_DIFFERENCES])


def _constructs(bundle: BundleFact) -> Sequence[Construct]:
    return bundle.config.constructs if bundle.config else ()


def _group(kind: ConstructKind, bundle: BundleFact, before: BundleFact | None) -> Group:
    here = [each for each in _constructs(bundle) if each.kind == kind]
    there = (
        {each.name: each.digest for each in _constructs(before) if each.kind == kind}
        if before
        else {}
    )
    shown = tuple(
        ConstructShown(
            kind=kind,
            name=each.name,
            version=each.version,
            digest=each.digest,
            size=each.size,
            change=_change(each, there) if before else "first",
            note=_note(kind, bundle.documents.get(each.digest)),
        )
        for each in here
    )
    return Group(
        kind=kind,
        title=TITLES[kind],
        constructs=shown,
        changed=sum(each.change in {"new", "changed"} for each in shown),
        removed=tuple(sorted(set(there) - {each.name for each in here})),
    )


def _change(construct: Construct, there: Mapping[str, str]) -> Change:
    if construct.name not in there:
        return "new"
    return "same" if there[construct.name] == construct.digest else "changed"


def _note(kind: ConstructKind, document: JsonValue) -> str:
    if not isinstance(document, dict):
        return ""
    if kind == "agent":
        return (
            f"{document.get('role', '')} · {_model(document)} · tools {_listed(document, 'tools')}"
        )
    if kind == "policy_set":
        rules = str(document.get("rules", "")).count("@id(")
        return f"{rules} rules{', critical' if document.get('critical') else ''}"
    if kind == "workflow":
        steps = _acts(document.get("steps"))
        more = ", …" if len(steps) > MAX_STEPS else ""
        return f"{len(steps)} steps: {', '.join(steps[:MAX_STEPS])}{more}"
    if kind == "tools":
        tools = document.get("tools")
        return f"{len(tools)} tools" if isinstance(tools, list) else ""
    return ""


def _acts(block: JsonValue) -> list[str]:
    """Names of the steps of a workflow, in the order they are written."""
    if isinstance(block, list):
        return [name for each in block for name in _acts(each)]
    if not isinstance(block, dict):
        return []
    if isinstance(block.get("act"), str):
        return [str(block["act"])]
    return [name for each in block.values() for name in _acts(each)]


def _model(document: Mapping[str, JsonValue]) -> str:
    model = document.get("model")
    return f"{model.get('provider')} {model.get('name')}" if isinstance(model, dict) else "no model"


def _listed(document: Mapping[str, JsonValue], key: str) -> str:
    found = document.get(key)
    return ", ".join(map(str, found)) if isinstance(found, list) and found else "none"


def _difference(
    new: Construct, old: Construct, bundle: BundleFact, before: BundleFact
) -> Difference:
    lines = difference(before.documents.get(old.digest), bundle.documents.get(new.digest))
    return Difference(
        kind=new.kind,
        name=new.name,
        lines=lines,
        added=sum(line.mark == "+" for line in lines),
        removed=sum(line.mark == "-" for line in lines),
    )
